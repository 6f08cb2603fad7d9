//! The keys that a verifier trusts, and the issuer of each key.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use crate::error::{ConfigError, quote_list};
use crate::keys::{PublicKey, VerificationKey};
use crate::token::{Signer, Unverified};

/// How many keys are tried for a token without a key ID. Each try costs a signature check.
const MAX_TRIES: usize = 4;
/// A key gets a table after this many signature checks of tokens with accepted claims, so that
/// rarely used keys do not use memory. Computing a table takes as long as 30 signature checks and
/// saves a quarter of each later check.
const CHECKS_BEFORE_TABLE: usize = 16;

/// A key and the only issuer that it is trusted for.
pub(super) struct IssuerKey {
    pub(super) signer: Arc<Signer>,
    verification: VerificationKey,
    checks: AtomicUsize,
}

impl IssuerKey {
    pub(super) fn new(issuer: &str, key: &PublicKey) -> Result<Arc<Self>, ConfigError> {
        if issuer.is_empty() {
            return Err(ConfigError::setting("iss", "the name of the issuer is empty"));
        }
        Ok(Arc::new(Self {
            signer: Arc::new(Signer::new(issuer.into(), key.shared_kid())),
            verification: key.verification_key()?,
            checks: AtomicUsize::new(0),
        }))
    }

    pub(super) fn verifies(&self, token: &Unverified, implicit_assertion: &[u8]) -> bool {
        tracing::trace!(kid = %self.signer.kid, "checking a signature");
        token.verify(&self.verification, implicit_assertion)
    }
}

/// All trusted keys, indexed by key ID and by issuer.
#[derive(Clone, Default)]
pub(super) struct TrustedKeys {
    by_kid: HashMap<Arc<str>, Arc<IssuerKey>>,
    by_issuer: HashMap<Arc<str>, Vec<Arc<IssuerKey>>>,
}

impl TrustedKeys {
    pub(super) fn insert(&mut self, key: Arc<IssuerKey>) -> Result<(), ConfigError> {
        let Signer { issuer, kid, .. } = &*key.signer;
        if let Some(known) = self.by_kid.get(kid) {
            let (kid, first) = (kid.to_string(), known.signer.issuer.to_string());
            return Err(if first == **issuer {
                ConfigError::DuplicateKey { kid }
            } else {
                ConfigError::KeyOfTwoIssuers { kid, first, second: issuer.to_string() }
            });
        }
        self.by_kid.insert(Arc::clone(kid), Arc::clone(&key));
        self.by_issuer.entry(Arc::clone(issuer)).or_default().push(key);
        Ok(())
    }

    /// Removes the matching keys. Returns whether a key matched.
    fn remove(&mut self, matches: impl Fn(&Signer) -> bool) -> bool {
        let before = self.by_kid.len();
        self.by_kid.retain(|_, key| {
            let is_removed = matches(&key.signer);
            if is_removed {
                key.signer.mark_removed();
            }
            !is_removed
        });
        self.by_issuer.retain(|_, keys| {
            keys.retain(|key| !key.signer.is_removed());
            !keys.is_empty()
        });
        self.by_kid.len() < before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_kid.is_empty()
    }

    pub(super) fn by_kid(&self, kid: &str) -> Option<&Arc<IssuerKey>> {
        self.by_kid.get(kid)
    }

    /// Returns the keys to try for a token without a key ID that claims this issuer.
    pub(super) fn candidates<'s>(
        &'s self,
        issuer: &str,
    ) -> impl Iterator<Item = &'s Arc<IssuerKey>> + use<'s> {
        self.by_issuer.get(issuer).map(Vec::as_slice).unwrap_or_default().iter().take(MAX_TRIES)
    }

    /// Describes the trusted issuers. A client without a valid token can cause this string, so its
    /// cost does not grow with the number of issuers.
    pub(super) fn describe_issuers(&self) -> String {
        const MAX_LISTED: usize = 5;
        if self.by_issuer.len() > MAX_LISTED {
            return format!("one of the {} trusted issuers", self.by_issuer.len());
        }
        let mut issuers: Vec<_> = self.by_issuer.keys().collect();
        issuers.sort_unstable();
        format!("issuer {}", quote_list(&issuers, "or"))
    }

    fn table_count(&self) -> usize {
        self.by_kid.values().filter(|key| key.verification.has_table()).count()
    }
}

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.by_kid.values().map(|key| (&key.signer.kid, &key.signer.issuer)))
            .finish()
    }
}

/// The current trusted keys. They can change while requests are processed.
pub(super) struct SharedTrustedKeys {
    current: RwLock<Arc<TrustedKeys>>,
    max_tables: usize,
    /// Whether a thread computes a table.
    is_building: AtomicBool,
    /// Whether the number of tables is `max_tables`.
    is_full: AtomicBool,
}

impl SharedTrustedKeys {
    pub(super) fn new(keys: TrustedKeys, max_tables: usize) -> Arc<Self> {
        Arc::new(Self {
            current: RwLock::new(Arc::new(keys)),
            max_tables,
            is_building: AtomicBool::new(false),
            is_full: AtomicBool::new(max_tables == 0),
        })
    }

    pub(super) fn current(&self) -> Arc<TrustedKeys> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn insert(&self, key: Arc<IssuerKey>) -> Result<(), ConfigError> {
        self.change(|keys| keys.insert(key))
    }

    /// Removes the matching keys. Returns whether a key matched.
    pub(super) fn remove(&self, matches: impl Fn(&Signer) -> bool) -> bool {
        self.change(|keys| {
            let was_trusted = keys.remove(matches);
            // Set the flag while the write lock blocks `build_table`.
            self.is_full.store(self.max_tables == 0, Ordering::Relaxed);
            was_trusted
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut TrustedKeys) -> T) -> T {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys = TrustedKeys::clone(&current);
        let outcome = change(&mut keys);
        *current = Arc::new(keys);
        outcome
    }

    /// Returns how many keys have a table.
    pub(super) fn table_count(&self) -> usize {
        self.current().table_count()
    }

    /// Counts a signature check of a token with accepted claims. After `CHECKS_BEFORE_TABLE`
    /// checks, the key gets a table.
    ///
    /// A table takes a millisecond, so a separate thread computes it. At most one thread runs at a
    /// time. Only the issuer can sign these tokens, so a client without a token cannot start the
    /// thread.
    pub(super) fn count_check(self: &Arc<Self>, key: &Arc<IssuerKey>) {
        if key.verification.has_table()
            || self.is_full.load(Ordering::Relaxed)
            || key.checks.fetch_add(1, Ordering::Relaxed) < CHECKS_BEFORE_TABLE - 1
            || self.is_building.swap(true, Ordering::Acquire)
        {
            return;
        }
        let build = {
            let (keys, key) = (Arc::clone(self), Arc::clone(key));
            move || keys.build_table(&key)
        };
        if let Err(error) = thread::Builder::new().name("paseto-key-table".to_owned()).spawn(build)
        {
            tracing::warn!(%error, "could not start the thread that computes a key table");
            key.checks.store(0, Ordering::Relaxed);
            self.is_building.store(false, Ordering::Release);
        }
    }

    fn build_table(&self, key: &IssuerKey) {
        let has_room = {
            // Hold the read lock until `is_full` is set, so that a removal runs before or after
            // this block.
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            let has_room = current.table_count() < self.max_tables;
            self.is_full.store(!has_room, Ordering::Relaxed);
            has_room
        };
        if has_room {
            key.verification.precompute();
            tracing::debug!(kid = %key.signer.kid, "computed a table for a key");
        }
        self.is_building.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
