//! Both stores on a primary that Redis Sentinels replace.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration as StdDuration, Instant};

use actix_web::rt::time::sleep;
use paseto_actix::RedisStore;
use paseto_actix::conformance;
use paseto_actix::revocation::{RevocationError, RevocationQuery, RevocationStore};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::redis_sentinel::{MASTER_NAME, Sentinel, SentinelOptions};
use time::{Duration, OffsetDateTime};

use crate::redis_replication::assert_creation_runs_once;

/// The maximum time of a test for the promotion of a replica.
const LIMIT: StdDuration = StdDuration::from_secs(60);

fn until() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::hours(1)
}

#[actix_web::test]
async fn both_stores_conform_behind_sentinels_with_a_password() {
    let password = Some("mysecret".to_owned());
    let Some(servers) = Sentinel::with(SentinelOptions { replicas: 1, password }) else { return };
    let builder = || RedisStore::sentinel(servers.urls(), MASTER_NAME);
    let store = builder()
        .server_credentials("default", "mysecret")
        .timeout(StdDuration::from_secs(20))
        .min_replicas(1)
        .replication_timeout(StdDuration::from_secs(10))
        .build()
        .unwrap();
    store.ping().await.unwrap();
    conformance::revocation_store(&store.revocation_store(), OffsetDateTime::now_utc()).await;
    conformance::token_family_store(&store.token_family_store()).await;

    let error = builder().build().unwrap().ping().await.unwrap_err().to_string();
    assert!(error.contains("NOAUTH"), "{error}");
    let wrong = builder().server_credentials("default", "another").build().unwrap();
    assert!(!format!("{wrong:?}").contains("another"));
    let error = wrong.ping().await.unwrap_err().to_string();
    assert!(error.contains("authentication failed") && !error.contains("another"), "{error}");
}

/// The URL of a Sentinel contains its own credentials.
#[actix_web::test]
async fn sentinel_and_server_have_different_credentials() {
    let password = Some("mysecret".to_owned());
    let Some(servers) = Sentinel::with(SentinelOptions { replicas: 1, password }) else { return };
    for port in servers.sentinels() {
        let rules = ["ACL", "SETUSER", "shop", "on", ">the-sentinel", "+@all"];
        assert_eq!(servers.command(port, &rules), "OK");
        assert_eq!(servers.command(port, &["ACL", "SETUSER", "default", "off"]), "OK");
    }
    let urls = servers.urls();
    let with_user = |url: String| url.replace("redis://", "redis://shop:the-sentinel@");
    let urls: Vec<_> = urls.into_iter().map(with_user).collect();
    let store = RedisStore::sentinel(urls, MASTER_NAME).server_credentials("default", "mysecret");
    let store = store.timeout(StdDuration::from_secs(20)).build().unwrap();
    store.ping().await.unwrap();
    assert!(!format!("{store:?}").contains("the-sentinel"));
}

#[actix_web::test]
async fn store_follows_the_sentinels_to_another_primary() {
    let Some(servers) = Sentinel::start() else { return };
    let store = RedisStore::sentinel(servers.urls(), MASTER_NAME).min_replicas(1);
    let store = store.replication_timeout(StdDuration::from_millis(200)).build().unwrap();
    let revocations = store.revocation_store();
    let start = Instant::now();
    while revocations.revoke(ISSUER, "a", until()).await.is_err() {
        assert!(start.elapsed() < LIMIT);
    }
    let query = RevocationQuery::new(ISSUER, "a");
    let without_replicas = RedisStore::sentinel(servers.urls(), MASTER_NAME).build().unwrap();
    let all = [revocations, without_replicas.revocation_store()];
    for hangs in [false, true] {
        let old = servers.primary();
        if hangs {
            servers.stop(old)
        } else {
            servers.kill(old)
        }
        for store in &all {
            let start = Instant::now();
            let is_revoked = loop {
                match store.is_revoked(query).await {
                    Ok(is_revoked) => break is_revoked,
                    Err(error) => assert!(start.elapsed() < LIMIT, "{error}"),
                }
                sleep(StdDuration::from_millis(10)).await;
            };
            assert!(is_revoked, "a revocation is lost");
            while store.is_revoked(query).await.is_err() || servers.primary() == old {
                assert!(start.elapsed() < LIMIT);
            }
        }
        servers.wait_for_switch(old);
        if hangs {
            servers.cont(old)
        } else {
            servers.restart_as_replica(old)
        }
        let start = Instant::now();
        while let Err(error) = all[0].revoke(ISSUER, "b", until()).await {
            assert!(start.elapsed() < LIMIT, "{error}");
            sleep(StdDuration::from_millis(10)).await;
        }
    }
}

#[actix_web::test]
async fn sentinels_that_hang_or_name_a_replica_are_ignored() {
    let Some(servers) = Sentinel::start() else { return };
    let urls = servers.urls();
    // A Sentinel with an old view, before the others.
    let stale = fake_sentinel(servers.replicas()[0]);
    let only_stale = RedisStore::sentinel([&stale], MASTER_NAME).build().unwrap();
    let error = only_stale.ping().await.unwrap_err().to_string();
    assert!(error.contains("is not a primary"), "{error}");
    servers.stop(servers.sentinels()[0]);
    for others in [[&stale, &urls[1], &urls[2]], [&urls[0], &urls[1], &urls[2]]] {
        let store = RedisStore::sentinel(others, MASTER_NAME).timeout(StdDuration::from_secs(20));
        store.build().unwrap().ping().await.unwrap();
    }

    let urls = urls[1..].iter().map(String::as_str);
    let another_name = RedisStore::sentinel(urls, "another").timeout(StdDuration::from_secs(20));
    let error = another_name.build().unwrap().ping().await.unwrap_err().to_string();
    assert!(error.contains("does not know a primary of this name"), "{error}");
}

/// A Sentinel that is cut off names a former primary, which runs again with the role of a primary.
#[actix_web::test]
async fn former_primary_that_a_minority_of_the_sentinels_names_is_not_used() {
    let (Some(former), Some(primary)) = (Redis::start(), Redis::start()) else { return };
    let named = |ports: &[u16]| {
        let sentinels: Vec<_> = ports.iter().map(|port| fake_sentinel(*port)).collect();
        let store = RedisStore::sentinel(sentinels, MASTER_NAME);
        store.timeout(StdDuration::from_secs(20)).build().unwrap()
    };
    let of_primary = RedisStore::builder(primary.url()).build().unwrap().revocation_store();
    of_primary.revoke(ISSUER, "a", until()).await.unwrap();
    let query = RevocationQuery::new(ISSUER, "a");
    for _ in 0..20 {
        let store = named(&[former.port(), primary.port(), primary.port()]).revocation_store();
        assert!(store.is_revoked(query).await.unwrap(), "the former primary is used");
    }
    for ports in [&[former.port(), primary.port()][..], &[primary.port(), former.port(), 1]] {
        let error = named(ports).ping().await.unwrap_err().to_string();
        assert!(error.contains("too few Sentinels name the same primary"), "{error}");
    }
    assert_eq!(former.calls("role"), 0, "the store connected to the former primary");
}

/// A primary that is cut off from its replicas and from the Sentinels still accepts connections.
#[actix_web::test]
async fn write_without_replicas_asks_the_sentinels_again() {
    let (Some(former), Some(primary)) = (Redis::start(), Redis::start()) else { return };
    let named = Arc::new(AtomicU16::new(former.port()));
    let store = RedisStore::sentinel([changing_sentinel(Arc::clone(&named))], MASTER_NAME);
    let store = store.timeout(StdDuration::from_secs(20)).min_replicas(1);
    let store = store.replication_timeout(StdDuration::from_millis(1)).build().unwrap();
    let store = store.revocation_store();
    for (server, name) in [(&former, "a"), (&primary, "b")] {
        named.store(server.port(), Ordering::SeqCst);
        let revoked = store.revoke(ISSUER, name, until()).await;
        assert!(matches!(revoked, Err(RevocationError::NotReplicated { .. })), "{revoked:?}");
        assert_eq!(server.command(&["DBSIZE"]), "1");
    }
    assert!(store.is_revoked(RevocationQuery::new(ISSUER, "b")).await.unwrap());
}

#[actix_web::test]
async fn creation_behind_a_sentinel_is_not_repeated_after_its_response_is_lost() {
    let Some(redis) = Redis::start() else { return };
    let proxy = redis.lossy_proxy();
    let store = RedisStore::sentinel([fake_sentinel(proxy.port())], MASTER_NAME);
    let store = store.timeout(StdDuration::from_secs(20)).build().unwrap();
    assert_creation_runs_once(&store, &redis, &proxy).await;
}

/// Starts a Sentinel that always names this port. Returns its URL.
fn fake_sentinel(primary: u16) -> String {
    changing_sentinel(Arc::new(AtomicU16::new(primary)))
}

/// Starts a Sentinel that names the current value of this port. Returns its URL.
fn changing_sentinel(primary: Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, primary) = (BufReader::new(client.unwrap()), Arc::clone(&primary));
            thread::spawn(move || {
                let mut line = String::new();
                // Each command begins with the number of its words.
                while client.read_line(&mut line).is_ok_and(|length| length > 0) {
                    let words: usize = line[1..].trim_end().parse().unwrap();
                    let mut command = String::new();
                    for _ in 0..2 * words {
                        client.read_line(&mut command).unwrap();
                    }
                    let reply = if command.contains("GET-MASTER-ADDR-BY-NAME") {
                        let primary = primary.load(Ordering::SeqCst).to_string();
                        let length = primary.len();
                        format!("*2\r\n$9\r\n127.0.0.1\r\n${length}\r\n{primary}\r\n")
                    } else {
                        "+OK\r\n".to_owned()
                    };
                    client.get_mut().write_all(reply.as_bytes()).unwrap();
                    line.clear();
                }
            });
        }
    });
    url
}
