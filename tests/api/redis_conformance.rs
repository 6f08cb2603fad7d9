//! The conformance suites on real Redis servers.

use std::mem;
use std::time::{Duration as StdDuration, Instant};

use paseto_actix::clock::Clock;
use paseto_actix::conformance;
use paseto_actix::revocation::{
    ExceptedLogin, RedisRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use paseto_actix::token_family::{FamilyOwner, RedisTokenFamilyStore, TokenFamilyStore};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::redis::Redis;
use time::{Duration, OffsetDateTime};

/// A store on a Redis server by the clock of a test. Redis uses the real time.
struct ByTestClock {
    store: RedisRevocationStore,
    clock: TestClock,
}

impl ByTestClock {
    /// The end by the clock of Redis.
    fn real(&self, until: OffsetDateTime) -> OffsetDateTime {
        OffsetDateTime::now_utc() + (until - self.clock.now())
    }
}

impl RevocationStore for ByTestClock {
    async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.store.revoke(issuer, token_id, self.real(until)).await
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

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.store.is_revoked(token).await
    }
}

/// No test can set the clock of Redis. Instead, the ends of all keys are moved.
#[actix_web::test]
async fn revocations_on_redis_over_time() {
    let Some(redis) = Redis::start() else { return };
    let clock = TestClock::new();
    let builder = RedisRevocationStore::builder(redis.url())
        .timeout(StdDuration::from_secs(20))
        .clock(clock.clone());
    let store = ByTestClock { store: builder.build().unwrap(), clock: clock.clone() };
    let mut moved = Instant::now();
    let mut advance = |by: Duration| {
        clock.advance(by);
        // Real time that has passed has brought the ends nearer.
        redis.advance(by - mem::replace(&mut moved, Instant::now()).elapsed());
    };
    for _ in 0..2 {
        conformance::revocation_store_over_time(&store, store.clock.now(), async |by| advance(by))
            .await;
    }
}

/// A cluster refuses commands, transactions and scripts whose keys are of several slots.
#[actix_web::test]
async fn both_on_a_cluster() {
    let Some(redis) = Redis::cluster() else { return };
    let revocations = RedisRevocationStore::builder(redis.url()).build().unwrap();
    let family = RedisTokenFamilyStore::builder(redis.url()).build().unwrap();
    conformance::revocation_store(&revocations, OffsetDateTime::now_utc()).await;
    conformance::token_family_store(&family).await;
    assert!(redis.command(&["DEL", "a", "b"]).starts_with("CROSSSLOT"), "it is one");
    // One server answers for its own keys alone, and what it does not answer for is not taken for "not revoked".
    assert_eq!(redis.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]), "OK");
    assert_eq!(redis.command(&["CLUSTER", "DELSLOTSRANGE", "0", "16383"]), "OK");
    assert!(revocations.is_revoked(RevocationQuery::new(ISSUER, "a")).await.is_err());
    assert!(revocations.generation(ISSUER, "ada").await.is_err());
    assert!(family.revoke_all(FamilyOwner::new("shop", "ada"), None).await.is_err());
}
