mod answers;
mod monitor;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::redis::{is_revoked_by, subject_record, token_record};
use super::results::{CountOnDrop, Counter, Moment, counters_of};
use super::{
    ExceptedLogin, RedisRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use crate::clock::{Clock, SystemClock};
use crate::redis::{RedisConnection, RedisStore};
use answers::{Answers, counter_of};
use monitor::Monitor;

/// A [`RevocationStore`] on Redis that returns most results from memory. Redis announces each
/// revocation to the process ([client-side caching][caching]), and the message invalidates the
/// cached result.
///
/// [`RedisStore::pushed_revocation_store`](crate::RedisStore::pushed_revocation_store) creates it.
/// Create one store for each process, and use its clones. Clones share the cache and the
/// connection.
///
/// ```no_run
/// use std::time::Duration;
///
/// use paseto_actix::{RedisStore, SecretKey, Verifier};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let redis = RedisStore::builder("redis://127.0.0.1/")
///     .push_timeout(Duration::from_secs(1))
///     .build()?;
/// let revocations = redis.pushed_revocation_store();
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .revocation_store(revocations.clone())
///     .build()?;
/// assert!(!revocations.status().is_live, "not connected yet");
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
///
/// # How long a revoked token is accepted
///
/// - **The process that revokes the token** rejects it as soon as Redis has confirmed the
///   revocation.
/// - **Another process** rejects it when the message of Redis arrives.
/// - **If messages are delayed or lost**, a cached result is used for at most
///   [`push_timeout`](crate::redis::RedisStoreBuilder::push_timeout) (default: 1 second) after the
///   revocation was confirmed.
///
/// Only "not revoked" results are cached. Four times within `push_timeout`, the store writes a key
/// and waits for the message about this key. The message proves that all earlier messages have
/// arrived. Cached results are used for `push_timeout` from the time at which the store sent the
/// write. If the clock of the system is set, cached results are not used until the next proof.
///
/// # Failures
///
/// A lost connection invalidates all cached results at once. Without a proof, each request queries
/// Redis, as with [`RedisRevocationStore`]. If Redis does not reply, the request is rejected with
/// `503`. The store connects again in the background, at least once per second. Until the first
/// proof, each request queries Redis.
///
/// # Several primaries
///
/// - **Redis Cluster:** the store is connected to all primaries, also to those without slots. Each
///   proof requires a reply of each primary, and all of them must list the same primaries with the
///   same slots. If one primary is unreachable, each request queries Redis.
/// - **Redis Sentinel:** each proof requires that more than half of the Sentinels name the server.
///   A new connection requires the same, so without this majority, requests can fail with `503`.
/// - **Failovers:** a primary that is cut off from the other servers, but not from this process,
///   can give proofs until it is demoted. During this time, this process does not see revocations
///   at the new primary. It is limited by `cluster-node-timeout` of a cluster, and by the time in
///   which more than half of the Sentinels name the new primary. With
///   [`min_replicas`](crate::redis::RedisStoreBuilder::min_replicas) of at least half of the
///   replicas of each primary, each proof requires these replicas, and a primary that was replaced
///   cannot give one. The proof waits for the replicas on the connection that also queries Redis.
///   While replicas lag, a query can wait up to
///   [`replication_timeout`](crate::redis::RedisStoreBuilder::replication_timeout).
///
/// The limit applies to cached results. A query to a primary that was cut off returns its old
/// records, with this store and with [`RedisRevocationStore`].
///
/// # Requirements
///
/// - RESP3. A proxy must support RESP3 and `CLIENT TRACKING`. Otherwise, the store logs a warning,
///   and each request queries Redis.
/// - A user with an ACL needs `+hello` and `+client|tracking`, `+get` and `+set` for the keys of the
///   prefix, and the commands of [`RedisRevocationStore`]. With `min_replicas`, the user needs
///   `+wait`. In a cluster, the user needs `+cluster|nodes` and `+ping`.
/// - Do not run `SWAPDB`. Redis does not announce the changes of this command. A cached result is
///   used for at most 5 minutes, so the change applies after this time.
///
/// # Threads
///
/// The thread `paseto-redis-push` holds the connections. It ends when the last clone is dropped.
///
/// [caching]: https://redis.io/docs/latest/develop/reference/client-side-caching/
#[derive(Clone)]
pub struct PushedRevocationStore {
    store: RedisRevocationStore,
    connection: RedisConnection,
    bound: Duration,
    clock: Arc<dyn Clock>,
    capacity: usize,
    answers: Arc<Answers>,
    /// Ends the thread when the last clone is dropped.
    _running: Arc<oneshot::Sender<Infallible>>,
}

/// The number of cached results.
const DEFAULT_CAPACITY: usize = 100_000;

/// The state of a [`PushedRevocationStore`], for metrics and health checks.
/// [`PushedRevocationStore::status`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushedRevocationStatus {
    /// Whether cached results are used at this moment. If `false`, each request queries Redis.
    pub is_live: bool,
    /// Queries whose result was returned from the cache.
    pub hits: u64,
    /// Queries that were sent to Redis.
    pub misses: u64,
}

impl RedisStore {
    /// Returns a revocation store on Redis that returns most results from memory, and starts its
    /// thread. It never blocks: the thread connects in the background.
    #[must_use]
    pub fn pushed_revocation_store(&self) -> PushedRevocationStore {
        PushedRevocationStore::start(
            self.revocation_store(),
            self.connection.clone(),
            self.push_timeout,
            Arc::new(SystemClock),
            DEFAULT_CAPACITY,
        )
    }
}

impl PushedRevocationStore {
    fn start(
        store: RedisRevocationStore,
        connection: RedisConnection,
        bound: Duration,
        clock: Arc<dyn Clock>,
        capacity: usize,
    ) -> Self {
        let answers = Arc::new(Answers::new(bound, capacity));
        let (running, stop) = oneshot::channel();
        Monitor::new(connection.clone(), Arc::clone(&answers), Arc::clone(&clock)).start(stop);
        Self { store, connection, bound, clock, capacity, answers, _running: Arc::new(running) }
    }

    /// Sets the maximum number of cached results, and starts with an empty cache. A cached result
    /// takes about 130 bytes. Default: 100,000.
    #[must_use]
    pub fn capacity(self, results: usize) -> Self {
        Self::start(self.store, self.connection, self.bound, self.clock, results)
    }

    /// Sets the clock, for tests, and starts with an empty cache. Default: [`SystemClock`]. Redis
    /// expires the records by its own clock.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let of_store = Arc::clone(&clock);
        let store = self.store.clock(move || of_store.now());
        Self::start(store, self.connection, self.bound, clock, self.capacity)
    }

    /// Returns whether cached results are used, and the numbers of queries.
    #[must_use]
    pub fn status(&self) -> PushedRevocationStatus {
        self.answers.status(Moment::now(&*self.clock))
    }

    fn count(&self, counter: Counter) -> CountOnDrop<'_> {
        CountOnDrop(&self.answers.results, counter)
    }
}

impl RevocationStore for PushedRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        // The message of Redis may arrive later than the reply.
        let _count = self.count(counter_of(&token_record(issuer, id)));
        self.store.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let _count = self.count(counter_of(&subject_record(issuer, subject)));
        self.store.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (results, now) = (&self.answers.results, Moment::now(&*self.clock));
        let key = results.key(&query);
        if !query.uncached && self.answers.is_not_revoked(&key, now) {
            return Ok(false);
        }
        self.answers.count_miss();
        let counters = counters_of(
            &query,
            |id| counter_of(&token_record(query.issuer, id)),
            |subject| counter_of(&subject_record(query.issuer, subject)),
        );
        let result = results.begin(now, counters);
        let Some(servers) = self.answers.servers(now, &result) else {
            return self.store.is_revoked(query).await;
        };
        // Half of the timeout, so that there is time to ask on another connection.
        let keys = self.store.keys(&query);
        let values = timeout(self.connection.timeout() / 2, servers.read_all(&keys)).await;
        let Ok(Ok(values)) = values else { return self.store.is_revoked(query).await };
        let is_revoked = is_revoked_by(&query, values)?;
        if is_revoked {
            results.remove(&key);
        } else {
            results.insert(key, result);
        }
        Ok(is_revoked)
    }
}

impl fmt::Debug for PushedRevocationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushedRevocationStore")
            .field("store", &self.store)
            .field("push_timeout", &self.bound)
            .finish_non_exhaustive()
    }
}
