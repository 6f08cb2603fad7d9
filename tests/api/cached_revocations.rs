//! `CachedRevocationStore`: cached negative results and their maximum staleness.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration as StdDuration;

use actix_web::rt::task::yield_now;
use futures_util::FutureExt;
use futures_util::future::join;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::revocation::{
    CachedRevocationStore, ExceptedLogin, MemoryRevocationStore, RevocationError, RevocationQuery,
    RevocationStore,
};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::revocation::{FailingRevocations, failing_revocations};
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// The maximum staleness in these tests. It also applies to real time, so it is longer than any
/// test.
const MAX_STALENESS: StdDuration = StdDuration::from_secs(120);

/// A store that counts its queries and yields before it returns a result.
#[derive(Clone)]
struct CountingStore {
    store: FailingRevocations,
    queries: Arc<AtomicUsize>,
}

impl RevocationStore for CountingStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.store.revoke(issuer, id, until).await?;
        yield_now().await;
        Ok(())
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.store.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        let result = self.store.is_revoked(query).await;
        yield_now().await;
        result
    }
}

struct World {
    clock: TestClock,
    store: CountingStore,
    cached: CachedRevocationStore<CountingStore>,
}

impl World {
    fn new() -> Self {
        let clock = TestClock::new();
        let store =
            CountingStore { store: failing_revocations(&clock, 100), queries: Arc::default() };
        let cached = CachedRevocationStore::new(store.clone(), MAX_STALENESS).clock(clock.clone());
        Self { clock, store, cached }
    }

    /// Returns the result of a query, and the number of queries to the underlying store.
    async fn check(&self, query: RevocationQuery<'_>) -> (Option<bool>, usize) {
        let before = self.store.queries.load(Ordering::SeqCst);
        let result = self.cached.is_revoked(query).await.ok();
        (result, self.store.queries.load(Ordering::SeqCst) - before)
    }
}

fn query(token_id: &str) -> RevocationQuery<'_> {
    RevocationQuery::new(ISSUER, token_id)
}

const END: OffsetDateTime = START.saturating_add(Duration::HOUR);

#[actix_web::test]
async fn negative_result_is_cached_until_the_maximum_staleness() {
    let world = World::new();
    assert_eq!(world.check(query("a")).await, (Some(false), 1));
    assert_eq!(world.check(query("a")).await, (Some(false), 0));
    // Another process revokes the token directly in the store.
    world.store.revoke(ISSUER, "a", END).await.unwrap();
    world.clock.advance(Duration::seconds(120) - Duration::nanoseconds(1));
    assert_eq!(
        world.check(query("a")).await,
        (Some(false), 0),
        "cached result within the staleness"
    );
    world.clock.advance(Duration::nanoseconds(1));
    assert_eq!(world.check(query("a")).await, (Some(true), 1));
    assert_eq!(world.check(query("a")).await, (Some(true), 1), "a positive result is not cached");
}

#[actix_web::test]
async fn clock_set_back_does_not_extend_a_cached_result() {
    let world = World::new();
    assert_eq!(world.check(query("a")).await, (Some(false), 1));
    world.clock.advance(Duration::seconds(-60));
    assert_eq!(world.check(query("a")).await, (Some(false), 1));
    world.clock.advance(Duration::seconds(-60));
    world.store.revoke(ISSUER, "a", END).await.unwrap();
    assert_eq!(world.check(query("a")).await, (Some(true), 1));
    // The clock returns to the time at which the result was cached.
    for _ in 0..6 {
        world.clock.advance(Duration::seconds(30));
        assert_eq!(world.check(query("a")).await, (Some(true), 1));
    }
}

/// The staleness is limited in real time too, independent of the configured clock.
#[actix_web::test]
async fn cached_result_expires_although_the_clock_does_not_move() {
    let world = World::new();
    let cached = CachedRevocationStore::new(world.store.clone(), StdDuration::from_nanos(1))
        .clock(world.clock.clone());
    for queries in 1..4 {
        assert!(!cached.is_revoked(query("a")).await.unwrap());
        assert_eq!(world.store.queries.load(Ordering::SeqCst), queries);
    }
}

/// A store can complete a revocation whose future was dropped.
#[actix_web::test]
async fn canceled_revocation_invalidates_the_cached_result() {
    let world = World::new();
    assert_eq!(world.check(query("a")).await, (Some(false), 1));
    assert_eq!(world.check(query("b")).await, (Some(false), 1));
    assert!(
        world.cached.revoke(ISSUER, "a", END).now_or_never().is_none(),
        "the store yields before it returns"
    );
    assert_eq!(world.check(query("a")).await, (Some(true), 1));
    assert_eq!(
        world.check(query("b")).await,
        (Some(false), 0),
        "cached result of another token ID"
    );
}

#[actix_web::test]
async fn queries_that_differ_have_separate_entries() {
    let world = World::new();
    let queries = [
        query("a"),
        query("b"),
        RevocationQuery::new("https://other.example", "a"),
        query("a").of_session(Some("s")),
        query("a").of_session(Some("")),
        query("a").of_subject(Some("s"), 0),
        query("a").of_subject(Some("s"), 1),
        query("as"),
    ];
    for again in [false, true] {
        for query in queries {
            assert_eq!(world.check(query).await, (Some(false), usize::from(!again)), "{query:?}");
        }
    }
}

#[actix_web::test]
async fn revocation_through_the_cache_takes_effect_immediately() {
    let world = World::new();
    let of_ada = query("b").of_subject(Some("ada"), 0);
    let of_login = query("c").of_session(Some("a"));
    for query in [query("a"), of_ada, of_login] {
        assert_eq!(world.check(query).await, (Some(false), 1));
    }
    let clone = world.cached.clone();
    clone.revoke(ISSUER, "a", END).await.unwrap();
    assert_eq!(world.check(query("a")).await, (Some(true), 1));
    assert_eq!(world.check(of_login).await, (Some(true), 1));
    assert_eq!(world.check(of_ada).await, (Some(false), 0), "results of other names stay cached");
    let generation = clone.revoke_subject(ISSUER, "ada", None, END).await.unwrap();
    assert_eq!(clone.generation(ISSUER, "ada").await.unwrap(), generation);
    assert_eq!(world.check(of_ada).await, (Some(true), 1));
}

/// The query started before the revocation, so its result is outdated.
#[actix_web::test]
async fn result_that_a_revocation_overtook_is_not_cached() {
    let world = World::new();
    let (early, revoked) =
        join(world.cached.is_revoked(query("a")), world.cached.revoke(ISSUER, "a", END)).await;
    revoked.unwrap();
    assert!(!early.unwrap(), "the query started before the revocation");
    assert_eq!(world.check(query("a")).await, (Some(true), 1));
}

#[actix_web::test]
async fn store_error_is_returned_and_not_cached() {
    let world = World::new();
    assert_eq!(world.check(query("known")).await, (Some(false), 1));
    world.store.store.set_failing(true);
    assert_eq!(world.check(query("a")).await, (None, 1));
    assert_eq!(
        world.check(query("known")).await,
        (Some(false), 0),
        "cached result within the staleness"
    );
    world.clock.advance(Duration::seconds(120));
    assert_eq!(world.check(query("known")).await, (None, 1));
    world.store.store.set_failing(false);
    assert_eq!(world.check(query("a")).await, (Some(false), 1));

    // The store can have completed a revocation that returned an error.
    world.store.store.set_failing(true);
    assert!(world.cached.revoke(ISSUER, "a", END).await.is_err());
    assert_eq!(world.check(query("a")).await, (None, 1));
}

#[actix_web::test]
async fn zero_staleness_queries_the_store_each_time() {
    let world = World::new();
    let cached = CachedRevocationStore::new(world.store.clone(), StdDuration::ZERO)
        .clock(world.clock.clone());
    for queries in 1..4 {
        assert!(!cached.is_revoked(query("a")).await.unwrap());
        assert_eq!(world.store.queries.load(Ordering::SeqCst), queries);
    }
}

/// A revocation record is kept for 5 minutes after its token expires. A cached result must not be
/// older.
#[actix_web::test]
async fn staleness_is_limited_to_five_minutes() {
    let world = World::new();
    let hour = StdDuration::from_secs(60 * 60);
    let cached = CachedRevocationStore::new(world.store.clone(), hour).clock(world.clock.clone());
    for (advance, queries) in [(0, 1), (299, 1), (1, 2)] {
        world.clock.advance(Duration::seconds(advance));
        assert!(!cached.is_revoked(query("a")).await.unwrap());
        assert_eq!(world.store.queries.load(Ordering::SeqCst), queries, "{advance}");
    }
}

#[actix_web::test]
async fn verifier_rejects_a_token_revoked_elsewhere_after_the_maximum_staleness() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(10).clock(clock.clone());
    let verifier = || {
        let cached = CachedRevocationStore::with_capacity(store.clone(), MAX_STALENESS, 100)
            .clock(clock.clone());
        verifier_builder(&clock).revocation_store(cached).build().unwrap()
    };
    let (one, other) = (verifier(), verifier());
    let text = issuer_builder(&clock).build().unwrap().issue(&json!({})).unwrap();
    let kind = async |verifier: &paseto_actix::Verifier| {
        verifier.verify_str_async(&text).await.map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!((kind(&one).await, kind(&other).await), (Ok(()), Ok(())));
    one.revoke(&one.verify_str_async(&text).await.unwrap()).await.unwrap();
    assert_eq!((kind(&one).await, kind(&other).await), (Err(VerifyErrorKind::Revoked), Ok(())));
    clock.advance(Duration::seconds(120));
    assert_eq!(kind(&other).await, Err(VerifyErrorKind::Revoked));
}
