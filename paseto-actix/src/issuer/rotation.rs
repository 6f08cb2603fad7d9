use super::Issuer;
use crate::error::ConfigError;
use crate::keys::{KeyStatus, SecretKey};

/// Rotates the keys at run time. All clones, and a `RefreshTokens` with this issuer, use the
/// changed keys from the next token on.
///
/// Between `announce` and `activate`, each verifier must learn the new key. A verifier with
/// [`trust_issuer`](crate::verifier::VerifierBuilder::trust_issuer) learns it at once, and a
/// verifier with `remote_keys` within 6 minutes with the default settings.
///
/// ```
/// use paseto_actix::keys::KeyState;
/// use paseto_actix::{Issuer, SecretKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (old, new) = (SecretKey::generate(), SecretKey::generate());
/// let issuer = Issuer::builder("https://issuer.example").key(old.clone()).build()?;
/// let verifier = Verifier::builder().trust_issuer(&issuer).build()?;
/// let by_old = issuer.issue(&serde_json::json!({}))?;
///
/// issuer.announce(new.clone())?;
/// issuer.activate(new.kid())?;
///
/// let by_new = issuer.issue(&serde_json::json!({}))?;
/// assert_eq!(verifier.verify_str(&by_new)?.kid(), new.kid());
/// assert_eq!(verifier.verify_str(&by_old)?.kid(), old.kid());
/// assert_eq!(issuer.key_statuses()[0].state, KeyState::Retired);
/// # Ok(())
/// # }
/// ```
impl Issuer {
    /// Adds a key. [`public_keys`](Self::public_keys) contains it, so that verifiers can learn it
    /// before it is active. Until then, it signs only tokens with
    /// [`key_id`](super::TokenBuilder::key_id).
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DuplicateKey`] if the issuer has the key.
    /// - [`ConfigError::InvalidSetting`] if the issuer has 64 keys, or if its keys come from a
    ///   file.
    pub fn announce(&self, key: SecretKey) -> Result<(), ConfigError> {
        self.0.keys.announce(key)
    }

    /// Makes the key with this ID sign from now on, and retires the key that signed before.
    /// Verifiers must trust the retired key until its last token has expired, so
    /// [`public_keys`](Self::public_keys) contains it until then. A retired key can become active
    /// again.
    ///
    /// This process knows the expiry of the tokens that it has signed. For tokens of other
    /// processes, and of the time before a restart, the key stays for
    /// [`max_ttl`](Self::max_ttl) (without it: `ttl`) plus 5 minutes (the longest leeway) plus 5
    /// seconds. So set `max_ttl` if some tokens live longer than `ttl`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the issuer does not have the key, or if its keys come
    /// from a file.
    pub fn activate(&self, kid: &str) -> Result<(), ConfigError> {
        self.0.keys.activate(kid)
    }

    /// Withdraws an announced key. A key that has signed tokens is retired. Another key is removed.
    /// For a retired key, nothing changes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the issuer does not have the key, if the key is active,
    /// or if the keys come from a file.
    pub fn retire(&self, kid: &str) -> Result<(), ConfigError> {
        self.0.keys.retire(kid)
    }

    /// Removes a key at once, for example because it was stolen. Verifiers reject its tokens as
    /// soon as they stop to trust the key.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the issuer does not have the key, if the key is active,
    /// or if the keys come from a file.
    pub fn remove_key(&self, kid: &str) -> Result<(), ConfigError> {
        self.0.keys.remove(kid)
    }

    /// Returns the ID, the state and the times of each key, in the order of their activation.
    #[must_use]
    pub fn key_statuses(&self) -> Vec<KeyStatus> {
        self.0.keys.statuses()
    }

    /// Reads the key file now, and returns whether the keys have changed. Without a key file, it
    /// returns `false`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the file cannot be read or is malformed. The keys then
    /// stay as they are.
    pub fn reload_keys(&self) -> Result<bool, ConfigError> {
        self.0.keys.reload()
    }
}
