use std::time::Duration;

use super::{PasetoSession, PasetoSessionBuilder};
use crate::config;
use crate::config::{
    Names, SettingError, Settings, Table, boolean, deserialize_settings, duration, key_ring, size,
    text, texts,
};
use crate::cookie::CookieConfig;
use crate::error::ConfigError;
use crate::keys::KeyRing;

/// The settings of [`PasetoSession`], from a file in a self-describing format (TOML, JSON, YAML) or
/// from environment variables.
///
/// The fields have the names of the methods of [`PasetoSessionBuilder`]. `keys` is required. A
/// boolean or a number can also be written as a string. The guide has a chapter about
/// [settings](crate::guide::settings).
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::session::PasetoSessionConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: PasetoSessionConfig = toml::from_str(
///     r#"
///     keys = ["k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI"]
///     application = "shop"
///     idle_timeout = "1h"
///     absolute_timeout = "7d"
///     persistent = true
///
///     [cookie]
///     same_site = "Strict"
///     "#,
/// )?;
/// assert_eq!(config.idle_timeout, Duration::from_secs(3600));
/// let session = config.build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// `keys` is one key or a list of keys. The first key is the active key of the [`KeyRing`]. A key
/// is a PASERK string or one of these tables: `{ paserk = "k4.local.…" }`, `{ file =
/// "/run/secrets/key" }` or `{ env = "SESSION_KEY" }`. A string can contain several keys, separated
/// by commas.
///
/// # Errors
///
/// The errors of [`IssuerConfig`](crate::issuer::IssuerConfig#errors).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PasetoSessionConfig {
    /// The keys that encrypt sessions, the active key first. Required.
    pub keys: KeyRing,
    /// The name of the application. Default: the empty string.
    pub application: String,
    /// The name and the attributes of the cookie, as a nested table. Defaults: see
    /// [`CookieConfig`].
    pub cookie: CookieConfig,
    /// Whether to omit the `Secure` attribute, for development over plain HTTP. Default: `false`.
    pub development_over_plain_http: bool,
    /// Other origins whose unsafe requests are accepted, as one origin or a list: see
    /// [`PasetoSessionBuilder::trusted_origin`]. Default: an empty list.
    pub trusted_origins: Vec<String>,
    /// The idle timeout, after which an unused session expires. A string with the unit `s`, `m`,
    /// `h` or `d`, such as `"1h"`, or a number of seconds. Minimum: 2 seconds. Default: 30 minutes.
    pub idle_timeout: Duration,
    /// The absolute timeout, after which even an active session expires. Default: 12 hours.
    pub absolute_timeout: Duration,
    /// Whether the cookie has `Max-Age`, so that it is kept after the browser is closed. Default:
    /// `false`.
    pub persistent: bool,
    /// The maximum number of decrypted sessions that each worker caches. Default: 256.
    pub decrypted_cache_capacity: usize,
    /// The key of the user in the session. Default: `actix_identity.user_id`.
    pub subject_key: String,
}

impl PasetoSessionConfig {
    /// Reads the environment variables whose names begin with the prefix.
    ///
    /// The rest of the name is the name of a field in upper case. With the prefix `SESSION_`:
    ///
    /// - `SESSION_IDLE_TIMEOUT` sets `idle_timeout`.
    /// - `SESSION_COOKIE_SAME_SITE` sets `same_site` of the cookie.
    /// - `SESSION_KEYS` and `SESSION_TRUSTED_ORIGINS` are lists, separated by commas.
    /// - `SESSION_KEYS_FILE` is the path of a file with the keys.
    ///
    /// Each type of settings needs its own prefix.
    ///
    /// ```
    /// use paseto_actix::session::PasetoSessionConfig;
    ///
    /// let error = PasetoSessionConfig::from_env("SHOP_SESSION_").unwrap_err();
    /// assert_eq!(error.to_string(), "`SHOP_SESSION_KEYS`: the variable is not set");
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`IssuerConfig::from_env`](crate::issuer::IssuerConfig::from_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Builds the [`PasetoSession`].
    ///
    /// # Errors
    ///
    /// The errors of [`PasetoSessionBuilder::build`].
    pub fn build(self) -> Result<PasetoSession, ConfigError> {
        self.into_builder().build()
    }

    /// Returns a builder with these settings. Use it for settings that a file cannot contain:
    /// `no_store_if`, the revocation store and the clock.
    pub fn into_builder(self) -> PasetoSessionBuilder {
        let mut builder = PasetoSession::builder(self.keys)
            .application(self.application)
            .cookie(self.cookie)
            .idle_timeout(self.idle_timeout)
            .absolute_timeout(self.absolute_timeout)
            .persistent(self.persistent)
            .decrypted_cache_capacity(self.decrypted_cache_capacity)
            .subject_key(self.subject_key);
        builder.secure = !self.development_over_plain_http;
        self.trusted_origins.into_iter().fold(builder, PasetoSessionBuilder::trusted_origin)
    }
}

impl Settings for PasetoSessionConfig {
    const NAMES: Names = config::SESSION;

    fn read(table: &mut Table) -> Result<Self, SettingError> {
        let keys = table.required("keys", key_ring)?;
        let default = PasetoSession::builder(keys.clone());
        Ok(Self {
            keys,
            application: table.or("application", String::new(), text)?,
            cookie: table.or("cookie", CookieConfig::default(), CookieConfig::read)?,
            development_over_plain_http: table.or("development_over_plain_http", false, boolean)?,
            trusted_origins: table.or("trusted_origins", Vec::new(), texts)?,
            idle_timeout: table.or("idle_timeout", default.idle_timeout, duration)?,
            absolute_timeout: table.or(
                "absolute_timeout",
                default.tokens.absolute_timeout,
                duration,
            )?,
            persistent: table.or("persistent", default.persistent, boolean)?,
            decrypted_cache_capacity: table.or(
                "decrypted_cache_capacity",
                default.decrypted_cache_capacity,
                size,
            )?,
            subject_key: table.or("subject_key", default.tokens.subject_key.into_owned(), text)?,
        })
    }
}

deserialize_settings!(PasetoSessionConfig);
