use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, UnitWeighter};
use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use crate::clock::{Clock, SystemClock};
use crate::durations::MAX_LEEWAY;
use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

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
}

/// Cached results and revocation counters.
///
/// A revocation must invalidate all results of the revoked token, login or subject. Results are
/// stored by a hash of the whole query, so one of these names cannot find them. Instead, each name
/// maps to one of 1,024 counters, and a revocation increments the counter of its name. A result
/// stores the sum of the counters of its names, read before the query. The result is valid only
/// while the sum is unchanged. This also invalidates a result that the store returns during the
/// revocation. One counter for all names would be shorter code, but each logout would invalidate
/// every result.
struct Results {
    hash: KeyedHash,
    /// The "not revoked" results by the hash of the query. The hash has a fixed length and contains
    /// no names.
    not_revoked: Cache<Tag, CachedResult, UnitWeighter, BuildTagHasher>,
    counters: [AtomicU64; COUNTERS],
    /// Selects the counter of a name. It does not need to be secure, because a collision only costs
    /// a query to the store.
    counter_hash: DefaultHashBuilder,
}

/// Large enough that the revocation of one name rarely invalidates results of other names.
const COUNTERS: usize = 1024;

#[derive(Clone)]
struct CachedResult {
    queried: Moment,
    revocations: u64,
}

/// The time of a query on the configured clock and on a monotonic clock. If the configured clock is
/// set back, the monotonic clock still expires the result.
#[derive(Clone, Copy)]
struct Moment {
    clock: OffsetDateTime,
    monotonic: Instant,
}

impl Moment {
    fn is_within(self, max_staleness: Duration, earlier: Self) -> bool {
        let age = self.clock - earlier.clock;
        !age.is_negative()
            && age < max_staleness
            && self.monotonic.duration_since(earlier.monotonic) < max_staleness
    }
}

impl Results {
    fn new(capacity: usize) -> Self {
        let counters = std::array::from_fn(|_| AtomicU64::new(0));
        let not_revoked = Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            BuildTagHasher::default(),
            Default::default(),
        );
        let counter_hash = DefaultHashBuilder::default();
        Self { hash: KeyedHash::new(), not_revoked, counters, counter_hash }
    }

    fn counter(&self, issuer: &str, name: &str) -> &AtomicU64 {
        &self.counters[self.counter_hash.hash_one((issuer, name)) as usize % COUNTERS]
    }

    /// Returns the sum of the counters of all names in the query.
    fn revocations(&self, query: &RevocationQuery<'_>) -> u64 {
        let subject = query.subject.map(|(subject, _)| subject);
        let names = [Some(query.token_id), query.session_id, subject].into_iter().flatten();
        names.fold(0, |sum: u64, name| {
            sum.wrapping_add(self.counter(query.issuer, name).load(Ordering::SeqCst))
        })
    }
}

/// Increments the counter when the call to the store ends. An error or a cancellation increments it
/// too, because the store may have stored the record.
struct CountOnDrop<'a>(&'a AtomicU64);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
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
        }
    }

    /// Sets the clock, for tests. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn is_cached(&self, key: &Tag, now: Moment, revocations: u64) -> bool {
        let is_current = |result: &CachedResult| {
            result.revocations == revocations && now.is_within(self.max_staleness, result.queried)
        };
        self.results.not_revoked.get(key).as_ref().is_some_and(is_current)
    }
}

impl<S: RevocationStore> RevocationStore for CachedRevocationStore<S> {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let _count = CountOnDrop(self.results.counter(issuer, id));
        self.store.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let _count = CountOnDrop(self.results.counter(issuer, subject));
        self.store.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let key =
            self.results.hash.of(&(query.issuer, query.token_id, query.session_id, query.subject));
        let queried = Moment { clock: self.clock.now(), monotonic: Instant::now() };
        let revocations = self.results.revocations(&query);
        if !query.uncached && self.is_cached(&key, queried, revocations) {
            return Ok(false);
        }
        let is_revoked = self.store.is_revoked(query).await?;
        if is_revoked {
            self.results.not_revoked.remove(&key);
        } else if !self.max_staleness.is_zero() {
            self.results.not_revoked.insert(key, CachedResult { queried, revocations });
        }
        Ok(is_revoked)
    }
}

impl<S> Clone for CachedRevocationStore<S> {
    fn clone(&self) -> Self {
        let (store, clock, results) =
            (Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.results));
        Self { store, max_staleness: self.max_staleness, clock, results }
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
