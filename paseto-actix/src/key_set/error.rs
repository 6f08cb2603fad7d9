/// Why a key set is invalid. The message never contains a part of a secret key.
///
/// ```
/// use paseto_actix::key_set::{KeySet, KeySetError};
///
/// let document = br#"{
///     "iss": "https://issuer.example",
///     "keys": ["k4.local.cHJvdmVfbWVfd3JvbmdfcHJvdmVfbWVfd3JvbmdfcHI"]
/// }"#;
/// assert_eq!(KeySet::from_json(document).unwrap_err(), KeySetError::SecretKey);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The document is longer than 64 KiB.
    #[error("the key set is longer than 64 KiB")]
    TooLong,
    /// The document is not JSON, or a member is missing, occurs twice or has a wrong type.
    #[error("the key set is malformed: {0}")]
    Malformed(String),
    /// The document contains a secret key or a symmetric key. Everyone who can read the document
    /// can use this key: generate a new key, and remove this key from all verifiers.
    #[error(
        "the key set contains a secret key or a symmetric key, which is now compromised: generate a new key, and \
         publish only its public key"
    )]
    SecretKey,
    /// The name of the issuer is empty.
    #[error("`iss` of the key set is empty")]
    EmptyIssuer,
    /// The key set has no `k4.public` key. A mistake must not lock out all users, so this is an
    /// error.
    #[error("the key set contains no `k4.public` key")]
    NoKeys,
    /// The key set has more than 64 keys.
    #[error("the key set contains more than 64 keys")]
    TooManyKeys,
    /// A key occurs twice.
    #[error("the key set contains the key {kid} twice")]
    DuplicateKey {
        /// The key ID (`k4.pid`).
        kid: String,
    },
    /// The `kid` of an entry is not the key ID of its `paserk`.
    #[error("`keys[{index}]`: `kid` is not the key ID of `paserk`, expected {expected}")]
    WrongKeyId {
        /// The position of the entry. The first entry has the position 0.
        index: usize,
        /// The key ID (`k4.pid`) of the key.
        expected: String,
    },
    /// A key is not the canonical encoding of a point of the prime-order group. An attacker could
    /// make valid signatures without a secret key.
    #[error("the key {kid} of the key set is weak")]
    WeakKey {
        /// The key ID (`k4.pid`).
        kid: String,
    },
}
