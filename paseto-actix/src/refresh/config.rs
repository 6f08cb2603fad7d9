use std::time::Duration;

use super::builder::{DEFAULT_ACCESS_TTL, DEFAULT_GRACE, DEFAULT_LIFETIME};
use super::{RefreshTokens, RefreshTokensBuilder};
use crate::config;
use crate::config::{Names, SettingError, Settings, Table};
use crate::config::{deserialize_settings, duration, key_ring, text};
use crate::error::ConfigError;
use crate::issuer::Issuer;
use crate::keys::KeyRing;

/// The settings of [`RefreshTokens`], from a file in a self-describing format (TOML, JSON, YAML),
/// or from environment variables.
///
/// The fields have the names of the methods of [`RefreshTokensBuilder`]. `keys` is required. A
/// number can also be a string.
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
/// `keys` is one key, or a list with the active key first: see [`KeyRing`]. A key is a string in
/// PASERK, or a table: `{ paserk = "k4.local.…" }`, `{ file = "/run/secrets/key" }`, or `{ env =
/// "REFRESH_KEY" }`. A string can have several keys, with commas between them.
///
/// # Errors
///
/// As for [`IssuerConfig`](crate::issuer::IssuerConfig#errors).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshTokensConfig {
    /// The keys that encrypt refresh tokens, the active key first. Required.
    pub keys: KeyRing,
    /// The application's name. Default: empty.
    pub application: String,
    /// The lifetime of access tokens, at least 1 second: `"10m"` (with the unit `s`, `m`, `h` or
    /// `d`), or `600` seconds. Default: 15 minutes.
    pub access_ttl: Duration,
    /// How long a login can go on by refresh tokens, at least 1 second. Default: 30 days.
    pub lifetime: Duration,
    /// How long a used refresh token is accepted once more, at most 5 minutes. Default: 10 seconds.
    pub grace_period: Duration,
}

impl RefreshTokensConfig {
    /// Reads the environment variables that begin with the prefix. The rest of the name is the name
    /// of a field in capital letters: `REFRESH_ACCESS_TTL`.
    ///
    /// - `REFRESH_KEYS` is a list with commas between the keys.
    /// - `REFRESH_KEYS_FILE` has the path of a file with the keys.
    /// - Each type of settings needs a prefix of its own.
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
    /// As [`IssuerConfig::from_env`](crate::issuer::IssuerConfig::from_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// A builder with these settings, for the settings that a file cannot hold: both stores, which
    /// are required, and the clock.
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
            grace_period: table.or("grace_period", DEFAULT_GRACE, duration)?,
        })
    }
}

deserialize_settings!(RefreshTokensConfig);
