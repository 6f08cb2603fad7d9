//! Sets `Vary` and `Cache-Control` on responses that depend on a cookie.
//!
//! A shared cache that stores a response with `Set-Cookie` can send the session of one user to
//! another user. Sources: [RFC 9111, section 7.3] and [RFC 9110, section 12.5.5] (`Vary`).
//!
//! [RFC 9111, section 7.3]: https://www.rfc-editor.org/rfc/rfc9111#section-7.3
//! [RFC 9110, section 12.5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5

#[cfg(feature = "session")]
use actix_web::HttpResponse;
#[cfg(feature = "session")]
use actix_web::dev::ServiceResponse;
#[cfg(feature = "session")]
use actix_web::http::header::SET_COOKIE;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};

/// Adds `Cookie` to the `Vary` header of a response that depends on a cookie.
///
/// Several `Vary` lines are joined into one line, because actix-cors keeps only the first line.
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    // Fast path: most responses have no `Vary`.
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("Cookie"));
        return;
    }
    let mut fields: Vec<_> = list(headers, &VARY).collect();
    let is_ascii = headers.get_all(VARY).all(|line| line.to_str().is_ok());
    if !is_ascii || fields.iter().any(|field| *field == "*") {
        headers.insert(VARY, HeaderValue::from_static("*"));
        return;
    }
    if !fields.iter().any(|field| field.eq_ignore_ascii_case("Cookie")) {
        fields.push("Cookie".to_owned());
    }
    // A list of valid header values is a valid header value. `*` is the safe fallback.
    let line = HeaderValue::from_str(&fields.join(", "));
    headers.insert(VARY, line.unwrap_or(HeaderValue::from_static("*")));
}

/// Forbids shared caches to store a response that sets a cookie.
///
/// A `Cache-Control` header is kept if it contains `no-store`, or `private` without `public`. All
/// other values are replaced by `no-store`. Headers for shared caches only, such as
/// `CDN-Cache-Control`, are removed, because they override `Cache-Control` ([RFC 9213, section
/// 2.2]).
///
/// [RFC 9213, section 2.2]: https://www.rfc-editor.org/rfc/rfc9213#section-2.2
pub(crate) fn forbid_shared_caching(headers: &mut HeaderMap) {
    remove_targeted_headers(headers);
    let directives: Vec<_> = list(headers, &CACHE_CONTROL).collect();
    let has = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    // A quoted string can contain commas, and `private="field"` applies only to that field.
    let is_quoted = headers.get_all(CACHE_CONTROL).any(|line| line.as_bytes().contains(&b'"'));
    // With `must-understand`, a cache may ignore `no-store` (RFC 9111, section 5.2.2.3).
    let is_ambiguous = is_quoted || has("must-understand");
    if is_ambiguous || !has("no-store") && (has("public") || !has("private")) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Forbids all caches, including the cache of the browser, to store a response.
#[cfg(feature = "session")]
pub(crate) fn forbid_caching(headers: &mut HeaderMap) {
    remove_targeted_headers(headers);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Removes the headers that override `Cache-Control` for some caches.
fn remove_targeted_headers(headers: &mut HeaderMap) {
    // Vendors use their own names, such as `Cloudflare-CDN-Cache-Control`.
    let is_targeted = |name: &str| {
        name.ends_with("-cdn-cache-control")
            || matches!(name, "cdn-cache-control" | "surrogate-control" | "x-accel-expires")
    };
    let targeted: Vec<_> =
        headers.keys().filter(|name| is_targeted(name.as_str())).cloned().collect();
    for name in targeted {
        headers.remove(name);
    }
}

/// Returns the elements of a list header. Lines that are not visible ASCII are omitted.
fn list(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    let lines = headers.get_all(name).filter_map(|line| line.to_str().ok());
    let elements = lines.flat_map(|line| line.split(',')).map(str::trim);
    elements.filter(|element| !element.is_empty()).map(str::to_owned)
}

/// Replaces the response of an inner layer. Its cookies that `keep` accepts are kept, because a
/// rotated token must reach the browser.
#[cfg(feature = "session")]
pub(crate) fn replace_response<B>(
    response: ServiceResponse<B>,
    replacement: HttpResponse,
    keep: impl Fn(&HeaderValue) -> bool,
) -> ServiceResponse {
    let cookies: Vec<_> =
        response.headers().get_all(SET_COOKIE).filter(|cookie| keep(cookie)).cloned().collect();
    let mut response = response.into_response(replacement);
    let headers = response.headers_mut();
    vary_by_cookie(headers);
    if !cookies.is_empty() {
        forbid_shared_caching(headers);
    }
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers
                .append(name.clone(), HeaderValue::from_bytes(line.as_bytes()).expect("a value"));
        }
        headers
    }

    #[test]
    fn vary_by_cookie_writes_one_line_with_one_cookie_field() {
        for (lines, expected) in [
            (&[][..], "Cookie"),
            (&["Accept-Encoding"], "Accept-Encoding, Cookie"),
            (&["Accept-Encoding", "Origin,  Accept"], "Accept-Encoding, Origin, Accept, Cookie"),
            (&["cookie, Accept"], "cookie, Accept"),
            (&["Accept-Encoding", "Cookie"], "Accept-Encoding, Cookie"),
            (&["X-Cookie"], "X-Cookie, Cookie"),
            (&["Accept, *"], "*"),
            (&["Accept, \u{e9}"], "*"),
        ] {
            let mut headers = headers(VARY, lines);
            vary_by_cookie(&mut headers);
            vary_by_cookie(&mut headers);
            let lines: Vec<_> = headers.get_all(VARY).collect();
            assert_eq!(lines, [expected]);
        }
    }

    #[test]
    fn forbid_shared_caching_keeps_only_no_store_and_private() {
        for (lines, expected) in [
            (&[][..], "no-store"),
            (&["public, max-age=86400"], "no-store"),
            (&["max-age=60"], "no-store"),
            (&["no-cache"], "no-store"),
            (&["private=\"Set-Cookie\", max-age=60"], "no-store"),
            (&["max-age=60, no-cache=\"a, private, b\""], "no-store"),
            (&["must-understand, no-store, max-age=3600"], "no-store"),
            (&["private", "public"], "no-store"),
            (&["max-age=60, Private"], "max-age=60, Private"),
            (&["No-Store"], "No-Store"),
        ] {
            let mut headers = headers(CACHE_CONTROL, lines);
            forbid_shared_caching(&mut headers);
            let lines: Vec<_> = headers.get_all(CACHE_CONTROL).collect();
            assert_eq!(lines, [expected]);
        }
    }

    #[test]
    fn forbid_shared_caching_removes_headers_for_shared_caches_only() {
        let names = [
            "CDN-Cache-Control",
            "Cloudflare-CDN-Cache-Control",
            "Surrogate-Control",
            "X-Accel-Expires",
        ];
        let mut headers = headers(CACHE_CONTROL, &["private"]);
        for name in names {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_static("max-age=600"));
        }
        forbid_shared_caching(&mut headers);
        assert_eq!(headers.len(), 1, "{headers:?}");
    }
}
