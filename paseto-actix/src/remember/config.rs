use std::time::Duration;

use super::{RememberMe, RememberMeBuilder, SessionProtection};
use crate::config;
use crate::config::{
    Names, SettingError, Settings, Table, boolean, choice, deserialize_settings, duration,
    key_ring, text, texts,
};
use crate::cookie::CookieConfig;
use crate::error::ConfigError;
use crate::keys::KeyRing;

/// The settings of [`RememberMe`], from a file in a self-describing format (TOML, JSON, YAML) or
/// from environment variables.
///
/// The fields have the names of the methods of [`RememberMeBuilder`]. `keys` is required. A boolean
/// or a number can also be a string. The guide describes all [settings](crate::guide::settings).
///
/// ```
/// use paseto_actix::remember::{CredentialFingerprint, RememberMeConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: RememberMeConfig = toml::from_str(
///     r#"
///     keys = ["k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI"]
///     application = "shop"
///     lifetime = "90d"
///     session_protection = "basic"
///     login_page = "/login"
///
///     [cookie]
///     same_site = "Strict"
///     "#,
/// )?;
/// let remember = config
///     .into_builder()
///     .credential_loader(async |id: String| {
///         (id == "ada").then(|| CredentialFingerprint::new("the hash of her password"))
///     })
///     .build()?;
/// # let _ = remember;
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// `keys` is one key, or a list with the active key first (see [`KeyRing`]). A key is a PASERK
/// string or a table: `{ paserk = "k4.local.…" }`, `{ file = "/run/secrets/key" }`, or
/// `{ env = "REMEMBER_KEY" }`. A string can contain several keys, separated by commas.
///
/// # Errors
///
/// The errors of [`IssuerConfig`](crate::issuer::IssuerConfig#errors).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RememberMeConfig {
    /// The keys that encrypt remembered logins, the active key first. Required.
    pub keys: KeyRing,
    /// The application name. Default: empty.
    pub application: String,
    /// The name and the attributes of the cookie, a nested table. Default: the defaults of
    /// [`RememberMeBuilder::cookie`].
    pub cookie: CookieConfig,
    /// Whether to omit the `Secure` attribute of the cookie. Default: `false`.
    pub development_over_plain_http: bool,
    /// Other origins that may send unsafe requests, one string or a list. See
    /// [`RememberMeBuilder::trusted_origin`]. Default: only the application's own origin.
    pub trusted_origins: Vec<String>,
    /// The lifetime of a remembered login: 1 second to 365 days. A string with the unit `s`, `m`,
    /// `h` or `d`, such as `"90d"`, or a number of seconds. Alias: `duration`. Default: 30 days.
    pub lifetime: Duration,
    /// The time for which the fingerprint of a user is cached: 0 to 60 seconds, such as `"30s"`.
    /// See [`RememberMeBuilder::check_user`]. Default: not set, so only logins call the credential
    /// loader.
    pub check_user: Option<Duration>,
    /// `"off"`, `"basic"` or `"strong"`. See [`SessionProtection`]. Default: `"off"`.
    pub session_protection: SessionProtection,
    /// Whether the session middleware is not `PasetoSession`. Default: `false`.
    pub other_session_middleware: bool,
    /// The path of the login page. See [`RememberMeBuilder::login_page`]. Default: not set, so
    /// clients get `401` and `403`.
    pub login_page: Option<String>,
}

impl RememberMeConfig {
    /// Reads the environment variables that begin with the prefix. The rest of a name is a field
    /// name in capital letters, such as `REMEMBER_LIFETIME` for the prefix `REMEMBER_`. Cookie
    /// fields have the additional prefix `COOKIE_`, such as `REMEMBER_COOKIE_SAME_SITE`.
    ///
    /// - `REMEMBER_KEYS` and `REMEMBER_TRUSTED_ORIGINS` are lists, separated by commas.
    /// - `REMEMBER_KEYS_FILE` is the path of a file with the keys.
    /// - Use a different prefix for each settings type.
    ///
    /// ```
    /// use paseto_actix::remember::RememberMeConfig;
    ///
    /// let error = RememberMeConfig::from_env("SHOP_REMEMBER_").unwrap_err();
    /// assert_eq!(error.to_string(), "`SHOP_REMEMBER_KEYS`: the variable is not set");
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`IssuerConfig::from_env`](crate::issuer::IssuerConfig::from_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Returns a builder with these settings. Add the settings that a file cannot contain: the user
    /// loader, which is required, the stores and the closures.
    pub fn into_builder(self) -> RememberMeBuilder {
        let mut builder = RememberMe::builder(self.keys)
            .application(self.application)
            .cookie(self.cookie)
            .lifetime(self.lifetime)
            .session_protection(self.session_protection);
        builder.secure = !self.development_over_plain_http;
        builder.check_user = self.check_user;
        builder.other_session_middleware = self.other_session_middleware;
        if let Some(path) = self.login_page {
            builder = builder.login_page(path);
        }
        self.trusted_origins.into_iter().fold(builder, RememberMeBuilder::trusted_origin)
    }
}

impl Settings for RememberMeConfig {
    const NAMES: Names = config::REMEMBER;

    fn read(table: &mut Table) -> Result<Self, SettingError> {
        let keys = table.required("keys", key_ring)?;
        let default = RememberMe::builder(keys.clone());
        Ok(Self {
            keys,
            application: table.or("application", String::new(), text)?,
            cookie: table.or("cookie", CookieConfig::default(), CookieConfig::read)?,
            development_over_plain_http: table.or("development_over_plain_http", false, boolean)?,
            trusted_origins: table.or("trusted_origins", Vec::new(), texts)?,
            lifetime: table.or("lifetime", default.lifetime, duration)?,
            check_user: table.optional("check_user", duration)?,
            session_protection: table.or("session_protection", default.protection, |value| {
                use SessionProtection::{Basic, Off, Strong};
                choice(&value, &[("off", Off), ("basic", Basic), ("strong", Strong)])
            })?,
            other_session_middleware: table.or("other_session_middleware", false, boolean)?,
            login_page: table.optional("login_page", text)?,
        })
    }
}

deserialize_settings!(RememberMeConfig);
