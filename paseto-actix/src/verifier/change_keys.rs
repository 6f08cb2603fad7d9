//! Changes the trusted keys while requests are processed.

use std::sync::Arc;

#[cfg(not(feature = "remote-keys"))]
use time::OffsetDateTime;

use super::in_process_issuers::InProcessIssuer;
use super::trusted_keys::{IssuerKey, Origin, check_name};
use super::{Inner, TrustedKey, Verifier};
use crate::error::{ConfigError, quote};
use crate::event::Event;
use crate::key_set::MAX_KEYS;
use crate::keys::PublicKey;
use crate::token::Signer;

/// The keys that [`Verifier::set_keys`] has added and removed.
///
/// ```
/// use paseto_actix::{SecretKey, Verifier};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let (old, new) = (SecretKey::generate().public_key(), SecretKey::generate().public_key());
/// let verifier = Verifier::builder().trust("https://issuer.example", old.clone()).build()?;
///
/// let changes = verifier.set_keys("https://issuer.example", [new.clone()])?;
/// assert_eq!((changes.added, changes.removed), (vec![new.kid().into()], vec![old.kid().into()]));
/// assert!(verifier.set_keys("https://issuer.example", [new])?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyChanges {
    /// The key IDs (`k4.pid`) of the added keys, in the order of the list.
    pub added: Vec<String>,
    /// The key IDs (`k4.pid`) of the removed keys, in no particular order.
    pub removed: Vec<String>,
}

impl KeyChanges {
    /// Returns whether no key was added or removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

pub(super) fn kids_of<'s>(kids: impl Iterator<Item = &'s Arc<str>>) -> Vec<String> {
    kids.map(|kid| kid.to_string()).collect()
}

impl Verifier {
    /// Trusts one more key, like [`VerifierBuilder::trust`](super::VerifierBuilder::trust). All
    /// clones trust the key from the next request on.
    ///
    /// ```
    /// use paseto_actix::error::VerifyErrorKind;
    /// use paseto_actix::{Issuer, SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (old, new) = (SecretKey::generate(), SecretKey::generate());
    /// let verifier =
    ///     Verifier::builder().trust("https://issuer.example", old.public_key()).build()?;
    /// let token = Issuer::builder("https://issuer.example")
    ///     .key(old.clone())
    ///     .build()?
    ///     .issue(&serde_json::json!({}))?;
    /// verifier.verify_str(&token)?;
    ///
    /// verifier.trust("https://issuer.example", new.public_key())?;
    /// assert!(verifier.remove_key(old.public_key().kid()));
    /// assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the key is already trusted, for this issuer or another one, if the key is
    /// weak, if the issuer name is empty, or if the issuer has `remote_keys` or `trust_issuer`.
    pub fn trust(&self, issuer: &str, key: PublicKey) -> Result<(), ConfigError> {
        self.check_not_followed(issuer)?;
        self.0.keys.insert(IssuerKey::new(issuer, &key, Origin::Fixed)?)?;
        self.report(issuer, &KeyChanges { added: vec![key.kid().to_owned()], removed: Vec::new() });
        Ok(())
    }

    /// Removes the key with this key ID ([`PublicKey::kid`]) and returns whether it was trusted.
    /// From the next request on, all clones reject the tokens of the key, cached tokens included.
    ///
    /// A `Verifier` with `remote_keys` or [`trust_issuer`](super::VerifierBuilder::trust_issuer)
    /// remembers the key ID until it is dropped, also if the key was not trusted. It never
    /// adds the key again from these sources, so a stolen key does not return while its issuer or a
    /// cache still publishes it. [`trust`](Self::trust) and [`set_keys`](Self::set_keys) can add the key to another
    /// issuer.
    #[must_use = "`false` means that the Verifier does not trust a key with this key ID"]
    pub fn remove_key(&self, kid: &str) -> bool {
        let removed = if self.0.has_remote() || !self.0.in_process.is_empty() {
            self.0.keys.deny(kid)
        } else {
            self.0.keys.remove(|signer| *signer.kid == *kid)
        };
        self.report_all_removed(removed)
    }

    /// Removes all keys of this issuer, as [`remove_key`](Self::remove_key) does, and returns
    /// whether the issuer was trusted. For an issuer with `remote_keys` or `trust_issuer`, the
    /// `Verifier` also stops following its keys. [`trust`](Self::trust) and [`set_keys`](Self::set_keys) can add keys
    /// to the issuer again.
    #[must_use = "`false` means that the Verifier does not trust an issuer with this name"]
    pub fn remove_issuer(&self, issuer: &str) -> bool {
        let was_followed = self.close_remote(issuer) | self.close_in_process(issuer);
        let removed = self.0.keys.remove(|signer| *signer.issuer == *issuer);
        self.report_all_removed(removed) || was_followed
    }

    /// Reports the removed keys of each issuer. Returns whether there are any.
    fn report_all_removed(&self, mut removed: Vec<Arc<Signer>>) -> bool {
        removed.sort_unstable_by(|a, b| a.issuer.cmp(&b.issuer));
        for removed in removed.chunk_by(|a, b| a.issuer == b.issuer) {
            self.report_removed(&removed[0].issuer, removed);
        }
        !removed.is_empty()
    }

    /// Replaces all keys of this issuer in one step. Each request sees either the old or the new
    /// keys.
    ///
    /// A key in both lists keeps its precomputed table and its cached tokens. From the next request
    /// on, all clones reject the tokens of a removed key, cached tokens included. A second call
    /// with the same keys changes nothing.
    ///
    /// ```
    /// use paseto_actix::{SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let keys = [SecretKey::generate().public_key(), SecretKey::generate().public_key()];
    /// let verifier =
    ///     Verifier::builder().trust("https://issuer.example", keys[0].clone()).build()?;
    ///
    /// let changes = verifier.set_keys("https://issuer.example", keys.clone())?;
    /// assert_eq!(changes.added, [keys[1].kid()]);
    /// assert!(changes.removed.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the list is empty, or contains a weak key, a key twice, a key of another
    /// issuer, or more than 64 keys, if the issuer name is empty, or if the issuer has
    /// `remote_keys`. The keys then stay unchanged. To remove all keys, call
    /// [`remove_issuer`](Self::remove_issuer).
    pub fn set_keys(
        &self,
        issuer: &str,
        keys: impl IntoIterator<Item = PublicKey>,
    ) -> Result<KeyChanges, ConfigError> {
        self.check_not_followed(issuer)?;
        let changes = self.0.keys.replace(issuer, checked(issuer, keys, Origin::Fixed)?)?;
        self.report(issuer, &changes);
        Ok(changes)
    }

    /// Returns all trusted keys, sorted by issuer. Keys of a remote issuer that are too old are not
    /// included.
    ///
    /// ```
    /// use paseto_actix::{SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let key = SecretKey::generate().public_key();
    /// let verifier = Verifier::builder().trust("https://issuer.example", key.clone()).build()?;
    /// let keys = verifier.keys();
    /// assert_eq!((keys[0].iss.as_str(), &keys[0].key), ("https://issuer.example", &key));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn keys(&self) -> Vec<TrustedKey> {
        self.refresh_remote_keys(self.now());
        self.refresh_in_process_keys();
        let keys = self.0.keys.current();
        keys.all().map(|key| TrustedKey::new(&*key.signer.issuer, key.key.clone())).collect()
    }

    /// Returns an error for an issuer whose keys only its source may change.
    pub(super) fn check_not_followed(&self, issuer: &str) -> Result<(), ConfigError> {
        let is_in_process =
            |followed: &InProcessIssuer| followed.name() == issuer && followed.is_followed();
        let source = if self.0.is_remote(issuer) {
            "remote_keys"
        } else if self.0.in_process.iter().any(is_in_process) {
            "trust_issuer"
        } else {
            return Ok(());
        };
        let problem = format!(
            "the keys of issuer {} come from `{source}`: change them at the issuer, or call \
             `remove_issuer` first",
            quote(issuer)
        );
        Err(ConfigError::setting("iss", problem))
    }

    pub(super) fn report_removed(&self, issuer: &str, removed: &[Arc<Signer>]) {
        let removed = kids_of(removed.iter().map(|signer| &signer.kid));
        self.report(issuer, &KeyChanges { added: Vec::new(), removed });
    }

    /// Removes the cached tokens of removed keys, logs the changes and emits the event.
    pub(super) fn report(&self, issuer: &str, changes: &KeyChanges) {
        if changes.is_empty() {
            return;
        }
        let KeyChanges { added, removed } = changes;
        if let Some(cache) = self.0.token_cache.as_ref().filter(|_| !removed.is_empty()) {
            cache.remove_untrusted();
        }
        tracing::info!(issuer, ?added, ?removed, "the trusted keys changed");
        self.0.events.emit(Event::KeysChanged { issuer, added, removed });
    }
}

#[cfg(feature = "remote-keys")]
impl Inner {
    pub(super) fn has_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Returns whether the keys of the issuer come from a source.
    pub(super) fn is_remote(&self, issuer: &str) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.contains(issuer))
    }

    pub(super) fn remote_position(&self, issuer: &str) -> Option<usize> {
        self.remote.as_ref()?.position(issuer)
    }
}

#[cfg(not(feature = "remote-keys"))]
impl Verifier {
    pub(super) fn refresh_remote_keys(&self, _now: OffsetDateTime) {}

    fn close_remote(&self, _issuer: &str) -> bool {
        false
    }
}

#[cfg(not(feature = "remote-keys"))]
impl Inner {
    pub(super) fn has_remote(&self) -> bool {
        false
    }

    pub(super) fn is_remote(&self, _issuer: &str) -> bool {
        false
    }

    pub(super) fn remote_position(&self, _issuer: &str) -> Option<usize> {
        None
    }
}

/// Checks the keys of an issuer. The checks need no lock.
pub(super) fn checked(
    issuer: &str,
    keys: impl IntoIterator<Item = PublicKey>,
    origin: Origin,
) -> Result<Vec<Arc<IssuerKey>>, ConfigError> {
    check_name(issuer)?;
    let keys: Vec<_> = keys.into_iter().take(MAX_KEYS + 1).collect();
    let problem = match keys.len() {
        0 => format!("the list is empty: call `remove_issuer` to remove issuer {}", quote(issuer)),
        1..=MAX_KEYS => {
            return keys.iter().map(|key| IssuerKey::new(issuer, key, origin)).collect();
        }
        _ => format!("expected at most {MAX_KEYS} keys of issuer {}", quote(issuer)),
    };
    Err(ConfigError::setting("keys", problem))
}
