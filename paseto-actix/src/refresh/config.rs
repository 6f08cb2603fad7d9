use std::time::Duration;

use super::builder::{DEFAULT_ACCESS_TTL, DEFAULT_GRACE_PERIOD, DEFAULT_LIFETIME};
use super::{RefreshTokens, RefreshTokensBuilder};
use crate::config;
use crate::config::{
    Names, SettingError, Settings, Table, deserialize_settings, duration, key_ring, text,
};
use crate::error::ConfigError;
use crate::issuer::Issuer;
use crate::keys::KeyRing;

/// The settings of [`RefreshTokens`], from a file in a self-describing format (TOML, JSON, YAML) or
/// from environment variables.
///
/// The fields have the names of the methods of [`RefreshTokensBuilder`]. `keys` is required. A
/// number can also be a string. The guide describes all [settings](crate::guide::settings).
///
/// ```
/// use paseto_actix::{Issuer, SecretKey};
/// use paseto_actix::refresh::RefreshTokensConfig;
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: RefreshTokensConfig = toml::from_str(
///     r#"
///     keys = ["k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI"]
///     application = "shop"
///     access_ttl = "10m"
///     lifetime = "90d"
///     "#,
/// )?;
/// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// let tokens = config
///     .into_builder(issuer)
///     .token_family_store(MemoryTokenFamilyStore::new(100_000))
///     .revocation_store(MemoryRevocationStore::new(100_000))
///     .build()?;
/// # let _ = tokens;
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// `keys` is one key, or a list with the active key first (see [`KeyRing`]). A key is a PASERK
/// string or a table: `{ paserk = "k4.local.…" }`, `{ file = "/run/secrets/key" }`, or
/// `{ env = "REFRESH_KEY" }`. A string can contain several keys, separated by commas.
///
/// # Errors
///
/// The errors of [`IssuerConfig`](crate::issuer::IssuerConfig#errors).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshTokensConfig {
    /// The keys that encrypt refresh tokens, the active key first. Required.
    pub keys: KeyRing,
    /// The application name. Default: empty.
    pub application: String,
    /// The lifetime of access tokens: 1 second to 100 years. A string with the unit `s`, `m`, `h`
    /// or `d`, such as `"10m"`, or a number of seconds. Default: 15 minutes.
    pub access_ttl: Duration,
    /// The absolute lifetime of a login: 1 second to 100 years. Default: 30 days.
    pub lifetime: Duration,
    /// The time in which a used refresh token is accepted again: at most 5 minutes. Default: 10
    /// seconds.
    pub grace_period: Duration,
}

impl RefreshTokensConfig {
    /// Reads the environment variables that begin with the prefix. The rest of a name is a field
    /// name in capital letters, such as `REFRESH_ACCESS_TTL` for the prefix `REFRESH_`.
    ///
    /// - `REFRESH_KEYS` is a list of keys, separated by commas.
    /// - `REFRESH_KEYS_FILE` is the path of a file with the keys.
    /// - Use a different prefix for each settings type.
    ///
    /// ```
    /// use paseto_actix::refresh::RefreshTokensConfig;
    ///
    /// let error = RefreshTokensConfig::from_env("SHOP_REFRESH_").unwrap_err();
    /// assert_eq!(error.to_string(), "`SHOP_REFRESH_KEYS`: the variable is not set");
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`IssuerConfig::from_env`](crate::issuer::IssuerConfig::from_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Returns a builder with these settings. Add the settings that a file cannot contain: both
    /// stores, which are required, the event closure and the clock.
    pub fn into_builder(self, issuer: Issuer) -> RefreshTokensBuilder {
        RefreshTokens::builder(issuer, self.keys)
            .application(self.application)
            .access_ttl(self.access_ttl)
            .lifetime(self.lifetime)
            .grace_period(self.grace_period)
    }
}

impl Settings for RefreshTokensConfig {
    const NAMES: Names = config::REFRESH;

    fn read(table: &mut Table) -> Result<Self, SettingError> {
        Ok(Self {
            keys: table.required("keys", key_ring)?,
            application: table.or("application", String::new(), text)?,
            access_ttl: table.or("access_ttl", DEFAULT_ACCESS_TTL, duration)?,
            lifetime: table.or("lifetime", DEFAULT_LIFETIME, duration)?,
            grace_period: table.or("grace_period", DEFAULT_GRACE_PERIOD, duration)?,
        })
    }
}

deserialize_settings!(RefreshTokensConfig);
