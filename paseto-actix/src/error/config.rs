use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::quote;

/// A key, a builder or a setting that cannot work. The application gets it before the first
/// request.
///
/// The text never contains a secret key, so it is safe to print and to log. `Debug` shows the same text:
/// a `main` that returns the error prints it by `Debug`.
///
/// ```
/// use paseto_actix::{ConfigError, PublicKey};
///
/// let error = PublicKey::from_paserk("k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI").unwrap_err();
/// assert_eq!(error, ConfigError::WrongKeyType { expected: "k4.public", found: "k4.local" });
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not a key, or is damaged.
    #[error("malformed key: {0}")]
    MalformedKey(Cow<'static, str>),

    /// A key of another type, such as a secret key in place of a public key.
    #[error(
        "wrong type of key: expected `{expected}`, found {}",
        found_and_advice(expected, found)
    )]
    WrongKeyType {
        /// The PASERK type or the PEM label that was expected.
        expected: &'static str,
        /// The type that was found: a PASERK type such as `k4.public`, the header of a token such
        /// as `v4.local`, a PEM label, an algorithm such as `RSA`, `PEM` for each PEM block, or
        /// `ssh` for a line of OpenSSH.
        found: &'static str,
    },

    /// A well-formed key that protects nothing.
    #[error("weak key: {0}")]
    WeakKey(&'static str),

    /// The same key was given twice.
    #[error("the key {kid} is given twice: remove one")]
    DuplicateKey {
        /// The id (`k4.pid` or `k4.lid`) of the key.
        kid: String,
    },

    /// One key was trusted for two issuers. Each of them could then issue tokens of the other.
    #[error(
        "the key {kid} is trusted for two issuers, {} and {}: each issuer needs its own key",
        quote(first),
        quote(second)
    )]
    KeyOfTwoIssuers {
        /// The id (`k4.pid`) of the key.
        kid: String,
        /// The issuer it was trusted for first.
        first: String,
        /// The issuer it was trusted for again.
        second: String,
    },

    /// An Issuer without a signing key.
    #[error("the Issuer has no signing key: call `.key(..)`, or set `private_keys`")]
    NoSigningKey,

    /// A Verifier without a trusted key.
    #[error("the Verifier trusts no issuer: call `.trust(issuer, key)`, or set `public_keys`")]
    NoTrustedIssuer,

    /// A duration outside of its range.
    #[error("`{setting}`: expected {expected}, found {} s", found.as_secs_f64())]
    DurationOutOfRange {
        /// The name of the setting.
        setting: &'static str,
        /// The value of the setting.
        found: Duration,
        /// The range.
        expected: &'static str,
    },

    /// Another setting that cannot work.
    #[error("`{setting}`: {problem}")]
    InvalidSetting {
        /// The name of the setting.
        setting: &'static str,
        /// The cause, and what to do.
        problem: String,
    },

    /// An environment variable with a setting that `from_env` cannot accept. The text
    /// contains no key and no implicit assertion.
    #[error("`{variable}`: {problem}")]
    InvalidVariable {
        /// The name of the variable.
        variable: String,
        /// The cause.
        problem: String,
    },
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text that was found in place of a key, and what to do.
fn found_and_advice(expected: &str, found: &str) -> String {
    let expected_is_pem = !expected.starts_with("k4.");
    let advice = match (found, expected) {
        ("PEM", "k4.local") => {
            return "PEM: a symmetric key has no PEM form, create one by `LocalKey::generate()`"
                .to_owned();
        }
        ("PEM", _) => return "PEM: call `from_pem` (in settings: `pem`)".to_owned(),
        ("ssh", _) => return format!("an OpenSSH key: {CREATE_KEY}"),
        ("k4.public", "PUBLIC KEY") | ("k4.secret", "PRIVATE KEY") => {
            "call `from_paserk` (in settings: `paserk`)"
        }
        ("k4.public" | "PUBLIC KEY", "k4.secret" | "PRIVATE KEY") => {
            "a public key cannot sign, use the secret key"
        }
        ("k4.secret", "k4.public" | "PUBLIC KEY") => {
            "keep it secret, and use its public half (`public_key()`)"
        }
        ("PRIVATE KEY", _) => "keep it secret, and use its public half (`openssl pkey -pubout`)",
        ("ENCRYPTED PRIVATE KEY", _) => "decrypt it by `openssl pkey -in FILE`",
        ("CERTIFICATE", _) => "extract its key by `openssl x509 -pubkey -noout`",
        ("k4.pid" | "k4.sid" | "k4.lid", _) => "that is the id of a key, use the key itself",
        ("k4.seal" | "k4.local-wrap" | "k4.secret-wrap" | "k4.local-pw" | "k4.secret-pw", _) => {
            "decrypt the key first"
        }
        ("k1" | "k2" | "k3", _) => "this crate supports version 4 of PASETO only",
        ("v4.public" | "v4.local" | "v3" | "v2" | "v1", _) => "that is a token, not a key",
        ("k4.secret" | "k4.public", "k4.local") => {
            "create a symmetric key by `LocalKey::generate()`"
        }
        ("k4.local", "k4.secret" | "k4.public") => "create a key pair by `SecretKey::generate()`",
        (label, _) if expected_is_pem && !label.starts_with("k4.") => CREATE_KEY,
        _ => return format!("`{found}`"),
    };
    format!("`{found}`: {advice}")
}

const CREATE_KEY: &str = "create an Ed25519 key by `openssl genpkey -algorithm ed25519`";

impl ConfigError {
    pub(crate) fn setting(setting: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidSetting { setting, problem: problem.into() }
    }
}
