use std::fmt;
use std::sync::Arc;

use ed25519_dalek::ed25519::signature::MultipartSigner;
use ed25519_dalek::pkcs8::{DecodePrivateKey, PrivateKeyInfoRef};
use ed25519_dalek::{Signature, SigningKey};
use zeroize::Zeroizing;

use super::{PublicKey, clear_stack_after, paserk, pem};
use crate::error::{ConfigError, IssueError};

/// The secret half of an Ed25519 key pair, which signs `v4.public` tokens.
///
/// `Debug` shows only the id.
///
/// All clones share one copy of the key. The copy is cleared when the last clone is dropped, and
/// temporary copies on the heap are cleared before they are freed. The texts that
/// [`from_paserk`](Self::from_paserk) and [`from_pem`](Self::from_pem) read are the application's to
/// clear. `SECURITY.md` lists the copies that cannot be cleared.
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
/// assert_eq!(secret.public_key().to_paserk(), "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI");
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
    /// [`ConfigError::WrongKeyType`] for another type of PASERK, a token or PEM,
    /// [`ConfigError::MalformedKey`] for any other text and for halves that do not belong together,
    /// [`ConfigError::WeakKey`] for an all-zero seed.
    ///
    /// [`k4.secret`]: https://github.com/paseto-standard/paserk/blob/master/types/secret.md
    pub fn from_paserk(text: &str) -> Result<Self, ConfigError> {
        clear_stack_after(|| Self::from_keypair_bytes(&*paserk::decode::<64>(text, "k4.secret")?))
    }

    /// Reads a PKCS#8 private key in PEM ([RFC 8410], section 7), the form that OpenSSL writes.
    ///
    /// The text has one block, `-----BEGIN PRIVATE KEY-----`. Text around the block, white space,
    /// and line breaks that are missing or written as `\n`, are accepted.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WrongKeyType`] for another label or a PASERK, [`ConfigError::MalformedKey`]
    /// for a text without a block or with several, for damaged PEM, for a key of another algorithm,
    /// and for halves that do not belong together, [`ConfigError::WeakKey`] for an all-zero seed.
    ///
    /// [RFC 8410]: https://www.rfc-editor.org/rfc/rfc8410#section-7
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

    /// A new key from the operating system's source of randomness.
    ///
    /// # Panics
    ///
    /// If that source fails: no key made without it would be safe.
    #[must_use]
    pub fn generate() -> Self {
        clear_stack_after(|| {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(seed.as_mut_slice()).expect("the operating system gives random bytes");
            let keypair = Zeroizing::new(SigningKey::from_bytes(&seed).to_keypair_bytes());
            Self::from_keypair_bytes(&keypair).expect("a key from a random seed is well-formed")
        })
    }

    fn from_keypair_bytes(bytes: &[u8; 64]) -> Result<Self, ConfigError> {
        // A seed of zeros is a mistake, such as a buffer that the application never filled.
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

    /// The public half, for those who verify.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// The id of the public half (`k4.pid`): what an issuer writes into the footer.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The key as a PASERK of the type `k4.secret`, in a string that is zeroized when dropped.
    #[must_use]
    pub fn to_paserk(&self) -> Zeroizing<String> {
        clear_stack_after(|| {
            paserk::encode("k4.secret", &*Zeroizing::new(self.inner.to_keypair_bytes()))
        })
    }

    /// Signs a message in pieces.
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
