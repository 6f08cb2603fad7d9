use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::quote;

/// Why a key, a builder or a setting is invalid. The application gets this error before the first
/// request.
///
/// The message never contains a secret key, so it can be printed and logged. `Debug` and `Display`
/// show the same message, because Rust prints the error of `main` with `Debug`.
///
/// ```
/// use paseto_actix::{ConfigError, PublicKey};
///
/// let error =
///     PublicKey::from_paserk("k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI").unwrap_err();
/// assert_eq!(error, ConfigError::WrongKeyType { expected: "k4.public", found: "k4.local" });
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The string is not a key, or is damaged.
    #[error("malformed key: {0}")]
    MalformedKey(Cow<'static, str>),

    /// The key has another type, for example a secret key where a public key is expected.
    #[error(
        "wrong type of key: expected `{expected}`, found {}",
        found_and_advice(expected, found)
    )]
    WrongKeyType {
        /// The expected PASERK type or PEM label.
        expected: &'static str,
        /// The type that was found: a PASERK type such as `k4.public`, the header of a token such
        /// as `v4.local`, a PEM label, an algorithm such as `RSA`, `PEM` for any PEM block, or
        /// `ssh` for a line of OpenSSH.
        found: &'static str,
    },

    /// The key is well-formed but not secure.
    #[error("weak key: {0}")]
    WeakKey(&'static str),

    /// A PASERK does not decrypt with the password. There is no way to tell a wrong password from a
    /// changed PASERK.
    #[error("wrong password, or the key was changed")]
    WrongPassword,

    /// A key is given twice.
    #[error("the key {kid} is given twice: remove one")]
    DuplicateKey {
        /// The key ID (`k4.pid` or `k4.lid`).
        kid: String,
    },

    /// A key is given for two issuers. Each of them could then issue tokens of the other. Keys from
    /// `remote_keys` are not compared, because a remote issuer could then reject keys of others.
    #[error(
        "the key {kid} is trusted for two issuers, {} and {}: each issuer needs its own key",
        quote(first),
        quote(second)
    )]
    KeyOfTwoIssuers {
        /// The key ID (`k4.pid`).
        kid: String,
        /// The first issuer.
        first: String,
        /// The second issuer.
        second: String,
    },

    /// The issuer does not have a signing key.
    #[error("the Issuer has no signing key: call `.key(..)`, or set `private_keys`")]
    NoSigningKey,

    /// The verifier does not have a trusted key.
    #[error(
        "the Verifier does not trust an issuer: call `.trust(issuer, key)`, `.trust_issuer(&issuer)` or `.remote_keys(issuer, url)`, or set `public_keys` or `remote_keys`"
    )]
    NoTrustedKey,

    /// A duration is not in its range.
    #[error("`{setting}`: expected {expected}, found {} s", found.as_secs_f64())]
    DurationOutOfRange {
        /// The name of the setting.
        setting: &'static str,
        /// The value of the setting.
        found: Duration,
        /// The accepted range.
        expected: &'static str,
    },

    /// Another setting is invalid.
    #[error("`{setting}`: {problem}")]
    InvalidSetting {
        /// The name of the setting.
        setting: &'static str,
        /// The cause and the fix.
        problem: String,
    },

    /// An environment variable is missing or invalid. The message contains no key and no implicit
    /// assertion.
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

/// Describes what was found in place of a key, and the fix.
fn found_and_advice(expected: &str, found: &str) -> String {
    let expected_is_pem = !expected.starts_with("k4.");
    let advice = match (found, expected) {
        ("PEM", "k4.local" | "k4.local-pw") => {
            return "PEM: a symmetric key has no PEM form, create one with `LocalKey::generate()`"
                .to_owned();
        }
        ("PEM", _) => return "PEM: call `from_pem` (in settings: `pem`)".to_owned(),
        ("ssh", _) => return format!("an OpenSSH key: {CREATE_KEY}"),
        ("k4.public", "PUBLIC KEY") | ("k4.secret", "PRIVATE KEY") => {
            "call `from_paserk` (in settings: `paserk`)"
        }
        ("k4.public" | "PUBLIC KEY", "k4.secret" | "k4.secret-pw" | "PRIVATE KEY") => {
            "a public key cannot sign, use the secret key"
        }
        ("k4.secret-pw", "k4.secret" | "PRIVATE KEY") | ("k4.local-pw", "k4.local") => {
            "call `from_paserk_with_password` (feature `password-keys`)"
        }
        ("k4.secret", "k4.secret-pw") | ("k4.local", "k4.local-pw") => {
            "the key is not encrypted, call `from_paserk`"
        }
        ("k4.secret" | "k4.secret-pw", "k4.public" | "PUBLIC KEY") => {
            "keep it secret, and use its public half (`public_key()`)"
        }
        ("PRIVATE KEY", _) => "keep it secret, and use its public half (`openssl pkey -pubout`)",
        ("ENCRYPTED PRIVATE KEY", _) => "decrypt it by `openssl pkey -in FILE`",
        ("CERTIFICATE", _) => "extract its key by `openssl x509 -pubkey -noout`",
        ("k4.pid" | "k4.sid" | "k4.lid", _) => "that is a key ID, use the key itself",
        ("k4.seal" | "k4.local-wrap" | "k4.secret-wrap", _) => "decrypt the key first",
        ("k1" | "k2" | "k3", _) => "this crate supports version 4 of PASETO only",
        ("v4.public" | "v4.local" | "v3" | "v2" | "v1", _) => "that is a token, not a key",
        ("k4.secret" | "k4.secret-pw" | "k4.public", "k4.local" | "k4.local-pw") => {
            "create a symmetric key by `LocalKey::generate()`"
        }
        ("k4.local" | "k4.local-pw", "k4.secret" | "k4.secret-pw" | "k4.public") => {
            "create a key pair by `SecretKey::generate()`"
        }
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
