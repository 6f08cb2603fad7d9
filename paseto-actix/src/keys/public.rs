use std::fmt;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::spki::{DecodePublicKey, SubjectPublicKeyInfoRef};

use super::{VerificationKey, paserk, pem};
use crate::error::ConfigError;

/// The public half of an Ed25519 key pair. It verifies `v4.public` tokens.
///
/// This type checks only the format of a key. A [`Verifier`](crate::Verifier) also checks that the
/// key is the canonical encoding of a point of the prime-order group. For other keys, an attacker
/// can make valid signatures without a secret key.
///
/// ```
/// use paseto_actix::PublicKey;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let from_paserk =
///     PublicKey::from_paserk("k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI")?;
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
    /// - [`ConfigError::WrongKeyType`] if the string is another type of PASERK, a token or PEM.
    /// - [`ConfigError::MalformedKey`] if it is any other string.
    ///
    /// [`k4.public`]: https://github.com/paseto-standard/paserk/blob/master/types/public.md
    pub fn from_paserk(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::from_bytes(&*paserk::decode::<32>(text, "k4.public")?))
    }

    /// Reads a `SubjectPublicKeyInfo` in PEM ([RFC 8410, section 4]). OpenSSL writes this format.
    ///
    /// The string must contain exactly one block, `-----BEGIN PUBLIC KEY-----`. Text around the
    /// block, white space, missing line breaks, and line breaks that are written as `\n` are
    /// accepted.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::WrongKeyType`] if the string has another label, is a PASERK, or is a key of
    ///   another algorithm.
    /// - [`ConfigError::MalformedKey`] if the string has no block or several blocks, or if the PEM
    ///   is damaged.
    ///
    /// [RFC 8410, section 4]: https://www.rfc-editor.org/rfc/rfc8410#section-4
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

    /// Returns the key ID, a PASERK of the type [`k4.pid`]. An [`Issuer`](crate::Issuer) writes it
    /// to the footer as `kid`.
    ///
    /// [`k4.pid`]: https://github.com/paseto-standard/paserk/blob/master/types/pid.md
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the key as a PASERK of the type `k4.public`.
    #[must_use]
    pub fn to_paserk(&self) -> String {
        paserk::encode("k4.public", &self.bytes).to_string()
    }

    pub(crate) fn shared_kid(&self) -> Arc<str> {
        Arc::clone(&self.kid)
    }

    /// Returns a key that can verify signatures, after it has checked the point.
    ///
    /// Ed25519 signatures are not secure for keys outside of the prime-order group (RFC 8032,
    /// section 8.4, and "Taming the many EdDSAs", section 4). This function rejects such keys once.
    /// So each signature check can use the plain equation, without the checks of `verify_strict`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] if the bytes do not encode a point of the curve, if the encoding is
    /// not canonical, or if the point is outside of the prime-order group.
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
