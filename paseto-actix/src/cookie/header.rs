use std::iter;

use actix_web::http::header::{COOKIE, HeaderMap};
use memchr::memchr;

/// Returns the values of all cookies with this name, in the order of the `Cookie` headers.
///
/// The function does not use `HttpRequest::cookies`, which percent-decodes names. A sibling
/// subdomain can set a cookie `%5F%5FHost-session`, because browsers do not apply the rules of
/// `__Host-` to this name. `HttpRequest::cookies` would return it as `__Host-session`. It also
/// returns an error if any cookie is not UTF-8.
///
/// Names and values are not decoded. One pair of double quotes around a value is removed ([RFC
/// 6265, section 4.1.1]).
///
/// [RFC 6265, section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
pub(crate) fn cookie_values<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(COOKIE).flat_map(|line| split(line.as_bytes()));
    lines.filter_map(|cookie| {
        let equals_sign = memchr(b'=', cookie)?;
        (cookie[..equals_sign].trim_ascii() == name.as_bytes())
            .then(|| unquote(cookie[equals_sign + 1..].trim_ascii()))
    })
}

fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut remaining = Some(line);
    iter::from_fn(move || {
        let cookies = remaining?;
        let (cookie, rest) = memchr(b';', cookies)
            .map_or((cookies, None), |end| (&cookies[..end], Some(&cookies[end + 1..])));
        remaining = rest;
        Some(cookie)
    })
}

fn unquote(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn cookie_values_returns_values_of_the_exact_name_in_order() {
        let mut headers = HeaderMap::new();
        for line in [
            &b"id=1; xid=2; id=\"3\";id = 4 ; %69d=5; ID=6"[..],
            b"name=M\xfcller; id=7; id; =8; id=",
        ] {
            headers.append(COOKIE, HeaderValue::from_bytes(line).expect("a header"));
        }
        let values: Vec<_> = cookie_values(&headers, "id").collect();
        assert_eq!(values, [&b"1"[..], b"3", b"4", b"7", b""]);
    }

    #[test]
    fn unquote_removes_one_pair_of_quotes() {
        for (value, expected) in
            [("\"a\"", "a"), ("\"\"a\"\"", "\"a\""), ("\"", "\""), ("\"a", "\"a"), ("\"\"", "")]
        {
            assert_eq!(unquote(value.as_bytes()), expected.as_bytes(), "{value}");
        }
    }
}
