//! The revocation store on a Redis server that fails. `redis_chaos.rs` tests the requests during a
//! failure.

use std::time::{Duration, Instant};

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::revocation::{RevocationQuery, RevocationStore};
use paseto_actix::time::OffsetDateTime;
use paseto_actix::{ConfigError, RedisStore};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::{MAX_RECOVERY_TIME, Stopwatch};
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::resp::Resp;

/// Returns a store with a long timeout, so that a busy machine does not cause timeouts.
fn patient(url: &str) -> RedisStore {
    RedisStore::builder(url).timeout(Duration::from_secs(20)).build().unwrap()
}

/// Calls each method of the store and checks its result. Calls `between` after each call.
async fn assert_all_methods_work(redis: &RedisStore, id: &str, mut between: impl FnMut()) {
    let store = redis.revocation_store();
    let until = OffsetDateTime::now_utc() + Duration::from_secs(3600);
    store.revoke(ISSUER, id, until).await.unwrap();
    between();
    let generation = store.revoke_subject(ISSUER, "ada", None, until).await.unwrap();
    between();
    assert_eq!(store.generation(ISSUER, "ada").await.unwrap(), generation);
    between();
    assert!(store.is_revoked(RevocationQuery::new(ISSUER, id)).await.unwrap());
    between();
    let old = RevocationQuery::new(ISSUER, "another").of_subject(Some("ada"), generation - 1);
    assert!(store.is_revoked(old).await.unwrap());
    between();
    assert!(!store.is_revoked(RevocationQuery::new(ISSUER, "another")).await.unwrap());
    between();
    redis.ping().await.unwrap();
    between();
}

#[actix_web::test]
async fn connection_closed_by_the_server_fails_no_request() {
    let Some(mut redis) = Redis::start() else { return };
    let handle = patient(&redis.url());
    assert_all_methods_work(&handle, "one", || redis.end_connections()).await;
    assert_all_methods_work(&handle, "two", || redis.restart(&[])).await;
    // Concurrent commands find the connection closed.
    handle.ping().await.unwrap();
    let store = handle.revocation_store();
    for _ in 0..8 {
        redis.end_connections();
        let queries = (0..64).map(|_| store.is_revoked(RevocationQuery::new(ISSUER, "two")));
        assert!(join_all(queries).await.into_iter().all(Result::unwrap));
    }
}

/// An error that the store found during the outage must not fail a command after the outage.
#[actix_web::test]
async fn first_request_after_an_outage_succeeds() {
    let Some(mut redis) = Redis::start() else { return };
    let store = patient(&redis.url()).revocation_store();
    for _ in 0..3 {
        redis.kill();
        store.generation(ISSUER, "ada").await.unwrap_err();
        // The store reconnects once by itself and fails.
        sleep(Duration::from_millis(100)).await;
        redis.restart(&[]);
        store.generation(ISSUER, "ada").await.unwrap();
    }
}

#[actix_web::test]
async fn command_is_repeated_after_its_response_is_lost() {
    let Some(redis) = Redis::start() else { return };
    let proxy = redis.lossy_proxy();
    let store = patient(&proxy.url());
    // This call loads the scripts into Redis.
    assert_all_methods_work(&store, "load-scripts", || ()).await;
    proxy.lose();
    assert_all_methods_work(&store, "one", || {
        assert!(proxy.has_lost());
        proxy.lose();
    })
    .await;
}

#[actix_web::test]
async fn store_recovers_when_redis_accepts_its_password_again() {
    let Some(redis) = Redis::start() else { return };
    let store = patient(&redis.url().replace("//", "//:the-password@"));
    assert_eq!(redis.command(&["CONFIG", "SET", "requirepass", "another"]), "OK");
    for _ in 0..3 {
        let error = store.ping().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Redis: Password authentication failed - AuthenticationFailed"
        );
    }
    let mut with_password = Resp::open(redis.port(), Some("another")).unwrap();
    let command = ["CONFIG", "SET", "requirepass", "the-password"];
    assert_eq!(with_password.send(&command).unwrap(), "OK");
    let start = Instant::now();
    while store.ping().await.is_err() {
        assert!(start.elapsed() < MAX_RECOVERY_TIME, "the store does not recover");
        sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn ping_fails_if_redis_rejects_writes_hangs_or_is_down() {
    let Some(mut redis) = Redis::start() else { return };
    let url = redis.url().replace("//", "//user:the-password@");
    assert_eq!(
        redis.command(&["ACL", "SETUSER", "user", "on", ">the-password", "~*", "+@all"]),
        "OK"
    );
    let assert_ping_fails = async |store: &RedisStore, word: &str| {
        let error = store.ping().await.unwrap_err().to_string();
        assert!(error.starts_with("Redis: ") && error.contains(word), "{error}");
        assert!(!error.contains("password") && !error.contains("redis://"), "{error}");
    };
    let store = patient(&url);
    store.ping().await.unwrap();
    for (setting, back, word) in [
        (
            ["REPLICAOF", "127.0.0.1", "1"].as_slice(),
            ["REPLICAOF", "NO", "ONE"].as_slice(),
            "read only replica",
        ),
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"], "OOM"),
        (
            &["ACL", "SETUSER", "user", "-set"],
            &["ACL", "SETUSER", "user", "+set"],
            "no permissions",
        ),
    ] {
        assert_eq!(redis.command(setting), "OK");
        assert_ping_fails(&store, word).await;
        assert_eq!(redis.command(back), "OK");
        store.ping().await.unwrap();
    }
    let assert_ping_fails_in_time = async |word: &str| {
        let store = RedisStore::builder(&url).build().unwrap();
        let watch = Stopwatch::start();
        assert_ping_fails(&store, word).await;
        watch.assert_in_time(1);
    };
    redis.hang(true);
    assert_ping_fails_in_time("no reply within 250ms").await;
    redis.hang(false);
    redis.kill();
    assert_ping_fails(&store, "").await;
    assert_ping_fails_in_time("Connection refused").await;
}

#[test]
fn url_with_another_scheme_is_rejected_without_showing_the_password() {
    let error =
        RedisStore::builder("http://:the-password@127.0.0.1/").build().unwrap_err().to_string();
    assert!(error.contains("not the URL of a Redis server"), "{error}");
    assert!(!error.contains("`redis-tls`") && !error.contains("the-password"), "{error}");
}

/// Redis repeats the arguments of an unknown command in its error. The arguments of `HELLO` contain
/// the password.
#[actix_web::test]
async fn ping_error_omits_the_arguments_that_redis_repeats() {
    let Some(mut redis) = Redis::start() else { return };
    redis.restart(&["--rename-command", "SET", "HIDDEN"]);
    assert!(redis.command(&["SET", "a-key", "1"]).contains("a-key"), "Redis repeats the arguments");
    let error = patient(&redis.url()).ping().await.unwrap_err().to_string();
    assert!(error.contains("unknown command 'SET'") && !error.contains("paseto:p:"), "{error}");
}

#[test]
fn timeout_is_1_millisecond_to_60_seconds() {
    let build = |timeout| RedisStore::builder("redis://127.0.0.1/").timeout(timeout).build();
    for timeout in [Duration::from_millis(1), Duration::from_secs(60)] {
        assert!(build(timeout).is_ok(), "{timeout:?}");
    }
    for timeout in [Duration::ZERO, Duration::from_micros(999), Duration::from_millis(60_001)] {
        let error = build(timeout).unwrap_err();
        let is_of_timeout =
            matches!(error, ConfigError::DurationOutOfRange { setting: "timeout", .. });
        assert!(is_of_timeout, "{timeout:?}: {error}");
    }
}

#[actix_web::test]
async fn error_of_ping_is_503_as_a_response() {
    // No server has this port.
    let store = RedisStore::builder("redis://:the-password@127.0.0.1:1/").build().unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(error.to_string().starts_with("Redis: "), "{error}");
    assert!(!format!("{error} {error:?} {store:?}").contains("password"), "{error:?}");
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key(RETRY_AFTER));
}
