//! Tokens that were verified of late.

use std::{
    fmt,
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hmac::{Hmac, KeyInit, Mac};
use quick_cache::{Weighter, sync};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::VerifiedToken;

/// Remembers the tokens that a [`Verifier`](crate::Verifier) has accepted, so that a client that sends one again and again costs
/// one signature check and not one a request. Every Verifier has one unless it is built
/// [`without_cache`](crate::VerifierBuilder::without_cache). Clones are the same cache.
///
/// It can say nothing that the Verifier would not: what it keeps is that a text is the token of a trusted key, and what the
/// token claims. Times, audience, checks and revocation are judged at each request. A token is found by a keyed hash
/// (HMAC-SHA-256 under a random key) of its whole text, of the trusted keys, the format and the implicit assertion: under
/// another set of keys, it is another token; verifiers that share a cache and all of these share what is in it. The text itself
/// is not kept, a token without `exp` neither. One that has expired leaves when it comes again, when others need its room, or
/// when as many have come as there are: all are looked through then.
///
/// ```
/// use paseto_actix::{Issuer, SecretKey, VerifiedCache, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let cache = VerifiedCache::new(64 << 20); // 64 MiB
/// let verifier =
///     Verifier::builder().trust("https://issuer.example", key.public_key()).cache(cache.clone()).build()?;
///
/// let token = Issuer::builder("https://issuer.example").key(key).build()?.issue(&serde_json::json!({}))?;
/// verifier.verify_str(&token)?;
/// verifier.verify_str(&token)?; // no signature check
/// assert_eq!(cache.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VerifiedCache(Option<Arc<Inner>>);

struct Inner {
    /// Before any text. Its key is random, so nobody can look for two texts of one hash.
    hash: Hmac<Sha256>,
    tokens: sync::Cache<TokenHash, VerifiedToken, Weight, BuildHasherDefault<FirstBytes>>,
    since_sweep: AtomicUsize,
}

/// What a token of usual size weighs, to guess how many there will be.
const USUAL_WEIGHT: usize = 1024;
/// Fewer are not worth a look for those that have expired.
const SWEEP_AT_LEAST: usize = 1024;

impl VerifiedCache {
    /// A cache of at most so many bytes; 0 for none. A token takes some 500 and what it claims. When there is no room, those
    /// leave that are asked for the least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let mut key = [0; 64];
        // Without randomness there is no key that nobody knows, hence no cache.
        if capacity == 0 || getrandom::fill(&mut key).is_err() {
            return Self(None);
        }
        let hash = Hmac::new(&key.into());
        let (items, weight) = (capacity / USUAL_WEIGHT, capacity as u64);
        let tokens = sync::Cache::with(items, weight, Weight, BuildHasherDefault::default(), Default::default());
        Self(Some(Arc::new(Inner { hash, tokens, since_sweep: AtomicUsize::new(0) })))
    }

    /// How many tokens it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.tokens.len())
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes they take.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| usize::try_from(inner.tokens.weight()).unwrap_or(usize::MAX))
    }

    /// The part of the cache for tokens that were verified under exactly this: `None` if nothing is kept.
    pub(super) fn under(&self, fingerprint: &[u8; 32]) -> Option<CacheView> {
        let inner = Arc::clone(self.0.as_ref()?);
        let hash = inner.hash.clone().chain_update(fingerprint);
        Some(CacheView { inner, hash })
    }
}

/// 16 MiB.
impl Default for VerifiedCache {
    fn default() -> Self {
        Self::new(16 << 20)
    }
}

impl fmt::Debug for VerifiedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedCache")
            .field("len", &self.len())
            .field("weight", &self.weight())
            .finish_non_exhaustive()
    }
}

/// A cache as it is seen under one set of keys.
pub(super) struct CacheView {
    inner: Arc<Inner>,
    hash: Hmac<Sha256>,
}

impl CacheView {
    /// Under what a token is kept.
    pub(super) fn hash(&self, token: &str) -> TokenHash {
        TokenHash(self.hash.clone().chain_update(token).finalize().into_bytes().into())
    }

    pub(super) fn get(&self, hash: &TokenHash) -> Option<VerifiedToken> {
        self.inner.tokens.get(hash)
    }

    pub(super) fn remove(&self, hash: &TokenHash) {
        self.inner.tokens.remove(hash);
    }

    /// Keeps a token, unless it never expires.
    pub(super) fn insert(&self, hash: TokenHash, token: &VerifiedToken, now: OffsetDateTime) {
        if token.expires_at().is_none() {
            return;
        }
        let inner = &*self.inner;
        inner.tokens.insert(hash, token.clone());
        // As many insertions as there are tokens pay for one look at all of them.
        let inserted = inner.since_sweep.fetch_add(1, Ordering::Relaxed) + 1;
        if inserted >= inner.tokens.len().max(SWEEP_AT_LEAST) {
            inner.since_sweep.store(0, Ordering::Relaxed);
            inner.tokens.retain(|_, token| token.expires_at().is_some_and(|exp| exp >= now));
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct TokenHash([u8; 32]);

impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// A keyed hash is as good as any once it is cut.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<TokenHash, VerifiedToken> for Weight {
    fn weight(&self, _: &TokenHash, token: &VerifiedToken) -> u64 {
        (token.size_in_memory() + PLACE) as u64
    }
}

/// What a place in the table takes, besides the token: its hash, its links, and its share of places that are free.
const PLACE: usize = 160;
