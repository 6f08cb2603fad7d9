//! Series on a Redis server: what every store shows, what lists of users' series are for, and a server that fails.

use std::time::{Duration as StdDuration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::{RandomId, RedisSeries, Rotation, SeriesError, SeriesStore, TokenUse, test_suites};
use paseto_actix_tests::{
    patience::{RECOVERED, Watch},
    redis::Redis,
};
use time::{Duration, OffsetDateTime};

const GRACE: StdDuration = StdDuration::from_secs(60);

fn id() -> RandomId {
    RandomId::generate().unwrap()
}

fn series_on(redis: &Redis) -> RedisSeries {
    RedisSeries::builder(redis.url()).build().unwrap()
}

#[actix_web::test]
async fn b45_series_on_redis() {
    let Some(redis) = Redis::start() else { return };
    // Redis removes by the real time.
    let start = OffsetDateTime::now_utc();
    let store = series_on(&redis);
    for _ in 0..2 {
        test_suites::series(&store, start).await;
    }
    let keys = redis.command(&["KEYS", "*"]);
    for key in keys.lines() {
        let name = key.strip_prefix("paseto:f:").or_else(|| key.strip_prefix("paseto:u:")).unwrap();
        assert_eq!(name.len(), 22, "no name is in the open: {key}");
        let is_series = redis.command(&["TYPE", key]) == "hash";
        if is_series {
            let fields = redis.command(&["HKEYS", key]);
            let known = ["current", "expires", "previous", "used"];
            assert!(fields.lines().all(|field| known.contains(&field)), "{fields}");
        }
        let left: u64 = redis.command(&["TTL", key]).parse().unwrap();
        let hours = if is_series || left < 3603 { 1 } else { 5 };
        assert!((hours * 3600 - 100..=hours * 3600 + 2).contains(&left), "{key}: {left}");
    }
}

/// What lists a user's series must not end before any of them.
#[actix_web::test]
async fn b44_all_logins_of_a_user_end_on_redis_the_longest_among_them() {
    let Some(redis) = Redis::start() else { return };
    let (store, now) = (series_on(&redis), OffsetDateTime::now_utc());
    for hours in [1, 5, 2] {
        store.begin(id(), id(), "ada", now + Duration::hours(hours), now).await.unwrap();
    }
    let list = redis.command(&["KEYS", "paseto:u:*"]);
    let left: u64 = redis.command(&["TTL", &list]).parse().unwrap();
    assert!((17_900..=18_002).contains(&left), "{left}");
    store.revoke_all("ada").await.unwrap();
    assert_eq!(redis.command(&["DBSIZE"]), "0");
}

/// The ids on the list of the only user that there is.
fn listed(redis: &Redis) -> Vec<String> {
    let list = redis.command(&["KEYS", "paseto:u:*"]);
    redis.command(&["ZRANGE", &list, "0", "-1"]).lines().map(str::to_owned).collect()
}

/// Of what has ended, no list keeps the name for long.
#[actix_web::test]
async fn b44_what_has_ended_leaves_the_list_with_the_next_login() {
    let Some(redis) = Redis::start() else { return };
    let (store, now) = (series_on(&redis), OffsetDateTime::now_utc());
    let [kept, ended, just_ended, new] = [(); 4].map(|()| id());
    // Two that are over as they begin.
    let ends = [(kept, Duration::HOUR), (just_ended, Duration::seconds(-2)), (ended, Duration::minutes(-2))];
    for (series, end) in ends {
        store.begin(series, id(), "ada", now + end, now).await.unwrap();
    }
    let names = |ids: &[RandomId]| ids.iter().map(RandomId::to_string).collect::<Vec<_>>();
    assert_eq!(listed(&redis), names(&[ended, just_ended, kept]));
    store.begin(new, id(), "ada", now + Duration::hours(2), now).await.unwrap();
    assert_eq!(listed(&redis), names(&[just_ended, kept, new]), "a minute is for the clocks of a cluster");
}

/// More than one question takes, some of which were revoked by themselves, and a login that is under way: listed, and not begun.
#[actix_web::test]
async fn b44_a_great_many_logins_of_a_user_end() {
    let Some(redis) = Redis::start() else { return };
    // Each write is synced to the disk, which may take its time.
    let store = RedisSeries::builder(redis.url()).timeout(StdDuration::from_secs(20)).build().unwrap();
    let now = OffsetDateTime::now_utc();
    let all: Vec<_> = (0..2000).map(|_| (id(), id())).collect();
    // Some 670 in each second, more than one question lists.
    for (i, part) in all.chunks(50).enumerate() {
        let end = now + Duration::HOUR + Duration::seconds(i as i64 % 3);
        let begun = part.iter().map(|(series, first)| store.begin(*series, *first, "ada", end, now));
        assert!(join_all(begun).await.iter().all(Result::is_ok));
    }
    let under_way = id().to_string();
    let list = redis.command(&["KEYS", "paseto:u:*"]);
    assert_eq!(redis.command(&["ZADD", &list, "9999999999", &under_way]), "1");
    store.revoke(all[17].0).await.unwrap();
    store.begin(id(), id(), "bob", now + Duration::HOUR, now).await.unwrap();
    // Two at once stand in nobody's way.
    for answer in join_all([store.revoke_all("ada"), store.revoke_all("ada")]).await {
        answer.unwrap();
    }
    let begun = redis.command(&["KEYS", "paseto:f:*"]);
    assert_eq!(begun.lines().count(), 1, "only Bob's is left");
    let mut left: Vec<_> = redis.command(&["ZRANGE", &list, "0", "-1"]).lines().map(str::to_owned).collect();
    left.sort_unstable();
    let mut expected = vec![under_way, all[17].0.to_string()];
    expected.sort_unstable();
    assert_eq!(left, expected);
}

#[actix_web::test]
async fn b45_64_uses_at_once_through_several_connections() {
    let Some(redis) = Redis::start() else { return };
    let (series, first, now) = (id(), id(), OffsetDateTime::now_utc());
    let stores: Vec<_> = (0..4).map(|_| series_on(&redis)).flat_map(|store| [store.clone(), store]).collect();
    stores[0].begin(series, first, "ada", now + Duration::HOUR, now).await.unwrap();
    let uses = (0..64).map(|i| {
        let store = &stores[i % stores.len()];
        async move {
            let next = id();
            (next, store.rotate(TokenUse::new(series, first, next, now, GRACE)).await.unwrap())
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
async fn b50_series_while_redis_is_killed_and_hung() {
    let Some(mut redis) = Redis::start() else { return };
    let (store, now) = (series_on(&redis), OffsetDateTime::now_utc());
    let (series, first) = (id(), id());
    let end = now + Duration::HOUR;
    // On a busy machine, the first connection may take its time.
    while store.begin(series, first, "ada", end, now).await.is_err() {
        assert!(now + 5 * RECOVERED > OffsetDateTime::now_utc(), "it does not begin");
    }
    let (mut current, mut previous) = (first, id());
    let assert_down = async || {
        for what in 0..4 {
            let watch = Watch::start();
            let answer = match what {
                0 => store.begin(id(), id(), "ada", end, now).await,
                1 => store.revoke(id()).await,
                2 => store.revoke_all("bob").await,
                _ => store.rotate(TokenUse::new(series, id(), id(), now, GRACE)).await.map(|_| ()),
            };
            assert!(matches!(answer, Err(SeriesError::Other(_))), "{what}: {answer:?}");
            watch.assert_answered(1);
        }
    };
    for hung in [false, true, false, true] {
        if hung {
            redis.hang(true);
            // Only what changes nothing if it is done once the server goes on: the series must be there then.
            let watch = Watch::start();
            assert!(store.rotate(TokenUse::new(id(), first, id(), now, GRACE)).await.is_err());
            assert!(store.revoke(id()).await.is_err());
            watch.assert_answered(2);
            redis.hang(false);
        } else {
            redis.kill();
            assert_down().await;
            redis.restart(&[]);
        }
        let (start, next) = (Instant::now(), id());
        loop {
            match store.rotate(TokenUse::new(series, current, next, now, GRACE)).await {
                Ok(outcome) => {
                    // Its answer may have been lost before.
                    assert!(matches!(outcome, Rotation::Rotated | Rotation::Superseded { .. }), "{outcome:?}");
                    break;
                }
                Err(_) => assert!(start.elapsed() < RECOVERED, "it does not recover"),
            }
            sleep(StdDuration::from_millis(5)).await;
        }
        (previous, current) = (current, next);
    }
    // What it was told survives.
    let use_previous = TokenUse::new(series, previous, id(), now, GRACE);
    assert_eq!(store.rotate(use_previous).await.unwrap(), Rotation::Superseded { current });
}

/// Asks everything that a store can be asked, and after each question does the same to the server.
async fn assert_answers(store: &RedisSeries, mut between: impl FnMut()) {
    let now = OffsetDateTime::now_utc();
    let ([series, first, second, third], user) = ([(); 4].map(|()| id()), id().to_string());
    store.begin(series, first, &user, now + Duration::HOUR, now).await.unwrap();
    between();
    // With no grace, too: it is the same use.
    for (presented, next) in [(first, second), (second, third)] {
        let token = TokenUse::new(series, presented, next, now, StdDuration::ZERO);
        assert_eq!(store.rotate(token).await.unwrap(), Rotation::Rotated);
        between();
    }
    let previous = TokenUse::new(series, second, id(), now, GRACE);
    assert_eq!(store.rotate(previous).await.unwrap(), Rotation::Superseded { current: third });
    between();
    let other = id();
    store.begin(other, first, &user, now + Duration::HOUR, now).await.unwrap();
    between();
    store.revoke(series).await.unwrap();
    between();
    let of_series = |series| TokenUse::new(series, third, id(), now, GRACE);
    assert_eq!(store.rotate(of_series(series)).await.unwrap(), Rotation::Unknown);
    between();
    store.revoke_all(&user).await.unwrap();
    between();
    assert_eq!(store.rotate(of_series(other)).await.unwrap(), Rotation::Unknown);
    between();
    store.ping().await.unwrap();
    between();
}

#[actix_web::test]
async fn b50_a_connection_that_the_server_ends_fails_no_use() {
    let Some(mut redis) = Redis::start() else { return };
    let store = RedisSeries::builder(redis.url()).timeout(StdDuration::from_secs(20)).build().unwrap();
    assert_answers(&store, || redis.end_connections()).await;
    assert_answers(&store, || redis.restart(&[])).await;
}

#[actix_web::test]
async fn b50_a_use_that_redis_took_before_its_answer_was_lost() {
    let Some(redis) = Redis::start() else { return };
    let way = redis.lossy_way();
    for protocol in ["resp2", "resp3"] {
        let url = format!("{}?protocol={protocol}", way.url());
        let store = RedisSeries::builder(url).timeout(StdDuration::from_secs(20)).build().unwrap();
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

/// The store asks again where an answer was lost: whoever finds a reuse is told so then, too, and nobody else is.
#[actix_web::test]
async fn b45_whoever_finds_a_reuse_is_told_again() {
    let Some(redis) = Redis::start() else { return };
    let (store, now) = (series_on(&redis), OffsetDateTime::now_utc());
    let (series, first) = (id(), id());
    store.begin(series, first, "ada", now + Duration::HOUR, now).await.unwrap();
    let late = now + Duration::minutes(2);
    let next = id();
    for at in [now, late] {
        let use_first = TokenUse::new(series, first, if at == now { id() } else { next }, at, GRACE);
        let expected = if at == now { Rotation::Rotated } else { Rotation::Reused };
        assert_eq!(store.rotate(use_first).await.unwrap(), expected);
    }
    assert_eq!(store.rotate(TokenUse::new(series, first, next, late, GRACE)).await.unwrap(), Rotation::Reused);
    assert_eq!(store.rotate(TokenUse::new(series, first, id(), late, GRACE)).await.unwrap(), Rotation::Unknown);
    let left: u64 = redis.command(&["TTL", &redis.command(&["KEYS", "paseto:f:*"])]).parse().unwrap();
    assert!((1..=60).contains(&left), "{left}");
}
