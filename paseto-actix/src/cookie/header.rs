use std::iter;

use actix_web::http::header::{COOKIE, HeaderMap};
use memchr::memchr;

/// The values of all cookies of this name, in the order in which the client sent them.
///
/// It reads the bytes of the `Cookie` headers. `HttpRequest::cookies` decodes names, so that
/// `%5F%5FHost-session` reads as `__Host-session`: a browser does not hold the first name to the
/// rules of `__Host-`, and a sibling subdomain can set it. `cookies` also returns nothing at all if
/// any cookie is not UTF-8.
///
/// Neither name nor value is decoded. One pair of double quotes around a value is removed
/// ([RFC 6265, section 4.1.1]).
///
/// [RFC 6265, section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
pub(crate) fn cookie_values<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(COOKIE).flat_map(|line| split(line.as_bytes()));
    lines.filter_map(|cookie| {
        let at = memchr(b'=', cookie)?;
        (cookie[..at].trim_ascii() == name.as_bytes())
            .then(|| unquote(cookie[at + 1..].trim_ascii()))
    })
}

fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    iter::from_fn(move || {
        let text = rest?;
        let (cookie, after) =
            memchr(b';', text).map_or((text, None), |end| (&text[..end], Some(&text[end + 1..])));
        rest = after;
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
    fn values_of_the_exact_name_in_the_order_of_the_headers() {
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
    fn one_pair_of_quotes_is_removed() {
        for (value, expected) in
            [("\"a\"", "a"), ("\"\"a\"\"", "\"a\""), ("\"", "\""), ("\"a", "\"a"), ("\"\"", "")]
        {
            assert_eq!(unquote(value.as_bytes()), expected.as_bytes(), "{value}");
        }
    }
}
