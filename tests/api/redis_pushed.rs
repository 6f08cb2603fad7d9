//! `PushedRevocationStore` on a real Redis server: cached results, and the messages that invalidate
//! them. `redis_pushed_failures.rs` tests failures.

use std::time::Duration;

use paseto_actix::RedisStore;
use paseto_actix::revocation::{
    ExceptedLogin, PushedRevocationStore, RevocationQuery, RevocationStore,
};
use paseto_actix::time::OffsetDateTime;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::until;
use paseto_actix_tests::redis::Redis;

fn handle(url: &str) -> RedisStore {
    RedisStore::builder(url)
        .timeout(Duration::from_secs(20))
        .push_timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

/// Returns a store that uses cached results.
async fn live(url: &str) -> PushedRevocationStore {
    let store = handle(url).pushed_revocation_store();
    until("the store is live", async || store.status().is_live).await;
    store
}

fn query(id: &str) -> RevocationQuery<'_> {
    RevocationQuery::new(ISSUER, id)
}

fn end() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(3600)
}

/// Queries twice, so that the result is cached.
async fn cache(store: &PushedRevocationStore, query: RevocationQuery<'_>) {
    assert!(!store.is_revoked(query).await.unwrap());
    let before = store.status();
    assert!(!store.is_revoked(query).await.unwrap());
    let after = store.status();
    assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses), "{query:?}");
}

#[actix_web::test]
async fn cached_results_need_no_command() {
    let Some(redis) = Redis::start() else { return };
    let store = live(&redis.url()).await;
    let of_login = query("a").of_session(Some("login")).of_subject(Some("ada"), 0);
    cache(&store, of_login).await;
    let gets = redis.calls("get");
    assert_eq!(gets, 3);
    for _ in 0..100 {
        assert!(!store.is_revoked(of_login).await.unwrap());
    }
    assert_eq!(redis.calls("get"), gets);
    assert!(!store.is_revoked(of_login.uncached()).await.unwrap());
    assert_eq!(redis.calls("get"), gets + 3, "an uncached query");
}

#[actix_web::test]
async fn revocation_by_another_process_invalidates_the_cached_result() {
    let Some(redis) = Redis::start() else { return };
    let (store, other) = (live(&redis.url()).await, handle(&redis.url()).revocation_store());
    let of_login = query("b").of_session(Some("login"));
    let generation = other.generation(ISSUER, "ada").await.unwrap();
    let of_subject = query("c").of_subject(Some("ada"), generation);
    let untouched = query("d").of_session(Some("d")).of_subject(Some("d"), 0);
    for query in [query("a"), of_login, of_subject, untouched] {
        cache(&store, query).await;
    }
    other.revoke(ISSUER, "a", end()).await.unwrap();
    other.revoke(ISSUER, "login", end()).await.unwrap();
    let generation = other.revoke_subject(ISSUER, "ada", None, end()).await.unwrap();
    for query in [query("a"), of_login, of_subject] {
        until("the revocation is seen", async || store.is_revoked(query).await.unwrap()).await;
    }
    let misses = store.status().misses;
    assert!(!store.is_revoked(untouched).await.unwrap());
    assert_eq!(store.status().misses, misses, "the result of other names stays cached");
    // A later generation of the subject, and the login that a revocation excepts.
    let new = query("c").of_subject(Some("ada"), generation).of_session(Some("kept"));
    cache(&store, new).await;
    let except = ExceptedLogin::new("kept", generation);
    other.revoke_subject(ISSUER, "ada", Some(except), end()).await.unwrap();
    until("the record is read again", async || {
        assert!(!store.is_revoked(new).await.unwrap());
        store.status().misses > misses + 1
    })
    .await;
}

#[actix_web::test]
async fn own_revocation_applies_at_once() {
    let Some(redis) = Redis::start() else { return };
    let store = live(&redis.url()).await;
    for number in 0..100 {
        let (id, login, subject) =
            (format!("t{number}"), format!("l{number}"), format!("s{number}"));
        let queries = [
            query(&id),
            query("other").of_session(Some(&login)),
            query("other").of_subject(Some(&subject), 0),
        ];
        for query in queries {
            cache(&store, query).await;
        }
        let clone = store.clone();
        clone.revoke(ISSUER, &id, end()).await.unwrap();
        clone.revoke(ISSUER, &login, end()).await.unwrap();
        clone.revoke_subject(ISSUER, &subject, None, end()).await.unwrap();
        for query in queries {
            assert!(store.is_revoked(query).await.unwrap(), "{query:?}");
        }
    }
}

#[actix_web::test]
async fn flushed_server_invalidates_all_results() {
    let Some(redis) = Redis::start() else { return };
    let store = live(&redis.url()).await;
    for command in ["FLUSHALL", "FLUSHDB"] {
        until("the store is live", async || store.status().is_live).await;
        assert!(!store.is_revoked(query("a")).await.unwrap());
        let misses = store.status().misses;
        assert_eq!(redis.command(&[command]), "OK");
        until("the result is invalid", async || {
            assert!(!store.is_revoked(query("a")).await.unwrap());
            store.status().misses > misses
        })
        .await;
    }
}

/// The commands in the documentation of `PushedRevocationStore`.
#[actix_web::test]
async fn user_with_an_acl_needs_the_documented_commands() {
    let Some(redis) = Redis::start() else { return };
    let url = redis.url().replace("//", "//user:the-password@");
    let commands = "+hello +client|tracking +get +set +expireat +multi +exec +evalsha +eval \
                    +script|load +expiretime";
    let user = |commands: &str| {
        let mut command = vec!["ACL", "SETUSER", "user", "reset", "on", ">the-password"];
        command.push("~paseto:*");
        command.extend(commands.split_whitespace());
        assert_eq!(redis.command(&command), "OK");
    };
    user(commands);
    let store = live(&url).await;
    cache(&store, query("a")).await;
    store.revoke(ISSUER, "a", end()).await.unwrap();
    store.revoke_subject(ISSUER, "ada", None, end()).await.unwrap();
    assert!(store.is_revoked(query("a")).await.unwrap());

    // Without the tracking, each request queries Redis.
    user(&commands.replace("+client|tracking", ""));
    redis.end_tracking();
    until("the connection is lost", async || !store.status().is_live).await;
    let gets = redis.calls("get");
    for number in 1..=10 {
        assert!(!store.is_revoked(query("b")).await.unwrap());
        assert_eq!(redis.calls("get"), gets + number);
    }
    user(commands);
    until("the store is live", async || store.status().is_live).await;
    cache(&store, query("b")).await;
}

/// The thread and its connection end with the last clone.
#[actix_web::test]
async fn dropped_store_closes_its_connection() {
    let Some(redis) = Redis::start() else { return };
    let store = live(&redis.url()).await;
    let clone = store.clone();
    drop(store);
    cache(&clone, query("a")).await;
    assert_eq!(redis.tracking().len(), 1);
    drop(clone);
    until("the connection is closed", async || redis.tracking().is_empty()).await;
}

#[test]
fn push_timeout_has_a_range() {
    let build = |timeout| RedisStore::builder("redis://127.0.0.1/").push_timeout(timeout).build();
    for (millis, is_allowed) in [(49, false), (50, true), (60_000, true), (60_001, false)] {
        let built = build(Duration::from_millis(millis));
        assert_eq!(built.is_ok(), is_allowed, "{millis}");
        if let Err(error) = built {
            assert!(error.to_string().contains("push_timeout"), "{error}");
        }
    }
}
