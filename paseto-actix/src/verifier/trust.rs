//! What signatures are checked under. It may change while requests are served.

use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use super::{
    cache::{CacheView, VerifiedCache},
    key_set::KeySet,
};
use crate::{Format, token::may_be_token};

/// All that decides over a signature, and what was found by it.
pub(super) struct Trust {
    pub(super) keys: KeySet,
    pub(super) cache: Option<CacheView>,
}

impl Trust {
    /// The cache, if there is one, for what may be a token: nothing else is even hashed.
    pub(super) fn cache_for(&self, text: &str) -> Option<&CacheView> {
        self.cache.as_ref().filter(|_| may_be_token(text))
    }
}

/// The trust that is in force, and what stays the same whatever it is.
pub(super) struct CurrentTrust {
    current: RwLock<Arc<Trust>>,
    cache: VerifiedCache,
    /// Of the settings that decide over a signature, besides the keys.
    settings: Sha256,
}

impl CurrentTrust {
    pub(super) fn new(keys: KeySet, format: Format, implicit_assertion: &[u8], cache: VerifiedCache) -> Self {
        let format = match format {
            Format::Json => b'j',
            Format::Cbor => b'c',
        };
        let settings = Sha256::new()
            .chain_update([format])
            .chain_update((implicit_assertion.len() as u64).to_le_bytes())
            .chain_update(implicit_assertion);
        let current = RwLock::new(Arc::new(under(keys, &settings, &cache)));
        Self { current, cache, settings }
    }

    pub(super) fn get(&self) -> Arc<Trust> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the keys. Whoever asks from now on is judged by the new ones, and what was found by the old ones is out of sight.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut KeySet) -> T) -> T {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = current.keys.clone();
        let outcome = change(&mut keys);
        *current = Arc::new(under(keys, &self.settings, &self.cache));
        outcome
    }

    /// Whether this trust is still in force.
    pub(super) fn is_current(&self, trust: &Arc<Trust>) -> bool {
        Arc::ptr_eq(&self.current.read().unwrap_or_else(PoisonError::into_inner), trust)
    }
}

fn under(keys: KeySet, settings: &Sha256, cache: &VerifiedCache) -> Trust {
    let mut fingerprint = settings.clone();
    keys.fingerprint(&mut fingerprint);
    let cache = cache.under(&fingerprint.finalize().into());
    Trust { keys, cache }
}
