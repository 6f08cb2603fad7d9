//! Issuers in the same process, whose keys a verifier follows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use super::Verifier;
use super::change_keys::checked;
use super::trusted_keys::{Origin, check_name};
use crate::error::{ConfigError, quote};
use crate::issuer::Issuer;
use crate::keys::RingVersion;

/// An issuer that [`trust_issuer`](super::VerifierBuilder::trust_issuer) has added.
pub(super) struct LocalIssuer {
    issuer: Issuer,
    /// The version of the keys that the verifier trusts. The lock serializes updates.
    version: RwLock<RingVersion>,
    is_removed: AtomicBool,
}

impl LocalIssuer {
    /// Checks the names of the issuers.
    pub(super) fn all(issuers: Vec<Issuer>) -> Result<Vec<Self>, ConfigError> {
        for (position, issuer) in issuers.iter().enumerate() {
            check_name(issuer.name())?;
            if issuers[..position].iter().any(|other| other.name() == issuer.name()) {
                let problem = format!("issuer {} is added twice: remove one", quote(issuer.name()));
                return Err(ConfigError::setting("trust_issuer", problem));
            }
        }
        let local = |issuer| Self {
            issuer,
            // This version is never current, so the first update reads the keys.
            version: RwLock::default(),
            is_removed: AtomicBool::new(false),
        };
        Ok(issuers.into_iter().map(local).collect())
    }

    pub(super) fn name(&self) -> &str {
        self.issuer.name()
    }

    pub(super) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }

    fn is_current(&self) -> bool {
        let version = *self.version.read().unwrap_or_else(PoisonError::into_inner);
        self.issuer.has_version(version)
    }
}

impl Verifier {
    /// Trusts the current keys of the local issuers. Call it before each use of keys or cached
    /// tokens.
    pub(super) fn refresh_local_keys(&self) {
        for local in &self.0.local {
            if local.is_current() || local.is_removed() {
                continue;
            }
            if let Err(error) = self.follow(local) {
                let issuer = local.name();
                tracing::error!(issuer, %error, "the keys of a local issuer are not usable");
                let removed = self.0.keys.remove(|signer| *signer.issuer == *issuer);
                self.report_removed(issuer, &removed);
            }
        }
    }

    /// Trusts the current keys of a local issuer.
    #[cold]
    pub(super) fn follow(&self, local: &LocalIssuer) -> Result<(), ConfigError> {
        let changes = {
            let mut version = local.version.write().unwrap_or_else(PoisonError::into_inner);
            // Another request may have updated the keys, or removed the issuer.
            if local.issuer.has_version(*version) || local.is_removed() {
                return Ok(());
            }
            // Before the keys. If they change in between, the next request reads them again.
            let next = local.issuer.keys_version();
            let keys = checked(local.name(), local.issuer.public_keys(), Origin::Followed)?;
            let changes = self.0.keys.replace(local.name(), keys)?;
            *version = next;
            changes
        };
        self.report(local.name(), &changes);
        Ok(())
    }

    /// Stops following the issuer. Returns whether the verifier followed it.
    pub(super) fn close_local(&self, issuer: &str) -> bool {
        let Some(local) = self.0.local.iter().find(|local| local.name() == issuer) else {
            return false;
        };
        // The lock keeps an update from adding the keys again after their removal.
        let _version = local.version.write().unwrap_or_else(PoisonError::into_inner);
        !local.is_removed.swap(true, Ordering::AcqRel)
    }
}
