//! Name and attributes of cookies, `Cookie` headers, and the caching of responses with cookies.

mod cache_headers;
#[cfg(feature = "session")]
mod config;
mod header;
#[cfg(feature = "session")]
mod login_cookies;
#[cfg(feature = "session")]
mod prepared;
#[cfg(feature = "session")]
mod renewed_token;

#[cfg(feature = "session")]
pub(crate) use cache_headers::{forbid_caching, replace_response};
pub(crate) use cache_headers::{forbid_shared_caching, vary_by_cookie};
#[cfg(feature = "session")]
pub use config::CookieConfig;
pub(crate) use header::cookie_values;
#[cfg(feature = "session")]
pub(crate) use login_cookies::LoginCookies;
#[cfg(feature = "session")]
pub(crate) use prepared::PreparedCookie;
#[cfg(feature = "session")]
pub(crate) use renewed_token::RenewedToken;

/// The maximum length of a cookie in bytes, with its name and attributes. Browsers can discard
/// longer cookies ([RFC 6265, section 6.1]).
///
/// [RFC 6265, section 6.1]: https://www.rfc-editor.org/rfc/rfc6265#section-6.1
#[cfg(any(feature = "session", feature = "testing"))]
pub(crate) const MAX_COOKIE_LEN: usize = 4096;

/// The maximum number of cookies with one name that are decrypted per request. Without a limit, a
/// client could choose the number.
pub(crate) const MAX_COOKIES_PER_NAME: usize = 4;

/// Returns whether a string is a valid cookie name, which consists of visible ASCII characters
/// without separators ([RFC 6265, section 4.1.1]).
///
/// [RFC 6265, section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
pub(crate) fn is_cookie_name(name: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}
