use std::iter;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use memchr::memchr;

/// The value of the first cookie of this name, as it is written: neither name nor value is decoded.
pub(crate) fn first_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get_all(COOKIE).find_map(|header| cookies(header).find_map(|cookie| value_of(cookie, name)))
}

/// The cookies of a header, as they are written between its semicolons.
pub(crate) fn cookies(header: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header.as_bytes());
    iter::from_fn(move || {
        let text = rest?;
        let (cookie, after) = memchr(b';', text).map_or((text, None), |end| (&text[..end], Some(&text[end + 1..])));
        rest = after;
        Some(cookie)
    })
}

/// The value of a cookie, if this is its name.
pub(crate) fn value_of<'a>(cookie: &'a [u8], name: &str) -> Option<&'a [u8]> {
    cookie.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}
