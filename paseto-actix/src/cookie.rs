//! Cookies: names, attributes, and the values in a `Cookie` header.

mod caching;
mod header;
#[cfg(feature = "session")]
mod login_cookies;
#[cfg(feature = "session")]
mod prepared;
#[cfg(feature = "session")]
mod settings;

#[cfg(feature = "session")]
pub(crate) use caching::forbid_caching;
pub(crate) use caching::{forbid_shared_caching, vary_by_cookie};
pub(crate) use header::cookie_values;
#[cfg(feature = "session")]
pub(crate) use login_cookies::LoginCookies;
#[cfg(feature = "session")]
pub(crate) use prepared::PreparedCookie;
#[cfg(feature = "session")]
pub(crate) use settings::CookieSettings;

#[cfg(feature = "session")]
pub use crate::config::CookieConfig;

/// The longest cookie with its attributes, in bytes. Browsers may discard longer cookies ([RFC
/// 6265, section 6.1]).
///
/// [RFC 6265, section 6.1]: https://www.rfc-editor.org/rfc/rfc6265#section-6.1
#[cfg(feature = "session")]
pub(crate) const MAX_COOKIE_LEN: usize = 4096;

/// The number of cookies of one name that are decrypted. Clients choose how many they send.
#[cfg(feature = "session")]
pub(crate) const MAX_CANDIDATES: usize = 4;

/// Whether a text is a token of RFC 9110, as RFC 6265 wants a cookie's name: visible ASCII without
/// separators.
pub(crate) fn is_cookie_name(name: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}
