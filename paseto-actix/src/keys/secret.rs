use std::fmt;
use std::sync::Arc;

use ed25519_dalek::ed25519::signature::MultipartSigner;
use ed25519_dalek::pkcs8::{DecodePrivateKey, PrivateKeyInfoRef};
use ed25519_dalek::{Signature, SigningKey};
use zeroize::Zeroizing;

#[cfg(feature = "password-keys")]
use super::password::{self, PasswordParameters};
use super::{PublicKey, clear_stack_after, paserk, pem};
use crate::error::{ConfigError, IssueError};

/// The secret half of an Ed25519 key pair. It signs `v4.public` tokens.
///
/// `Debug` shows only the key ID.
///
/// All clones share one copy of the key. The copy is cleared when the last clone is dropped.
/// Temporary copies on the heap are cleared before they are freed. The application has to clear the
/// strings that it passes to [`from_paserk`](Self::from_paserk) and [`from_pem`](Self::from_pem).
/// `SECURITY.md` lists the copies that cannot be cleared.
///
/// ```
/// use paseto_actix::SecretKey;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let secret = SecretKey::from_pem(
///     "-----BEGIN PRIVATE KEY-----\n\
///      MC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n\
///      -----END PRIVATE KEY-----",
/// )?;
/// assert_eq!(
///     secret.public_key().to_paserk(),
///     "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI"
/// );
/// assert_eq!(secret.kid(), secret.public_key().kid());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SecretKey {
    inner: Arc<SigningKey>,
    public: PublicKey,
}

impl SecretKey {
    /// Reads a PASERK of the type [`k4.secret`].
    ///
    /// # Errors
    ///
    /// - [`ConfigError::WrongKeyType`] if the string is another type of PASERK, a token or PEM.
    /// - [`ConfigError::MalformedKey`] if it is any other string, or if the secret half and the
    ///   public half belong to different key pairs.
    /// - [`ConfigError::WeakKey`] if all bytes of the seed are zero.
    ///
    /// [`k4.secret`]: https://github.com/paseto-standard/paserk/blob/master/types/secret.md
    pub fn from_paserk(text: &str) -> Result<Self, ConfigError> {
        clear_stack_after(|| Self::from_keypair_bytes(&*paserk::decode::<64>(text, "k4.secret")?))
    }

    /// Decrypts a PASERK of the type [`k4.secret-pw`]. [`to_paserk_with_password`] and other PASERK
    /// libraries write this type.
    ///
    /// All bytes of the password count, also a line break at its end. The call blocks the thread
    /// for up to a second and allocates up to 256 MiB: see [`PasswordParameters`]. Call it when the
    /// application starts.
    ///
    /// ```
    /// use paseto_actix::SecretKey;
    /// use paseto_actix::keys::PasswordParameters;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let password = "correct horse battery staple";
    /// let key = SecretKey::generate();
    /// let text = key.to_paserk_with_password(password, &PasswordParameters::default())?;
    /// assert_eq!(SecretKey::from_paserk_with_password(&text, password)?.kid(), key.kid());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ConfigError::WrongPassword`] if the password is wrong or the PASERK was changed.
    /// - [`ConfigError::WrongKeyType`] if the string is another type of PASERK, a token or PEM.
    /// - [`ConfigError::MalformedKey`] if it is any other string, or if a parameter of Argon2id is
    ///   outside of its range.
    /// - [`ConfigError::WeakKey`] if the password is empty, or if all bytes of the seed are zero.
    /// - [`ConfigError::InvalidSetting`] if the memory for Argon2id cannot be allocated.
    ///
    /// [`k4.secret-pw`]: https://github.com/paseto-standard/paserk/blob/master/types/secret-pw.md
    /// [`to_paserk_with_password`]: Self::to_paserk_with_password
    /// [`PasswordParameters`]: crate::keys::PasswordParameters
    #[cfg(feature = "password-keys")]
    pub fn from_paserk_with_password(
        text: &str,
        password: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        const KIND: &str = "k4.secret-pw";
        clear_stack_after(|| {
            let body = paserk::decode::<152>(text, KIND)?;
            Self::from_keypair_bytes(&*password::decrypt(KIND, body.as_slice(), password.as_ref())?)
        })
    }

    /// Reads a PKCS#8 private key in PEM ([RFC 8410, section 7]). OpenSSL writes this format.
    ///
    /// The string must contain exactly one block, `-----BEGIN PRIVATE KEY-----`. Text around the
    /// block, white space, missing line breaks, and line breaks that are written as `\n` are
    /// accepted.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::WrongKeyType`] if the string has another label, is a PASERK, or is a key of
    ///   another algorithm.
    /// - [`ConfigError::MalformedKey`] if the string has no block or several blocks, if the PEM is
    ///   damaged, or if the secret half and the public half belong to different key pairs.
    /// - [`ConfigError::WeakKey`] if all bytes of the seed are zero.
    ///
    /// [RFC 8410, section 7]: https://www.rfc-editor.org/rfc/rfc8410#section-7
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        clear_stack_after(|| {
            let der = pem::decode(text, "PRIVATE KEY")?;
            let key = SigningKey::from_pkcs8_der(&der).map_err(|_| {
                let key = PrivateKeyInfoRef::try_from(der.as_slice()).ok();
                pem::not_ed25519(key.map(|key| key.algorithm.oid), "PKCS#8 form")
            })?;
            Self::from_keypair_bytes(&Zeroizing::new(key.to_keypair_bytes()))
        })
    }

    /// Generates a key with random bytes of the operating system.
    ///
    /// # Panics
    ///
    /// Panics if the operating system does not return random bytes.
    #[must_use]
    pub fn generate() -> Self {
        clear_stack_after(|| {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(seed.as_mut_slice())
                .expect("the operating system returns random bytes");
            let keypair = Zeroizing::new(SigningKey::from_bytes(&seed).to_keypair_bytes());
            Self::from_keypair_bytes(&keypair).expect("a key from a random seed is well-formed")
        })
    }

    fn from_keypair_bytes(bytes: &[u8; 64]) -> Result<Self, ConfigError> {
        // A seed of zeros is a mistake, for example a buffer that the application did not fill.
        if bytes[..32].iter().fold(0, |all, byte| all | byte) == 0 {
            return Err(ConfigError::WeakKey(
                "the seed is all zeros: create a key by `SecretKey::generate()`",
            ));
        }
        let inner = SigningKey::from_keypair_bytes(bytes).map_err(|_| {
            ConfigError::MalformedKey("the secret half does not belong to the public half".into())
        })?;
        let public = PublicKey::from_bytes(inner.verifying_key().as_bytes());
        Ok(Self { inner: Arc::new(inner), public })
    }

    /// Returns the public half. Give it to the services that verify tokens.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// Returns the key ID of the public half (`k4.pid`). An [`Issuer`](crate::Issuer) writes it to
    /// the footer as `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// Returns the key as a PASERK of the type `k4.secret`. The string is cleared on drop.
    #[must_use]
    pub fn to_paserk(&self) -> Zeroizing<String> {
        clear_stack_after(|| {
            paserk::encode("k4.secret", &*Zeroizing::new(self.inner.to_keypair_bytes()))
        })
    }

    /// Encrypts the key with a password. Returns a PASERK of the type `k4.secret-pw`.
    ///
    /// The salt and the nonce are random, so each call returns another string. The string is as
    /// secret as the password is hard to guess.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidSetting`] if a parameter is outside of its range, or if the memory
    ///   for Argon2id cannot be allocated.
    /// - [`ConfigError::WeakKey`] if the password is empty.
    ///
    /// # Panics
    ///
    /// Panics if the operating system does not return random bytes.
    #[cfg(feature = "password-keys")]
    pub fn to_paserk_with_password(
        &self,
        password: impl AsRef<[u8]>,
        parameters: &PasswordParameters,
    ) -> Result<String, ConfigError> {
        clear_stack_after(|| {
            let bytes = Zeroizing::new(self.inner.to_keypair_bytes());
            password::encrypt("k4.secret-pw", &*bytes, password.as_ref(), parameters)
        })
    }

    /// Signs a message that is given in pieces.
    pub(crate) fn sign(&self, message: &[&[u8]]) -> Result<[u8; Signature::BYTE_SIZE], IssueError> {
        let signature = clear_stack_after(|| self.inner.try_multipart_sign(message));
        signature.map(|signature| signature.to_bytes()).map_err(|_| IssueError::Signing)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}
