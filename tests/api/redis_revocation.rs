//! RevocationStore on a Redis server that runs, and on one that fails.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::revocation::RedisRevocationStore;
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::Watch;
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::revocation::token;

/// A store on a Redis server of this test. Redis uses the real time.
fn on_redis(redis: &Redis) -> RedisRevocationStore {
    RedisRevocationStore::builder(redis.url()).build().unwrap()
}

#[cfg(feature = "conformance")]
#[actix_web::test]
async fn the_revocation_store_on_redis_keeps_the_rules() {
    let Some(redis) = Redis::start() else { return };
    let store = on_redis(&redis);
    for _ in 0..2 {
        paseto_actix::conformance::revocation_store(&store, time::OffsetDateTime::now_utc()).await;
    }
    // Each record ends by itself, and no name is in the open.
    let keys = redis.command(&["KEYS", "*"]);
    assert_eq!(keys.lines().count(), 2 * 5, "{keys}");
    for key in keys.lines() {
        let name = key.strip_prefix("paseto:t:").or_else(|| key.strip_prefix("paseto:s:")).unwrap();
        assert_eq!(name.len(), 22, "{key}");
        let value = redis.command(&["GET", key]);
        assert!(value.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'), "{key}: {value}");
        let left: u64 = redis.command(&["TTL", key]).parse().unwrap();
        assert!((3500..=3602).contains(&left), "{key}: {left}");
    }
}

/// A verifier on a Redis, a token that it revoked, and one that it did not.
async fn with_redis(redis: &Redis) -> (Verifier, String, String) {
    let key = SecretKey::generate();
    let verifier = Verifier::builder()
        .trust(ISSUER, key.public_key())
        .revocation_store(on_redis(redis))
        .build()
        .unwrap();
    let issuer = Issuer::builder(ISSUER).key(key).build().unwrap();
    let (revoked, good) = (token(&issuer, "ada", 0), token(&issuer, "ada", 0));
    let verified = verifier.verify_str_async(&revoked).await.unwrap();
    verifier.revoke(&verified).await.unwrap();
    (verifier, revoked, good)
}

/// The kind of refusal, if any, and that it came in time.
async fn judged(verifier: &Verifier, token: &str) -> Option<VerifyErrorKind> {
    let watch = Watch::start();
    let outcome = verifier.verify_str_async(token).await;
    watch.assert_answered(1);
    outcome.err().map(|error| error.kind())
}

/// Waits until the good token is accepted again: a second at most.
async fn assert_well_again(verifier: &Verifier, revoked: &str, good: &str) {
    let start = Instant::now();
    while judged(verifier, good).await.is_some() {
        assert_ne!(judged(verifier, revoked).await, None, "never accepted");
        assert!(start.elapsed() < Duration::from_secs(2), "it does not recover");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(judged(verifier, revoked).await, Some(VerifyErrorKind::Revoked));
}

#[actix_web::test]
async fn redis_is_killed_hung_and_restarted() {
    let Some(mut redis) = Redis::start() else { return };
    let (verifier, revoked, good) = with_redis(&redis).await;
    assert_eq!(judged(&verifier, &revoked).await, Some(VerifyErrorKind::Revoked));
    assert_eq!(judged(&verifier, &good).await, None);
    for _ in 0..3 {
        redis.kill();
        for _ in 0..20 {
            assert_eq!(judged(&verifier, &good).await, Some(VerifyErrorKind::Unavailable));
            assert_eq!(judged(&verifier, &revoked).await, Some(VerifyErrorKind::Unavailable));
        }
        redis.restart(&[]);
        assert_well_again(&verifier, &revoked, &good).await;

        redis.hang(true);
        for _ in 0..3 {
            assert_eq!(judged(&verifier, &good).await, Some(VerifyErrorKind::Unavailable));
            assert_eq!(judged(&verifier, &revoked).await, Some(VerifyErrorKind::Unavailable));
        }
        redis.hang(false);
        assert_well_again(&verifier, &revoked, &good).await;
    }
}

#[actix_web::test]
async fn redis_that_takes_nothing_says_so_and_still_answers() {
    let Some(redis) = Redis::start() else { return };
    let (verifier, revoked, good) = with_redis(&redis).await;
    let verified = verifier.verify_str_async(&good).await.unwrap();
    let memory = || redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let read_only = || redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(memory(), "OK");
    assert!(verifier.revoke(&verified).await.is_err(), "out of memory");
    assert_eq!(judged(&verifier, &revoked).await, Some(VerifyErrorKind::Revoked));
    assert_eq!(
        judged(&verifier, &good).await,
        None,
        "it was not revoked, and the revocation failed with an error, so the token is still accepted"
    );
    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");

    assert_eq!(read_only(), "OK");
    assert!(verifier.revoke(&verified).await.is_err(), "read-only");
    assert_eq!(judged(&verifier, &revoked).await, Some(VerifyErrorKind::Revoked));
    assert_eq!(redis.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    verifier.revoke(&verified).await.unwrap();
    assert_eq!(judged(&verifier, &good).await, Some(VerifyErrorKind::Revoked));
}
