use std::fmt;
use std::time::Duration;

use super::builder::DEFAULT_TTL;
use super::{Issuer, IssuerBuilder};
use crate::config;
use crate::config::{
    Names, SettingError, Settings, Table, assertion, boolean, deserialize_settings, duration,
    format, nonempty_text, secret_keys, single_text,
};
use crate::error::ConfigError;
use crate::keys::{KeyRing, SecretKey};
use crate::token::Format;

/// The settings of [`Issuer`], from a file in a self-describing format (TOML, JSON, YAML) or from
/// environment variables.
///
/// The fields have the names of the methods of [`IssuerBuilder`]. `private_keys` contains the keys
/// of `keys`. Aliases are the names of Flask-PASETO-Extended in lower case, without `PASETO_`.
/// `iss` and `private_keys` are required. A boolean or a number can also be a string.
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
/// `{ pem = "…" }`, `{ version = 4, key = "<PEM>" }`, `{ file = "/run/secrets/key" }`, or
/// `{ env = "SIGNING_KEY" }`. A file contains one key in UTF-8, in at most 64 KiB. A string can
/// contain several keys, separated by commas. The first key is active. The others are
/// [announced](crate::keys::KeyState::Announced).
///
/// `private_keys = { file = "/run/secrets/keys.json" }` with a [key file](crate::keys::KeyFile)
/// reads all keys from this file, and reads it again when it changes. A string can also contain the
/// JSON form of a key file.
///
/// # Errors
///
/// An unknown field, a duplicate or missing field, and a value of a wrong type or form are errors
/// with the path of the field. The error contains no key and no implicit assertion. (The crate
/// `toml` adds a part of the file to its errors, so print only their `message()`.)
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
    /// The name of the issuer, the claim `iss`. Required.
    pub iss: String,
    /// The signing keys: a list with the active key first, or a key file. Required.
    pub private_keys: KeyRing<SecretKey>,
    /// The lifetime of tokens, 1 second to 100 years: `"15m"` (with the unit `s`, `m`, `h` or `d`),
    /// or `900` for seconds. Alias: `exp`. Default: 1 hour.
    pub ttl: Duration,
    /// The maximum lifetime of tokens, at least `ttl`: see [`IssuerBuilder::max_ttl`]. Default:
    /// none.
    pub max_ttl: Option<Duration>,
    /// The claim `aud` of tokens without their own audience. Alias: `aud`. Default: none.
    pub audience: Option<String>,
    /// The encoding of payload and footer: `"json"` or `"cbor"`. Alias: `serializer`. Default:
    /// `"json"`.
    pub format: Format,
    /// Whether tokens contain the claim `iss`. Alias: `use_iss`. Default: `true`.
    pub include_iss: bool,
    /// Whether tokens contain the claim `iat`. Alias: `use_iat`. Default: `true` (in
    /// Flask-PASETO-Extended: `false`).
    pub include_iat: bool,
    /// Whether tokens contain the claim `nbf`. Alias: `use_nbf`. Default: `true`.
    pub include_nbf: bool,
    /// Whether tokens contain the claim `jti` with 128 random bits. Alias: `use_jti`. Default:
    /// `true`.
    pub include_jti: bool,
    /// Whether the footer contains the key ID, `kid`. Alias: `use_kid`. Default: `true` (in
    /// Flask-PASETO-Extended: `false`).
    pub include_kid: bool,
    /// The implicit assertion: a string, `{ file = "<path>" }` or `{ env = "<variable>" }`. A line
    /// break at the end of the file is removed. Default: empty.
    pub implicit_assertion: Option<String>,
}

impl IssuerConfig {
    /// Reads the environment variables that begin with the prefix. The rest of each name is the
    /// name of a field or an alias in upper case: `PASETO_ISS`, `PASETO_TTL`.
    ///
    /// - `PASETO_PRIVATE_KEYS` contains keys, separated by commas, or the JSON form of a key file.
    /// - `PASETO_PRIVATE_KEYS_FILE` and `PASETO_IMPLICIT_ASSERTION_FILE` contain the path of a file
    ///   with the value, because container platforms provide secrets as files. A key file is read
    ///   again when it changes.
    /// - An issuer and a verifier can share a prefix. A variable that is a field of both, such as
    ///   `PASETO_AUDIENCE`, sets both fields.
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
    /// [`ConfigError::InvalidVariable`] with the name of the variable if
    ///
    /// - a required variable is not set,
    /// - a value is empty, is not UTF-8, or has a wrong form,
    /// - a variable with the prefix is not a setting, because its name is probably misspelled.
    ///   Choose a prefix that no other variable has. (Kubernetes sets variables such as
    ///   `SESSION_PORT` for a service with the name `session`.)
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Builds the [`Issuer`].
    ///
    /// # Errors
    ///
    /// The errors of [`IssuerBuilder::build`].
    pub fn build(self) -> Result<Issuer, ConfigError> {
        self.into_builder().build()
    }

    /// Returns a builder with these settings, to add the settings that a file cannot contain: the
    /// footer and the clock.
    pub fn into_builder(self) -> IssuerBuilder {
        let mut builder = Issuer::builder(self.iss)
            .keys(self.private_keys)
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
        builder
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
