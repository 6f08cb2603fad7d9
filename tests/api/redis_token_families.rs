//! The token family store on a Redis server: conformance, key names and expiry, and server
//! failures.

use std::time::{Duration as StdDuration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::RedisStore;
use paseto_actix::conformance;
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, RedisTokenFamilyStore, Rotation, RotationRequest,
    TokenFamilyError, TokenFamilyStore,
};
use paseto_actix_tests::patience::{MAX_RECOVERY_TIME, Stopwatch};
use paseto_actix_tests::redis::Redis;
use time::Duration;

const GRACE: StdDuration = StdDuration::from_secs(60);
const HOUR: StdDuration = StdDuration::from_secs(60 * 60);

fn id() -> RandomId {
    RandomId::generate().unwrap()
}

fn owner(user: &str) -> FamilyOwner<'_> {
    FamilyOwner::new("shop", user)
}

fn new_token_family(user: &str, family: RandomId, first: RandomId) -> NewTokenFamily<'_> {
    NewTokenFamily::new(owner(user), family, first, HOUR)
}

fn rotation(
    user: &str,
    family: RandomId,
    presented: RandomId,
    next: RandomId,
) -> RotationRequest<'_> {
    RotationRequest::new(owner(user), family, presented, next, GRACE)
}

fn token_families_on(redis: &Redis) -> RedisTokenFamilyStore {
    RedisStore::builder(redis.url())
        .timeout(StdDuration::from_secs(20))
        .build()
        .unwrap()
        .token_family_store()
}

#[actix_web::test]
async fn redis_token_family_store_conforms_and_its_keys_contain_no_names() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    for _ in 0..2 {
        conformance::token_family_store(&store).await;
    }
    conformance::token_family_store_bound(&store, 100).await;
    let bounded =
        RedisStore::builder(redis.url()).max_per_user(3).timeout(StdDuration::from_secs(20));
    conformance::token_family_store_bound(&bounded.build().unwrap().token_family_store(), 3).await;
    for key in redis.command(&["KEYS", "*"]).lines() {
        let name = key.strip_prefix("paseto:l:").unwrap();
        assert_eq!(name.len(), 22, "a key does not contain the name of a user: {key}");
        let left: u64 = redis.command(&["TTL", key]).parse().unwrap();
        assert!((3500..=5 * 3600).contains(&left), "{key}: {left}");
    }
}

/// A test cannot set the clock of Redis. Instead, it moves the times of all token families back.
#[actix_web::test]
async fn redis_token_family_store_conforms_over_time() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    conformance::token_family_store_over_time(&store, async |by| redis.advance(by)).await;
}

/// The times of all token families move forward, as if the clock of Redis was set back.
#[actix_web::test]
async fn step_back_of_the_clock_of_redis_does_not_extend_the_grace_period() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    let [family, first, second] = [(); 3].map(|()| id());
    store.create(new_token_family("ada", family, first)).await.unwrap();
    let rotate = |next| store.rotate(rotation("ada", family, first, next));
    assert_eq!(rotate(second).await.unwrap(), Rotation::Rotated);
    redis.advance(Duration::seconds(-2));
    assert_eq!(rotate(id()).await.unwrap(), Rotation::Superseded { current: second });
    redis.advance(-Duration::HOUR);
    assert_eq!(rotate(id()).await.unwrap(), Rotation::Reused);
}

#[actix_web::test]
async fn redis_hash_of_a_user_expires_with_the_last_token_family() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    for hours in [1, 5, 2] {
        store.create(NewTokenFamily::new(owner("ada"), id(), id(), HOUR * hours)).await.unwrap();
    }
    let key = redis.command(&["KEYS", "*"]);
    let left: u64 = redis.command(&["TTL", &key]).parse().unwrap();
    assert!((17_900..=18_002).contains(&left), "{left}");
    assert_eq!(redis.command(&["HLEN", &key]), "3");
    redis.advance(Duration::hours(1));
    store.create(new_token_family("ada", id(), id())).await.unwrap();
    assert_eq!(redis.command(&["HLEN", &key]), "3", "a login removes expired token families");
    store.revoke_all(owner("ada"), None).await.unwrap();
    assert_eq!(redis.command(&["DBSIZE"]), "0");
}

/// The bound prevents one account from filling Redis.
#[actix_web::test]
async fn one_user_cannot_fill_redis() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    for _ in 0..10 {
        let begun = (0..200).map(|_| store.create(new_token_family("ada", id(), id())));
        assert!(join_all(begun).await.iter().all(Result::is_ok));
    }
    assert_eq!(redis.command(&["DBSIZE"]), "1");
    assert_eq!(redis.command(&["HLEN", &redis.command(&["KEYS", "*"])]), "100");
    assert_eq!(store.list(owner("ada")).await.unwrap().len(), 100);
}

#[actix_web::test]
async fn concurrent_rotations_over_several_connections_rotate_once() {
    let Some(redis) = Redis::start() else { return };
    let (family, first) = (id(), id());
    let stores: Vec<_> = (0..4)
        .map(|_| token_families_on(&redis))
        .flat_map(|store| [store.clone(), store])
        .collect();
    stores[0].create(new_token_family("ada", family, first)).await.unwrap();
    let uses = (0..64).map(|i| {
        let store = &stores[i % stores.len()];
        async move {
            let next = id();
            (next, store.rotate(rotation("ada", family, first, next)).await.unwrap())
        }
    });
    let outcomes = join_all(uses).await;
    let (rotated, rest): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(_, outcome)| *outcome == Rotation::Rotated);
    assert_eq!(rotated.len(), 1);
    let current = rotated[0].0;
    for (_, outcome) in rest {
        assert_eq!(outcome, Rotation::Superseded { current });
    }
}

#[actix_web::test]
async fn token_family_survives_while_redis_is_killed_and_hung() {
    let Some(mut redis) = Redis::start() else { return };
    let store = RedisStore::builder(redis.url()).build().unwrap().token_family_store();
    let (family, first, started) = (id(), id(), Instant::now());
    // On a busy machine, the first connection can exceed the timeout.
    while store.create(new_token_family("ada", family, first)).await.is_err() {
        assert!(started.elapsed() < 5 * MAX_RECOVERY_TIME, "the first connection fails");
    }
    let (mut current, mut previous) = (first, id());
    let assert_down = async || {
        for method in 0..6 {
            let watch = Stopwatch::start();
            let result = match method {
                0 => store.create(new_token_family("ada", id(), id())).await,
                1 => store.revoke(owner("ada"), id()).await,
                2 => store.revoke_all(owner("bob"), None).await,
                3 => store.revoke_all(owner("bob"), Some(id())).await,
                4 => store.list(owner("ada")).await.map(|_| ()),
                _ => store.rotate(rotation("ada", family, id(), id())).await.map(|_| ()),
            };
            assert!(matches!(result, Err(TokenFamilyError::Other(_))), "{method}: {result:?}");
            watch.assert_in_time(1);
        }
    };
    for hung in [false, true, false, true] {
        if hung {
            redis.hang(true);
            // The server executes these commands when it continues. So send only commands that do
            // not change the token family.
            let watch = Stopwatch::start();
            assert!(store.rotate(rotation("ada", id(), first, id())).await.is_err());
            assert!(store.revoke(owner("ada"), id()).await.is_err());
            watch.assert_in_time(2);
            redis.hang(false);
        } else {
            redis.kill();
            assert_down().await;
            redis.restart(&[]);
        }
        let (start, next) = (Instant::now(), id());
        loop {
            match store.rotate(rotation("ada", family, current, next)).await {
                Ok(outcome) => {
                    // The response to an earlier attempt may have been lost.
                    assert!(
                        matches!(outcome, Rotation::Rotated | Rotation::Superseded { .. }),
                        "{outcome:?}"
                    );
                    break;
                }
                Err(_) => {
                    assert!(start.elapsed() < MAX_RECOVERY_TIME, "the store does not recover")
                }
            }
            sleep(StdDuration::from_millis(5)).await;
        }
        (previous, current) = (current, next);
    }
    // The last rotation survives.
    let use_previous = rotation("ada", family, previous, id());
    assert_eq!(store.rotate(use_previous).await.unwrap(), Rotation::Superseded { current });
}

/// Calls each method of the store and checks its result. Calls `between` after each call.
async fn assert_all_methods_work(store: &RedisTokenFamilyStore, mut between: impl FnMut()) {
    let ([family, first, second, third], user) = ([(); 4].map(|()| id()), id().to_string());
    let token = |family, presented, next| rotation(&user, family, presented, next);
    store.create(new_token_family(&user, family, first)).await.unwrap();
    between();
    // A command that is sent twice counts as one use, also without a grace period.
    for (presented, next) in [(first, second), (second, third)] {
        let without_grace =
            RotationRequest::new(owner(&user), family, presented, next, StdDuration::ZERO);
        assert_eq!(store.rotate(without_grace).await.unwrap(), Rotation::Rotated);
        between();
    }
    let outcome = store.rotate(token(family, second, id())).await.unwrap();
    assert_eq!(outcome, Rotation::Superseded { current: third });
    between();
    let (other, kept) = (id(), id());
    for family in [other, kept] {
        store.create(new_token_family(&user, family, first)).await.unwrap();
        between();
    }
    store.revoke(owner(&user), family).await.unwrap();
    between();
    assert_eq!(store.rotate(token(family, third, id())).await.unwrap(), Rotation::Unknown);
    between();
    assert_eq!(store.list(owner(&user)).await.unwrap().len(), 2);
    between();
    store.revoke_all(owner(&user), Some(kept)).await.unwrap();
    between();
    assert_eq!(store.rotate(token(other, first, id())).await.unwrap(), Rotation::Unknown);
    between();
    store.revoke_all(owner(&user), None).await.unwrap();
    between();
    assert_eq!(store.rotate(token(kept, first, id())).await.unwrap(), Rotation::Unknown);
    between();
}

#[actix_web::test]
async fn connection_closed_by_the_server_fails_no_rotation() {
    let Some(mut redis) = Redis::start() else { return };
    let store = RedisStore::builder(redis.url())
        .timeout(StdDuration::from_secs(20))
        .build()
        .unwrap()
        .token_family_store();
    assert_all_methods_work(&store, || redis.end_connections()).await;
    assert_all_methods_work(&store, || redis.restart(&[])).await;
}

#[actix_web::test]
async fn rotation_is_repeated_after_its_response_is_lost() {
    let Some(redis) = Redis::start() else { return };
    let proxy = redis.lossy_proxy();
    for protocol in ["resp2", "resp3"] {
        let url = format!("{}?protocol={protocol}", proxy.url());
        let store = RedisStore::builder(url)
            .timeout(StdDuration::from_secs(20))
            .build()
            .unwrap()
            .token_family_store();
        // This call loads the scripts into Redis.
        assert_all_methods_work(&store, || ()).await;
        proxy.lose();
        assert_all_methods_work(&store, || {
            assert!(proxy.has_lost());
            proxy.lose();
        })
        .await;
    }
}

/// The store repeats a rotation if its response was lost. The second response must equal the first.
#[actix_web::test]
async fn repeated_rotation_reports_the_same_reuse_again() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    let [family, first, second, next] = [(); 4].map(|()| id());
    store.create(new_token_family("ada", family, first)).await.unwrap();
    let use_first = async |next| store.rotate(rotation("ada", family, first, next)).await.unwrap();
    assert_eq!(use_first(second).await, Rotation::Rotated);
    redis.advance(Duration::minutes(2));
    for _ in 0..2 {
        assert_eq!(use_first(next).await, Rotation::Reused);
    }
    assert_eq!(use_first(id()).await, Rotation::Unknown, "a different rotation");
    assert!(store.list(owner("ada")).await.unwrap().is_empty());
    redis.advance(Duration::MINUTE);
    assert_eq!(use_first(next).await, Rotation::Unknown, "a minute later");
}

/// The clocks of two application servers can differ. Only the clock of Redis counts.
#[actix_web::test]
async fn grace_period_is_measured_by_the_clock_of_redis() {
    let Some(redis) = Redis::start() else { return };
    let (one, other) = (token_families_on(&redis), token_families_on(&redis));
    let [family, first, second] = [(); 3].map(|()| id());
    one.create(new_token_family("ada", family, first)).await.unwrap();
    assert_eq!(
        one.rotate(rotation("ada", family, first, second)).await.unwrap(),
        Rotation::Rotated
    );
    redis.advance(Duration::seconds(55));
    let retry = rotation("ada", family, first, id());
    assert_eq!(other.rotate(retry).await.unwrap(), Rotation::Superseded { current: second });
    redis.advance(Duration::seconds(10));
    assert_eq!(other.rotate(retry).await.unwrap(), Rotation::Reused);
}

#[test]
fn a_user_can_have_1_to_1000_logins() {
    let build = |logins| RedisStore::builder("redis://127.0.0.1/").max_per_user(logins).build();
    for logins in [1, 1000] {
        assert!(build(logins).is_ok(), "{logins}");
    }
    for logins in [0, 1001] {
        assert_eq!(
            build(logins).unwrap_err().to_string(),
            format!("`max_per_user`: expected 1 to 1000 logins, found {logins}")
        );
    }
}
