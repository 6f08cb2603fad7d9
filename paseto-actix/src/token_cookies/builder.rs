use std::sync::Arc;

use actix_web::cookie::SameSite;

use super::{Inner, TokenCookies};
use crate::cookie::CookieConfig;
use crate::cross_origin::CrossOriginPolicy;
use crate::error::ConfigError;

const DEFAULT_REFRESH_PATH: &str = "/auth";

/// Builds a [`TokenCookies`].
#[derive(Clone, Debug)]
#[must_use = "call `.build()` to get a TokenCookies"]
pub struct TokenCookiesBuilder {
    access: CookieConfig,
    refresh: CookieConfig,
    secure: bool,
    cross_origin: CrossOriginPolicy,
}

impl Default for TokenCookiesBuilder {
    fn default() -> Self {
        let refresh = CookieConfig::new().path(DEFAULT_REFRESH_PATH).same_site(SameSite::Strict);
        Self {
            access: CookieConfig::new(),
            refresh,
            secure: true,
            cross_origin: CrossOriginPolicy::default(),
        }
    }
}

impl TokenCookiesBuilder {
    /// Sets the name and the attributes of the cookie with the access token. Default: the defaults
    /// of [`CookieConfig`] and the name `__Host-access`.
    pub fn access_cookie(mut self, cookie: CookieConfig) -> Self {
        self.access = cookie;
        self
    }

    /// Sets the name and the attributes of the cookie with the refresh token. Default: the path
    /// `/auth`, `SameSite=Strict`, and the name `__Secure-refresh`. With the path `/`, the default
    /// name is `__Host-refresh`.
    ///
    /// The path must cover the refresh and the logout of
    /// [`TokenEndpoints`](crate::token_endpoints::TokenEndpoints). For
    /// [`TokenRenewal`](super::TokenRenewal), set `CookieConfig::new()`, which has the path `/` and
    /// `SameSite=Lax`.
    pub fn refresh_cookie(mut self, cookie: CookieConfig) -> Self {
        self.refresh = cookie;
        self
    }

    /// Accepts the cookies with unsafe methods from pages of this origin, such as
    /// `https://app.example`. It can be called several times. Default: only the own origin of the
    /// application. The rules are those of
    /// [`CrossOriginProtection`](crate::CrossOriginProtection).
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Removes `Secure` from the cookies, for development over `http://`. The default names are
    /// then `access` and `refresh`. Do not call it in production.
    pub fn development_over_plain_http(mut self) -> Self {
        self.secure = false;
        self
    }

    /// Builds the [`TokenCookies`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a name or an attribute is invalid, if both cookies have one name, if
    /// scripts could read the refresh token, or if a trusted origin is malformed.
    pub fn build(self) -> Result<TokenCookies, ConfigError> {
        let Self { access, mut refresh, secure, cross_origin } = self;
        if !refresh.http_only {
            let problem = "scripts must not read a refresh token: remove `http_only(false)`";
            return Err(ConfigError::setting("refresh_cookie", problem));
        }
        let refresh_everywhere = refresh.path == "/";
        if !(refresh_everywhere && refresh.domain.is_none()) && secure {
            refresh.name.get_or_insert_with(|| "__Secure-refresh".to_owned());
        }
        let (access, refresh) =
            (access.prepare("access", secure)?, refresh.prepare("refresh", secure)?);
        if access.name() == refresh.name() {
            let problem = "both cookies have one name: choose another one";
            return Err(ConfigError::setting("refresh_cookie", problem));
        }
        let cross_origin = cross_origin.checked()?;
        Ok(TokenCookies(Arc::new(Inner { access, refresh, refresh_everywhere, cross_origin })))
    }
}
