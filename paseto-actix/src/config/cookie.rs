//! The settings of a cookie.

use actix_web::cookie::SameSite;

use super::names::COOKIE;
use super::read::{boolean, choice, text};
use super::setting_error::SettingError;
use super::table::Table;
use super::value::Value;
use crate::cookie::CookieSettings;

/// The nested table `cookie` of [`PasetoSessionConfig`](crate::session::PasetoSessionConfig) and
/// [`RememberMeConfig`](crate::remember::RememberMeConfig).
///
/// The prefix `__Host-` of the default name requires the path `/` and no domain. So `path` and
/// `domain` need a `name` too.
///
/// ```
/// use actix_web::cookie::SameSite;
/// use paseto_actix::session::PasetoSessionConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: PasetoSessionConfig = toml::from_str(
///     r#"
///     keys = "k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI"
///
///     [cookie]
///     name = "__Secure-session"
///     domain = "example.org"
///     same_site = "Strict"
///     "#,
/// )?;
/// assert_eq!(config.cookie.same_site, SameSite::Strict);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CookieConfig {
    /// The cookie's name. Default: `__Host-session` or `__Host-remember_token`, without `__Host-`
    /// if `development_over_plain_http` is set.
    pub name: Option<String>,
    /// The `Path` attribute. Default: `/`.
    pub path: String,
    /// The `Domain` attribute. Default: none.
    pub domain: Option<String>,
    /// The `SameSite` attribute: `"Strict"`, `"Lax"` or `"None"`, in upper or lower case. Alias:
    /// `samesite`. Default: `"Lax"`.
    pub same_site: SameSite,
    /// The `HttpOnly` attribute. Alias: `httponly`. Default: true.
    pub http_only: bool,
    /// The `Partitioned` attribute. Default: false.
    pub partitioned: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        let CookieSettings { name, path, domain, same_site, http_only, secure: _, partitioned } =
            CookieSettings::default();
        Self { name, path, domain, same_site, http_only, partitioned }
    }
}

impl CookieConfig {
    pub(crate) fn read(value: Value) -> Result<Self, SettingError> {
        let mut table = Table::new(value, COOKIE)?;
        let default = Self::default();
        Ok(Self {
            name: table.optional("name", text)?,
            path: table.or("path", default.path, text)?,
            domain: table.optional("domain", text)?,
            same_site: table.or("same_site", default.same_site, same_site)?,
            http_only: table.or("http_only", default.http_only, boolean)?,
            partitioned: table.or("partitioned", default.partitioned, boolean)?,
        })
    }

    pub(crate) fn into_settings(self, plain_http: bool) -> CookieSettings {
        let Self { name, path, domain, same_site, http_only, partitioned } = self;
        CookieSettings {
            name,
            path,
            domain,
            same_site,
            http_only,
            secure: !plain_http,
            partitioned,
        }
    }
}

fn same_site(value: Value) -> Result<SameSite, SettingError> {
    choice(
        &value,
        &[("Strict", SameSite::Strict), ("Lax", SameSite::Lax), ("None", SameSite::None)],
    )
}
