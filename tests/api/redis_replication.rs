//! Writes that replicas must confirm, and writes that must not run twice.

use std::time::Duration as StdDuration;

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use futures_util::future::{Either, select};
use futures_util::pin_mut;
use paseto_actix::revocation::{RevocationError, RevocationQuery, RevocationStore};
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};
use paseto_actix::{Issuer, RedisStore, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::redis::{LossyProxy, Redis};
use paseto_actix_tests::redis_sentinel::{Sentinel, SentinelOptions};
use paseto_actix_tests::revocation::token;
use time::{Duration, OffsetDateTime};

const HOUR: StdDuration = StdDuration::from_secs(60 * 60);

fn id() -> RandomId {
    RandomId::generate().unwrap()
}

fn owner() -> FamilyOwner<'static> {
    FamilyOwner::new("shop", "ada")
}

fn until() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::hours(1)
}

fn new_family(family: RandomId, first: RandomId) -> NewTokenFamily<'static> {
    NewTokenFamily::new(owner(), family, first, HOUR)
}

/// Returns a handle that waits long for replicas that reply.
fn patient(port: u16, replicas: usize) -> RedisStore {
    handle(port, replicas, StdDuration::from_secs(30))
}

/// Returns a handle that waits briefly for replicas that do not reply.
fn impatient(port: u16, replicas: usize) -> RedisStore {
    handle(port, replicas, StdDuration::from_millis(20))
}

fn handle(port: u16, replicas: usize, replication_timeout: StdDuration) -> RedisStore {
    RedisStore::builder(format!("redis://127.0.0.1:{port}/"))
        .timeout(StdDuration::from_secs(60))
        .min_replicas(replicas)
        .replication_timeout(replication_timeout)
        .build()
        .unwrap()
}

/// Calls each method that writes. Returns the number of confirmations of each error.
async fn write_all(handle: &RedisStore) -> Vec<Option<(usize, usize)>> {
    let (revocations, families) = (handle.revocation_store(), handle.token_family_store());
    let of_revocation = |error: Option<RevocationError>| match error? {
        RevocationError::NotReplicated { replicas, expected } => Some((replicas, expected)),
        other => panic!("{other:?}"),
    };
    let of_family = |error: Option<TokenFamilyError>| match error? {
        TokenFamilyError::NotReplicated { replicas, expected } => Some((replicas, expected)),
        other => panic!("{other:?}"),
    };
    let (family, first, next) = (id(), id(), id());
    let rotation = RotationRequest::new(owner(), family, first, next, HOUR);
    let token = id().to_string();
    let until = until();
    let mut errors = Vec::new();
    // The second call of each method changes nothing or less.
    for _ in 0..2 {
        errors.push(of_revocation(revocations.revoke(ISSUER, &token, until).await.err()));
        let subject = revocations.revoke_subject(ISSUER, "ada", None, until).await;
        errors.push(of_revocation(subject.err()));
    }
    errors.push(of_family(families.create(new_family(family, first)).await.err()));
    for _ in 0..2 {
        errors.push(of_family(families.rotate(rotation).await.err()));
    }
    for _ in 0..2 {
        errors.push(of_family(families.revoke(owner(), family).await.err()));
        errors.push(of_family(families.revoke_all(owner(), Some(family)).await.err()));
        errors.push(of_family(families.revoke_all(owner(), None).await.err()));
    }
    errors
}

#[actix_web::test]
async fn each_write_fails_until_enough_replicas_confirm_it() {
    let options = SentinelOptions { replicas: 2, password: None };
    let Some(servers) = Sentinel::with(options) else { return };
    let (primary, replicas) = (servers.primary(), servers.replicas());
    let is_confirmed = |errors: Vec<Option<_>>| errors.iter().all(Option::is_none);
    for store in [patient(primary, 1), patient(primary, 2)] {
        assert!(is_confirmed(write_all(&store).await));
        store.ping().await.unwrap();
    }

    servers.stop(replicas[0]);
    assert!(is_confirmed(write_all(&patient(primary, 1)).await));
    let two = impatient(primary, 2);
    // On a busy machine, the other replica can be late too.
    let errors = write_all(&two).await;
    assert!(errors.iter().all(|error| matches!(error, Some((0 | 1, 2)))), "{errors:?}");
    let error = two.ping().await.unwrap_err();
    assert!(error.to_string().contains("expected 2 replicas (`min_replicas`)"), "{error}");
    assert_eq!(error.error_response().status(), StatusCode::SERVICE_UNAVAILABLE);

    servers.stop(replicas[1]);
    assert_eq!(write_all(&impatient(primary, 1)).await, [Some((0, 1)); 13]);
    for replica in replicas {
        servers.cont(replica);
    }
    assert!(is_confirmed(write_all(&patient(primary, 2)).await));
}

/// `WAIT` waits only for the last write of its connection.
#[actix_web::test]
async fn repeated_call_confirms_the_first_write_though_it_changes_nothing() {
    let Some(servers) = Sentinel::start() else { return };
    let (primary, replica) = (servers.primary(), servers.replicas()[0]);
    patient(primary, 1).ping().await.unwrap();
    servers.stop(replica);
    let until = until();
    // The calls to each store are the first ones on their connection.
    for _ in 0..3 {
        let store = impatient(primary, 1).revocation_store();
        let revoked = store.revoke(ISSUER, "a", until).await;
        assert!(matches!(revoked, Err(RevocationError::NotReplicated { .. })), "{revoked:?}");
        // The primary has stored the record.
        assert!(store.is_revoked(RevocationQuery::new(ISSUER, "a")).await.unwrap());
        let families = impatient(primary, 1).token_family_store();
        let revoked = families.revoke(owner(), id()).await;
        assert!(matches!(revoked, Err(TokenFamilyError::NotReplicated { .. })), "{revoked:?}");
    }
    servers.cont(replica);
    patient(primary, 1).revocation_store().revoke(ISSUER, "a", until).await.unwrap();
}

/// From Redis 7.2 on, `WAIT` waits for the last request of its connection that wrote. So a request
/// that changes nothing must write too.
#[actix_web::test]
async fn replica_receives_a_write_of_each_call() {
    let Some(servers) = Sentinel::start() else { return };
    let (primary, replica) = (servers.primary(), servers.replicas()[0]);
    let received = || {
        let stats = servers.command(replica, &["INFO", "commandstats"]);
        let calls = ["set", "pexpireat"].map(|name| {
            let name = format!("cmdstat_{name}:calls=");
            let line = stats.lines().find_map(|line| line.strip_prefix(&name));
            line.map_or(0, |line| line.split(',').next().unwrap().parse::<u64>().unwrap())
        });
        calls.into_iter().sum::<u64>()
    };
    let handle = patient(primary, 1);
    let (revocations, families) = (handle.revocation_store(), handle.token_family_store());
    let until = until();
    revocations.revoke(ISSUER, "a", until).await.unwrap();
    for _ in 0..3 {
        let before = received();
        revocations.revoke(ISSUER, "a", until).await.unwrap();
        let after_revocation = received();
        assert!(after_revocation > before, "a revocation that changes nothing");
        families.revoke(owner(), id()).await.unwrap();
        assert!(received() > after_revocation, "an unknown family");
    }
}

#[actix_web::test]
async fn repeated_write_is_confirmed_too_after_its_response_is_lost() {
    let Some(servers) = Sentinel::start() else { return };
    let proxy = LossyProxy::to(servers.primary());
    let store = impatient(proxy.port(), 1);
    patient(servers.primary(), 1).ping().await.unwrap();
    servers.stop(servers.replicas()[0]);
    proxy.lose();
    let revoked = store.revocation_store().revoke(ISSUER, "a", until()).await;
    assert!(proxy.has_lost());
    assert!(matches!(revoked, Err(RevocationError::NotReplicated { .. })), "{revoked:?}");
}

#[actix_web::test]
async fn reads_do_not_wait_for_replicas() {
    let Some(redis) = Redis::start() else { return };
    let store = RedisStore::builder(redis.url())
        .timeout(StdDuration::from_secs(60))
        .min_replicas(1)
        .replication_timeout(StdDuration::from_secs(50))
        .build()
        .unwrap()
        .revocation_store();
    let write = store.revoke(ISSUER, "a", until());
    let read = async {
        // After the write.
        while !store.is_revoked(RevocationQuery::new(ISSUER, "a")).await.unwrap() {}
    };
    pin_mut!(write, read);
    assert!(matches!(select(write, read).await, Either::Right(_)), "the write has not ended");
}

#[actix_web::test]
async fn revocation_without_replicas_is_503_and_logged() {
    let Some(redis) = Redis::start() else { return };
    let key = SecretKey::generate();
    let verifier = Verifier::builder()
        .trust(ISSUER, key.public_key())
        .revocation_store(impatient(redis.port(), 1).revocation_store())
        .build()
        .unwrap();
    let issuer = Issuer::builder(ISSUER).key(key).build().unwrap();
    let token = token(&issuer, "ada", 0);
    let verified = verifier.verify_str_async(&token).await.unwrap();
    let error = verifier.revoke(&verified).await.unwrap_err();
    assert_eq!(error.error_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(error.to_string().contains("to confirm the revocation, found 0"), "{error}");
    assert!(verifier.verify_str_async(&token).await.is_err());
}

#[actix_web::test]
async fn creation_is_not_repeated_after_its_response_is_lost() {
    let Some(redis) = Redis::start() else { return };
    let proxy = redis.lossy_proxy();
    assert_creation_runs_once(&patient(proxy.port(), 0), &redis, &proxy).await;
}

/// Asserts that the server executes a creation once if its response is lost.
pub(crate) async fn assert_creation_runs_once(
    handle: &RedisStore,
    redis: &Redis,
    proxy: &LossyProxy,
) {
    let store = handle.token_family_store();
    // This call loads the script into Redis.
    store.create(new_family(id(), id())).await.unwrap();
    let executions = || {
        let stats = redis.command(&["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.starts_with("cmdstat_hdel:")).unwrap().to_owned();
        line.split(['=', ',']).nth(1).unwrap().parse::<u32>().unwrap()
    };
    let before = executions();
    // The response to `PING` is the first one.
    proxy.lose_after(1);
    let (family, first) = (id(), id());
    store.create(new_family(family, first)).await.unwrap_err();
    assert!(proxy.has_lost());
    assert_eq!(executions(), before + 1);
    // The lost connection was found by `PING`, before the script was sent.
    proxy.lose();
    store.create(new_family(id(), id())).await.unwrap();
    assert!(proxy.has_lost());
    assert_eq!(executions(), before + 2);
    let rotation = RotationRequest::new(owner(), family, first, id(), HOUR);
    assert_eq!(store.rotate(rotation).await.unwrap(), Rotation::Rotated);
}

#[test]
fn replication_settings_have_limits() {
    let builder = || RedisStore::builder("redis://127.0.0.1/");
    let millis = StdDuration::from_millis;
    for replicas in [0, 16] {
        assert!(builder().min_replicas(replicas).build().is_ok());
    }
    let error = builder().min_replicas(17).build().unwrap_err().to_string();
    assert!(error.contains("expected 0 to 16 replicas, found 17"), "{error}");
    assert!(builder().timeout(millis(50)).build().is_ok());
    for (timeout, replication_timeout) in [(50, 100), (100, 100), (250, 0)] {
        let builder = builder().timeout(millis(timeout)).min_replicas(1);
        let error = builder.replication_timeout(millis(replication_timeout)).build().unwrap_err();
        assert!(error.to_string().contains("below `timeout`"), "{error}");
    }
}
