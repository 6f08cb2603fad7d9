use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::{Verifier, VerifierBuilder};
use crate::{
    ConfigError, Format, PublicKey,
    settings::{KeyText, at_path, key_list},
};

/// A [`Verifier`]'s settings as they stand in a file, for any format that serde reads.
///
/// The fields are those of Flask-PASETO-Extended (`PASETO_PUBLIC_KEYS` is `public_keys`, and so on) and some more. An
/// unknown field, a wrong type or a missing field is an error that names the field. Unlike there, each key has to name
/// its issuer, and is trusted for no other.
///
/// ```
/// use paseto_actix::VerifierConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: VerifierConfig = serde_json::from_str(
///     r#"{
///         "public_keys": [
///             { "iss": "https://issuer.example", "paserk": "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI" }
///         ],
///         "skew": 10,
///         "aud": "https://api.example"
///     }"#,
/// )?;
/// let verifier = config.into_builder().realm("shop").build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifierConfig {
    /// The keys to trust, each `{"iss": …, "paserk": "k4.public.…"}` or `{"iss": …, "version": 4, "key": "<PEM>"}`.
    #[serde(deserialize_with = "trusted_keys")]
    pub public_keys: Vec<TrustedKey>,
    /// How far the clocks of issuer and verifier may be apart, in seconds, at most 300. Default: 5 (in the original: 0).
    #[serde(default = "five_seconds")]
    pub skew: u64,
    /// `"json"` or `"cbor"`. Default: `"json"`.
    #[serde(default)]
    pub deserializer: Format,
    /// Who this is, one name or several: tokens have to name one of them as their `aud`. Default: nobody.
    #[serde(default, deserialize_with = "one_or_several")]
    pub aud: Vec<String>,
    /// Whether to take tokens whoever they are meant for. Default: false.
    #[serde(default)]
    pub any_aud: bool,
    /// The implicit assertion. Default: none.
    #[serde(default)]
    pub implicit_assertion: Option<String>,
    /// The `realm` of challenges. Default: `api`.
    #[serde(default)]
    pub realm: Option<String>,
}

/// A key of [`VerifierConfig`], with the issuer that it is trusted for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: paseto_actix::VerifierConfig = serde_json::from_str(
///     r#"{ "public_keys": [
///         { "iss": "https://issuer.example", "paserk": "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI" }
///     ] }"#,
/// )?;
/// assert_eq!(config.public_keys[0].iss, "https://issuer.example");
/// assert!(config.public_keys[0].key.kid().starts_with("k4.pid."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrustedKey {
    /// The issuer's name.
    pub iss: String,
    /// The issuer's key.
    pub key: PublicKey,
}

impl VerifierConfig {
    /// A verifier with these settings.
    ///
    /// # Errors
    ///
    /// As [`VerifierBuilder::build`].
    pub fn build(self) -> Result<Verifier, ConfigError> {
        self.into_builder().build()
    }

    /// A builder with these settings, for those that no file can hold: token sources, the error handler, checks.
    pub fn into_builder(self) -> VerifierBuilder {
        let mut builder = Verifier::builder()
            .leeway(Duration::from_secs(self.skew))
            .format(self.deserializer)
            .implicit_assertion(self.implicit_assertion.unwrap_or_default());
        if self.any_aud {
            builder = builder.accept_any_audience();
        }
        if let Some(realm) = self.realm {
            builder = builder.realm(realm);
        }
        builder = self.aud.into_iter().fold(builder, VerifierBuilder::audience);
        self.public_keys.into_iter().fold(builder, |builder, trusted| builder.trust(trusted.iss, trusted.key))
    }
}

/// Leaves out the implicit assertion, which may be as good as a secret.
impl fmt::Debug for VerifierConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierConfig")
            .field("public_keys", &self.public_keys)
            .field("skew", &self.skew)
            .field("deserializer", &self.deserializer)
            .field("aud", &self.aud)
            .field("any_aud", &self.any_aud)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for VerifierConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut track = serde_path_to_error::Track::new();
        let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
        // The derived, inherent function of the same name.
        Self::deserialize(deserializer).map_err(|error| at_path(track.path(), error))
    }
}

fn trusted_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TrustedKey>, D::Error> {
    key_list(deserializer, |entry| {
        let iss = entry.iss.ok_or("`iss` is missing: a key is trusted for the issuer that it names")?;
        let key = match entry.text {
            KeyText::Paserk(text) => PublicKey::from_paserk(&text).map_err(|error| format!("`paserk`: {error}"))?,
            KeyText::Pem(text) => PublicKey::from_pem(&text).map_err(|error| format!("`key`: {error}"))?,
        };
        Ok(TrustedKey { iss, key })
    })
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a list of names")
        }

        fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
            Ok(vec![name.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            std::iter::from_fn(|| seq.next_element().transpose()).collect()
        }
    }

    deserializer.deserialize_any(Names)
}

fn five_seconds() -> u64 {
    5
}
