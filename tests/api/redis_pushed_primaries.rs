//! `PushedRevocationStore` with several primaries: Redis Cluster, Sentinel and replicas.

use std::time::Duration;

use paseto_actix::RedisStore;
use paseto_actix::conformance;
use paseto_actix::redis::RedisStoreBuilder;
use paseto_actix::revocation::{
    PushedRevocationStore, RedisRevocationStore, RevocationQuery, RevocationStore,
};
use paseto_actix::time::OffsetDateTime;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::until;
use paseto_actix_tests::redis_cluster::RedisCluster;
use paseto_actix_tests::redis_sentinel::{MASTER_NAME, Sentinel};

fn query(id: &str) -> RevocationQuery<'_> {
    RevocationQuery::new(ISSUER, id)
}

fn end() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(3600)
}

/// A process with a pushed store, and a process that revokes.
struct Nodes {
    pushed: PushedRevocationStore,
    other: RedisRevocationStore,
}

impl Nodes {
    async fn of_cluster(cluster: &RedisCluster, min_replicas: usize) -> Self {
        let handle = || RedisStore::cluster(cluster.urls());
        Self::new(handle, min_replicas, Duration::from_secs(1)).await
    }

    async fn of_sentinel(sentinel: &Sentinel, min_replicas: usize) -> Self {
        let handle = || RedisStore::sentinel(sentinel.urls(), MASTER_NAME);
        Self::new(handle, min_replicas, Duration::from_millis(200)).await
    }

    async fn new(
        handle: impl Fn() -> RedisStoreBuilder,
        min_replicas: usize,
        replication_timeout: Duration,
    ) -> Self {
        let handle = || {
            let handle = handle().timeout(Duration::from_secs(2)).min_replicas(min_replicas);
            handle.replication_timeout(replication_timeout).build().unwrap()
        };
        let pushed = handle().pushed_revocation_store();
        let this = Self { pushed, other: handle().revocation_store() };
        this.until_live(true).await;
        this
    }

    async fn until_live(&self, is_live: bool) {
        let event = if is_live { "the store is live" } else { "the lease ends" };
        until(event, async || self.pushed.status().is_live == is_live).await;
    }

    async fn cached(&self, id: &str) {
        until("the result is cached", async || {
            let hits = self.pushed.status().hits;
            let result = self.pushed.is_revoked(query(id)).await;
            result.is_ok_and(|is_revoked| !is_revoked) && self.pushed.status().hits > hits
        })
        .await;
    }

    /// Revokes tokens with cached results, and waits until the messages have arrived.
    async fn assert_messages_arrive(&self, round: &str) {
        // Enough tokens for each primary.
        let ids: Vec<String> = (0..24).map(|number| format!("{round}{number}")).collect();
        for id in &ids {
            self.cached(id).await;
        }
        for id in &ids {
            // After a failover, the first call of each connection may fail.
            until("the revocation is stored", async || {
                self.other.revoke(ISSUER, id, end()).await.is_ok()
            })
            .await;
            until("the revocation is seen", async || {
                self.pushed.is_revoked(query(id)).await.unwrap_or_default()
            })
            .await;
        }
    }

    /// Each request queries Redis.
    async fn assert_redis_is_asked(&self, id: &str) {
        let before = self.pushed.status();
        for number in 1..=5 {
            assert!(!self.pushed.is_revoked(query(id)).await.unwrap());
            let after = self.pushed.status();
            assert_eq!((after.hits, after.misses), (before.hits, before.misses + number));
        }
    }
}

#[actix_web::test]
async fn pushed_store_conforms_on_a_cluster() {
    let Some(cluster) = RedisCluster::start() else { return };
    let nodes = Nodes::of_cluster(&cluster, 0).await;
    conformance::revocation_store(&nodes.pushed, OffsetDateTime::now_utc()).await;
    nodes.assert_messages_arrive("a").await;
}

#[actix_web::test]
async fn failover_of_a_cluster_tracks_the_new_primary() {
    let Some(cluster) = RedisCluster::start() else { return };
    let nodes = Nodes::of_cluster(&cluster, 1).await;
    nodes.assert_messages_arrive("before").await;
    let old = cluster.owner(0);
    cluster.kill(&old);
    nodes.until_live(false).await;
    cluster.wait_for_promotion(&old);
    cluster.restart(&old);
    cluster.wait_until_ok();
    nodes.assert_messages_arrive("after").await;
    // A planned failover, during which both servers run.
    let replica = cluster.replica_of(&cluster.owner(0));
    cluster.fail_over(&replica);
    nodes.assert_messages_arrive("planned").await;
    for number in 0..24 {
        for round in ["before", "after", "planned"] {
            let id = format!("{round}{number}");
            assert!(nodes.pushed.is_revoked(query(&id)).await.unwrap(), "{id}");
        }
    }
}

/// A slot migration writes new keys to the target, which has no slots yet.
#[actix_web::test]
async fn target_of_a_slot_migration_is_tracked() {
    let Some(cluster) = RedisCluster::start() else { return };
    let nodes = Nodes::of_cluster(&cluster, 0).await;
    let (target, source) = (cluster.add_primary(), cluster.owner(0));
    cluster.wait_until_ok();
    until("the target is tracked", async || {
        cluster.command(&target, &["CLIENT", "LIST"]).lines().any(|client| {
            client.split(' ').any(|field| field.starts_with("flags=") && field.contains('t'))
        })
    })
    .await;
    nodes.until_live(true).await;
    let ids: Vec<String> = (0..24).map(|number| format!("migrated{number}")).collect();
    for id in &ids {
        nodes.cached(id).await;
    }
    let migration = cluster.start_migration(&source, &target, 0..=5460);
    for id in &ids {
        nodes.other.revoke(ISSUER, id, end()).await.unwrap();
        until("the revocation is seen", async || nodes.pushed.is_revoked(query(id)).await.unwrap())
            .await;
    }
    assert_ne!(cluster.command(&target, &["DBSIZE"]), "0", "no key was written to the target");
    migration.finish();
    nodes.assert_messages_arrive("after").await;
}

#[actix_web::test]
async fn unreachable_primary_of_a_cluster_ends_the_lease() {
    let Some(cluster) = RedisCluster::start() else { return };
    let nodes = Nodes::of_cluster(&cluster, 0).await;
    for primary in cluster.primaries() {
        let reply =
            cluster.command(&primary, &["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
        assert_eq!(reply, "OK");
    }
    let primary = cluster.owner(0);
    let replica = cluster.replica_of(&primary);
    // An ID whose slot is on another primary.
    let mut reachable = None;
    cluster.stop(&replica);
    cluster.stop(&primary);
    nodes.until_live(false).await;
    for number in 0..100 {
        let id = format!("reachable{number}");
        if nodes.pushed.is_revoked(query(&id)).await.is_ok() {
            reachable = Some(id);
            break;
        }
    }
    nodes.assert_redis_is_asked(&reachable.expect("a reachable record")).await;
    cluster.cont(&primary);
    cluster.cont(&replica);
    nodes.until_live(true).await;
    cluster.wait_until_ok();
    nodes.assert_messages_arrive("after").await;
}

#[actix_web::test]
async fn failover_by_sentinels_tracks_the_new_primary() {
    let Some(sentinel) = Sentinel::start() else { return };
    let nodes = Nodes::of_sentinel(&sentinel, 0).await;
    nodes.assert_messages_arrive("before").await;
    let old = sentinel.primary();
    // The connections stay open, as if the server were cut off.
    sentinel.stop(old);
    nodes.until_live(false).await;
    sentinel.wait_for_switch(old);
    nodes.assert_messages_arrive("after").await;
    // The former primary runs again, and accepts writes until the sentinels make it a replica.
    sentinel.cont(old);
    nodes.assert_messages_arrive("again").await;
}

#[actix_web::test]
async fn lease_and_new_connections_require_more_than_half_of_the_sentinels() {
    let Some(sentinel) = Sentinel::start() else { return };
    let nodes = Nodes::of_sentinel(&sentinel, 0).await;
    nodes.cached("a").await;
    let handle = RedisStore::sentinel(sentinel.urls(), MASTER_NAME);
    let connected = handle.timeout(Duration::from_secs(2)).build().unwrap().revocation_store();
    let stopped = &sentinel.sentinels()[..2];
    sentinel.stop(stopped[0]);
    assert!(!connected.is_revoked(query("a")).await.unwrap());
    sentinel.stop(stopped[1]);
    nodes.until_live(false).await;
    // The store has no connection besides that of the lease.
    nodes.pushed.is_revoked(query("a")).await.unwrap_err();
    assert!(!connected.is_revoked(query("a")).await.unwrap(), "an open connection is used");
    stopped.iter().for_each(|port| sentinel.cont(*port));
    nodes.cached("a").await;
}

/// The primary may have been replaced if no replica confirms its writes.
#[actix_web::test]
async fn lease_requires_the_replicas() {
    let Some(sentinel) = Sentinel::start() else { return };
    let nodes = Nodes::of_sentinel(&sentinel, 1).await;
    nodes.assert_messages_arrive("before").await;
    let replica = sentinel.replicas()[0];
    sentinel.hold_replication(replica);
    nodes.until_live(false).await;
    nodes.assert_redis_is_asked("a").await;
    sentinel.continue_replication(replica);
    nodes.cached("a").await;
}
