//! Which keys are trusted, and for whom.

use std::{collections::HashMap, fmt, sync::Arc};

use ed25519_dalek::VerifyingKey;

use crate::{ConfigError, PublicKey, token::Unverified};

/// How many keys are tried for a token that names none. Each try costs a signature check.
const MAX_TRIES: usize = 4;

/// A key and the one issuer it speaks for.
pub(super) struct Trusted {
    pub(super) issuer: Arc<str>,
    pub(super) kid: Arc<str>,
    key: VerifyingKey,
}

impl Trusted {
    pub(super) fn verifies(&self, token: &Unverified, implicit_assertion: &[u8]) -> bool {
        tracing::trace!(kid = %self.kid, "checking a signature");
        token.verify(&self.key, implicit_assertion)
    }
}

/// All trusted keys, found by their id or by their issuer without looking at the others.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<Trusted>,
    by_pid: HashMap<Arc<str>, usize>,
    by_issuer: HashMap<Arc<str>, Vec<usize>>,
}

impl KeySet {
    pub(super) fn insert(&mut self, issuer: &str, key: &PublicKey) -> Result<(), ConfigError> {
        if issuer.is_empty() {
            return Err(ConfigError::setting("iss", "an issuer needs a name"));
        }
        if let Some(&index) = self.by_pid.get(key.kid()) {
            let kid = key.kid().to_owned();
            let first = self.keys[index].issuer.to_string();
            return Err(if first == issuer {
                ConfigError::DuplicateKey { kid }
            } else {
                ConfigError::KeyOfTwoIssuers { kid, first, second: issuer.to_owned() }
            });
        }
        let index = self.keys.len();
        let issuer: Arc<str> = issuer.into();
        let trusted = Trusted { issuer: Arc::clone(&issuer), kid: key.shared_kid(), key: key.trusted()? };
        self.by_pid.insert(Arc::clone(&trusted.kid), index);
        self.by_issuer.entry(issuer).or_default().push(index);
        self.keys.push(trusted);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn by_pid(&self, pid: &str) -> Option<&Trusted> {
        self.by_pid.get(pid).map(|&index| &self.keys[index])
    }

    /// The keys to try for a token that names none but claims to be of this issuer.
    pub(super) fn candidates(&self, issuer: &str) -> impl Iterator<Item = &Trusted> {
        let indices = self.by_issuer.get(issuer).map(Vec::as_slice).unwrap_or_default();
        indices.iter().take(MAX_TRIES).map(|&index| &self.keys[index])
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.keys.iter().map(|trusted| (&trusted.kid, &trusted.issuer))).finish()
    }
}
