//! Access tokens and refresh tokens of browsers in cookies: [`TokenCookies`], and the middleware
//! [`TokenRenewal`].

mod builder;
mod renewal;

use std::fmt;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};

use crate::cookie::{MAX_COOKIES_PER_NAME, PreparedCookie, cookie_values};
use crate::cookie::{forbid_shared_caching, vary_by_cookie};
use crate::cross_origin::CrossOriginPolicy;
use crate::refresh::{NextToken, RefreshError, TokenPair};
use crate::verifier::TokenSource;

pub use builder::TokenCookiesBuilder;
pub use renewal::TokenRenewal;

/// Writes the tokens of a [`TokenPair`] to two cookies, for clients in a browser.
///
/// | cookie | default name | default attributes | `Max-Age` |
/// | --- | --- | --- | --- |
/// | access token | `__Host-access` | `Path=/; Secure; HttpOnly; SameSite=Lax` | lifetime of the access token |
/// | refresh token | `__Secure-refresh` | `Path=/auth; Secure; HttpOnly; SameSite=Strict` | remaining lifetime of the login |
///
/// Scripts of the page cannot read the cookies, so a script that an attacker injects into the page
/// (XSS) cannot copy the tokens. The browser sends the refresh token only to the paths below
/// `/auth`, where
/// [`TokenEndpoints`](crate::token_endpoints::TokenEndpoints) serves refresh and logout. The
/// middleware [`TokenRenewal`] needs a refresh cookie with `Path=/`.
///
/// A login handler needs [`CrossOriginProtection`](crate::CrossOriginProtection). Otherwise another
/// site can log the browser in to an account of the attacker.
///
/// ```
/// use actix_web::{HttpResponse, post, web};
/// use paseto_actix::refresh::RefreshError;
/// use paseto_actix::token_cookies::TokenCookies;
/// use paseto_actix::{RefreshTokens, SecretKey, Verifier};
/// use serde_json::json;
///
/// #[post("/login")]
/// async fn log_in(
///     tokens: web::Data<RefreshTokens>,
///     cookies: web::Data<TokenCookies>,
/// ) -> Result<HttpResponse, RefreshError> {
///     let login = tokens.start_login("ada").await?;
///     // Check the password here.
///     let pair = login.complete().await?.issue(&json!({ "plan": "pro" }))?;
///     let mut response = HttpResponse::NoContent().finish();
///     cookies.set(response.headers_mut(), &pair)?;
///     Ok(response)
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let cookies = TokenCookies::builder().build()?;
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .token_from([cookies.token_source()])
///     .build()?;
/// # let _ = (verifier, log_in);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenCookies(Arc<Inner>);

struct Inner {
    access: PreparedCookie,
    refresh: PreparedCookie,
    /// Whether browsers send the refresh cookie with each request.
    refresh_everywhere: bool,
    cross_origin: CrossOriginPolicy,
}

impl TokenCookies {
    /// Returns a builder. All settings are optional.
    pub fn builder() -> TokenCookiesBuilder {
        TokenCookiesBuilder::default()
    }

    /// Adds both cookies to the headers of a response. Shared caches then do not store the
    /// response.
    ///
    /// # Errors
    ///
    /// [`RefreshError::CookieTooLong`] if a cookie would exceed 4,096 bytes. The headers are
    /// unchanged then.
    pub fn set(&self, headers: &mut HeaderMap, pair: &TokenPair) -> Result<(), RefreshError> {
        let Inner { access, refresh, .. } = &*self.0;
        let expires_in = i64::try_from(pair.expires_in).unwrap_or(i64::MAX);
        let access = header(access, &pair.access_token, expires_in)?;
        let refresh = header(refresh, &pair.refresh_token, pair.login_expires_in)?;
        headers.append(SET_COOKIE, access);
        headers.append(SET_COOKIE, refresh);
        restrict_caching(headers);
        Ok(())
    }

    /// Adds only the cookie of the refresh token, if the claims of the access token could not be
    /// loaded.
    pub(crate) fn set_next(
        &self,
        headers: &mut HeaderMap,
        next: &NextToken,
    ) -> Result<(), RefreshError> {
        let refresh = header(&self.0.refresh, &next.token, next.login_expires_in)?;
        headers.append(SET_COOKIE, refresh);
        restrict_caching(headers);
        Ok(())
    }

    /// Adds the headers that remove both cookies to a response, for a logout. It does not revoke
    /// the tokens: call [`RefreshTokens::logout`](crate::RefreshTokens::logout) too.
    pub fn remove(&self, headers: &mut HeaderMap) {
        for cookie in [&self.0.access, &self.0.refresh] {
            headers.append(SET_COOKIE, cookie.removal());
        }
        restrict_caching(headers);
    }

    /// Returns the source of the access token, for
    /// [`VerifierBuilder::token_from`](crate::verifier::VerifierBuilder::token_from). It also reads
    /// a token that [`TokenRenewal`] renewed in the same request.
    #[must_use]
    pub fn token_source(&self) -> TokenSource {
        TokenSource::cookie(self.0.access.name())
    }

    /// Returns whether a page of the application or of a trusted origin has caused the request.
    pub(crate) fn trusts_origin_of(&self, req: &HttpRequest) -> bool {
        self.0.cross_origin.trusts_origin_of(req)
    }

    /// Returns whether the request may use the cookies.
    pub(crate) fn allows(&self, req: &HttpRequest) -> bool {
        self.0.cross_origin.allows(req)
    }

    pub(crate) fn access_token<'r>(&'r self, req: &'r HttpRequest) -> Option<&'r str> {
        single(req.headers(), self.0.access.name())
    }

    pub(crate) fn refresh_token<'r>(&'r self, req: &'r HttpRequest) -> Option<&'r str> {
        single(req.headers(), self.0.refresh.name())
    }

    /// Returns the values of all refresh cookies, at most [`MAX_COOKIES_PER_NAME`].
    pub(crate) fn refresh_tokens<'r>(
        &'r self,
        req: &'r HttpRequest,
    ) -> impl Iterator<Item = &'r str> {
        let values = cookie_values(req.headers(), self.0.refresh.name());
        let values = values.filter_map(|value| str::from_utf8(value).ok());
        values.filter(|value| !value.is_empty()).take(MAX_COOKIES_PER_NAME)
    }

    pub(crate) fn access_name(&self) -> &str {
        self.0.access.name()
    }

    /// Returns whether a response sets or removes one of the cookies.
    fn are_in(&self, headers: &HeaderMap) -> bool {
        let mut cookies = [&self.0.access, &self.0.refresh].into_iter();
        cookies.any(|cookie| new_value(headers, cookie.name()).is_some())
    }

    /// Returns the refresh token that a response sets.
    fn new_refresh_token<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let value = new_value(headers, self.0.refresh.name())?;
        str::from_utf8(value).ok().filter(|value| !value.is_empty())
    }
}

/// Returns the value of a cookie that a response sets, or an empty value if it removes the cookie.
/// Browsers use the last one.
fn new_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let cookies = headers.get_all(SET_COOKIE).filter_map(|cookie| {
        let value = cookie.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        value.split(|byte| *byte == b';').next()
    });
    cookies.last()
}

/// Returns the `Set-Cookie` value of a token.
fn header(cookie: &PreparedCookie, token: &str, max_age: i64) -> Result<HeaderValue, RefreshError> {
    if token.len() > cookie.max_value_len(Some(max_age)) {
        return Err(RefreshError::CookieTooLong);
    }
    let mut header = cookie.start_header(token.len());
    header.push_str(token);
    cookie.finish_header(header, Some(max_age)).map_err(|_| RefreshError::CookieTooLong)
}

fn restrict_caching(headers: &mut HeaderMap) {
    vary_by_cookie(headers);
    forbid_shared_caching(headers);
}

/// Returns the value of a cookie. Returns `None` if the cookies of this name differ, because a
/// sibling subdomain can add a cookie.
fn single<'r>(headers: &'r HeaderMap, name: &'r str) -> Option<&'r str> {
    let mut values = cookie_values(headers, name).filter(|value| !value.is_empty());
    let first = values.next()?;
    let is_single = values.all(|value| value == first);
    str::from_utf8(first).ok().filter(|_| is_single)
}

impl fmt::Debug for TokenCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCookies")
            .field("access", &self.0.access)
            .field("refresh", &self.0.refresh)
            .finish_non_exhaustive()
    }
}
