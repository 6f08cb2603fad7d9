//! The cache of verified tokens. A repeated token needs no signature check.

use std::sync::atomic::{AtomicUsize, Ordering};

use quick_cache::{Weighter, sync};
use time::OffsetDateTime;

use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};
use crate::token::{VerifiedToken, after_header};

/// The typical size of an entry in bytes, to estimate how many tokens fit.
const USUAL_BYTES: usize = 1024;
/// The minimum number of insertions between two sweeps for expired tokens.
const MIN_SWEEP_INTERVAL: usize = 1024;

/// Figures of the token cache of a [`Verifier`](crate::Verifier), for metrics.
/// [`Verifier::token_cache_stats`](crate::Verifier::token_cache_stats) returns them.
///
/// ```
/// use paseto_actix::{SecretKey, Verifier};
/// use paseto_actix::verifier::TokenCacheStats;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let key = SecretKey::generate().public_key();
/// let verifier = Verifier::builder().trust("https://issuer.example", key).build()?;
/// let TokenCacheStats { hits, misses, entries, bytes, .. } = verifier.token_cache_stats();
/// assert_eq!((hits, misses, entries, bytes), (0, 0, 0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStats {
    /// Lookups that found an entry since the verifier was built. Expired entries count.
    pub hits: u64,
    /// Lookups that did not find an entry. Each string of at most 8,192 bytes that begins with
    /// `v4.public.` is looked up, also a malformed or forged one. So this is not the number of
    /// signature checks.
    pub misses: u64,
    /// The number of entries, including expired entries that are not removed yet.
    pub entries: usize,
    /// The estimated memory of the entries, in bytes.
    pub bytes: usize,
}

/// The cache of one verifier and its clones.
///
/// An entry contains the claims of a token of a trusted key with an accepted audience. In every
/// request, the verifier checks the times, runs the checks of the application and queries the
/// revocation store. Removing the key removes the entry.
pub(super) struct TokenCache {
    hash: KeyedHash,
    tokens: sync::Cache<Tag, VerifiedToken, Weight, BuildTagHasher>,
    /// The number of insertions until the next sweep.
    until_sweep: AtomicUsize,
}

impl TokenCache {
    /// Returns `None` for a cache of 0 bytes.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        if bytes == 0 {
            return None;
        }
        let (items, weight) = (bytes / USUAL_BYTES, bytes as u64);
        Some(Self {
            hash: KeyedHash::new(),
            tokens: sync::Cache::with(
                items,
                weight,
                Weight,
                BuildTagHasher::default(),
                Default::default(),
            ),
            until_sweep: AtomicUsize::new(MIN_SWEEP_INTERVAL),
        })
    }

    pub(super) fn stats(&self) -> TokenCacheStats {
        TokenCacheStats {
            hits: self.tokens.hits(),
            misses: self.tokens.misses(),
            entries: self.tokens.len(),
            bytes: usize::try_from(self.tokens.weight()).unwrap_or(usize::MAX),
        }
    }

    /// Removes the entries of removed keys.
    pub(super) fn remove_untrusted(&self) {
        self.tokens.retain(|_, token| !token.signer().is_removed());
    }

    /// Returns the slot of a token. Returns `None` for a string that cannot be a token.
    pub(super) fn slot(&self, token: &[u8]) -> Option<Slot<'_>> {
        after_header(token).map(|rest| Slot { cache: self, tag: self.hash.of_bytes(rest) })
    }
}

/// The position of one token in the cache, with or without an entry.
pub(super) struct Slot<'c> {
    cache: &'c TokenCache,
    tag: Tag,
}

impl Slot<'_> {
    pub(super) fn get(&self) -> Option<VerifiedToken> {
        let token = self.cache.tokens.get(&self.tag)?;
        if token.signer().is_removed() {
            self.remove();
            return None;
        }
        Some(token)
    }

    pub(super) fn remove(&self) {
        self.cache.tokens.remove(&self.tag);
    }

    /// Stores the token, unless it has no `exp`.
    pub(super) fn insert(&self, token: &VerifiedToken, now: OffsetDateTime) {
        if token.expires_at().is_none() {
            return;
        }
        let cache = self.cache;
        cache.tokens.insert(self.tag, token.clone());
        if cache.until_sweep.fetch_sub(1, Ordering::Relaxed) == 1 {
            let is_live = |token: &VerifiedToken| token.expires_at().is_some_and(|exp| exp >= now);
            cache.tokens.retain(|_, token| is_live(token) && !token.signer().is_removed());
            // The next sweep comes after as many insertions as there are entries, so the cost per
            // insertion is constant. Insertions during this sweep make the counter wrap around, and
            // this store resets it.
            let interval = cache.tokens.len().max(MIN_SWEEP_INTERVAL);
            cache.until_sweep.store(interval, Ordering::Relaxed);
        }
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Tag, VerifiedToken> for Weight {
    fn weight(&self, _: &Tag, token: &VerifiedToken) -> u64 {
        (token.size_in_memory() + SLOT_BYTES) as u64
    }
}

/// The memory of a slot without its token: the tag, links, counters and a share of the free slots.
const SLOT_BYTES: usize = 144;
