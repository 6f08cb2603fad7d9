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
use crate::durations::LONGEST_LEEWAY;
use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

/// Remembers for a short time (`max_staleness`) which tokens another store called not revoked. Clones share
/// the memory.
///
/// Most requests need no round trip to the store then. **A token that is revoked in another way, by
/// another process or through the inner store, is accepted until the answer is as old as the lag.**
/// So give the [`Verifier`](crate::Verifier) and `RefreshTokens` clones of the same
/// `CachedRevocationStore`: a revocation through one of them counts once the store has confirmed it. If
/// the store cannot answer, tokens with a remembered answer are accepted until the lag is over. An
/// answer that a token is revoked, and a failure, are not remembered.
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

/// The answers of the store, and counters of later revocations.
///
/// A revocation through this store has to end the answers that it makes wrong: those on the token,
/// its login or its subject. Results are stored by the hash of the whole query, so they cannot be
/// found by one of these names. Each name belongs to one of 1,024 counters instead. A revocation
/// increments the counter of its name. An answer has the sum of the counters of its names from
/// before the store was asked, and counts only while the sum is the same. This also ends an answer
/// that is on its way from the store during the revocation. One counter for all names would be less
/// code, but then each logout would end every answer.
struct Results {
    hash: KeyedHash,
    /// By the hash of the query: all of one length, and without any name.
    good: Cache<Tag, CachedResult, UnitWeighter, BuildTagHasher>,
    counters: [AtomicU64; COUNTERS],
    /// Selects the counter of a name. It need not be secure, because two names with one counter
    /// cost only a question to the store.
    counter_hash: DefaultHashBuilder,
}

const COUNTERS: usize = 1024;

#[derive(Clone)]
struct CachedResult {
    asked: Moment,
    revocations: u64,
}

/// The time of a question, by the store's clock and by a steady clock. If the first clock is set
/// back, the second still ends the answer.
#[derive(Clone, Copy)]
struct Moment {
    clock: OffsetDateTime,
    steady: Instant,
}

impl Moment {
    fn is_within(self, max_staleness: Duration, earlier: Self) -> bool {
        let age = self.clock - earlier.clock;
        !age.is_negative()
            && age < max_staleness
            && self.steady.duration_since(earlier.steady) < max_staleness
    }
}

impl Results {
    fn new(capacity: usize) -> Self {
        let counters = std::array::from_fn(|_| AtomicU64::new(0));
        let good = Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            BuildTagHasher::default(),
            Default::default(),
        );
        Self { hash: KeyedHash::new(), good, counters, counter_hash: DefaultHashBuilder::default() }
    }

    fn counter(&self, issuer: &str, name: &str) -> &AtomicU64 {
        &self.counters[self.counter_hash.hash_one((issuer, name)) as usize % COUNTERS]
    }

    /// The sum of the counters of all names in the query.
    fn revocations(&self, token: &RevocationQuery<'_>) -> u64 {
        let subject = token.subject.map(|(subject, _)| subject);
        let names = [Some(token.token_id), token.session_id, subject].into_iter().flatten();
        names.fold(0, |sum: u64, name| {
            sum.wrapping_add(self.counter(token.issuer, name).load(Ordering::SeqCst))
        })
    }
}

/// Counts a revocation when the call to the store ends, also after an error or a cancellation,
/// because the store may have stored it.
struct CountOnDrop<'a>(&'a AtomicU64);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<S: RevocationStore> CachedRevocationStore<S> {
    /// A cache of 10,000 answers in front of this store. `max_staleness` is the longest age of an answer.
    /// With a lag of zero, the store is asked each time. A lag of more than 5 minutes counts as 5
    /// minutes, because revocation records live that much longer than the tokens that they end.
    pub fn new(store: S, max_staleness: Duration) -> Self {
        Self::with_capacity(store, max_staleness, 10_000)
    }

    /// The same with this many answers. Each takes about 120 bytes.
    pub fn with_capacity(store: S, max_staleness: Duration, answers: usize) -> Self {
        let max_staleness = max_staleness.min(LONGEST_LEEWAY);
        Self {
            store: Arc::new(store),
            max_staleness,
            clock: Arc::new(SystemClock),
            results: Arc::new(Results::new(answers)),
        }
    }

    /// Where the time comes from. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn is_known_good(&self, question: &Tag, now: Moment, revocations: u64) -> bool {
        let is_current = |answer: &CachedResult| {
            answer.revocations == revocations && now.is_within(self.max_staleness, answer.asked)
        };
        self.results.good.get(question).as_ref().is_some_and(is_current)
    }
}

impl<S: RevocationStore> RevocationStore for CachedRevocationStore<S> {
    async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let _count = CountOnDrop(self.results.counter(issuer, token_id));
        self.store.revoke(issuer, token_id, until).await
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

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let question =
            self.results.hash.of(&(token.issuer, token.token_id, token.session_id, token.subject));
        let asked = Moment { clock: self.clock.now(), steady: Instant::now() };
        let revocations = self.results.revocations(&token);
        if !token.uncached && self.is_known_good(&question, asked, revocations) {
            return Ok(false);
        }
        let is_revoked = self.store.is_revoked(token).await?;
        if is_revoked {
            self.results.good.remove(&question);
        } else if !self.max_staleness.is_zero() {
            self.results.good.insert(question, CachedResult { asked, revocations });
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
