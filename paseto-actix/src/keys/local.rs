use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use pasetors::keys::SymmetricKey;
use pasetors::version4::V4;
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(feature = "session")]
use super::derivation::Derivation;
use super::{clear_stack_after, paserk};
use crate::error::ConfigError;

/// A symmetric key, which encrypts and decrypts `v4.local` tokens.
///
/// `Debug` shows only the id. Keys are compared in constant time.
///
/// All clones share one copy of the key and of the states that are derived from it. The copy is
/// cleared when the last clone is dropped, and temporary copies on the heap are cleared before they
/// are freed. The text that [`from_paserk`](Self::from_paserk) reads and the secret of
/// [`derive_from`](Self::derive_from) are the application's to clear. `SECURITY.md` lists the copies
/// that cannot be cleared.
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
    /// [`ConfigError::WrongKeyType`] for another type of PASERK, a token or PEM,
    /// [`ConfigError::MalformedKey`] for any other text.
    ///
    /// [`k4.local`]: https://github.com/paseto-standard/paserk/blob/master/types/local.md
    pub fn from_paserk(text: &str) -> Result<Self, ConfigError> {
        clear_stack_after(|| Self::from_bytes(&*paserk::decode::<32>(text, "k4.local")?))
    }

    /// A new key from the operating system's source of randomness.
    ///
    /// # Panics
    ///
    /// If that source fails: no key made without it would be safe.
    #[must_use]
    pub fn generate() -> Self {
        clear_stack_after(|| {
            let mut bytes = Zeroizing::new([0; 32]);
            getrandom::fill(bytes.as_mut_slice()).expect("the operating system gives random bytes");
            Self::from_bytes(&bytes).expect("32 random bytes are a key")
        })
    }

    /// A key made of another secret, for an application that has one master secret for all. Each context, such as
    /// `"sessions"` or `"sessions of the shop"`, makes another key, none of which tells of the others.
    ///
    /// It is HKDF-SHA256 ([RFC 5869]), which is no password hash: the secret has to be random, and `openssl rand -hex 32` makes
    /// a good one.
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
    /// [`ConfigError::WeakKey`] for a secret of under 32 bytes.
    ///
    /// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869
    pub fn derive_from(master: impl AsRef<[u8]>, context: &str) -> Result<Self, ConfigError> {
        if master.as_ref().len() < 32 {
            return Err(ConfigError::WeakKey(
                "the master secret has fewer than 32 bytes: create one by `openssl rand -hex 32`",
            ));
        }
        clear_stack_after(|| {
            let mut bytes = Zeroizing::new([0; 32]);
            Hkdf::<Sha256>::new(Some(b"paseto-actix k4.local"), master.as_ref())
                .expand(context.as_bytes(), bytes.as_mut_slice())
                .map_err(|_| ConfigError::WeakKey("the context is too long"))?;
            Self::from_bytes(&bytes)
        })
    }

    #[cfg(feature = "session")]
    pub(crate) fn derivation(&self) -> &Derivation {
        &self.derivation
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<Self, ConfigError> {
        let inner = SymmetricKey::from(bytes)
            .map_err(|_| ConfigError::MalformedKey("the PASETO library rejects it".into()))?;
        Ok(Self {
            #[cfg(feature = "session")]
            derivation: Arc::new(Derivation::new(bytes)),
            inner: Arc::new(inner),
            kid: paserk::id("k4.lid", &paserk::encode("k4.local", bytes)),
        })
    }

    /// The key's id, a PASERK of the type [`k4.lid`].
    ///
    /// [`k4.lid`]: https://github.com/paseto-standard/paserk/blob/master/types/lid.md
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a PASERK of the type `k4.local`, in a string that is zeroized when dropped.
    #[must_use]
    pub fn to_paserk(&self) -> Zeroizing<String> {
        clear_stack_after(|| paserk::encode("k4.local", self.inner.as_bytes()))
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
