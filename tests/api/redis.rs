//! RevocationStore on a Redis server that fails. `redis_chaos.rs` has the requests meanwhile.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::revocation::{RedisRevocationStore, RevocationQuery, RevocationStore};
use paseto_actix::time::OffsetDateTime;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::{RECOVERED, Watch};
use paseto_actix_tests::redis::Redis;

/// A store whose patience is no question, however busy the machine is.
fn patient(url: &str) -> RedisRevocationStore {
    RedisRevocationStore::builder(url).timeout(Duration::from_secs(20)).build().unwrap()
}

/// Asks everything that a store can be asked, and after each question does the same to the server.
async fn assert_answers(store: &RedisRevocationStore, id: &str, mut between: impl FnMut()) {
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
    store.ping().await.unwrap();
    between();
}

#[actix_web::test]
async fn a_connection_that_the_server_ends_fails_no_request() {
    let Some(mut redis) = Redis::start() else { return };
    let store = patient(&redis.url());
    assert_answers(&store, "one", || redis.end_connections()).await;
    assert_answers(&store, "two", || redis.restart(&[])).await;
    // Many at once find out, too.
    store.ping().await.unwrap();
    for _ in 0..8 {
        redis.end_connections();
        let questions = (0..64).map(|_| store.is_revoked(RevocationQuery::new(ISSUER, "two")));
        assert!(join_all(questions).await.into_iter().all(Result::unwrap));
    }
}

/// What was found out while the server was away is old when it is back.
#[actix_web::test]
async fn the_first_request_after_an_outage_is_answered() {
    let Some(mut redis) = Redis::start() else { return };
    let store = patient(&redis.url());
    for _ in 0..3 {
        redis.kill();
        store.generation(ISSUER, "ada").await.unwrap_err();
        // The store tries once more by itself, in vain.
        sleep(Duration::from_millis(100)).await;
        redis.restart(&[]);
        store.generation(ISSUER, "ada").await.unwrap();
    }
}

#[actix_web::test]
async fn what_redis_did_before_its_answer_was_lost_is_done_once_more() {
    let Some(redis) = Redis::start() else { return };
    let way = redis.lossy_way();
    let store = patient(&way.url());
    assert_answers(&store, "the script is known by now", || ()).await;
    way.lose();
    assert_answers(&store, "one", || {
        assert!(way.has_lost());
        way.lose();
    })
    .await;
}

#[actix_web::test]
async fn a_password_that_was_wrong_for_a_while() {
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
    let command =
        ["--no-auth-warning", "-a", "another", "CONFIG", "SET", "requirepass", "the-password"];
    assert_eq!(redis.command(&command), "OK");
    let start = Instant::now();
    while store.ping().await.is_err() {
        assert!(start.elapsed() < RECOVERED, "it does not recover");
        sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn a_ping_is_answered_by_a_server_that_takes_what_it_is_told() {
    let Some(mut redis) = Redis::start() else { return };
    let url = redis.url().replace("//", "//user:the-password@");
    assert_eq!(
        redis.command(&["ACL", "SETUSER", "user", "on", ">the-password", "~*", "+@all"]),
        "OK"
    );
    let refused = async |store: &RedisRevocationStore, word: &str| {
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
        refused(&store, word).await;
        assert_eq!(redis.command(back), "OK");
        store.ping().await.unwrap();
    }
    let in_time = async |word: &str| {
        let store = RedisRevocationStore::builder(&url).build().unwrap();
        let watch = Watch::start();
        refused(&store, word).await;
        watch.assert_answered(1);
    };
    redis.hang(true);
    in_time("no answer within 250ms").await;
    redis.hang(false);
    redis.kill();
    refused(&store, "").await;
    in_time("Connection refused").await;
}

#[test]
fn a_url_of_no_redis_server() {
    let error = RedisRevocationStore::builder("http://:the-password@127.0.0.1/")
        .build()
        .unwrap_err()
        .to_string();
    assert!(error.contains("no URL of a Redis server"), "{error}");
    assert!(!error.contains("`redis-tls`") && !error.contains("the-password"), "{error}");
}

/// A server that does not know a command repeats what came with it: of `HELLO`, the password.
#[actix_web::test]
async fn what_redis_repeats_of_a_command_is_not_told() {
    let Some(mut redis) = Redis::start() else { return };
    redis.restart(&["--rename-command", "SET", "HIDDEN"]);
    assert!(redis.command(&["SET", "a-key", "1"]).contains("a-key"), "it repeats");
    let error = patient(&redis.url()).ping().await.unwrap_err().to_string();
    assert!(error.contains("unknown command 'SET'") && !error.contains("paseto:p:"), "{error}");
}
