use actix_web::cookie::{Cookie, SameSite};

use super::{PreparedCookie, is_cookie_name};
use crate::authority::is_host_name;
use crate::error::{ConfigError, quote};

/// Name and attributes of a cookie, for [`PasetoSessionBuilder::cookie`] and
/// [`RememberMeBuilder::cookie`].
///
/// The defaults follow the [OWASP session management cheat sheet]: `HttpOnly`, `SameSite=Lax`,
/// `Path=/`, no `Domain`, and a name with the prefix `__Host-`. The cookie also has `Secure`,
/// unless the builder's method `development_over_plain_http` is called.
///
/// The prefix `__Host-` of the default name requires the path `/` and no domain. If you set another
/// `path` or a `domain`, set a `name` too.
///
/// If you change the path or the domain of an application in production, also choose a new name.
/// Otherwise browsers store the old cookie beside the new cookie and send both. The server cannot
/// remove the old cookie, and may use it instead of the new cookie.
///
/// [`PasetoSessionConfig`](crate::session::PasetoSessionConfig) and
/// [`RememberMeConfig`](crate::remember::RememberMeConfig) read this type from the nested table
/// `cookie`.
///
/// ```
/// use actix_web::cookie::SameSite;
/// use paseto_actix::cookie::CookieConfig;
/// use paseto_actix::{LocalKey, PasetoSession};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let cookie = CookieConfig::new()
///     .name("__Secure-session")
///     .domain("example.org")
///     .same_site(SameSite::Strict);
/// let session = PasetoSession::builder(LocalKey::generate()).cookie(cookie).build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
///
/// [`PasetoSessionBuilder::cookie`]: crate::session::PasetoSessionBuilder::cookie
/// [`RememberMeBuilder::cookie`]: crate::remember::RememberMeBuilder::cookie
/// [OWASP session management cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#cookies
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CookieConfig {
    /// The name. Default: `__Host-session` for sessions and `__Host-remember_token` for remembered
    /// logins. Without `Secure`, the default name has no prefix `__Host-`.
    pub name: Option<String>,
    /// The `Path` attribute. Default: `/`.
    pub path: String,
    /// The `Domain` attribute. Default: no `Domain`.
    pub domain: Option<String>,
    /// The `SameSite` attribute. Settings contain `"Strict"`, `"Lax"` or `"None"`, in upper or
    /// lower case, and accept the alias `samesite`. Default: `Lax`.
    pub same_site: SameSite,
    /// Whether the cookie has the `HttpOnly` attribute. Settings accept the alias `httponly`.
    /// Default: `true`.
    pub http_only: bool,
    /// Whether the cookie has the `Partitioned` attribute. Default: `false`.
    pub partitioned: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            name: None,
            path: "/".to_owned(),
            domain: None,
            same_site: SameSite::Lax,
            http_only: true,
            partitioned: false,
        }
    }
}

impl CookieConfig {
    /// Returns the default name and attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name. Default: `__Host-session` or `__Host-remember_token`, without `__Host-` if
    /// the cookie has no `Secure`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the `Path` attribute, which must begin with `/`. Default: `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the `Domain` attribute. Browsers then send the cookie to all subdomains too. By
    /// default, the cookie has no `Domain`, and browsers send it only to the host that set it.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the `SameSite` attribute. Default: [`SameSite::Lax`].
    ///
    /// With [`SameSite::Lax`], browsers send the cookie with a request from another site only if
    /// the user follows a link. With [`SameSite::Strict`], they never send it with a request from
    /// another site.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Sets the `HttpOnly` attribute. With `true`, scripts of the page cannot read the cookie.
    /// Default: `true`.
    #[must_use]
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Sets the `Partitioned` attribute ([CHIPS]). Default: `false`.
    ///
    /// Use it for a site that other sites embed in a frame. The browser then stores a separate
    /// cookie for each embedding site. The attribute requires `Secure` and [`SameSite::None`].
    ///
    /// [CHIPS]: https://developer.mozilla.org/en-US/docs/Web/Privacy/Guides/Privacy_sandbox/Partitioned_cookies
    #[must_use]
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// Builds a cookie without a value. The default name gets the prefix `__Host-` if the cookie
    /// has `Secure`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting is invalid or contradicts the prefix of the name.
    fn build(self, default_name: &str, secure: bool) -> Result<Cookie<'static>, ConfigError> {
        let prefix = if secure { "__Host-" } else { "" };
        let name = self.name.clone().unwrap_or_else(|| format!("{prefix}{default_name}"));
        self.check(&name, secure)?;
        let mut cookie = Cookie::build(name, "")
            .path(self.path)
            .same_site(self.same_site)
            .http_only(self.http_only)
            .secure(secure)
            .finish();
        if let Some(domain) = self.domain {
            cookie.set_domain(domain);
        }
        Ok(cookie)
    }

    /// Checks the settings and formats the attributes.
    pub(crate) fn prepare(
        self,
        default_name: &str,
        secure: bool,
    ) -> Result<PreparedCookie, ConfigError> {
        let partitioned = self.partitioned;
        PreparedCookie::new(self.build(default_name, secure)?, partitioned)
            .map_err(|error| ConfigError::setting("cookie.name", error.to_string()))
    }

    fn check(&self, name: &str, secure: bool) -> Result<(), ConfigError> {
        self.check_path()?;
        self.domain.as_deref().map_or(Ok(()), check_domain)?;
        // The `cookie` crate percent-encodes these characters in names, but `PreparedCookie`
        // expects the plain name in the header.
        if !is_cookie_name(name) || name.contains(['#', '%', '^', '`', '|']) {
            let problem = format!(
                "expected a valid cookie name (RFC 6265, section 4.1.1), found {}",
                quote(name)
            );
            return Err(ConfigError::setting("cookie.name", problem));
        }
        let bad_name = |problem: &str| Err(ConfigError::setting("cookie.name", problem));
        // Browsers compare prefixes without regard to case (RFC 6265bis, section 4.1.3).
        let has_prefix = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if has_prefix("__Host-") && !(secure && self.path == "/" && self.domain.is_none()) {
            return bad_name(
                "a name that begins with `__Host-`, as the default does, requires `Secure`, the path `/` and no domain: to \
                 set a domain or a path, choose another name, such as `__Secure-id`",
            );
        }
        if has_prefix("__Secure-") && !secure {
            return bad_name("a name that begins with `__Secure-` requires `Secure`");
        }
        if (has_prefix("__Http-") || has_prefix("__Host-Http-")) && !(secure && self.http_only) {
            return bad_name(
                "a name that begins with `__Http-` or `__Host-Http-` requires `Secure` and `HttpOnly`",
            );
        }
        if self.partitioned && !secure {
            return Err(ConfigError::setting(
                "cookie.partitioned",
                "browsers reject `Partitioned` without `Secure`",
            ));
        }
        if self.partitioned && self.same_site != SameSite::None {
            let problem = "browsers do not send `Lax` or `Strict` cookies to a frame of another site: set `SameSite=None` \
                           (`CookieConfig::same_site`)";
            return Err(ConfigError::setting("cookie.partitioned", problem));
        }
        if self.same_site == SameSite::None && !secure {
            return Err(ConfigError::setting(
                "cookie.same_site",
                "browsers reject `SameSite=None` without `Secure`: use `Lax`, or remove `development_over_plain_http`",
            ));
        }
        Ok(())
    }

    /// Returns an error for a `Path` that browsers ignore or that never matches.
    ///
    /// If the `Path` does not begin with `/`, browsers use the directory of the request path
    /// instead. They compare the `Path` with the percent-encoded path of a URL (RFC 6265, section
    /// 5.1.4).
    fn check_path(&self) -> Result<(), ConfigError> {
        let is_path_byte = |byte: u8| byte.is_ascii_graphic() && !b";?#\"<>\\^`{|}".contains(&byte);
        if self.path.starts_with('/') && self.path.bytes().all(is_path_byte) {
            return Ok(());
        }
        let problem = format!(
            "expected a path that begins with `/`, percent-encoded as in a URL, without `;`, `?` and `#`, found {}",
            quote(&self.path)
        );
        Err(ConfigError::setting("cookie.path", problem))
    }
}

/// Returns an error if the `Domain` is not a host name, because browsers reject the cookie then.
fn check_domain(domain: &str) -> Result<(), ConfigError> {
    // Browsers ignore a leading dot (RFC 6265, section 5.2.3).
    if is_host_name(domain.strip_prefix('.').unwrap_or(domain)) {
        return Ok(());
    }
    let problem = format!(
        "expected a host name of ASCII letters, digits, `-`, `_` and `.`, such as `example.org` or `xn--bcher-kva.example`, \
         without scheme, port, path and final dot, found {}",
        quote(domain)
    );
    Err(ConfigError::setting("cookie.domain", problem))
}
