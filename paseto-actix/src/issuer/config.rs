use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer};

use super::{Issuer, IssuerBuilder};
use crate::{
    ConfigError, Format, SecretKey,
    settings::{KeyText, at_path, key_list},
};

/// An [`Issuer`]'s settings as they stand in a file, for any format that serde reads.
///
/// The fields are those of Flask-PASETO-Extended (`PASETO_ISS` is `iss`, and so on) and some more. An unknown field, a
/// wrong type or a missing field is an error that names the field, and does not repeat a key. (Some formats add an excerpt
/// of the file to every error of their own accord, as the crate `toml` does: print only its `message()`.) The first of the
/// keys is the active one.
///
/// ```
/// use paseto_actix::IssuerConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: IssuerConfig = serde_json::from_str(
///     r#"{
///         "iss": "https://issuer.example",
///         "private_keys": [
///             { "version": 4, "key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n-----END PRIVATE KEY-----" }
///         ],
///         "exp": 900
///     }"#,
/// )?;
/// let issuer = config.build()?;
/// assert_eq!(issuer.name(), "https://issuer.example");
///
/// let error = serde_json::from_str::<IssuerConfig>(r#"{ "iss": "i", "private_keys": [{ "paserk": 4 }] }"#).unwrap_err();
/// assert!(error.to_string().starts_with("`private_keys[0].paserk`: "));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
#[non_exhaustive]
pub struct IssuerConfig {
    /// The issuer's name.
    pub iss: String,
    /// The keys to sign with, each `{"paserk": "k4.secret.…"}` or `{"version": 4, "key": "<PEM>"}`.
    #[serde(deserialize_with = "secret_keys")]
    pub private_keys: Vec<SecretKey>,
    /// Whether a token names its issuer. Default: true.
    #[serde(default = "yes")]
    pub use_iss: bool,
    /// Whether a token says when it was issued. Default: true (in the original: false).
    #[serde(default = "yes")]
    pub use_iat: bool,
    /// Whether a token says from when on it is accepted. Default: true.
    #[serde(default = "yes")]
    pub use_nbf: bool,
    /// Whether a token has a random id. Default: true.
    #[serde(default = "yes")]
    pub use_jti: bool,
    /// Whether the footer names the key. Default: true (in the original: false).
    #[serde(default = "yes")]
    pub use_kid: bool,
    /// How long a token is accepted, in seconds, at least 1. Default: 3600.
    #[serde(default = "one_hour")]
    pub exp: u64,
    /// The longest lifetime of any token, in seconds, at least `exp`: see [`IssuerBuilder::max_ttl`].
    /// Default: none.
    #[serde(default)]
    pub max_ttl: Option<u64>,
    /// `"json"` or `"cbor"`. Default: `"json"`.
    #[serde(default)]
    pub serializer: Format,
    /// The audience of tokens that name no other. Default: none.
    #[serde(default)]
    pub aud: Option<String>,
    /// The implicit assertion. Default: none.
    #[serde(default)]
    pub implicit_assertion: Option<String>,
}

impl IssuerConfig {
    /// An issuer with these settings.
    ///
    /// # Errors
    ///
    /// As [`IssuerBuilder::build`].
    pub fn build(self) -> Result<Issuer, ConfigError> {
        self.into_builder().build()
    }

    /// A builder with these settings, for those that no file can hold.
    pub fn into_builder(self) -> IssuerBuilder {
        let mut builder = Issuer::builder(self.iss)
            .include_iss(self.use_iss)
            .include_iat(self.use_iat)
            .include_nbf(self.use_nbf)
            .include_jti(self.use_jti)
            .include_kid(self.use_kid)
            .ttl(Duration::from_secs(self.exp))
            .format(self.serializer)
            .implicit_assertion(self.implicit_assertion.unwrap_or_default());
        if let Some(audience) = self.aud {
            builder = builder.audience(audience);
        }
        if let Some(max_ttl) = self.max_ttl {
            builder = builder.max_ttl(Duration::from_secs(max_ttl));
        }
        let mut keys = self.private_keys.into_iter();
        if let Some(active) = keys.next() {
            builder = builder.key(active);
        }
        keys.fold(builder, IssuerBuilder::standby_key)
    }
}

/// Leaves out the implicit assertion, which may be as good as a secret.
impl fmt::Debug for IssuerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerConfig")
            .field("iss", &self.iss)
            .field("private_keys", &self.private_keys)
            .field("use_iss", &self.use_iss)
            .field("use_iat", &self.use_iat)
            .field("use_nbf", &self.use_nbf)
            .field("use_jti", &self.use_jti)
            .field("use_kid", &self.use_kid)
            .field("exp", &self.exp)
            .field("max_ttl", &self.max_ttl)
            .field("serializer", &self.serializer)
            .field("aud", &self.aud)
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for IssuerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut track = serde_path_to_error::Track::new();
        let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
        // The derived, inherent function of the same name.
        Self::deserialize(deserializer).map_err(|error| at_path(track.path(), error))
    }
}

fn secret_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretKey>, D::Error> {
    key_list(deserializer, |entry| {
        if entry.iss.is_some() {
            return Err("`iss` belongs beside `private_keys`, not to one of them".to_owned());
        }
        match entry.text {
            KeyText::Paserk(text) => SecretKey::from_paserk(&text).map_err(|error| format!("`paserk`: {error}")),
            KeyText::Pem(text) => SecretKey::from_pem(&text).map_err(|error| format!("`key`: {error}")),
        }
    })
}

fn yes() -> bool {
    true
}

fn one_hour() -> u64 {
    3600
}
