use std::time::Duration;

use super::{PasetoSession, PasetoSessionBuilder};
use crate::config;
use crate::config::{CookieConfig, Names, SettingError, Settings, Table};
use crate::config::{boolean, deserialize_settings, duration, key_ring, size, text, texts};
use crate::error::ConfigError;
use crate::keys::KeyRing;

/// The settings of a [`PasetoSession`], from a file in a self-describing format (TOML, JSON, YAML),
/// or from environment variables.
///
/// The fields have the names of the methods of [`PasetoSessionBuilder`]. `keys` is required. A
/// boolean or a number can also be a string.
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
/// `keys` is one key, or a list with the active key first: see [`KeyRing`]. A key is a string in
/// PASERK, or a table: `{ paserk = "k4.local.…" }`, `{ file = "/run/secrets/key" }`, or `{ env =
/// "SESSION_KEY" }`. A string can have several keys, with commas between them.
///
/// # Errors
///
/// As for [`IssuerConfig`](crate::issuer::IssuerConfig#errors).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PasetoSessionConfig {
    /// The keys that encrypt sessions, the active key first. Required.
    pub keys: KeyRing,
    /// The application's name. Default: empty.
    pub application: String,
    /// The cookie, a nested table. Default: see [`CookieConfig`].
    pub cookie: CookieConfig,
    /// Whether to omit the attribute `Secure` of the cookie. Default: false.
    pub development_over_plain_http: bool,
    /// The other origins that may send unsafe requests: see
    /// [`PasetoSessionBuilder::trusted_origin`]. One origin or a list. Default: only the
    /// application's own.
    pub trusted_origins: Vec<String>,
    /// The time after which an unused session expires, at least 2 seconds: `"1h"` (with the unit
    /// `s`, `m`, `h` or `d`), or `3600` seconds. Default: 30 minutes.
    pub idle_timeout: Duration,
    /// The time after which every session expires. Default: 12 hours.
    pub absolute_timeout: Duration,
    /// Whether the cookie outlives the browser. Default: false.
    pub persistent: bool,
    /// The number of decrypted sessions in the cache of each worker. Default: 256.
    pub decrypted_cache_capacity: usize,
    /// The key of the user in the session. Default: `actix_identity.user_id`.
    pub subject_key: String,
}

impl PasetoSessionConfig {
    /// Reads the environment variables that begin with the prefix. The rest of the name is the name
    /// of a field in capital letters: `SESSION_IDLE_LIMIT`. Fields of the cookie follow `COOKIE_`:
    /// `SESSION_COOKIE_SAME_SITE`.
    ///
    /// - `SESSION_KEYS` and `SESSION_TRUSTED_ORIGINS` are lists with commas between the elements.
    /// - `SESSION_KEYS_FILE` has the path of a file with the keys.
    /// - Each type of settings needs a prefix of its own.
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
    /// As [`IssuerConfig::from_env`](crate::issuer::IssuerConfig::from_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Builds the middleware.
    ///
    /// # Errors
    ///
    /// As [`PasetoSessionBuilder::build`].
    pub fn build(self) -> Result<PasetoSession, ConfigError> {
        self.into_builder().build()
    }

    /// A builder with these settings, for the settings that a file cannot hold: `no_store_if`, the
    /// revocation store, the clock.
    pub fn into_builder(self) -> PasetoSessionBuilder {
        let mut builder = PasetoSession::builder(self.keys)
            .application(self.application)
            .idle_timeout(self.idle_timeout)
            .absolute_timeout(self.absolute_timeout)
            .persistent(self.persistent)
            .decrypted_cache_capacity(self.decrypted_cache_capacity)
            .subject_key(self.subject_key);
        builder.cookie = self.cookie.into_settings(self.development_over_plain_http);
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
                default.decrypted_cache,
                size,
            )?,
            subject_key: table.or("subject_key", default.tokens.subject_key.into_owned(), text)?,
        })
    }
}

deserialize_settings!(PasetoSessionConfig);
