use std::fmt;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::spki::{DecodePublicKey, SubjectPublicKeyInfoRef};

use super::{VerificationKey, paserk, pem};
use crate::error::ConfigError;

/// The public half of an Ed25519 key pair, which verifies `v4.public` tokens.
///
/// Loading a key checks its form. A [`Verifier`](crate::Verifier) also checks that it can be
/// trusted: it has to be a point of the prime-order group, in its one canonical encoding. Under any
/// other key, signatures can verify that no secret key made.
///
/// ```
/// use paseto_actix::PublicKey;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let from_paserk = PublicKey::from_paserk("k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI")?;
/// let from_pem = PublicKey::from_pem(
///     "-----BEGIN PUBLIC KEY-----\n\
///      MCowBQYDK2VwAyEAHrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI=\n\
///      -----END PUBLIC KEY-----",
/// )?;
/// assert_eq!(from_paserk, from_pem);
/// assert!(from_pem.kid().starts_with("k4.pid."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
    kid: Arc<str>,
}

impl PublicKey {
    /// Reads a PASERK of the type [`k4.public`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::WrongKeyType`] for another type of PASERK, a token or PEM,
    /// [`ConfigError::MalformedKey`] for any other text.
    ///
    /// [`k4.public`]: https://github.com/paseto-standard/paserk/blob/master/types/public.md
    pub fn from_paserk(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::from_bytes(&*paserk::decode::<32>(text, "k4.public")?))
    }

    /// Reads a SubjectPublicKeyInfo in PEM ([RFC 8410], section 4), the form that OpenSSL writes.
    ///
    /// The text has one block, `-----BEGIN PUBLIC KEY-----`. Text around the block, white space,
    /// and line breaks that are missing or written as `\n`, are accepted.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WrongKeyType`] for another label or a PASERK, [`ConfigError::MalformedKey`]
    /// for a text without a block or with several, for damaged PEM, and for a key of another
    /// algorithm.
    ///
    /// [RFC 8410]: https://www.rfc-editor.org/rfc/rfc8410#section-4
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        let der = pem::decode(text, "PUBLIC KEY")?;
        let key = VerifyingKey::from_public_key_der(&der).map_err(|_| {
            let key = SubjectPublicKeyInfoRef::try_from(der.as_slice()).ok();
            pem::not_ed25519(key.map(|key| key.algorithm.oid), "SubjectPublicKeyInfo")
        })?;
        Ok(Self::from_bytes(key.as_bytes()))
    }

    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self { bytes: *bytes, kid: paserk::id("k4.pid", &paserk::encode("k4.public", bytes)) }
    }

    /// The key's id, a PASERK of the type [`k4.pid`]: what an issuer writes into the footer.
    ///
    /// [`k4.pid`]: https://github.com/paseto-standard/paserk/blob/master/types/pid.md
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a PASERK of the type `k4.public`.
    #[must_use]
    pub fn to_paserk(&self) -> String {
        paserk::encode("k4.public", &self.bytes).to_string()
    }

    pub(crate) fn shared_kid(&self) -> Arc<str> {
        Arc::clone(&self.kid)
    }

    /// The key in the form that verifies signatures.
    ///
    /// Ed25519 promises nothing under a key outside of the prime-order group (RFC 8032, section
    /// 8.4, and "Taming the many EdDSAs", section 4). So each check of a signature can be the plain
    /// equation, without the checks of `verify_strict`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] for bytes that do not encode a point of the curve, for a second encoding
    /// of a point, and for a point outside of the prime-order group.
    pub(crate) fn verification_key(&self) -> Result<VerificationKey, ConfigError> {
        let key = VerifyingKey::from_bytes(&self.bytes)
            .map_err(|_| ConfigError::WeakKey("the public key is not a point of the curve"))?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != &self.bytes {
            return Err(ConfigError::WeakKey(
                "the public key is not the canonical encoding of its point",
            ));
        }
        if key.is_weak() || !point.is_torsion_free() {
            return Err(ConfigError::WeakKey(
                "the public key is not a point of the prime-order group",
            ));
        }
        Ok(VerificationKey::new(key))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
