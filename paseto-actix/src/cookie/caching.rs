//! Which caches may store a response that depends on a cookie.
//!
//! A shared cache that stores a response with `Set-Cookie` gives the login of one user to another.
//! Sources: [RFC 9111, section 7.3], and [RFC 9110, section 12.5.5] (`Vary`).
//!
//! [RFC 9111, section 7.3]: https://www.rfc-editor.org/rfc/rfc9111#section-7.3
//! [RFC 9110, section 12.5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};

/// Adds `Cookie` to the `Vary` header of a response that depends on a cookie.
///
/// All `Vary` lines become one, because actix-cors keeps only the first line.
pub(crate) fn vary_by_cookie(headers: &mut HeaderMap) {
    // Most responses have no `Vary`, and every response with a session comes here.
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("Cookie"));
        return;
    }
    let mut fields: Vec<_> = list(headers, &VARY).collect();
    let is_text = headers.get_all(VARY).all(|line| line.to_str().is_ok());
    if !is_text || fields.iter().any(|field| *field == "*") {
        headers.insert(VARY, HeaderValue::from_static("*"));
        return;
    }
    if !fields.iter().any(|field| field.eq_ignore_ascii_case("Cookie")) {
        fields.push("Cookie".to_owned());
    }
    // The fields were header values before, and so is their list.
    let line = HeaderValue::from_str(&fields.join(", "));
    headers.insert(VARY, line.unwrap_or(HeaderValue::from_static("*")));
}

/// Keeps a response that sets a cookie out of shared caches.
///
/// A `Cache-Control` header with `no-store`, or with `private` and without `public`, stays. Any
/// other becomes `no-store`, also if the application set it. Headers that speak to shared caches
/// alone, such as `CDN-Cache-Control`, are removed, because such a cache then ignores
/// `Cache-Control` (RFC 9213, section 2.2).
pub(crate) fn forbid_shared_caching(headers: &mut HeaderMap) {
    remove_targeted(headers);
    let directives: Vec<_> = list(headers, &CACHE_CONTROL).collect();
    let has = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    // A quoted string may contain commas. `private="field"` is about this field alone.
    let is_quoted = headers.get_all(CACHE_CONTROL).any(|line| line.as_bytes().contains(&b'"'));
    // `must-understand` lets a cache ignore `no-store` (RFC 9111, section 5.2.2.3).
    let is_unsure = is_quoted || has("must-understand");
    if is_unsure || !has("no-store") && (has("public") || !has("private")) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Keeps a response out of all caches, that of the browser included.
#[cfg(feature = "session")]
pub(crate) fn forbid_caching(headers: &mut HeaderMap) {
    remove_targeted(headers);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Removes the headers that replace `Cache-Control` for some caches.
fn remove_targeted(headers: &mut HeaderMap) {
    // Vendors have names of their own, such as `Cloudflare-CDN-Cache-Control`.
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

/// The elements of a header that is a list. An element that is not text is left out.
fn list(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    let lines = headers.get_all(name).filter_map(|line| line.to_str().ok());
    let elements = lines.flat_map(|line| line.split(',')).map(str::trim);
    elements.filter(|element| !element.is_empty()).map(str::to_owned)
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
    fn vary_is_one_line_with_cookie_once() {
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
    fn only_no_store_and_private_stay() {
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
    fn headers_for_shared_caches_alone_are_removed() {
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
