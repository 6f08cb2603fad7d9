//! RevocationStore whose negative answers are remembered: what that spares, and what it costs.

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
use paseto_actix_tests::revocation::Failing;
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// Long beside any time that a test takes: the real time counts, too.
const LAG: StdDuration = StdDuration::from_secs(120);

/// A store that counts how often it is asked, and lets others run before it answers.
#[derive(Clone)]
struct Counted {
    store: Failing,
    asked: Arc<AtomicUsize>,
}

impl RevocationStore for Counted {
    async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.store.revoke(issuer, token_id, until).await?;
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

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.store.is_revoked(token).await;
        yield_now().await;
        answer
    }
}

struct World {
    clock: TestClock,
    store: Counted,
    cached: CachedRevocationStore<Counted>,
}

impl World {
    fn new() -> Self {
        let clock = TestClock::new();
        let store = Counted { store: Failing::new(&clock, 100), asked: Arc::default() };
        let cached = CachedRevocationStore::new(store.clone(), LAG).clock(clock.clone());
        Self { clock, store, cached }
    }

    /// What the cache answers, and how often it asked the store for it.
    async fn ask(&self, query: RevocationQuery<'_>) -> (Option<bool>, usize) {
        let before = self.store.asked.load(Ordering::SeqCst);
        let answer = self.cached.is_revoked(query).await.ok();
        (answer, self.store.asked.load(Ordering::SeqCst) - before)
    }
}

fn query(token_id: &str) -> RevocationQuery<'_> {
    RevocationQuery::new(ISSUER, token_id)
}

const END: OffsetDateTime = START.saturating_add(Duration::HOUR);

#[actix_web::test]
async fn a_good_answer_is_one_for_the_lag_and_no_longer() {
    let world = World::new();
    assert_eq!(world.ask(query("a")).await, (Some(false), 1));
    assert_eq!(world.ask(query("a")).await, (Some(false), 0));
    // Another process revokes it.
    world.store.revoke(ISSUER, "a", END).await.unwrap();
    world.clock.advance(Duration::seconds(120) - Duration::nanoseconds(1));
    assert_eq!(world.ask(query("a")).await, (Some(false), 0), "the lag");
    world.clock.advance(Duration::nanoseconds(1));
    assert_eq!(world.ask(query("a")).await, (Some(true), 1));
    assert_eq!(
        world.ask(query("a")).await,
        (Some(true), 1),
        "that it is revoked is not remembered"
    );
}

#[actix_web::test]
async fn a_clock_that_is_set_back_makes_no_answer_younger() {
    let world = World::new();
    assert_eq!(world.ask(query("a")).await, (Some(false), 1));
    world.clock.advance(Duration::seconds(-60));
    assert_eq!(world.ask(query("a")).await, (Some(false), 1));
    world.clock.advance(Duration::seconds(-60));
    world.store.revoke(ISSUER, "a", END).await.unwrap();
    assert_eq!(world.ask(query("a")).await, (Some(true), 1));
    // The clock comes back to where it was when the token was good.
    for _ in 0..6 {
        world.clock.advance(Duration::seconds(30));
        assert_eq!(world.ask(query("a")).await, (Some(true), 1));
    }
}

/// The lag is over by the real time, too, whatever the clock says.
#[actix_web::test]
async fn a_clock_that_stands_still_makes_no_answer_last() {
    let world = World::new();
    let cached = CachedRevocationStore::new(world.store.clone(), StdDuration::from_nanos(1))
        .clock(world.clock.clone());
    for asked in 1..4 {
        assert!(!cached.is_revoked(query("a")).await.unwrap());
        assert_eq!(world.store.asked.load(Ordering::SeqCst), asked);
    }
}

/// The store may have done what nobody waited for.
#[actix_web::test]
async fn a_revocation_that_nobody_waited_for_counts() {
    let world = World::new();
    assert_eq!(world.ask(query("a")).await, (Some(false), 1));
    assert_eq!(world.ask(query("b")).await, (Some(false), 1));
    assert!(
        world.cached.revoke(ISSUER, "a", END).now_or_never().is_none(),
        "it waits for the answer"
    );
    assert_eq!(world.ask(query("a")).await, (Some(true), 1));
    assert_eq!(world.ask(query("b")).await, (Some(false), 0), "another name");
}

#[actix_web::test]
async fn what_differs_is_another_question() {
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
            assert_eq!(world.ask(query).await, (Some(false), usize::from(!again)), "{query:?}");
        }
    }
}

#[actix_web::test]
async fn what_is_revoked_through_it_counts_at_once() {
    let world = World::new();
    let of_ada = query("b").of_subject(Some("ada"), 0);
    let of_login = query("c").of_session(Some("a"));
    for query in [query("a"), of_ada, of_login] {
        assert_eq!(world.ask(query).await, (Some(false), 1));
    }
    let clone = world.cached.clone();
    clone.revoke(ISSUER, "a", END).await.unwrap();
    assert_eq!(world.ask(query("a")).await, (Some(true), 1));
    assert_eq!(world.ask(of_login).await, (Some(true), 1));
    assert_eq!(world.ask(of_ada).await, (Some(false), 0), "others are still known");
    let generation = clone.revoke_subject(ISSUER, "ada", None, END).await.unwrap();
    assert_eq!(clone.generation(ISSUER, "ada").await.unwrap(), generation);
    assert_eq!(world.ask(of_ada).await, (Some(true), 1));
}

/// A question that was under way when the token was revoked has an answer that is old.
#[actix_web::test]
async fn an_answer_that_a_revocation_overtook_is_not_kept() {
    let world = World::new();
    let (early, revoked) =
        join(world.cached.is_revoked(query("a")), world.cached.revoke(ISSUER, "a", END)).await;
    revoked.unwrap();
    assert!(!early.unwrap(), "it was asked before");
    assert_eq!(world.ask(query("a")).await, (Some(true), 1));
}

#[actix_web::test]
async fn a_failure_is_not_remembered_and_lets_nobody_pass() {
    let world = World::new();
    assert_eq!(world.ask(query("known")).await, (Some(false), 1));
    world.store.store.set_down(true);
    assert_eq!(world.ask(query("a")).await, (None, 1));
    assert_eq!(world.ask(query("known")).await, (Some(false), 0), "the lag");
    world.clock.advance(Duration::seconds(120));
    assert_eq!(world.ask(query("known")).await, (None, 1));
    world.store.store.set_down(false);
    assert_eq!(world.ask(query("a")).await, (Some(false), 1));

    // A revocation that failed may have been made.
    world.store.store.set_down(true);
    assert!(world.cached.revoke(ISSUER, "a", END).await.is_err());
    assert_eq!(world.ask(query("a")).await, (None, 1));
}

#[actix_web::test]
async fn without_a_lag_the_store_is_asked_each_time() {
    let world = World::new();
    let cached = CachedRevocationStore::new(world.store.clone(), StdDuration::ZERO)
        .clock(world.clock.clone());
    for asked in 1..4 {
        assert!(!cached.is_revoked(query("a")).await.unwrap());
        assert_eq!(world.store.asked.load(Ordering::SeqCst), asked);
    }
}

/// A revocation record outlives what it ends by 5 minutes, so no answer may be older.
#[actix_web::test]
async fn a_longer_lag_counts_as_five_minutes() {
    let world = World::new();
    let hour = StdDuration::from_secs(60 * 60);
    let cached = CachedRevocationStore::new(world.store.clone(), hour).clock(world.clock.clone());
    for (advance, asked) in [(0, 1), (299, 1), (1, 2)] {
        world.clock.advance(Duration::seconds(advance));
        assert!(!cached.is_revoked(query("a")).await.unwrap());
        assert_eq!(world.store.asked.load(Ordering::SeqCst), asked, "{advance}");
    }
}

#[actix_web::test]
async fn a_verifier_on_it() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(10).clock(clock.clone());
    let verifier = || {
        let cached =
            CachedRevocationStore::with_capacity(store.clone(), LAG, 100).clock(clock.clone());
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
