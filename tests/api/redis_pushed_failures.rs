//! `PushedRevocationStore` on a Redis server that fails, and with clocks that are set.

use std::time::{Duration, Instant};

use paseto_actix::RedisStore;
use paseto_actix::clock::{Clock, SystemClock};
use paseto_actix::revocation::{PushedRevocationStore, RevocationQuery, RevocationStore};
use paseto_actix::time::OffsetDateTime;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::patience::until;
use paseto_actix_tests::redis::Redis;

/// Longer than a test, so that a lease does not end by itself.
const LONG: Duration = Duration::from_secs(60);

fn start(url: &str, push_timeout: Duration, clock: impl Clock) -> PushedRevocationStore {
    RedisStore::builder(url)
        .push_timeout(push_timeout)
        .build()
        .unwrap()
        .pushed_revocation_store()
        .clock(clock)
}

fn query(id: &str) -> RevocationQuery<'_> {
    RevocationQuery::new(ISSUER, id)
}

fn end() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(3600)
}

/// Waits until the result of this token is served from the cache.
async fn cached(store: &PushedRevocationStore, id: &str) {
    until("the result is cached", async || {
        let hits = store.status().hits;
        store.is_revoked(query(id)).await.is_ok_and(|is_revoked| !is_revoked)
            && store.status().hits > hits
    })
    .await;
}

/// The connection with the messages is lost, and the server accepts no other one. The connection of
/// the queries works.
#[actix_web::test]
async fn lost_connection_invalidates_all_results() {
    let Some(redis) = Redis::start() else { return };
    let store = start(&redis.url(), LONG, SystemClock);
    let other = RedisStore::builder(redis.url()).build().unwrap().revocation_store();
    for id in ["a", "b"] {
        cached(&store, id).await;
    }
    assert_eq!(redis.command(&["ACL", "SETUSER", "default", "-client|tracking"]), "OK");
    redis.end_tracking();
    until("the connection is lost", async || !store.status().is_live).await;
    other.revoke(ISSUER, "a", end()).await.unwrap();
    let hits = store.status().hits;
    assert!(store.is_revoked(query("a")).await.unwrap());
    for _ in 0..10 {
        assert!(!store.is_revoked(query("b")).await.unwrap());
    }
    assert_eq!(store.status().hits, hits, "without messages, each request queries Redis");
    // The result of "b" from the time without messages must not be used.
    assert_eq!(redis.command(&["ACL", "SETUSER", "default", "+client|tracking"]), "OK");
    until("the store is live", async || store.status().is_live).await;
    let hits = store.status().hits;
    assert!(!store.is_revoked(query("b")).await.unwrap());
    assert_eq!(store.status().hits, hits);
    cached(&store, "b").await;
}

#[actix_web::test]
async fn stopped_server_rejects_all_requests_until_it_runs_again() {
    let Some(mut redis) = Redis::start() else { return };
    let store = start(&redis.url(), LONG, SystemClock);
    for round in 0..3 {
        let id = format!("revoked{round}");
        for id in ["a", &id] {
            cached(&store, id).await;
        }
        store.revoke(ISSUER, &id, end()).await.unwrap();
        redis.kill();
        until("the connection is lost", async || store.is_revoked(query("a")).await.is_err()).await;
        assert!(!store.status().is_live);
        store.is_revoked(query(&id)).await.unwrap_err();
        redis.restart(&[]);
        cached(&store, "a").await;
        assert!(store.is_revoked(query(&id)).await.unwrap());
    }
}

#[actix_web::test]
async fn hung_server_rejects_all_requests_after_the_bound() {
    let Some(redis) = Redis::start() else { return };
    let store = start(&redis.url(), Duration::from_millis(200), SystemClock);
    cached(&store, "a").await;
    redis.hang(true);
    until("the lease ends", async || store.is_revoked(query("a")).await.is_err()).await;
    assert!(!store.status().is_live);
    store.is_revoked(query("a")).await.unwrap_err();
    redis.hang(false);
    cached(&store, "a").await;
}

/// The network holds the messages, and the server accepts a revocation. A cached result must not be
/// used later than the bound after the confirmation. This is not a limit of the machine's speed: a
/// slow machine rejects the token earlier.
#[actix_web::test]
async fn held_messages_do_not_extend_a_cached_result_beyond_the_bound() {
    let Some(redis) = Redis::start() else { return };
    let (proxy, bound) = (redis.lossy_proxy(), Duration::from_millis(200));
    let store = start(&proxy.url(), bound, SystemClock);
    let other = RedisStore::builder(redis.url()).build().unwrap().revocation_store();
    for round in 0..5 {
        let id = format!("t{round}");
        cached(&store, &id).await;
        proxy.hold(true);
        other.revoke(ISSUER, &id, end()).await.unwrap();
        let confirmed = Instant::now();
        until("the lease ends", async || {
            let age = confirmed.elapsed();
            let result = store.is_revoked(query(&id)).await;
            assert!(result.is_err() || age < bound, "accepted {age:?} after the revocation");
            result.is_err()
        })
        .await;
        proxy.hold(false);
        until("the revocation is seen", async || {
            store.is_revoked(query(&id)).await.is_ok_and(|is_revoked| {
                assert!(is_revoked);
                true
            })
        })
        .await;
    }
}

/// The lease does not end by the monotonic clock during this test.
#[actix_web::test]
async fn clock_set_back_or_forward_ends_the_lease() {
    let Some(redis) = Redis::start() else { return };
    let clock = TestClock::new();
    let store = start(&redis.url(), LONG, clock.clone());
    cached(&store, "a").await;
    for seconds in [-1, 60, -3600, 3600] {
        let by = time::Duration::seconds(seconds);
        clock.advance(by);
        let hits = store.status().hits;
        assert!(!store.is_revoked(query("a")).await.unwrap());
        assert_eq!(store.status().hits, hits, "{seconds}");
        assert!(!store.status().is_live);
        clock.advance(-by);
        cached(&store, "a").await;
    }
}

/// A server without RESP3, such as an old version or a proxy.
#[actix_web::test]
async fn server_without_resp3_is_asked_for_each_request() {
    let Some(mut redis) = Redis::start() else { return };
    redis.restart(&["--rename-command", "HELLO", ""]);
    let store = start(&redis.url(), LONG, SystemClock);
    for gets in 1..=20 {
        assert!(!store.is_revoked(query("a")).await.unwrap());
        assert_eq!(redis.calls("get"), gets);
    }
    assert!(!store.status().is_live);
}
