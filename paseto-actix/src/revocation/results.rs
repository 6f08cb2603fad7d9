//! Cached "not revoked" results, and the counters of revocations that invalidate them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;
use time::OffsetDateTime;

use super::RevocationQuery;
use crate::clock::Clock;
use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

/// Cached results and revocation counters.
///
/// A revocation must invalidate all results of the revoked token, login or subject. Results are
/// stored by a hash of the whole query, so one of these names cannot find them. Instead, each name
/// maps to one of 1,024 counters, and a revocation increments the counter of its name. A result
/// stores the sum of the counters of its names, read before the query. The result is valid only
/// while the sum is unchanged. This also invalidates a result that the store returns during the
/// revocation. One counter for all names would be shorter code, but each logout would invalidate
/// every result.
pub(super) struct Results {
    hash: KeyedHash,
    /// The "not revoked" results by the hash of the query. The hash has a fixed length and contains
    /// no names.
    not_revoked: Cache<Tag, CachedResult, UnitWeighter, BuildTagHasher>,
    counters: [AtomicU64; COUNTERS],
    /// A part of every sum.
    epoch: AtomicU64,
}

/// Large enough that the revocation of one name rarely invalidates results of other names.
const COUNTERS: usize = 1024;

/// The counter of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counter(u16);

impl Counter {
    pub(super) fn new(hash: u64) -> Self {
        Self((hash % COUNTERS as u64) as u16)
    }
}

/// The counters of the token, the login and the subject of a query.
type Counters = [Counter; 3];

/// Returns the counters of the names in a query. A missing name has the counter of the token.
pub(super) fn counters_of(
    query: &RevocationQuery<'_>,
    of_id: impl Fn(&str) -> Counter,
    of_subject: impl Fn(&str) -> Counter,
) -> Counters {
    let token = of_id(query.token_id);
    let session = query.session_id.map_or(token, of_id);
    [token, session, query.subject.map_or(token, |(subject, _)| of_subject(subject))]
}

/// A "not revoked" result. It stores its counters, so that a lookup does not hash the names again.
#[derive(Clone)]
pub(super) struct CachedResult {
    queried: Moment,
    counters: Counters,
    revocations: u64,
}

/// A time on the configured clock and on a monotonic clock. If the configured clock is set back,
/// the monotonic clock still expires a result. The monotonic clock stops while the machine is
/// suspended, and the configured clock does not.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) clock: OffsetDateTime,
    pub(super) monotonic: Instant,
}

impl Moment {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self { clock: clock.now(), monotonic: Instant::now() }
    }

    pub(super) fn is_within(self, max_age: Duration, earlier: Self) -> bool {
        let age = self.clock - earlier.clock;
        !age.is_negative()
            && age < max_age
            && self.monotonic.duration_since(earlier.monotonic) < max_age
    }
}

impl Results {
    pub(super) fn new(capacity: usize) -> Self {
        let not_revoked = Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            BuildTagHasher::default(),
            Default::default(),
        );
        let counters = std::array::from_fn(|_| AtomicU64::new(0));
        Self { hash: KeyedHash::new(), not_revoked, counters, epoch: AtomicU64::new(0) }
    }

    pub(super) fn key(&self, query: &RevocationQuery<'_>) -> Tag {
        self.hash.of(&(query.issuer, query.token_id, query.session_id, query.subject))
    }

    /// Returns whether there is a result that is not older than `max_age` and not invalidated.
    pub(super) fn is_not_revoked(&self, key: &Tag, now: Moment, max_age: Duration) -> bool {
        self.not_revoked.get(key).is_some_and(|result| {
            result.revocations == self.revocations(&result.counters)
                && now.is_within(max_age, result.queried)
        })
    }

    /// Returns the result of a query that has not started. A revocation from now on invalidates it.
    pub(super) fn begin(&self, queried: Moment, counters: Counters) -> CachedResult {
        CachedResult { queried, counters, revocations: self.revocations(&counters) }
    }

    pub(super) fn insert(&self, key: Tag, result: CachedResult) {
        self.not_revoked.insert(key, result);
    }

    pub(super) fn remove(&self, key: &Tag) {
        self.not_revoked.remove(key);
    }

    /// Invalidates the results of a name.
    pub(super) fn invalidate(&self, Counter(index): Counter) {
        self.counters[usize::from(index)].fetch_add(1, Ordering::SeqCst);
    }

    /// Invalidates all results.
    #[cfg(feature = "redis")]
    pub(super) fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the number of calls of `invalidate_all`.
    #[cfg(feature = "redis")]
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    fn revocations(&self, counters: &Counters) -> u64 {
        counters.iter().fold(self.epoch.load(Ordering::SeqCst), |sum, Counter(index)| {
            sum.wrapping_add(self.counters[usize::from(*index)].load(Ordering::SeqCst))
        })
    }
}

/// Invalidates the results of a name when the call to the store ends. An error or a cancellation
/// invalidates them too, because the store may have stored the record.
pub(super) struct CountOnDrop<'a>(pub(super) &'a Results, pub(super) Counter);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.invalidate(self.1);
    }
}
