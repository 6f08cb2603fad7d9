use std::time::Duration;

/// A key, a builder or a setting that cannot work, told before the first request.
///
/// The text never repeats a key, so it is safe to print and to log.
///
/// ```
/// use paseto_actix::{ConfigError, PublicKey};
///
/// let error = PublicKey::from_paserk("k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI").unwrap_err();
/// assert_eq!(error, ConfigError::WrongKeyType { expected: "k4.public", found: "k4.local" });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not a key in the form that was asked for.
    #[error("malformed key: {0}")]
    MalformedKey(&'static str),

    /// A key of another kind, such as a secret key where a public one belongs.
    #[error("wrong kind of key: `{expected}` belongs here, not `{found}`")]
    WrongKeyType {
        /// The PASERK type, or PEM label, that belongs here.
        expected: &'static str,
        /// What was given instead.
        found: &'static str,
    },

    /// A well-formed key under which signatures mean nothing.
    #[error("weak key: {0}")]
    WeakKey(&'static str),

    /// The same key was given twice.
    #[error("the key {kid} is given twice")]
    DuplicateKey {
        /// The id (`k4.pid` or `k4.lid`) of the key.
        kid: String,
    },

    /// One key was trusted for two issuers. A key speaks for one issuer, or neither could be told from the other.
    #[error("the key {kid} is trusted for two issuers, {first:?} and {second:?}")]
    KeyOfTwoIssuers {
        /// The id (`k4.pid`) of the key.
        kid: String,
        /// The issuer it was trusted for first.
        first: String,
        /// The issuer it was trusted for again.
        second: String,
    },

    /// An issuer without a key to sign with.
    #[error("no key to sign with: call `.key(..)`, or name one in `private_keys`")]
    NoSigningKey,

    /// A verifier that trusts nobody.
    #[error("no issuer is trusted: call `.trust(issuer, key)`, or name one in `public_keys`")]
    NoTrustedIssuer,

    /// A duration outside of what is allowed.
    #[error("`{setting}` is {} s, allowed is {allowed}", given.as_secs_f64())]
    DurationOutOfRange {
        /// The setting's name.
        setting: &'static str,
        /// What it was set to.
        given: Duration,
        /// What it may be set to.
        allowed: &'static str,
    },

    /// Any other setting that cannot work.
    #[error("`{setting}`: {problem}")]
    InvalidSetting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl ConfigError {
    pub(crate) fn setting(setting: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidSetting { setting, problem: problem.into() }
    }
}
