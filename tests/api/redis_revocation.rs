//! The revocation store on a Redis server that works and on a Redis server that fails.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use paseto_actix::RedisStore;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::revocation::RedisRevocationStore;
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::Stopwatch;
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::revocation::token;

/// Returns a store on the Redis server of this test. Redis uses the real time.
fn on_redis(redis: &Redis) -> RedisRevocationStore {
    RedisStore::builder(redis.url()).build().unwrap().revocation_store()
}

#[cfg(feature = "conformance")]
#[actix_web::test]
async fn redis_revocation_store_conforms_and_its_keys_contain_no_names() {
    let Some(redis) = Redis::start() else { return };
    let store = on_redis(&redis);
    for _ in 0..2 {
        paseto_actix::conformance::revocation_store(&store, time::OffsetDateTime::now_utc()).await;
    }
    // Each record expires, and its key does not contain a token ID or subject in plain text.
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

/// Returns a verifier with a store on Redis, a revoked token and a good token.
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

/// Verifies the token. Returns the error kind, and asserts that the result arrived in time.
async fn error_kind(verifier: &Verifier, token: &str) -> Option<VerifyErrorKind> {
    let watch = Stopwatch::start();
    let outcome = verifier.verify_str_async(token).await;
    watch.assert_in_time(1);
    outcome.err().map(|error| error.kind())
}

/// Waits until the good token is accepted again, at most 2 seconds.
async fn assert_recovers(verifier: &Verifier, revoked: &str, good: &str) {
    let start = Instant::now();
    while error_kind(verifier, good).await.is_some() {
        assert_ne!(error_kind(verifier, revoked).await, None, "a revoked token is never accepted");
        assert!(start.elapsed() < Duration::from_secs(2), "the store does not recover");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(error_kind(verifier, revoked).await, Some(VerifyErrorKind::Revoked));
}

#[actix_web::test]
async fn tokens_are_rejected_as_unavailable_while_redis_is_down() {
    let Some(mut redis) = Redis::start() else { return };
    let (verifier, revoked, good) = with_redis(&redis).await;
    assert_eq!(error_kind(&verifier, &revoked).await, Some(VerifyErrorKind::Revoked));
    assert_eq!(error_kind(&verifier, &good).await, None);
    for _ in 0..3 {
        redis.kill();
        for _ in 0..20 {
            assert_eq!(error_kind(&verifier, &good).await, Some(VerifyErrorKind::Unavailable));
            assert_eq!(error_kind(&verifier, &revoked).await, Some(VerifyErrorKind::Unavailable));
        }
        redis.restart(&[]);
        assert_recovers(&verifier, &revoked, &good).await;

        redis.hang(true);
        for _ in 0..3 {
            assert_eq!(error_kind(&verifier, &good).await, Some(VerifyErrorKind::Unavailable));
            assert_eq!(error_kind(&verifier, &revoked).await, Some(VerifyErrorKind::Unavailable));
        }
        redis.hang(false);
        assert_recovers(&verifier, &revoked, &good).await;
    }
}

#[actix_web::test]
async fn failed_writes_are_errors_while_reads_still_work() {
    let Some(redis) = Redis::start() else { return };
    let (verifier, revoked, good) = with_redis(&redis).await;
    let verified = verifier.verify_str_async(&good).await.unwrap();
    let memory = || redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let read_only = || redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(memory(), "OK");
    assert!(verifier.revoke(&verified).await.is_err(), "out of memory");
    assert_eq!(error_kind(&verifier, &revoked).await, Some(VerifyErrorKind::Revoked));
    assert_eq!(
        error_kind(&verifier, &good).await,
        None,
        "the revocation failed with an error, so the token is still accepted"
    );
    assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");

    assert_eq!(read_only(), "OK");
    assert!(verifier.revoke(&verified).await.is_err(), "read-only");
    assert_eq!(error_kind(&verifier, &revoked).await, Some(VerifyErrorKind::Revoked));
    assert_eq!(redis.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    verifier.revoke(&verified).await.unwrap();
    assert_eq!(error_kind(&verifier, &good).await, Some(VerifyErrorKind::Revoked));
}
