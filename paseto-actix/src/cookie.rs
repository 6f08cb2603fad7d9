//! Cookies: which names they may have, what their attributes promise, and what is in a `Cookie` header as it is written.

mod caching;
mod header;
#[cfg(feature = "session")]
mod settings;

#[allow(unused_imports)]
pub(crate) use caching::{forbid_shared_caching, vary_by_cookie};
#[allow(unused_imports)]
pub(crate) use header::cookie_values;
#[cfg(feature = "session")]
pub(crate) use header::{cookies, first_value, value_of};
#[cfg(feature = "session")]
pub(crate) use settings::CookieSettings;

/// The whole of a cookie, attributes included. Browsers drop what is longer ([RFC 6265, section 6.1] asks for no more).
///
/// [RFC 6265, section 6.1]: https://www.rfc-editor.org/rfc/rfc6265#section-6.1
#[cfg(feature = "session")]
pub(crate) const MAX_COOKIE_LEN: usize = 4096;

/// Whether a text is a token of RFC 9110, as RFC 6265 wants a cookie's name: visible ASCII without separators.
pub(crate) fn is_cookie_name(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}
