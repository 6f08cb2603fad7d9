//! Token families on a Redis server: the rules of every store, the names and the end of its keys, and a server
//! that fails.

use std::time::{Duration as StdDuration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::conformance;
use paseto_actix::token_family::{
    FamilyOwner, NewTokenFamily, RandomId, RedisTokenFamilyStore, Rotation, RotationRequest,
    TokenFamilyError, TokenFamilyStore,
};
use paseto_actix_tests::patience::{RECOVERED, Watch};
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
    RedisTokenFamilyStore::builder(redis.url()).timeout(StdDuration::from_secs(20)).build().unwrap()
}

#[actix_web::test]
async fn token_families_on_redis() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    for _ in 0..2 {
        conformance::token_family_store(&store).await;
    }
    conformance::token_family_store_bound(&store, 100).await;
    let bounded = RedisTokenFamilyStore::builder(redis.url())
        .max_per_user(3)
        .timeout(StdDuration::from_secs(20));
    conformance::token_family_store_bound(&bounded.build().unwrap(), 3).await;
    for key in redis.command(&["KEYS", "*"]).lines() {
        let name = key.strip_prefix("paseto:l:").unwrap();
        assert_eq!(name.len(), 22, "a key has no name of a user: {key}");
        let left: u64 = redis.command(&["TTL", key]).parse().unwrap();
        assert!((3500..=5 * 3600).contains(&left), "{key}: {left}");
    }
}

/// No test can set the clock of Redis. Instead, the times of all token family are moved back.
#[actix_web::test]
async fn token_families_on_redis_over_time() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    conformance::token_family_store_over_time(&store, async |by| redis.advance(by)).await;
}

#[actix_web::test]
async fn the_hash_of_a_user_expires_with_the_last_token_family() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    for hours in [1, 5, 2] {
        store.begin(NewTokenFamily::new(owner("ada"), id(), id(), HOUR * hours)).await.unwrap();
    }
    let key = redis.command(&["KEYS", "*"]);
    let left: u64 = redis.command(&["TTL", &key]).parse().unwrap();
    assert!((17_900..=18_002).contains(&left), "{left}");
    assert_eq!(redis.command(&["HLEN", &key]), "3");
    redis.advance(Duration::hours(1));
    store.begin(new_token_family("ada", id(), id())).await.unwrap();
    assert_eq!(redis.command(&["HLEN", &key]), "3", "a login removes expired family");
    store.revoke_all(owner("ada"), None).await.unwrap();
    assert_eq!(redis.command(&["DBSIZE"]), "0");
}

/// The bound keeps one account from filling Redis.
#[actix_web::test]
async fn one_user_cannot_fill_redis() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    for _ in 0..10 {
        let begun = (0..200).map(|_| store.begin(new_token_family("ada", id(), id())));
        assert!(join_all(begun).await.iter().all(Result::is_ok));
    }
    assert_eq!(redis.command(&["DBSIZE"]), "1");
    assert_eq!(redis.command(&["HLEN", &redis.command(&["KEYS", "*"])]), "100");
    assert_eq!(store.list(owner("ada")).await.unwrap().len(), 100);
}

#[actix_web::test]
async fn uses_at_once_through_several_connections() {
    let Some(redis) = Redis::start() else { return };
    let (family, first) = (id(), id());
    let stores: Vec<_> = (0..4)
        .map(|_| token_families_on(&redis))
        .flat_map(|store| [store.clone(), store])
        .collect();
    stores[0].begin(new_token_family("ada", family, first)).await.unwrap();
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
async fn token_family_while_redis_is_killed_and_hung() {
    let Some(mut redis) = Redis::start() else { return };
    let store = RedisTokenFamilyStore::builder(redis.url()).build().unwrap();
    let (family, first, started) = (id(), id(), Instant::now());
    // On a busy machine, the first connection may take its time.
    while store.begin(new_token_family("ada", family, first)).await.is_err() {
        assert!(started.elapsed() < 5 * RECOVERED, "it does not begin");
    }
    let (mut current, mut previous) = (first, id());
    let assert_down = async || {
        for what in 0..6 {
            let watch = Watch::start();
            let answer = match what {
                0 => store.begin(new_token_family("ada", id(), id())).await,
                1 => store.revoke(owner("ada"), id()).await,
                2 => store.revoke_all(owner("bob"), None).await,
                3 => store.revoke_all(owner("bob"), Some(id())).await,
                4 => store.list(owner("ada")).await.map(|_| ()),
                _ => store.rotate(rotation("ada", family, id(), id())).await.map(|_| ()),
            };
            assert!(matches!(answer, Err(TokenFamilyError::Other(_))), "{what}: {answer:?}");
            watch.assert_answered(1);
        }
    };
    for hung in [false, true, false, true] {
        if hung {
            redis.hang(true);
            // Only what changes nothing if it is done once the server goes on: the token family must be there then.
            let watch = Watch::start();
            assert!(store.rotate(rotation("ada", id(), first, id())).await.is_err());
            assert!(store.revoke(owner("ada"), id()).await.is_err());
            watch.assert_answered(2);
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
                    // Its answer may have been lost before.
                    assert!(
                        matches!(outcome, Rotation::Rotated | Rotation::Superseded { .. }),
                        "{outcome:?}"
                    );
                    break;
                }
                Err(_) => assert!(start.elapsed() < RECOVERED, "it does not recover"),
            }
            sleep(StdDuration::from_millis(5)).await;
        }
        (previous, current) = (current, next);
    }
    // What it was told survives.
    let use_previous = rotation("ada", family, previous, id());
    assert_eq!(store.rotate(use_previous).await.unwrap(), Rotation::Superseded { current });
}

/// Calls each method of a store, and does something to the server after each call.
async fn assert_answers(store: &RedisTokenFamilyStore, mut between: impl FnMut()) {
    let ([family, first, second, third], user) = ([(); 4].map(|()| id()), id().to_string());
    let token = |family, presented, next| rotation(&user, family, presented, next);
    store.begin(new_token_family(&user, family, first)).await.unwrap();
    between();
    // Without a grace too: a command that is sent twice is one use.
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
        store.begin(new_token_family(&user, family, first)).await.unwrap();
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
    store.ping().await.unwrap();
    between();
}

#[actix_web::test]
async fn a_connection_that_the_server_ends_fails_no_use() {
    let Some(mut redis) = Redis::start() else { return };
    let store = RedisTokenFamilyStore::builder(redis.url())
        .timeout(StdDuration::from_secs(20))
        .build()
        .unwrap();
    assert_answers(&store, || redis.end_connections()).await;
    assert_answers(&store, || redis.restart(&[])).await;
}

#[actix_web::test]
async fn a_use_that_redis_took_before_its_answer_was_lost() {
    let Some(redis) = Redis::start() else { return };
    let way = redis.lossy_way();
    for protocol in ["resp2", "resp3"] {
        let url = format!("{}?protocol={protocol}", way.url());
        let store = RedisTokenFamilyStore::builder(url)
            .timeout(StdDuration::from_secs(20))
            .build()
            .unwrap();
        // The scripts are known by now.
        assert_answers(&store, || ()).await;
        way.lose();
        assert_answers(&store, || {
            assert!(way.has_lost());
            way.lose();
        })
        .await;
    }
}

/// The store sends a use twice if its answer was lost. The second answer must be that of the first.
#[actix_web::test]
async fn a_use_that_found_a_reuse_finds_it_again() {
    let Some(redis) = Redis::start() else { return };
    let store = token_families_on(&redis);
    let [family, first, second, next] = [(); 4].map(|()| id());
    store.begin(new_token_family("ada", family, first)).await.unwrap();
    let use_first = async |next| store.rotate(rotation("ada", family, first, next)).await.unwrap();
    assert_eq!(use_first(second).await, Rotation::Rotated);
    redis.advance(Duration::minutes(2));
    for _ in 0..2 {
        assert_eq!(use_first(next).await, Rotation::Reused);
    }
    assert_eq!(use_first(id()).await, Rotation::Unknown, "another use");
    assert!(store.list(owner("ada")).await.unwrap().is_empty());
    redis.advance(Duration::MINUTE);
    assert_eq!(use_first(next).await, Rotation::Unknown, "a minute later");
}

/// Two nodes whose clocks differ use one Redis, whose clock alone decides.
#[actix_web::test]
async fn the_grace_is_judged_by_the_clock_of_redis() {
    let Some(redis) = Redis::start() else { return };
    let (one, other) = (token_families_on(&redis), token_families_on(&redis));
    let [family, first, second] = [(); 3].map(|()| id());
    one.begin(new_token_family("ada", family, first)).await.unwrap();
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
