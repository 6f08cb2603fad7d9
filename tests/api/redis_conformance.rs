//! The conformance tests on real Redis servers.

use std::mem;
use std::time::{Duration as StdDuration, Instant};

use paseto_actix::RedisStore;
use paseto_actix::clock::Clock;
use paseto_actix::conformance;
use paseto_actix::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use paseto_actix::token_family::{FamilyOwner, TokenFamilyStore};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::patience::until;
use paseto_actix_tests::redis::Redis;
use time::{Duration, OffsetDateTime};

/// A store that converts times of the test clock to the real time, which Redis uses.
struct ByTestClock<S> {
    store: S,
    clock: TestClock,
}

impl<S> ByTestClock<S> {
    /// Converts an end of the test clock to the clock of Redis.
    fn real(&self, until: OffsetDateTime) -> OffsetDateTime {
        OffsetDateTime::now_utc() + (until - self.clock.now())
    }
}

impl<S: RevocationStore> RevocationStore for ByTestClock<S> {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.store.revoke(issuer, id, self.real(until)).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.store.revoke_subject(issuer, subject, except, self.real(until)).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.store.is_revoked(query).await
    }
}

/// A test cannot set the clock of Redis. Instead, it moves the expiry of all keys.
async fn assert_conforms_over_time<S: RevocationStore>(redis: &Redis, store: S, clock: TestClock) {
    let store = ByTestClock { store, clock: clock.clone() };
    let mut moved = Instant::now();
    let mut advance = |by: Duration| {
        clock.advance(by);
        // The real time that has passed has already brought the expiry closer.
        redis.advance(by - mem::replace(&mut moved, Instant::now()).elapsed());
    };
    for _ in 0..2 {
        conformance::revocation_store_over_time(&store, store.clock.now(), async |by| advance(by))
            .await;
    }
}

fn patient(redis: &Redis) -> RedisStore {
    RedisStore::builder(redis.url()).timeout(StdDuration::from_secs(20)).build().unwrap()
}

#[actix_web::test]
async fn redis_revocation_store_conforms_over_time() {
    let Some(redis) = Redis::start() else { return };
    let clock = TestClock::new();
    let store = patient(&redis).revocation_store().clock(clock.clone());
    assert_conforms_over_time(&redis, store, clock).await;
}

#[actix_web::test]
async fn pushed_revocation_store_conforms() {
    let Some(redis) = Redis::start() else { return };
    let store = patient(&redis).pushed_revocation_store();
    until("the store is live", async || store.status().is_live).await;
    conformance::revocation_store(&store, OffsetDateTime::now_utc()).await;
    let clock = TestClock::new();
    let store = store.clock(clock.clone());
    until("the store is live", async || store.status().is_live).await;
    assert_conforms_over_time(&redis, store, clock).await;
}

/// A Redis Cluster rejects commands, transactions and scripts whose keys belong to several slots.
#[actix_web::test]
async fn both_stores_conform_on_a_redis_cluster() {
    let Some(redis) = Redis::cluster() else { return };
    let revocations = RedisStore::builder(redis.url()).build().unwrap().revocation_store();
    let family = RedisStore::builder(redis.url()).build().unwrap().token_family_store();
    conformance::revocation_store(&revocations, OffsetDateTime::now_utc()).await;
    conformance::token_family_store(&family).await;
    assert!(redis.command(&["DEL", "a", "b"]).starts_with("CROSSSLOT"), "it is a cluster");
    // Remove all slots from the server. The store must return an error instead of "not revoked".
    assert_eq!(redis.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]), "OK");
    assert_eq!(redis.command(&["CLUSTER", "DELSLOTSRANGE", "0", "16383"]), "OK");
    assert!(revocations.is_revoked(RevocationQuery::new(ISSUER, "a")).await.is_err());
    assert!(revocations.generation(ISSUER, "ada").await.is_err());
    assert!(family.revoke_all(FamilyOwner::new("shop", "ada"), None).await.is_err());
}
