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
    let mut fields: Vec<_> = list(headers, &VARY).collect();
    if fields.iter().any(|field| *field == "*") {
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
/// A `Cache-Control` header with `no-store`, or with `private` and without `public`, stays. Any other
/// becomes `no-store`, also if the application set it.
pub(crate) fn forbid_shared_caching(headers: &mut HeaderMap) {
    let directives: Vec<_> = list(headers, &CACHE_CONTROL).collect();
    // `private="field"` is about this field alone, so it does not count.
    let has = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    if !has("no-store") && (has("public") || !has("private")) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
            headers.append(name.clone(), HeaderValue::from_static(line));
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
}
