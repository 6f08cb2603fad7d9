use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use super::super::results::{CachedResult, Counter, Moment, Results};
use super::PushedRevocationStatus;
use crate::keyed_hash::Tag;
use crate::limits::MAX_LEEWAY;
use crate::redis::{Invalidation, TrackedServers};

/// Cached results and the lease. Cached results are used only during the lease.
pub(super) struct Answers {
    pub(super) results: Results,
    bound: Duration,
    lease: RwLock<Option<Lease>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The proof that all revocations before a time have invalidated their results.
struct Lease {
    /// The time at which the proof was requested.
    requested: Moment,
    /// The epoch at the request. A lost connection starts a new epoch, so it ends the lease, also
    /// if the proof arrives after the loss was handled.
    epoch: u64,
    /// The connections with the proof. Only their results are cached.
    servers: Arc<TrackedServers>,
}

/// Returns the counter of a record. The ID of the record is a hash.
pub(super) fn counter_of(id: &[u8; 16]) -> Counter {
    Counter::new(u64::from(u16::from_le_bytes([id[0], id[1]])))
}

impl Answers {
    pub(super) fn new(bound: Duration, capacity: usize) -> Self {
        Self {
            results: Results::new(capacity),
            bound,
            lease: RwLock::new(None),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(super) fn bound(&self) -> Duration {
        self.bound
    }

    /// Handles a message of Redis.
    pub(super) fn handle(&self, invalidation: Invalidation) {
        match invalidation {
            Invalidation::Record(id) => self.results.invalidate(counter_of(&id)),
            Invalidation::All => self.results.invalidate_all(),
        }
    }

    /// Renews the lease from the time of the request for a proof. `epoch` was read before the
    /// request.
    pub(super) fn renew(&self, requested: Moment, epoch: u64, servers: &Arc<TrackedServers>) {
        let lease = Some(Lease { requested, epoch, servers: Arc::clone(servers) });
        *self.lease.write().unwrap_or_else(PoisonError::into_inner) = lease;
    }

    /// Invalidates all results, and drops the connections of the lease.
    pub(super) fn end_lease(&self) {
        self.results.invalidate_all();
        *self.lease.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns whether results may be used at this time.
    pub(super) fn is_live(&self, now: Moment) -> bool {
        self.is_valid(self.lease().as_ref(), now)
    }

    /// Returns the servers whose results may be cached at this time.
    ///
    /// `_begun` is the result of the query. Its counters must be read before the servers. Otherwise,
    /// a reconnect between them would combine a query on the former connection with the epoch of the
    /// new one, and the result of a former primary would be valid.
    pub(super) fn servers(
        &self,
        now: Moment,
        _begun: &CachedResult,
    ) -> Option<Arc<TrackedServers>> {
        let lease = self.lease();
        let lease = lease.as_ref().filter(|lease| self.is_valid(Some(lease), now))?;
        Some(Arc::clone(&lease.servers))
    }

    fn lease(&self) -> RwLockReadGuard<'_, Option<Lease>> {
        self.lease.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_valid(&self, lease: Option<&Lease>, now: Moment) -> bool {
        lease.is_some_and(|lease| {
            lease.epoch == self.results.epoch() && now.is_within(self.bound, lease.requested)
        })
    }

    /// Returns whether a valid result exists. `now` was read before the call.
    pub(super) fn is_not_revoked(&self, key: &Tag, now: Moment) -> bool {
        // The order is important. The lease shows that the results are current up to a time after
        // `now - bound`. Only counters that are read after the lease contain these revocations.
        let is_hit = self.is_live(now) && self.results.is_not_revoked(key, now, MAX_LEEWAY);
        if is_hit {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        is_hit
    }

    pub(super) fn count_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self, now: Moment) -> PushedRevocationStatus {
        PushedRevocationStatus {
            is_live: self.is_live(now),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use time::OffsetDateTime;

    use super::*;
    use crate::revocation::RevocationQuery;
    use crate::revocation::results::counters_of;

    const BOUND: Duration = Duration::from_secs(60);
    const TOKEN: [u8; 16] = [1; 16];
    const LOGIN: [u8; 16] = [2; 16];
    const SUBJECT: [u8; 16] = [3; 16];

    struct World {
        answers: Answers,
        start: Moment,
    }

    impl World {
        /// Starts with a lease.
        fn new() -> Self {
            let answers = Answers::new(BOUND, 100);
            let start =
                Moment { clock: OffsetDateTime::UNIX_EPOCH + BOUND, monotonic: Instant::now() };
            answers.renew(start, answers.results.epoch(), &Arc::default());
            Self { answers, start }
        }

        fn query() -> RevocationQuery<'static> {
            RevocationQuery::new("issuer", "token")
                .of_session(Some("login"))
                .of_subject(Some("ada"), 7)
        }

        /// Queries Redis, which returns "not revoked" after `meanwhile`.
        fn ask(&self, meanwhile: impl FnOnce(&Answers)) {
            let results = &self.answers.results;
            let of_id = |id: &str| counter_of(if id == "token" { &TOKEN } else { &LOGIN });
            let counters = counters_of(&Self::query(), of_id, |_| counter_of(&SUBJECT));
            let result = results.begin(self.start, counters);
            meanwhile(&self.answers);
            results.insert(results.key(&Self::query()), result);
        }

        fn is_hit(&self, now: Moment) -> bool {
            self.answers.is_not_revoked(&self.answers.results.key(&Self::query()), now)
        }
    }

    #[test]
    fn message_about_a_name_of_the_query_invalidates_the_result() {
        let world = World::new();
        for id in [TOKEN, LOGIN, SUBJECT] {
            world.ask(|_| ());
            assert!(world.is_hit(world.start));
            world.answers.handle(Invalidation::Record([9; 16]));
            assert!(world.is_hit(world.start), "a message about another record");
            world.answers.handle(Invalidation::Record(id));
            assert!(!world.is_hit(world.start), "{id:?}");
        }
    }

    /// The query started before the revocation, and its reply arrived after the message.
    #[test]
    fn message_between_a_query_and_its_reply_invalidates_the_result() {
        let world = World::new();
        for invalidation in
            [TOKEN, LOGIN, SUBJECT].map(Invalidation::Record).into_iter().chain([Invalidation::All])
        {
            world.ask(|answers| answers.handle(invalidation));
            world.answers.renew(world.start, world.answers.results.epoch(), &Arc::default());
            assert!(!world.is_hit(world.start), "{invalidation:?}");
            world.ask(|_| ());
            assert!(world.is_hit(world.start));
        }
    }

    #[test]
    fn lost_connection_ends_the_lease_and_invalidates_all_results() {
        let world = World::new();
        world.ask(|_| ());
        let epoch = world.answers.results.epoch();
        world.answers.handle(Invalidation::All);
        assert!(!world.answers.is_live(world.start));
        // A result of the time without a connection, and a proof that was requested before the loss.
        world.ask(|_| ());
        world.answers.renew(world.start, epoch, &Arc::default());
        assert!(!world.is_hit(world.start));
    }

    #[test]
    fn lease_ends_at_the_bound_on_both_clocks() {
        let world = World::new();
        world.ask(|_| ());
        let (just, nano) = (BOUND - Duration::from_nanos(1), Duration::from_nanos(1));
        let at = |clock: time::Duration, monotonic| {
            let Moment { clock: start, monotonic: instant } = world.start;
            world.is_hit(Moment { clock: start + clock, monotonic: instant + monotonic })
        };
        let zero = time::Duration::ZERO;
        assert!(at(just.try_into().unwrap(), just));
        assert!(!at(BOUND.try_into().unwrap(), just), "the machine was suspended");
        assert!(!at(zero, BOUND), "the clock was set back");
        assert!(!at(zero - nano, Duration::ZERO), "the clock was set back behind the request");
    }

    #[test]
    fn status_counts_hits_and_misses() {
        let world = World::new();
        assert!(!world.is_hit(world.start));
        world.answers.count_miss();
        world.ask(|_| ());
        assert!(world.is_hit(world.start));
        let PushedRevocationStatus { is_live, hits, misses } = world.answers.status(world.start);
        assert_eq!((is_live, hits, misses), (true, 1, 1));
    }
}
