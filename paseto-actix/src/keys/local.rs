use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use pasetors::keys::SymmetricKey;
use pasetors::version4::V4;
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(feature = "session")]
use super::derivation::Derivation;
#[cfg(feature = "password-keys")]
use super::password::{self, PasswordParameters};
use super::{clear_stack_after, paserk};
use crate::error::ConfigError;

/// A symmetric key that encrypts and decrypts `v4.local` tokens: cookies and refresh tokens.
///
/// `Debug` shows only the key ID. `==` compares keys in constant time.
///
/// All clones share one copy of the key and of the states that are derived from it. The copy is
/// cleared when the last clone is dropped. Temporary copies on the heap are cleared before they are
/// freed. The application has to clear the string that it passes to
/// [`from_paserk`](Self::from_paserk) and the secret that it passes to
/// [`derive_from`](Self::derive_from). `SECURITY.md` lists the copies that cannot be cleared.
///
/// ```
/// use paseto_actix::LocalKey;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let key = LocalKey::generate();
/// assert_eq!(LocalKey::from_paserk(&key.to_paserk())?, key);
/// assert!(key.kid().starts_with("k4.lid."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LocalKey {
    inner: Arc<SymmetricKey<V4>>,
    #[cfg(feature = "session")]
    derivation: Arc<Derivation>,
    kid: Arc<str>,
}

impl LocalKey {
    /// Reads a PASERK of the type [`k4.local`].
    ///
    /// # Errors
    ///
    /// - [`ConfigError::WrongKeyType`] if the string is another type of PASERK, a token or PEM.
    /// - [`ConfigError::MalformedKey`] if it is any other string.
    ///
    /// [`k4.local`]: https://github.com/paseto-standard/paserk/blob/master/types/local.md
    pub fn from_paserk(text: &str) -> Result<Self, ConfigError> {
        clear_stack_after(|| Self::from_bytes(&*paserk::decode::<32>(text, "k4.local")?))
    }

    /// Decrypts a PASERK of the type [`k4.local-pw`]. [`to_paserk_with_password`] and other PASERK
    /// libraries write this type.
    ///
    /// All bytes of the password count, also a line break at its end. The call blocks the thread
    /// for up to a second and allocates up to 256 MiB: see [`PasswordParameters`]. Call it when the
    /// application starts.
    ///
    /// ```
    /// use paseto_actix::LocalKey;
    /// use paseto_actix::keys::PasswordParameters;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let password = "correct horse battery staple";
    /// let key = LocalKey::generate();
    /// let text = key.to_paserk_with_password(password, &PasswordParameters::default())?;
    /// assert_eq!(LocalKey::from_paserk_with_password(&text, password)?.kid(), key.kid());
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
    /// - [`ConfigError::WeakKey`] if the password is empty.
    /// - [`ConfigError::InvalidSetting`] if the memory for Argon2id cannot be allocated.
    ///
    /// [`k4.local-pw`]: https://github.com/paseto-standard/paserk/blob/master/types/local-pw.md
    /// [`to_paserk_with_password`]: Self::to_paserk_with_password
    /// [`PasswordParameters`]: crate::keys::PasswordParameters
    #[cfg(feature = "password-keys")]
    pub fn from_paserk_with_password(
        text: &str,
        password: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        const KIND: &str = "k4.local-pw";
        clear_stack_after(|| {
            let body = paserk::decode::<120>(text, KIND)?;
            Self::from_bytes(&*password::decrypt(KIND, body.as_slice(), password.as_ref())?)
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
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(bytes.as_mut_slice())
                .expect("the operating system returns random bytes");
            Self::from_bytes(&bytes).expect("32 random bytes are a key")
        })
    }

    /// Derives a key from a master secret with HKDF-SHA256 ([RFC 5869]).
    ///
    /// Each context, such as `"sessions"`, derives a different key. A derived key does not reveal
    /// the master secret or the other derived keys. The context is not secret.
    ///
    /// HKDF is not a password hash, so the master secret must be random. Create it with
    /// `openssl rand -hex 32`.
    ///
    /// ```
    /// use paseto_actix::LocalKey;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// # let master = b"0123456789abcdef0123456789abcdef";
    /// let sessions = LocalKey::derive_from(master, "sessions")?;
    /// assert_ne!(sessions, LocalKey::derive_from(master, "remember-me")?);
    /// assert!(LocalKey::derive_from(b"hunter2", "sessions").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] if the master secret has fewer than 32 bytes.
    ///
    /// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869
    pub fn derive_from(master: impl AsRef<[u8]>, context: &str) -> Result<Self, ConfigError> {
        if master.as_ref().len() < 32 {
            return Err(ConfigError::WeakKey(
                "the master secret has fewer than 32 bytes: create one with `openssl rand -hex 32`",
            ));
        }
        clear_stack_after(|| {
            let mut bytes = Zeroizing::new([0; 32]);
            Hkdf::<Sha256>::new(Some(b"paseto-actix k4.local"), master.as_ref())
                .expand(context.as_bytes(), bytes.as_mut_slice())
                .map_err(|_| ConfigError::WeakKey("HKDF-SHA256 failed"))?;
            Self::from_bytes(&bytes)
        })
    }

    #[cfg(feature = "session")]
    pub(crate) fn derivation(&self) -> &Derivation {
        &self.derivation
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<Self, ConfigError> {
        let inner = SymmetricKey::from(bytes).map_err(|_| {
            ConfigError::MalformedKey("pasetors rejects the bytes of the key".into())
        })?;
        Ok(Self {
            #[cfg(feature = "session")]
            derivation: Arc::new(Derivation::new(bytes)),
            inner: Arc::new(inner),
            kid: paserk::id("k4.lid", &paserk::encode("k4.local", bytes)),
        })
    }

    /// Returns the key ID, a PASERK of the type [`k4.lid`].
    ///
    /// [`k4.lid`]: https://github.com/paseto-standard/paserk/blob/master/types/lid.md
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the key as a PASERK of the type `k4.local`. The string is cleared on drop.
    #[must_use]
    pub fn to_paserk(&self) -> Zeroizing<String> {
        clear_stack_after(|| paserk::encode("k4.local", self.inner.as_bytes()))
    }

    /// Encrypts the key with a password. Returns a PASERK of the type `k4.local-pw`.
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
            password::encrypt("k4.local-pw", self.inner.as_bytes(), password.as_ref(), parameters)
        })
    }
}

impl PartialEq for LocalKey {
    fn eq(&self, other: &Self) -> bool {
        *self.inner == *other.inner
    }
}

impl Eq for LocalKey {}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
