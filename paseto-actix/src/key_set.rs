//! Publishes the public keys of an issuer: [`KeySet`] and [`KeySetService`].
#![cfg_attr(feature = "remote-keys", doc = "Reads them: [`KeySetSource`].")]
//!
//! The document is the proposal of the author of Flask-PASETO-Extended for [PASERK], the
//! counterpart of a JSON Web Key Set (RFC 7517):
//!
//! ```json
//! {
//!   "iss": "https://issuer.example",
//!   "keys": [
//!     {
//!       "kid": "k4.pid.yh4-bJYjOYAG6CWy0zsfPmpKylxS7uAWrxqVmBN2KAiJ",
//!       "paserk": "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI"
//!     }
//!   ]
//! }
//! ```
//!
//! [PASERK]: https://github.com/paseto-standard/paserk

mod document;
mod error;
#[cfg(feature = "remote-keys")]
mod fetch;
#[cfg(feature = "remote-keys")]
mod http;
mod service;
#[cfg(feature = "remote-keys")]
mod source;

use std::collections::HashSet;

pub use error::KeySetError;
#[cfg(feature = "remote-keys")]
pub(crate) use fetch::{Fetch, FetchLimits, FetchReason, Fetched};
pub use service::KeySetService;
#[cfg(feature = "remote-keys")]
pub use source::KeySetSource;

use crate::keys::PublicKey;

/// The maximum length of a document in bytes: 64 KiB.
pub(crate) const MAX_DOCUMENT_LEN: usize = 64 * 1024;
/// The maximum number of keys of one issuer.
pub(crate) const MAX_KEYS: usize = 64;

/// The name of an issuer and its public keys: 1 to 64 different keys.
///
/// A `KeySet` cannot contain a secret key or a symmetric key. It is not a proof that the keys
/// belong to the issuer: the source of the document must be trusted.
///
/// ```
/// use paseto_actix::key_set::KeySet;
/// use paseto_actix::{Issuer, SecretKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// let document = KeySet::new(issuer.name(), issuer.public_keys())?.to_json();
///
/// let keys = KeySet::from_json(document.as_bytes())?;
/// assert_eq!(keys.issuer(), "https://issuer.example");
/// let verifier =
///     Verifier::builder().trust_keys(keys.issuer(), keys.keys().iter().cloned()).build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    issuer: String,
    keys: Vec<PublicKey>,
}

impl KeySet {
    /// Returns a key set with the keys in this order.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] if the name of the issuer is empty or contains the text of a secret key, if
    /// there are no keys or more than 64, if a key occurs twice, or if a key is
    /// [weak](crate::ConfigError::WeakKey).
    pub fn new(
        issuer: impl Into<String>,
        keys: impl IntoIterator<Item = PublicKey>,
    ) -> Result<Self, KeySetError> {
        let issuer = issuer.into();
        document::check_text(&issuer)?;
        if issuer.is_empty() {
            return Err(KeySetError::EmptyIssuer);
        }
        let keys: Vec<_> = keys.into_iter().take(MAX_KEYS + 1).collect();
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        if keys.is_empty() {
            return Err(KeySetError::NoKeys);
        }
        let mut kids = HashSet::with_capacity(keys.len());
        for key in &keys {
            let kid = || key.kid().to_owned();
            if !kids.insert(key.kid()) {
                return Err(KeySetError::DuplicateKey { kid: kid() });
            }
            key.verification_key().map_err(|_| KeySetError::WeakKey { kid: kid() })?;
        }
        Ok(Self { issuer, keys })
    }

    /// Reads a JSON document.
    ///
    /// - The document has at most 64 KiB. `keys` has 1 to 64 entries with different keys.
    /// - `kid` of each entry must be the key ID of `paserk`.
    /// - An entry with a public key of another version (`k1.public`, `k2.public`, `k3.public`) is
    ///   skipped. A document with only such entries is rejected.
    /// - A document without keys is rejected, because a mistake of the operator must not lock out
    ///   all users. To remove all keys of an issuer from a verifier, call
    ///   [`Verifier::remove_issuer`](crate::Verifier::remove_issuer).
    /// - Other members of an object are ignored, as in [RFC 7517, section 5]. A member that occurs
    ///   twice is an error.
    /// - A document with a secret key or a symmetric key in any string is rejected with
    ///   [`KeySetError::SecretKey`].
    ///
    /// [RFC 7517, section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
    ///
    /// ```
    /// use paseto_actix::key_set::{KeySet, KeySetError};
    ///
    /// let error = KeySet::from_json(br#"{"iss": "https://issuer.example", "keys": []}"#).unwrap_err();
    /// assert_eq!(error, KeySetError::NoKeys);
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeySetError`] if the document breaks one of these rules. The error never contains a part
    /// of a secret key.
    pub fn from_json(document: &[u8]) -> Result<Self, KeySetError> {
        let (issuer, keys) = document::parse(document)?;
        Self::new(issuer, keys)
    }

    /// Returns the name of the issuer, the `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the keys in their order.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Returns the JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        document::write(&self.issuer, self.keys.iter().cloned())
    }
}
