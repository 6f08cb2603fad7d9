//! Issuers in the same process, whose keys a verifier follows.

use std::sync::{PoisonError, RwLock};

use super::Verifier;
use super::change_keys::checked;
use super::trusted_keys::Origin;
use crate::error::{ConfigError, quote};
use crate::issuer::Issuer;
use crate::keys::RingVersion;

/// An issuer that [`trust_issuer`](super::VerifierBuilder::trust_issuer) has added.
pub(super) struct InProcessIssuer {
    issuer: Issuer,
    /// The version of the keys that the verifier trusts. `None` after
    /// [`remove_issuer`](Verifier::remove_issuer). The lock serializes changes.
    version: RwLock<Option<RingVersion>>,
}

impl InProcessIssuer {
    /// Returns the issuers. Checks that no issuer occurs twice.
    pub(super) fn from_issuers(issuers: Vec<Issuer>) -> Result<Vec<Self>, ConfigError> {
        for (position, issuer) in issuers.iter().enumerate() {
            if issuers[..position].iter().any(|other| other.name() == issuer.name()) {
                let problem = format!("issuer {} is added twice: remove one", quote(issuer.name()));
                return Err(ConfigError::setting("trust_issuer", problem));
            }
        }
        // The default version is never current, so the first use reads the keys.
        let followed = |issuer| Self { issuer, version: RwLock::new(Some(RingVersion::default())) };
        Ok(issuers.into_iter().map(followed).collect())
    }

    pub(super) fn name(&self) -> &str {
        self.issuer.name()
    }

    pub(super) fn is_followed(&self) -> bool {
        self.version.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn is_current(&self, version: Option<RingVersion>) -> bool {
        version.is_none_or(|version| self.issuer.is_current_keys_version(version))
    }
}

impl Verifier {
    /// Trusts the current keys of the issuers in this process. Call it before each use of keys or
    /// cached tokens.
    pub(super) fn refresh_in_process_keys(&self) {
        for followed in &self.0.in_process {
            let version = *followed.version.read().unwrap_or_else(PoisonError::into_inner);
            if followed.is_current(version) {
                continue;
            }
            if let Err(error) = self.follow(followed) {
                let issuer = followed.name();
                tracing::error!(
                    issuer,
                    %error,
                    "the keys of an issuer in this process are not usable: its tokens are rejected until the keys change"
                );
                let removed = self.0.keys.remove(|signer| *signer.issuer == *issuer);
                self.report_removed(issuer, &removed);
            }
        }
    }

    /// Trusts the current keys of an issuer in this process.
    #[cold]
    pub(super) fn follow(&self, followed: &InProcessIssuer) -> Result<(), ConfigError> {
        let changes = {
            let mut version = followed.version.write().unwrap_or_else(PoisonError::into_inner);
            // Another request may have read the keys, or removed the issuer.
            if followed.is_current(*version) {
                return Ok(());
            }
            // Before the keys. If they change in between, the next request reads them again.
            *version = Some(followed.issuer.keys_version());
            let keys = checked(followed.name(), followed.issuer.public_keys(), Origin::Followed)?;
            self.0.keys.replace(followed.name(), keys)?
        };
        self.report(followed.name(), &changes);
        Ok(())
    }

    /// Stops following the issuer. Returns whether the verifier followed it.
    pub(super) fn close_in_process(&self, issuer: &str) -> bool {
        let mut issuers = self.0.in_process.iter();
        let followed = issuers.find(|followed| followed.name() == issuer);
        followed.is_some_and(|followed| {
            followed.version.write().unwrap_or_else(PoisonError::into_inner).take().is_some()
        })
    }
}
