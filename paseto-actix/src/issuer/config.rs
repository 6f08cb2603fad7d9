use std::fmt;
use std::time::Duration;

use super::builder::DEFAULT_TTL;
use super::{Issuer, IssuerBuilder};
use crate::config;
use crate::config::{Names, SettingError, Settings, Table};
use crate::config::{
    assertion, boolean, deserialize_settings, duration, format, nonempty_text, secret_keys,
    single_text,
};
use crate::error::ConfigError;
use crate::keys::SecretKey;
use crate::token::Format;

/// The settings of an [`Issuer`], from a file in a self-describing format (TOML, JSON, YAML), or
/// from environment variables.
///
/// The fields have the names of the methods of [`IssuerBuilder`], and `private_keys` are the keys
/// of `key` and `standby_key`. The names of Flask-PASETO-Extended, in small letters and without
/// `PASETO_`, are aliases. `iss` and `private_keys` are required. A boolean or a number can also be
/// a string.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::issuer::IssuerConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: IssuerConfig = toml::from_str(
///     r#"
///     iss = "https://issuer.example"
///     private_keys = ["k4.secret.tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Qeudu7vAR8A_1wYE4AcfCYfhayi3VyJcEfAEFdDiCxog"]
///     ttl = "15m"
///     "#,
/// )?;
/// assert_eq!(config.ttl, Duration::from_secs(900));
/// let issuer = config.build()?;
/// assert_eq!(issuer.name(), "https://issuer.example");
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// A key of `private_keys` is a string in PASERK or PEM, or a table: `{ paserk = "k4.secret.…" }`,
/// `{ pem = "…" }`, `{ version = 4, key = "<PEM>" }`, `{ file = "/run/secrets/key" }`, or `{ env =
/// "SIGNING_KEY" }`. A file has one key, in UTF-8, in at most 64 KiB. A string can have several
/// keys, with commas between them. The first key is the active one. The others are on
/// [standby](IssuerBuilder::standby_key).
///
/// # Errors
///
/// An unknown field, a field that is given twice or is missing, and a value of a wrong type or form
/// are errors with the path of the field. The error contains no key and no implicit assertion. (The crate
/// `toml` shows a part of the file in its errors: print only their `message()`.)
///
/// ```
/// use paseto_actix::issuer::IssuerConfig;
///
/// let text = r#"
///     iss = "https://issuer.example"
///     private_keys = [{ file = "/run/secrets/no-such-key" }]
/// "#;
/// let error = toml::from_str::<IssuerConfig>(text).unwrap_err();
/// let start = "`private_keys[0].file`: cannot read the file `/run/secrets/no-such-key`: ";
/// assert!(error.message().starts_with(start));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct IssuerConfig {
    /// The issuer's name, the claim `iss`. Required.
    pub iss: String,
    /// The keys that sign, the active key first. Required.
    pub private_keys: Vec<SecretKey>,
    /// The lifetime of tokens, at least 1 second: `"15m"` (with the unit `s`, `m`, `h` or `d`), or
    /// `900` seconds. Alias: `exp`. Default: 1 hour.
    pub ttl: Duration,
    /// The longest lifetime of any token, at least `ttl`: see [`IssuerBuilder::max_ttl`]. Default:
    /// none.
    pub max_ttl: Option<Duration>,
    /// The claim `aud` of tokens that name no other audience. Alias: `aud`. Default: none.
    pub audience: Option<String>,
    /// `"json"` or `"cbor"`. Alias: `serializer`. Default: `"json"`.
    pub format: Format,
    /// Whether tokens have the claim `iss`. Alias: `use_iss`. Default: true.
    pub include_iss: bool,
    /// Whether tokens have the claim `iat`. Alias: `use_iat`. Default: true (in
    /// Flask-PASETO-Extended: false).
    pub include_iat: bool,
    /// Whether tokens have the claim `nbf`. Alias: `use_nbf`. Default: true.
    pub include_nbf: bool,
    /// Whether tokens have the claim `jti`, 128 random bits. Alias: `use_jti`. Default: true.
    pub include_jti: bool,
    /// Whether the footer has the id of the key, `kid`. Alias: `use_kid`. Default: true (in
    /// Flask-PASETO-Extended: false).
    pub include_kid: bool,
    /// The implicit assertion, as a string, `{ file = "<path>" }` or `{ env = "<variable>" }`. The
    /// line break at the end of a file is not a part of it. Default: none.
    pub implicit_assertion: Option<String>,
}

impl IssuerConfig {
    /// Reads the environment variables that begin with the prefix. The rest of the name is the name
    /// of a field or an alias in capital letters: `PASETO_ISS`, `PASETO_TTL`.
    ///
    /// - `PASETO_PRIVATE_KEYS` has keys with commas between them.
    /// - `PASETO_PRIVATE_KEYS_FILE` and `PASETO_IMPLICIT_ASSERTION_FILE` have the path of a file
    ///   with the value, as secrets of containers are files.
    /// - An issuer and a verifier can share a prefix. A variable that is a field of both, such as
    ///   `PASETO_AUDIENCE`, sets both.
    ///
    /// ```
    /// use paseto_actix::issuer::IssuerConfig;
    ///
    /// let error = IssuerConfig::from_env("SHOP_PASETO_").unwrap_err();
    /// assert_eq!(error.to_string(), "`SHOP_PASETO_ISS`: the variable is not set");
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidVariable`] with the name of the variable, if
    ///
    /// - a required variable is not set,
    /// - a value is empty, is not UTF-8, or has a wrong form,
    /// - a variable with the prefix is not a setting, because its name is probably misspelled. So
    ///   choose a prefix that no other variable has. (For a service with the name `session`,
    ///   Kubernetes sets variables such as `SESSION_PORT`.)
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Builds the issuer.
    ///
    /// # Errors
    ///
    /// As [`IssuerBuilder::build`].
    pub fn build(self) -> Result<Issuer, ConfigError> {
        self.into_builder().build()
    }

    /// A builder with these settings, for the settings that a file cannot hold: the footer and the
    /// clock.
    pub fn into_builder(self) -> IssuerBuilder {
        let mut builder = Issuer::builder(self.iss)
            .include_iss(self.include_iss)
            .include_iat(self.include_iat)
            .include_nbf(self.include_nbf)
            .include_jti(self.include_jti)
            .include_kid(self.include_kid)
            .ttl(self.ttl)
            .format(self.format)
            .implicit_assertion(self.implicit_assertion.unwrap_or_default());
        if let Some(audience) = self.audience {
            builder = builder.audience(audience);
        }
        if let Some(max_ttl) = self.max_ttl {
            builder = builder.max_ttl(max_ttl);
        }
        let mut keys = self.private_keys.into_iter();
        if let Some(active) = keys.next() {
            builder = builder.key(active);
        }
        keys.fold(builder, IssuerBuilder::standby_key)
    }
}

impl Settings for IssuerConfig {
    const NAMES: Names = config::ISSUER;
    const OTHERS: &'static [Names] = &[config::VERIFIER];

    fn read(table: &mut Table) -> Result<Self, SettingError> {
        Ok(Self {
            iss: table.required("iss", nonempty_text)?,
            private_keys: table.required("private_keys", secret_keys)?,
            ttl: table.or("ttl", DEFAULT_TTL, duration)?,
            max_ttl: table.optional("max_ttl", duration)?,
            audience: table.optional("audience", single_text)?,
            format: table.or("format", Format::Json, format)?,
            include_iss: table.or("include_iss", true, boolean)?,
            include_iat: table.or("include_iat", true, boolean)?,
            include_nbf: table.or("include_nbf", true, boolean)?,
            include_jti: table.or("include_jti", true, boolean)?,
            include_kid: table.or("include_kid", true, boolean)?,
            implicit_assertion: table.optional("implicit_assertion", assertion)?,
        })
    }
}

deserialize_settings!(IssuerConfig);

/// Omits the implicit assertion, which may be a secret.
impl fmt::Debug for IssuerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerConfig")
            .field("iss", &self.iss)
            .field("private_keys", &self.private_keys)
            .field("ttl", &self.ttl)
            .field("max_ttl", &self.max_ttl)
            .field("audience", &self.audience)
            .field("format", &self.format)
            .field("include_iss", &self.include_iss)
            .field("include_iat", &self.include_iat)
            .field("include_nbf", &self.include_nbf)
            .field("include_jti", &self.include_jti)
            .field("include_kid", &self.include_kid)
            .finish_non_exhaustive()
    }
}
