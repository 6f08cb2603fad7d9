//! The Redis Cluster and the sentinels of the test kit do what their tests rely on.

use paseto_actix_tests::redis_cluster::{ClusterOptions, Node, RedisCluster};
use paseto_actix_tests::redis_sentinel::{Sentinel, SentinelOptions};
use paseto_actix_tests::resp::Resp;

/// The slot of the key `a`.
const SLOT: u16 = 15_495;

fn start_with_key() -> Option<(RedisCluster, Node)> {
    let cluster = RedisCluster::start()?;
    let owner = cluster.owner(SLOT);
    assert_eq!(cluster.command(&owner, &["SET", "a", "1"]), "OK");
    Some((cluster, owner))
}

#[test]
fn cluster_has_three_primaries_with_one_replica_each() {
    let Some((cluster, owner)) = start_with_key() else { return };
    assert_eq!(cluster.urls().len(), 6);
    assert_eq!(cluster.url(&owner), format!("redis://127.0.0.1:{}/", owner.port));
    for (primary, slots) in
        cluster.primaries().iter().zip([0..=5460, 5461..=10_922, 10_923..=16_383])
    {
        assert_eq!(primary.slots, [slots]);
        assert_eq!(
            cluster.command(&cluster.replica_of(primary), &["ROLE"]).lines().next(),
            Some("slave")
        );
    }
    assert_eq!(cluster.primaries().len(), 3);
    assert_eq!(cluster.replicas().len(), 3);
    assert_eq!(cluster.command(&owner, &["GET", "a"]), "1");
    let other = cluster.owner(0);
    assert_eq!(
        cluster.command(&other, &["GET", "a"]),
        format!("MOVED {SLOT} 127.0.0.1:{}", owner.port)
    );
}

#[test]
fn cluster_accepts_only_the_password_over_tls_too() {
    let options = ClusterOptions { password: Some("mysecret".to_owned()), tls: true };
    let Some(cluster) = RedisCluster::with(options) else { return };
    let owner = cluster.owner(SLOT);
    assert_eq!(cluster.command(&owner, &["SET", "a", "1"]), "OK");
    let mut without = Resp::open(owner.port, None).unwrap();
    assert_eq!(without.send(&["GET", "a"]).unwrap(), "NOAUTH Authentication required.");
    assert!(cluster.authority().is_some_and(|file| file.exists()));
    assert!(cluster.urls().iter().all(|url| url.starts_with("rediss://:mysecret@127.0.0.1:")));
    cluster.migrate_slots(&owner, &cluster.owner(0), SLOT..=SLOT);
    assert_eq!(cluster.command(&cluster.owner(0), &["GET", "a"]), "1");
    cluster.fail_over(&cluster.replica_of(&cluster.owner(SLOT)));
    assert_eq!(cluster.command(&cluster.owner(SLOT), &["GET", "a"]), "1");
}

#[test]
fn replica_of_a_killed_primary_is_promoted() {
    let Some((cluster, owner)) = start_with_key() else { return };
    let replica = cluster.replica_of(&owner);
    assert_eq!(cluster.command(&owner, &["WAIT", "1", "5000"]), "1");
    cluster.kill(&owner);
    assert_eq!(cluster.command(&owner, &["PING"]), "");
    let promoted = cluster.wait_for_promotion(&owner);
    cluster.wait_until_ok();
    assert_eq!(promoted.id, replica.id);
    assert_eq!(cluster.command(&promoted, &["GET", "a"]), "1");
    cluster.restart(&owner);
    cluster.wait_until_ok();
    assert_eq!(cluster.replicas().len(), 3);
    assert_eq!(cluster.command(&owner, &["ROLE"]).lines().next(), Some("slave"));
}

#[test]
fn suspended_primary_is_replaced_and_becomes_a_replica() {
    let Some((cluster, owner)) = start_with_key() else { return };
    cluster.stop(&owner);
    let promoted = cluster.wait_for_promotion(&owner);
    cluster.cont(&owner);
    cluster.wait_until_ok();
    assert_eq!(cluster.replica_of(&cluster.owner(SLOT)).id, owner.id);
    assert_eq!(cluster.owner(SLOT).id, promoted.id);
}

#[test]
fn failover_exchanges_the_roles() {
    let Some((cluster, owner)) = start_with_key() else { return };
    let replica = cluster.replica_of(&owner);
    cluster.fail_over(&replica);
    assert_eq!(cluster.owner(SLOT).id, replica.id);
    assert_eq!(cluster.replica_of(&cluster.owner(SLOT)).id, owner.id);
    assert_eq!(cluster.command(&replica, &["GET", "a"]), "1");
}

#[test]
fn slots_move_with_their_keys() {
    let Some((cluster, from)) = start_with_key() else { return };
    let to = cluster.owner(0);
    // The slot of the key `e` is 15363.
    assert_eq!(cluster.command(&from, &["SET", "e", "2"]), "OK");
    let migration = cluster.start_migration(&from, &to, 15_000..=SLOT);
    assert_eq!(cluster.command(&from, &["GET", "a"]), "1", "the key is not moved yet");
    let ask = |slot| format!("ASK {slot} 127.0.0.1:{}", to.port);
    assert_eq!(cluster.command(&from, &["SET", "{e}b", "3"]), ask(15_363));
    migration.move_keys(1);
    assert_eq!(cluster.command(&from, &["GET", "a"]), ask(SLOT));
    assert_eq!(cluster.owner(SLOT).id, from.id);
    migration.finish();
    cluster.wait_until_ok();
    assert_eq!(cluster.owner(SLOT).id, to.id);
    assert_eq!(cluster.owner(SLOT + 1).id, from.id);
    assert_eq!(cluster.command(&to, &["GET", "a"]), "1");
    assert_eq!(cluster.command(&to, &["GET", "e"]), "2");
}

#[test]
fn node_is_added_and_removed() {
    let Some((cluster, from)) = start_with_key() else { return };
    let added = cluster.add_primary();
    assert_eq!(added.slots, []);
    assert_eq!(cluster.primaries().len(), 4);
    let replica = cluster.add_replica(&added);
    assert_eq!(replica.primary.as_ref(), Some(&added.id));
    // Few slots: Redis 7.0 broadcasts each moved slot to all nodes, and under load it lost slots when
    // thousands of them moved.
    cluster.migrate_slots(&from, &added, SLOT - 99..=SLOT);
    cluster.wait_until_ok();
    assert_eq!(cluster.command(&added, &["GET", "a"]), "1");
    cluster.remove(&added);
    assert_eq!(cluster.primaries().len(), 3);
    assert_eq!(cluster.replicas().len(), 4, "the replica has another primary");
    assert_eq!(cluster.command(&cluster.owner(SLOT), &["GET", "a"]), "1");
    cluster.remove(&replica);
    assert_eq!(cluster.replicas().len(), 3);
}

#[test]
fn promoted_replica_lacks_the_writes_since_its_replication_was_held() {
    let Some((cluster, owner)) = start_with_key() else { return };
    let replica = cluster.replica_of(&owner);
    assert_eq!(cluster.command(&owner, &["WAIT", "1", "5000"]), "1");
    cluster.hold_replication(&replica);
    assert_eq!(cluster.command(&owner, &["SET", "a", "2"]), "OK");
    assert_eq!(cluster.command(&owner, &["WAIT", "1", "10"]), "0");
    cluster.kill(&owner);
    let promoted = cluster.wait_for_promotion(&owner);
    cluster.wait_until_ok();
    assert_eq!(cluster.command(&promoted, &["GET", "a"]), "1");
    cluster.continue_replication(&promoted);
    cluster.restart(&owner);
    cluster.wait_until_ok();
}

#[test]
fn sentinels_switch_to_the_replica_of_a_killed_primary() {
    let Some(sentinel) = Sentinel::start() else { return };
    assert_eq!(sentinel.urls().len(), 3);
    let (old, replica) = (sentinel.primary(), sentinel.replicas()[0]);
    sentinel.kill(sentinel.sentinels()[0]);
    sentinel.kill(old);
    assert_eq!(sentinel.command(old, &["PING"]), "");
    assert_eq!(sentinel.wait_for_switch(old), replica);
    assert_eq!(sentinel.command(replica, &["SET", "a", "1"]), "OK");
    sentinel.restart(sentinel.sentinels()[0]);
    sentinel.restart_as_replica(old);
    assert_eq!(sentinel.command(old, &["GET", "a"]), "1");
    assert_eq!(sentinel.replicas(), [old]);
}

#[test]
fn sentinels_switch_to_a_replica_of_a_suspended_primary() {
    let options = SentinelOptions { replicas: 2, password: Some("mysecret".to_owned()) };
    let Some(sentinel) = Sentinel::with(options) else { return };
    let old = sentinel.primary();
    assert_eq!(sentinel.replicas().len(), 2);
    let [held, other] = sentinel.replicas()[..] else { panic!("two replicas") };
    sentinel.hold_replication(held);
    assert_eq!(sentinel.command(old, &["SET", "a", "1"]), "OK");
    assert_eq!(sentinel.command(old, &["WAIT", "1", "5000"]), "1");
    assert_eq!(sentinel.command(held, &["EXISTS", "a"]), "0");
    sentinel.stop(old);
    let new = sentinel.wait_for_switch(old);
    assert_eq!(new, other, "the replica with more data is promoted");
    sentinel.cont(old);
    sentinel.continue_replication(held);
    assert_eq!(sentinel.command(new, &["GET", "a"]), "1");
}
