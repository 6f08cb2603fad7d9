//! Which keys are trusted, and for whom.

use std::{collections::HashMap, fmt, sync::Arc};

use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};

use crate::{
    ConfigError, PublicKey,
    token::{Signer, Unverified},
};

/// How many keys are tried for a token that names none. Each try costs a signature check.
const MAX_TRIES: usize = 4;

/// A key and the one issuer it speaks for.
pub(super) struct Trusted {
    pub(super) signer: Arc<Signer>,
    key: VerifyingKey,
}

impl Trusted {
    pub(super) fn verifies(&self, token: &Unverified, implicit_assertion: &[u8]) -> bool {
        tracing::trace!(kid = %self.signer.kid, "checking a signature");
        token.verify(&self.key, implicit_assertion)
    }
}

/// All trusted keys, found by their id or by their issuer without looking at the others.
#[derive(Clone, Default)]
pub(super) struct KeySet {
    keys: Vec<Arc<Trusted>>,
    by_pid: HashMap<Arc<str>, Arc<Trusted>>,
    by_issuer: HashMap<Arc<str>, Vec<Arc<Trusted>>>,
}

impl KeySet {
    pub(super) fn insert(&mut self, issuer: &str, key: &PublicKey) -> Result<(), ConfigError> {
        if issuer.is_empty() {
            return Err(ConfigError::setting("iss", "an issuer needs a name"));
        }
        if let Some(known) = self.by_pid.get(key.kid()) {
            let kid = key.kid().to_owned();
            let first = known.signer.issuer.to_string();
            return Err(if first == issuer {
                ConfigError::DuplicateKey { kid }
            } else {
                ConfigError::KeyOfTwoIssuers { kid, first, second: issuer.to_owned() }
            });
        }
        let issuer: Arc<str> = issuer.into();
        let signer = Signer { issuer: Arc::clone(&issuer), kid: key.shared_kid() };
        let trusted = Arc::new(Trusted { signer: Arc::new(signer), key: key.trusted()? });
        self.by_pid.insert(key.shared_kid(), Arc::clone(&trusted));
        self.by_issuer.entry(issuer).or_default().push(Arc::clone(&trusted));
        self.keys.push(trusted);
        Ok(())
    }

    /// Removes those of which this is true, and says whether there was one.
    pub(super) fn remove(&mut self, goes: impl Fn(&Trusted) -> bool) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| !goes(key));
        self.by_pid.retain(|_, key| !goes(key));
        self.by_issuer.retain(|_, keys| {
            keys.retain(|key| !goes(key));
            !keys.is_empty()
        });
        self.keys.len() < before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn by_pid(&self, pid: &str) -> Option<&Trusted> {
        self.by_pid.get(pid).map(|key| &**key)
    }

    /// The keys to try for a token that names none but claims to be of this issuer.
    pub(super) fn candidates(&self, issuer: &str) -> impl Iterator<Item = &Trusted> {
        let keys = self.by_issuer.get(issuer).map(Vec::as_slice).unwrap_or_default();
        keys.iter().take(MAX_TRIES).map(|key| &**key)
    }

    /// Adds all that decides over a signature: each key and its issuer, in the order in which they are tried.
    pub(super) fn fingerprint(&self, hash: &mut Sha256) {
        for trusted in &self.keys {
            hash.update((trusted.signer.issuer.len() as u64).to_le_bytes());
            hash.update(trusted.signer.issuer.as_bytes());
            hash.update(trusted.key.as_bytes());
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.keys.iter().map(|trusted| (&trusted.signer.kid, &trusted.signer.issuer))).finish()
    }
}
