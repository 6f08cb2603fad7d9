mod remote;

use std::fmt;
use std::time::Duration;

#[cfg(feature = "remote-keys")]
pub use remote::RemoteKeys;

use super::builder::DEFAULT_LEEWAY;
use super::{TrustedKey, Verifier, VerifierBuilder};
use crate::config;
use crate::config::{
    Names, SettingError, Settings, Table, assertion, boolean, deserialize_settings, duration,
    format, nonempty_text, text, texts, trusted_keys,
};
use crate::error::ConfigError;
use crate::token::Format;

/// The settings of [`Verifier`], from a file in a self-describing format (TOML, JSON, YAML) or from
/// environment variables.
///
/// The fields have the names of the methods of [`VerifierBuilder`]. `public_keys` contains the keys
/// of `trust`, and `trusted_origins` is a list of `trusted_origin`. Aliases are the names of
/// Flask-PASETO-Extended in lower case, without `PASETO_`. `public_keys` or `remote_keys` is
/// required. A boolean or a number can also be a string.
///
/// ```
/// use paseto_actix::verifier::VerifierConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: VerifierConfig = toml::from_str(
///     r#"
///     iss = "https://issuer.example"
///     public_keys = ["k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI"]
///     leeway = "10s"
///     audience = ["https://api.example", "https://www.example"]
///     "#,
/// )?;
/// let verifier = config.into_builder().realm("shop").build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// A key of `public_keys` is a string in PASERK or PEM, or a table: `{ paserk = "k4.public.…" }`,
/// `{ pem = "…" }`, `{ version = 4, key = "<PEM>" }`, `{ file = "/etc/keys/issuer.pem" }`, or
/// `{ env = "ISSUER_KEY" }`, each with `iss = "<issuer>"`. A key without `iss` is trusted for the
/// issuer in the field `iss` beside `public_keys`. A key is trusted for one issuer only.
///
/// ```
/// use paseto_actix::verifier::VerifierConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: VerifierConfig = toml::from_str(
///     r#"
///     [[public_keys]]
///     iss = "https://issuer.example"
///     paserk = "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI"
///     "#,
/// )?;
/// assert_eq!(config.public_keys[0].iss, "https://issuer.example");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The errors of [`IssuerConfig`](crate::issuer::IssuerConfig#errors).
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifierConfig {
    /// The trusted keys. Required without `remote_keys`. In a file, `iss` beside `public_keys` is
    /// the issuer of each key without its own `iss`.
    pub public_keys: Vec<TrustedKey>,
    /// The URLs of the keys of remote issuers: see [`VerifierBuilder::remote_keys`]. In a file, a
    /// URL for the issuer in `iss` beside `remote_keys`, or a list of tables `{ iss, url }`.
    /// Default: none.
    #[cfg(feature = "remote-keys")]
    pub remote_keys: Vec<RemoteKeys>,
    /// The accepted difference between the clocks of issuer and verifier, at most 5 minutes:
    /// `"10s"` (with the unit `s`, `m`, `h` or `d`), or `10` for seconds. Alias: `skew`. Default: 5
    /// seconds (in Flask-PASETO-Extended: 0).
    pub leeway: Duration,
    /// The accepted audiences, one string or a list. The `aud` of a token must name one of them.
    /// Alias: `aud`. Default: no audience, and tokens with `aud` are rejected.
    pub audience: Vec<String>,
    /// Whether to accept every `aud`. Alias: `any_aud`. Default: `false`.
    pub accept_any_audience: bool,
    /// The encoding of payload and footer: `"json"` or `"cbor"`. Alias: `deserializer`. Default:
    /// `"json"`.
    pub format: Format,
    /// The implicit assertion: a string, `{ file = "<path>" }` or `{ env = "<variable>" }`. A line
    /// break at the end of the file is removed. Default: empty.
    pub implicit_assertion: Option<String>,
    /// The `realm` of challenges. Default: `api`.
    pub realm: Option<String>,
    /// The URL of the metadata of the protected resource, in each challenge: see
    /// [`VerifierBuilder::resource_metadata`]. Default: none.
    pub resource_metadata: Option<String>,
    /// The origins that may send tokens in cookies, such as `https://app.example`: see
    /// [`VerifierBuilder::trusted_origin`]. One string or a list. Default: only the origin of the
    /// request itself.
    pub trusted_origins: Vec<String>,
}

impl VerifierConfig {
    /// Reads the environment variables that begin with the prefix. The rest of each name is the
    /// name of a field or an alias in upper case: `PASETO_LEEWAY`, `PASETO_REALM`.
    ///
    /// - `PASETO_PUBLIC_KEYS`, `PASETO_AUDIENCE` and `PASETO_TRUSTED_ORIGINS` are lists, separated
    ///   by commas. The keys are trusted for the issuer in `PASETO_ISS`.
    /// - `PASETO_REMOTE_KEYS` is a URL, with the feature `remote-keys`. The keys there are trusted
    ///   for the issuer in `PASETO_ISS`.
    /// - `PASETO_PUBLIC_KEYS_FILE` and `PASETO_IMPLICIT_ASSERTION_FILE` contain the path of a file
    ///   with the value.
    /// - An issuer and a verifier can share a prefix. A variable that is a field of both, such as
    ///   `PASETO_AUDIENCE`, sets both fields.
    ///
    /// ```
    /// use paseto_actix::verifier::VerifierConfig;
    ///
    /// let error = VerifierConfig::from_env("SHOP_PASETO_").unwrap_err();
    /// assert_eq!(error.to_string(), "`SHOP_PASETO_PUBLIC_KEYS`: the variable is not set");
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`IssuerConfig::from_env`](crate::issuer::IssuerConfig::from_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        config::from_env(prefix)
    }

    /// Builds the [`Verifier`].
    ///
    /// # Errors
    ///
    /// The errors of [`VerifierBuilder::build`].
    pub fn build(self) -> Result<Verifier, ConfigError> {
        self.into_builder().build()
    }

    /// Returns a builder with these settings, to add the settings that a file cannot contain: token
    /// sources, the error handler, checks and stores.
    pub fn into_builder(self) -> VerifierBuilder {
        let mut builder = Verifier::builder()
            .leeway(self.leeway)
            .format(self.format)
            .implicit_assertion(self.implicit_assertion.unwrap_or_default());
        if self.accept_any_audience {
            builder = builder.accept_any_audience();
        }
        if let Some(realm) = self.realm {
            builder = builder.realm(realm);
        }
        if let Some(url) = self.resource_metadata {
            builder = builder.resource_metadata(url);
        }
        builder = self.audience.into_iter().fold(builder, VerifierBuilder::audience);
        builder = self.trusted_origins.into_iter().fold(builder, VerifierBuilder::trusted_origin);
        #[cfg(feature = "remote-keys")]
        {
            let remote = self.remote_keys.into_iter();
            builder = remote
                .fold(builder, |builder, RemoteKeys { iss, url }| builder.remote_keys(iss, url));
        }
        self.public_keys
            .into_iter()
            .fold(builder, |builder, trusted| builder.trust(trusted.iss, trusted.key))
    }
}

impl Settings for VerifierConfig {
    const NAMES: Names = config::VERIFIER;
    const OTHERS: &'static [Names] = &[config::ISSUER];

    fn read(table: &mut Table) -> Result<Self, SettingError> {
        let iss = table.optional("iss", nonempty_text)?;
        let issuer_of =
            |own: Option<String>| own.or_else(|| iss.clone()).ok_or(SettingError::missing("iss"));
        let remote = table.or("remote_keys", Vec::new(), remote::sources)?;
        let keys = if remote.is_empty() {
            table.required("public_keys", trusted_keys)?
        } else {
            table.or("public_keys", Vec::new(), trusted_keys)?
        };
        let public_keys =
            keys.into_iter().map(|(own, key)| Ok(TrustedKey::new(issuer_of(own)?, key)));
        let public_keys = public_keys.collect::<Result<_, SettingError>>()?;
        #[cfg(feature = "remote-keys")]
        let remote_keys =
            remote.into_iter().map(|(own, url)| Ok(RemoteKeys::new(issuer_of(own)?, url)));
        #[cfg(feature = "remote-keys")]
        let remote_keys = remote_keys.collect::<Result<_, SettingError>>()?;
        Ok(Self {
            public_keys,
            #[cfg(feature = "remote-keys")]
            remote_keys,
            leeway: table.or("leeway", DEFAULT_LEEWAY, duration)?,
            audience: table.or("audience", Vec::new(), texts)?,
            accept_any_audience: table.or("accept_any_audience", false, boolean)?,
            format: table.or("format", Format::Json, format)?,
            implicit_assertion: table.optional("implicit_assertion", assertion)?,
            realm: table.optional("realm", text)?,
            resource_metadata: table.optional("resource_metadata", nonempty_text)?,
            trusted_origins: table.or("trusted_origins", Vec::new(), texts)?,
        })
    }
}

deserialize_settings!(VerifierConfig);

/// Omits the implicit assertion, which may be a secret.
impl fmt::Debug for VerifierConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut config = f.debug_struct("VerifierConfig");
        #[cfg(feature = "remote-keys")]
        config.field("remote_keys", &self.remote_keys);
        config
            .field("public_keys", &self.public_keys)
            .field("leeway", &self.leeway)
            .field("audience", &self.audience)
            .field("accept_any_audience", &self.accept_any_audience)
            .field("format", &self.format)
            .field("realm", &self.realm)
            .field("resource_metadata", &self.resource_metadata)
            .field("trusted_origins", &self.trusted_origins)
            .finish_non_exhaustive()
    }
}
