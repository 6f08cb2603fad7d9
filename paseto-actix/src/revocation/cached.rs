use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::DefaultHashBuilder;
use time::OffsetDateTime;

use super::results::{CountOnDrop, Counter, Moment, Results, counters_of};
use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use crate::clock::{Clock, SystemClock};
use crate::limits::MAX_LEEWAY;

/// A cache in front of another [`RevocationStore`]. It caches "not revoked" results for
/// `max_staleness`, so most requests do not query the store. Clones share the cache.
///
/// **A token that another process or the inner store revokes is accepted until the cached result
/// reaches `max_staleness`.** A revocation through the same `CachedRevocationStore` applies as soon
/// as the store has confirmed it. So give the [`Verifier`](crate::Verifier) and `RefreshTokens`
/// clones of the same `CachedRevocationStore`.
///
/// If the store fails, tokens with a cached result are accepted until the result reaches
/// `max_staleness`. "Revoked" results and failures are not cached.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::{SecretKey, Verifier};
/// use paseto_actix::revocation::{CachedRevocationStore, MemoryRevocationStore};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let store = MemoryRevocationStore::new(100_000); // in production: RedisRevocationStore
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .revocation_store(CachedRevocationStore::new(store, Duration::from_secs(2)))
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
pub struct CachedRevocationStore<S> {
    store: Arc<S>,
    max_staleness: Duration,
    clock: Arc<dyn Clock>,
    results: Arc<Results>,
    /// Selects the counter of a name. It does not need to be secure, because a collision only costs
    /// a query to the store.
    counter_hash: DefaultHashBuilder,
}

impl<S: RevocationStore> CachedRevocationStore<S> {
    /// Creates a cache of 10,000 results in front of this store.
    ///
    /// `max_staleness` is the maximum age of a cached result. If it is zero, each request queries
    /// the store. A value above 5 minutes counts as 5 minutes, because a revocation record outlives
    /// its token by this time only.
    pub fn new(store: S, max_staleness: Duration) -> Self {
        Self::with_capacity(store, max_staleness, 10_000)
    }

    /// Creates a cache with a different capacity. A cached result takes about 120 bytes.
    pub fn with_capacity(store: S, max_staleness: Duration, capacity: usize) -> Self {
        let max_staleness = max_staleness.min(MAX_LEEWAY);
        Self {
            store: Arc::new(store),
            max_staleness,
            clock: Arc::new(SystemClock),
            results: Arc::new(Results::new(capacity)),
            counter_hash: DefaultHashBuilder::default(),
        }
    }

    /// Sets the clock, for tests. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn counter(&self, issuer: &str, name: &str) -> Counter {
        Counter::new(self.counter_hash.hash_one((issuer, name)))
    }
}

impl<S: RevocationStore> RevocationStore for CachedRevocationStore<S> {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let _count = CountOnDrop(&self.results, self.counter(issuer, id));
        self.store.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let _count = CountOnDrop(&self.results, self.counter(issuer, subject));
        self.store.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let key = self.results.key(&query);
        let now = Moment::now(&*self.clock);
        if !query.uncached && self.results.is_not_revoked(&key, now, self.max_staleness) {
            return Ok(false);
        }
        let counter = |name: &str| self.counter(query.issuer, name);
        let result = self.results.begin(now, counters_of(&query, counter, counter));
        let is_revoked = self.store.is_revoked(query).await?;
        if is_revoked {
            self.results.remove(&key);
        } else if !self.max_staleness.is_zero() {
            self.results.insert(key, result);
        }
        Ok(is_revoked)
    }
}

impl<S> Clone for CachedRevocationStore<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            max_staleness: self.max_staleness,
            clock: Arc::clone(&self.clock),
            results: Arc::clone(&self.results),
            counter_hash: self.counter_hash.clone(),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for CachedRevocationStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedRevocationStore")
            .field("store", &self.store)
            .field("max_staleness", &self.max_staleness)
            .finish_non_exhaustive()
    }
}
