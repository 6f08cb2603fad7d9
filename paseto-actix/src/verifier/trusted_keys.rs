//! The keys that a verifier trusts, and the issuer of each key.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use super::change_keys::{KeyChanges, kids_of};
use crate::error::{ConfigError, quote_list};
use crate::keys::{PublicKey, VerificationKey};
use crate::token::{Signer, Unverified};

/// How many keys are tried for a token without a key ID. Each try costs a signature check.
const MAX_TRIES: usize = 4;
/// A key gets a table after this many signature checks of tokens with accepted claims, so that
/// rarely used keys do not use memory. Computing a table takes as long as 30 signature checks and
/// saves a quarter of each later check.
const CHECKS_BEFORE_TABLE: usize = 16;

/// A key and an issuer that it is trusted for.
pub(super) struct IssuerKey {
    pub(super) signer: Arc<Signer>,
    pub(super) key: PublicKey,
    origin: Origin,
    verification: VerificationKey,
    checks: AtomicUsize,
}

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The application.
    Fixed,
    /// The key set of a remote issuer, or an issuer in the same process.
    Followed,
}

impl IssuerKey {
    pub(super) fn new(
        issuer: &str,
        key: &PublicKey,
        origin: Origin,
    ) -> Result<Arc<Self>, ConfigError> {
        check_name(issuer)?;
        Ok(Arc::new(Self {
            signer: Arc::new(Signer::new(issuer.into(), key.shared_kid())),
            key: key.clone(),
            origin,
            verification: key.verification_key()?,
            checks: AtomicUsize::new(0),
        }))
    }

    pub(super) fn verifies(&self, token: &Unverified, implicit_assertion: &[u8]) -> bool {
        tracing::trace!(kid = %self.signer.kid, "checking a signature");
        token.verify(&self.verification, implicit_assertion)
    }
}

pub(super) fn check_name(issuer: &str) -> Result<(), ConfigError> {
    if issuer.is_empty() {
        return Err(ConfigError::setting("iss", "the name of the issuer is empty"));
    }
    Ok(())
}

/// All trusted keys, indexed by key ID and by issuer.
///
/// A key of the application has one issuer. A remote issuer can publish the keys of other issuers
/// too, so a key ID can have several entries. Such a copy gives the remote issuer no rights,
/// because it does not have the secret key, and each entry accepts only the `iss` of its issuer.
#[derive(Clone, Default)]
pub(super) struct TrustedKeys {
    by_kid: HashMap<Arc<str>, Vec<Arc<IssuerKey>>>,
    by_issuer: HashMap<Arc<str>, Vec<Arc<IssuerKey>>>,
    /// The key IDs that [`replace`](Self::replace) skips in the keys of followed issuers.
    denied: HashSet<Arc<str>>,
}

impl TrustedKeys {
    pub(super) fn insert(&mut self, key: Arc<IssuerKey>) -> Result<(), ConfigError> {
        self.check_one_issuer(&key)?;
        let Signer { issuer, kid, .. } = &*key.signer;
        if self.of_issuer(kid, issuer).is_some() {
            return Err(ConfigError::DuplicateKey { kid: kid.to_string() });
        }
        self.by_kid.entry(Arc::clone(kid)).or_default().push(Arc::clone(&key));
        self.by_issuer.entry(Arc::clone(issuer)).or_default().push(key);
        Ok(())
    }

    /// Returns an error for a key of the application that is also trusted for another issuer.
    fn check_one_issuer(&self, key: &IssuerKey) -> Result<(), ConfigError> {
        let Signer { issuer, kid, .. } = &*key.signer;
        // Followed keys are not compared. Otherwise a remote issuer could publish a key of another
        // issuer, and the key of that issuer would be rejected.
        let is_other = |known: &&Arc<IssuerKey>| {
            (known.origin, key.origin) == (Origin::Fixed, Origin::Fixed)
                && known.signer.issuer != *issuer
        };
        match self.by_kid(kid).iter().find(is_other) {
            Some(known) => Err(ConfigError::KeyOfTwoIssuers {
                kid: kid.to_string(),
                first: known.signer.issuer.to_string(),
                second: issuer.to_string(),
            }),
            None => Ok(()),
        }
    }

    /// Removes the matching keys and returns them.
    fn remove(&mut self, matches: impl Fn(&Signer) -> bool) -> Vec<Arc<Signer>> {
        let mut removed = Vec::new();
        self.by_kid.retain(|_, keys| {
            keys.retain(|key| {
                let is_removed = matches(&key.signer);
                if is_removed {
                    key.signer.mark_removed();
                    removed.push(Arc::clone(&key.signer));
                }
                !is_removed
            });
            !keys.is_empty()
        });
        self.by_issuer.retain(|_, keys| {
            keys.retain(|key| !key.signer.is_removed());
            !keys.is_empty()
        });
        removed
    }

    /// Replaces the keys of the issuer. A key that is already trusted keeps its `IssuerKey`. On an
    /// error, the key set is unchanged.
    fn replace(
        &mut self,
        issuer: &str,
        mut keys: Vec<Arc<IssuerKey>>,
    ) -> Result<KeyChanges, ConfigError> {
        keys.retain(|key| key.origin == Origin::Fixed || !self.denied.contains(&key.signer.kid));
        let mut kids = HashSet::with_capacity(keys.len());
        for key in &keys {
            let Signer { kid, .. } = &*key.signer;
            if !kids.insert(Arc::clone(kid)) {
                return Err(ConfigError::DuplicateKey { kid: kid.to_string() });
            }
            self.check_one_issuer(key)?;
        }
        let removed =
            self.remove(|signer| *signer.issuer == *issuer && !kids.contains(&signer.kid));
        let mut changes =
            KeyChanges { added: Vec::new(), removed: kids_of(removed.iter().map(|s| &s.kid)) };
        let mut in_order = Vec::with_capacity(keys.len());
        for key in keys {
            let kid = &key.signer.kid;
            if let Some(known) = self.of_issuer(kid, issuer) {
                in_order.push(Arc::clone(known));
            } else {
                changes.added.push(kid.to_string());
                self.by_kid.entry(Arc::clone(kid)).or_default().push(Arc::clone(&key));
                in_order.push(key);
            }
        }
        if !in_order.is_empty() {
            self.by_issuer.insert(issuer.into(), in_order);
        }
        Ok(changes)
    }

    /// Returns all keys, sorted by issuer. The keys of one issuer have the order in which they were
    /// added.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<IssuerKey>> {
        let mut issuers: Vec<_> = self.by_issuer.iter().collect();
        issuers.sort_unstable_by_key(|(issuer, _)| *issuer);
        issuers.into_iter().flat_map(|(_, keys)| keys)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_kid.is_empty()
    }

    /// Returns the entries of one key, with different issuers.
    pub(super) fn by_kid(&self, kid: &str) -> &[Arc<IssuerKey>] {
        self.by_kid.get(kid).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the entry of the key for this issuer.
    pub(super) fn of_issuer(&self, kid: &str, issuer: &str) -> Option<&Arc<IssuerKey>> {
        self.by_kid(kid).iter().find(|key| *key.signer.issuer == *issuer)
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
        self.by_kid.values().flatten().filter(|key| key.verification.has_table()).count()
    }
}

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.by_kid.values().flatten().map(|key| (&key.signer.kid, &key.signer.issuer)),
            )
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

    /// Removes the matching keys and returns them.
    pub(super) fn remove(&self, matches: impl Fn(&Signer) -> bool) -> Vec<Arc<Signer>> {
        self.change(|keys| {
            let removed = keys.remove(matches);
            self.make_room();
            removed
        })
    }

    /// Removes the key with this key ID. Followed issuers cannot add it again.
    pub(super) fn deny(&self, kid: &str) -> Vec<Arc<Signer>> {
        self.change(|keys| {
            keys.denied.insert(kid.into());
            let removed = keys.remove(|signer| *signer.kid == *kid);
            self.make_room();
            removed
        })
    }

    /// Replaces the keys of the issuer in one step. On an error, nothing changes.
    pub(super) fn replace(
        &self,
        issuer: &str,
        keys: Vec<Arc<IssuerKey>>,
    ) -> Result<KeyChanges, ConfigError> {
        self.change(|current| {
            let changes = current.replace(issuer, keys)?;
            self.make_room();
            Ok(changes)
        })
    }

    /// Allows new tables after a removal, while the write lock blocks `build_table`.
    fn make_room(&self) {
        self.is_full.store(self.max_tables == 0, Ordering::Relaxed);
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
