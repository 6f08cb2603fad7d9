use actix_web::cookie::{Cookie, SameSite};

use super::{PreparedCookie, is_cookie_name};
use crate::authority::is_host_name;
use crate::error::{ConfigError, quote};

/// A cookie's name and attributes, with safe defaults.
#[derive(Clone, Debug)]
pub(crate) struct CookieSettings {
    pub(crate) name: Option<String>,
    pub(crate) path: String,
    pub(crate) domain: Option<String>,
    pub(crate) same_site: SameSite,
    pub(crate) http_only: bool,
    pub(crate) secure: bool,
    pub(crate) partitioned: bool,
}

impl Default for CookieSettings {
    fn default() -> Self {
        let path = "/".to_owned();
        Self {
            name: None,
            path,
            domain: None,
            same_site: SameSite::Lax,
            http_only: true,
            secure: true,
            partitioned: false,
        }
    }
}

impl CookieSettings {
    /// The cookie without a value. The default name gets the prefix `__Host-` if the cookie is
    /// secure.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting is invalid, or contradicts the prefix of the name.
    fn cookie(self, default_name: &str) -> Result<Cookie<'static>, ConfigError> {
        let prefix = if self.secure { "__Host-" } else { "" };
        let name = self.name.clone().unwrap_or_else(|| format!("{prefix}{default_name}"));
        self.check(&name)?;
        let mut cookie = Cookie::build(name, "")
            .path(self.path)
            .same_site(self.same_site)
            .http_only(self.http_only)
            .secure(self.secure)
            .finish();
        if let Some(domain) = self.domain {
            cookie.set_domain(domain);
        }
        Ok(cookie)
    }

    /// Formats the name and the attributes once.
    pub(crate) fn prepare(self, default_name: &str) -> Result<PreparedCookie, ConfigError> {
        let partitioned = self.partitioned;
        PreparedCookie::new(self.cookie(default_name)?, partitioned)
            .map_err(|error| ConfigError::setting("cookie_name", error.to_string()))
    }

    fn check(&self, name: &str) -> Result<(), ConfigError> {
        self.check_path()?;
        self.domain.as_deref().map_or(Ok(()), check_domain)?;
        let bad_name = |problem| Err(ConfigError::setting("cookie_name", problem));
        // The `cookie` crate percent-encodes these characters in names. `PreparedCookie` cuts the
        // header after the plain name.
        if !is_cookie_name(name) || name.contains(['#', '%', '^', '`', '|']) {
            return bad_name("not a valid cookie name (RFC 6265, section 4.1.1)");
        }
        // Browsers ignore the case of prefixes: RFC 6265bis, section 4.1.3.
        let prefixed = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if prefixed("__Host-") && !(self.secure && self.path == "/" && self.domain.is_none()) {
            return bad_name(
                "a name that begins with `__Host-`, as the default does, requires `Secure`, the path `/` and no domain: to \
                 set a domain or a path, choose another name, such as `__Secure-id`",
            );
        }
        if prefixed("__Secure-") && !self.secure {
            return bad_name("a name that begins with `__Secure-` requires `Secure`");
        }
        if (prefixed("__Http-") || prefixed("__Host-Http-")) && !(self.secure && self.http_only) {
            return bad_name("a name that begins with `__Http-` requires `Secure` and `HttpOnly`");
        }
        if self.partitioned && !self.secure {
            return Err(ConfigError::setting(
                "partitioned",
                "browsers reject `Partitioned` without `Secure`",
            ));
        }
        if self.partitioned && self.same_site != SameSite::None {
            let problem = "browsers send no `Lax` or `Strict` cookie to a frame of another site: set `SameSite=None` \
                           (`.cookie_same_site(..)`, in settings `cookie.same_site`)";
            return Err(ConfigError::setting("partitioned", problem));
        }
        if self.same_site == SameSite::None && !self.secure {
            return Err(ConfigError::setting(
                "cookie_same_site",
                "browsers reject `SameSite=None` without `Secure`: use `Lax`, or remove `development_over_plain_http`",
            ));
        }
        Ok(())
    }

    /// Browsers ignore a `Path` that does not begin with a slash, and use the folder of the
    /// request's path. They compare the `Path` with the percent-encoded path of a URL (RFC 6265,
    /// section 5.1.4).
    fn check_path(&self) -> Result<(), ConfigError> {
        let is_attribute = |byte: u8| byte.is_ascii_graphic() && !b";?#\"<>\\^`{|}".contains(&byte);
        if self.path.starts_with('/') && self.path.bytes().all(is_attribute) {
            return Ok(());
        }
        let problem = format!(
            "expected a path that begins with `/`, percent-encoded as in a URL, without `;`, `?` and `#`, found {}",
            quote(&self.path)
        );
        Err(ConfigError::setting("cookie_path", problem))
    }
}

/// Browsers reject a cookie whose `Domain` is not the name of a host.
fn check_domain(domain: &str) -> Result<(), ConfigError> {
    // Browsers ignore a leading dot: RFC 6265, section 5.2.3.
    if is_host_name(domain.strip_prefix('.').unwrap_or(domain)) {
        return Ok(());
    }
    let problem = format!(
        "expected a host name of ASCII letters, digits, `-`, `_` and `.`, such as `example.org` or `xn--bcher-kva.example`, \
         without scheme, port, path and final dot, found {}",
        quote(domain)
    );
    Err(ConfigError::setting("cookie_domain", problem))
}
