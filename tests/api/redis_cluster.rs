//! Both stores on a Redis Cluster whose slots move and whose primaries fail.

use std::time::{Duration as StdDuration, Instant};

use actix_web::rt::time::sleep;
use paseto_actix::RedisStore;
use paseto_actix::conformance;
use paseto_actix::revocation::{
    ExceptedLogin, RedisRevocationStore, RevocationQuery, RevocationStore,
};
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, RedisTokenFamilyStore, Rotation, RotationRequest,
    TokenFamilyStore,
};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::redis_cluster::{ClusterOptions, RedisCluster};
use time::{Duration, OffsetDateTime};

const HOUR: StdDuration = StdDuration::from_secs(60 * 60);

/// The maximum time of a test for the promotion of a replica.
const LIMIT: StdDuration = StdDuration::from_secs(60);

/// The number of records of each kind. Each node owns some of them.
const RECORDS: usize = 48;

/// A handle and the records that it has stored.
struct Shop {
    revocations: RedisRevocationStore,
    families: RedisTokenFamilyStore,
    revoked: Vec<String>,
    logins: Vec<Login>,
}

struct Login {
    user: String,
    family: RandomId,
    presented: RandomId,
}

fn id() -> RandomId {
    RandomId::generate().unwrap()
}

fn until() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::hours(1)
}

impl Shop {
    fn new(handle: &RedisStore) -> Self {
        Self {
            revocations: handle.revocation_store(),
            families: handle.token_family_store(),
            revoked: Vec::new(),
            logins: Vec::new(),
        }
    }

    async fn fill(&mut self) {
        for _ in 0..RECORDS {
            let token = id().to_string();
            self.revocations.revoke(ISSUER, &token, until()).await.unwrap();
            self.revoked.push(token);
            let login = Login { user: id().to_string(), family: id(), presented: id() };
            let owner = FamilyOwner::new("shop", &login.user);
            let new = NewTokenFamily::new(owner, login.family, login.presented, HOUR);
            self.families.create(new).await.unwrap();
            self.logins.push(login);
        }
    }

    /// Checks and uses all records. Repeats a call that fails, for at most `limit`.
    async fn check(&mut self, limit: StdDuration) {
        for token in &self.revoked {
            // The other keys of the query are in other slots.
            let session = id().to_string();
            let query = RevocationQuery::new(ISSUER, token).of_session(Some(&session));
            let query = query.of_subject(Some("ada"), 0);
            let is_revoked = patient(limit, async || self.revocations.is_revoked(query).await);
            assert!(is_revoked.await, "a revocation is lost");
            let good = RevocationQuery::new(ISSUER, &session).of_session(Some(&session));
            let is_revoked = patient(limit, async || self.revocations.is_revoked(good).await);
            assert!(!is_revoked.await);
        }
        for login in &mut self.logins {
            let (owner, next) = (FamilyOwner::new("shop", &login.user), id());
            let request = RotationRequest::new(owner, login.family, login.presented, next, HOUR);
            let rotation = patient(limit, async || self.families.rotate(request).await).await;
            assert_eq!(rotation, Rotation::Rotated);
            login.presented = next;
            let list = patient(limit, async || self.families.list(owner).await).await;
            assert_eq!(list.len(), 1);
        }
    }
}

/// Repeats a call until it succeeds, for at most this time.
async fn patient<T, E: std::fmt::Debug>(
    limit: StdDuration,
    call: impl AsyncFn() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match call().await {
            Ok(result) => return result,
            Err(error) => assert!(start.elapsed() < limit, "{error:?}"),
        }
        sleep(StdDuration::from_millis(10)).await;
    }
}

fn patient_handle(cluster: &RedisCluster) -> RedisStore {
    RedisStore::cluster(cluster.urls()).timeout(StdDuration::from_secs(20)).build().unwrap()
}

#[actix_web::test]
async fn both_stores_conform_on_three_primaries_with_a_password() {
    let options = ClusterOptions { password: Some("mysecret".to_owned()), tls: false };
    let Some(cluster) = RedisCluster::with(options) else { return };
    // One URL is enough.
    let url = cluster.urls().remove(0);
    let handle = RedisStore::cluster([&url]).timeout(StdDuration::from_secs(20));
    let handle = handle.min_replicas(1).replication_timeout(StdDuration::from_secs(10));
    let handle = handle.build().unwrap();
    handle.ping().await.unwrap();
    assert!(!format!("{handle:?}").contains("mysecret"));
    conformance::revocation_store(&handle.revocation_store(), OffsetDateTime::now_utc()).await;
    conformance::token_family_store(&handle.token_family_store()).await;
    conformance::token_family_store_bound(&handle.token_family_store(), 100).await;

    let wrong = RedisStore::cluster([url.replace("mysecret", "another")]).build().unwrap();
    let error = wrong.ping().await.unwrap_err().to_string();
    assert!(error.contains("authentication failed") && !error.contains("another"), "{error}");
}

/// The certificates come from an environment variable, so the client is a process of its own.
#[cfg(feature = "redis-tls")]
#[actix_web::test]
async fn both_stores_conform_on_a_cluster_over_tls() {
    const URLS: &str = "PASETO_ACTIX_TEST_CLUSTER_URLS";
    if let Ok(urls) = std::env::var(URLS) {
        let handle = RedisStore::cluster(urls.split(' ')).timeout(StdDuration::from_secs(20));
        let handle = handle.build().unwrap();
        handle.ping().await.unwrap();
        conformance::revocation_store(&handle.revocation_store(), OffsetDateTime::now_utc()).await;
        return conformance::token_family_store(&handle.token_family_store()).await;
    }
    let options = ClusterOptions { password: Some("mysecret".to_owned()), tls: true };
    let Some(cluster) = RedisCluster::with(options) else { return };
    let name = std::thread::current().name().unwrap().to_owned();
    let client = |authority: &std::path::Path| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(URLS, cluster.urls().join(" "))
            .env("SSL_CERT_FILE", authority)
            .output()
            .unwrap()
    };
    let authority = cluster.authority().unwrap();
    let client_of = client(&authority);
    assert!(client_of.status.success(), "{client_of:?}");
    let without_trust = client(&authority.with_extension("key"));
    assert!(!without_trust.status.success(), "the certificate is checked");
}

#[actix_web::test]
async fn records_are_found_while_their_slots_move() {
    let Some(cluster) = RedisCluster::start() else { return };
    for replicas in [0, 1] {
        let handle = RedisStore::cluster(cluster.urls()).timeout(StdDuration::from_secs(20));
        let handle = handle.min_replicas(replicas).replication_timeout(StdDuration::from_secs(10));
        let mut shop = Shop::new(&handle.build().unwrap());
        shop.fill().await;
        let from = cluster.owner(0);
        // The store does not know the new node yet.
        let to = cluster.add_primary();
        cluster.add_replica(&to);
        let slots = from.slots[0].clone();
        let migration = cluster.start_migration(&from, &to, slots.clone());
        shop.check(StdDuration::ZERO).await;
        migration.move_keys(2);
        shop.check(StdDuration::ZERO).await;
        shop.fill().await;
        migration.finish();
        shop.check(StdDuration::ZERO).await;
        shop.fill().await;
        cluster.wait_until_ok();
        shop.check(StdDuration::ZERO).await;
        assert!(cluster.owner(*slots.start()).port == to.port);
    }
}

#[actix_web::test]
async fn planned_failover_fails_no_request() {
    let Some(cluster) = RedisCluster::start() else { return };
    let mut shop = Shop::new(&patient_handle(&cluster));
    shop.fill().await;
    for slot in [0, 16_383] {
        let replica = cluster.replica_of(&cluster.owner(slot));
        cluster.fail_over(&replica);
        shop.check(StdDuration::ZERO).await;
    }
}

#[actix_web::test]
async fn acknowledged_records_survive_the_loss_of_a_primary() {
    let Some(cluster) = RedisCluster::start() else { return };
    let handle = RedisStore::cluster(cluster.urls()).min_replicas(1).build().unwrap();
    let patient = RedisStore::cluster(cluster.urls()).timeout(StdDuration::from_secs(20));
    let patient = patient.min_replicas(1).replication_timeout(StdDuration::from_secs(10));
    let mut shop = Shop::new(&patient.build().unwrap());
    shop.fill().await;
    let without_replication = RedisStore::cluster(cluster.urls()).build().unwrap();
    // From now on with the default timeouts.
    shop.revocations = handle.revocation_store();
    shop.families = without_replication.token_family_store();
    shop.check(LIMIT).await;
    let killed = cluster.owner(0);
    cluster.kill(&killed);
    shop.check(LIMIT).await;
    assert_ne!(cluster.owner(0).port, killed.port);

    let hung = cluster.owner(16_383);
    cluster.stop(&hung);
    shop.check(LIMIT).await;
    assert_ne!(cluster.owner(16_383).port, hung.port);

    cluster.cont(&hung);
    cluster.restart(&killed);
    cluster.wait_until_ok();
    shop.families = handle.token_family_store();
    shop.check(LIMIT).await;
}

#[actix_web::test]
async fn ping_checks_each_primary() {
    let Some(cluster) = RedisCluster::start() else { return };
    let handle = patient_handle(&cluster);
    handle.ping().await.unwrap();
    for slot in [0, 8_000, 16_383] {
        let primary = cluster.owner(slot);
        let set = |limit| cluster.command(&primary, &["CONFIG", "SET", "maxmemory", limit]);
        assert_eq!(set("1"), "OK");
        let error = handle.ping().await.unwrap_err().to_string();
        assert!(error.contains("OOM"), "{error}");
        assert_eq!(set("0"), "OK");
    }
    handle.ping().await.unwrap();
}

#[actix_web::test]
async fn store_recovers_when_the_cluster_accepts_its_password_again() {
    let Some(redis) = Redis::cluster() else { return };
    let url = redis.url().replace("redis://", "redis://:mysecret@");
    let store = RedisStore::cluster([url]).build().unwrap();
    // A server without a password rejects `AUTH` with a password.
    store.ping().await.unwrap_err();
    assert_eq!(redis.command(&["CONFIG", "SET", "requirepass", "mysecret"]), "OK");
    patient(LIMIT, async || store.ping().await).await;
}

#[actix_web::test]
async fn request_is_repeated_after_its_response_is_lost_but_a_creation_is_not() {
    let Some(redis) = Redis::cluster() else { return };
    let proxy = redis.lossy_proxy();
    let port = proxy.port().to_string();
    assert_eq!(redis.command(&["CONFIG", "SET", "cluster-announce-port", &port]), "OK");
    let handle = RedisStore::cluster([proxy.url()]).timeout(StdDuration::from_secs(20));
    let handle = handle.build().unwrap();
    crate::redis_replication::assert_creation_runs_once(&handle, &redis, &proxy).await;
    let revocations = handle.revocation_store();
    proxy.lose();
    let except = Some(ExceptedLogin::new("mine", 0));
    revocations.revoke_subject(ISSUER, "ada", except, until()).await.unwrap();
    assert!(proxy.has_lost());
}

#[test]
fn urls_of_a_cluster_need_the_same_credentials_and_no_database() {
    let build = |urls: &[&str]| RedisStore::cluster(urls.iter().copied()).build();
    let error = |urls: &[&str]| build(urls).unwrap_err().to_string();
    assert!(build(&["redis://:a-password@a/", "redis://:a-password@b/"]).is_ok());
    for urls in [
        &["redis://:a-password@a/", "redis://b/"],
        &["redis://:a-password@a/", "redis://:another-password@b/"],
        &["redis://x:a-password@a/", "redis://y:a-password@b/"],
    ] {
        let error = error(urls);
        assert!(error.contains("same credentials") && !error.contains("password@"), "{error}");
        assert!(!error.contains("a-password") && !error.contains("another"), "{error}");
    }
    assert!(error(&["redis://a/1"]).contains("no database numbers"));
    assert!(error(&[]).contains("at least one URL"));
    assert!(error(&["unix:///run/redis"]).contains("expected a host and a port"));
    assert!(error(&["redis://a/", "http://:a-password@b/"]).contains("`redis://host:port/`"));
    let with_credentials = RedisStore::cluster(["redis://a/"]).server_credentials("x", "y");
    assert!(with_credentials.build().unwrap_err().to_string().contains("Sentinels only"));
}
