//! Stores on a Redis server: what they have in common with those in memory, and what becomes of them when the server fails.

use std::{
    fs,
    time::{Duration as StdDuration, Instant},
};

use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::{
    Issuer, RandomId, RedisRevocations, RedisSeries, RevocationQuery, Revocations, Rotation, SecretKey, SeriesError,
    SeriesStore, TokenUse, Verifier, VerifyErrorKind, test_suites,
};
use paseto_actix_tests::{ISSUER, redis::Redis};
use serde_json::json;
use time::{Duration, OffsetDateTime};

const GRACE: StdDuration = StdDuration::from_secs(60);
/// The timeout that is the default, and a little.
const ANSWERED: StdDuration = StdDuration::from_millis(250 + 50);
const RECOVERED: StdDuration = StdDuration::from_secs(1);

/// For how long this thread could have run so far, and the machine ran others: what it would be unfair to count. It is no time
/// that anything here takes, be it by computing or by waiting. Zero where the system does not tell.
fn passed_over() -> StdDuration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    StdDuration::from_nanos(told.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

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
        let left: u64 = redis.command(&["TTL", key]).parse().unwrap();
        let hours = if redis.command(&["TYPE", key]) == "hash" || left < 3603 { 1 } else { 5 };
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
            let (start, passed) = (Instant::now(), passed_over());
            let answer = match what {
                0 => store.begin(id(), id(), "ada", end, now).await,
                1 => store.revoke(id()).await,
                2 => store.revoke_all("bob").await,
                _ => store.rotate(TokenUse::new(series, id(), id(), now, GRACE)).await.map(|_| ()),
            };
            assert!(matches!(answer, Err(SeriesError::Other(_))), "{what}: {answer:?}");
            let elapsed = start.elapsed();
            assert!(elapsed <= ANSWERED + (passed_over() - passed), "{what}: {elapsed:?}");
        }
    };
    for hung in [false, true, false, true] {
        if hung {
            redis.hang(true);
            // Only what changes nothing if it is done once the server goes on: the series must be there then.
            let (start, passed) = (Instant::now(), passed_over());
            assert!(store.rotate(TokenUse::new(id(), first, id(), now, GRACE)).await.is_err());
            assert!(store.revoke(id()).await.is_err());
            assert!(start.elapsed() <= 2 * ANSWERED + (passed_over() - passed));
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

/// A verifier and its store, with tokens of which every other one is revoked.
struct Chaos {
    verifier: Verifier,
    store: RedisRevocations,
    /// A text, and its id.
    revoked: Vec<(String, String)>,
    good: Vec<(String, String)>,
    asked: usize,
}

impl Chaos {
    async fn new(redis: &Redis) -> Self {
        let key = SecretKey::generate();
        let store = RedisRevocations::builder(redis.url()).build().unwrap();
        let verifier = Verifier::builder().trust(ISSUER, key.public_key()).revocations(store.clone()).build().unwrap();
        let issuer = Issuer::builder(ISSUER).key(key).build().unwrap();
        let (mut revoked, mut good) = (Vec::new(), Vec::new());
        for i in 0..64 {
            let text = issuer.token(&json!({})).subject("ada").issue().unwrap();
            let verified = verifier.verify_str_async(&text).await.unwrap();
            let token = (text, verified.token_id().unwrap().to_owned());
            if i % 2 == 0 {
                verifier.revoke(&verified).await.unwrap();
                revoked.push(token);
            } else {
                good.push(token);
            }
        }
        Self { verifier, store, revoked, good, asked: 0 }
    }

    /// Asks for 64 tokens at once, revoked and good ones in turn, and gives how many of the 32 good ones were accepted.
    async fn batch(&mut self) -> usize {
        let answers = (0..64).map(|i| {
            let chaos = &*self;
            let (is_revoked, (text, token_id)) =
                if i % 2 == 0 { (true, &chaos.revoked[i / 2]) } else { (false, &chaos.good[i / 2]) };
            async move {
                let start = Instant::now();
                let outcome = if i < 2 {
                    chaos.verifier.verify_str_async(text).await.map(|_| ()).map_err(|error| error.kind())
                } else {
                    let query = RevocationQuery::new(ISSUER, token_id).of_subject(Some("ada"), 0);
                    match chaos.store.is_revoked(query).await {
                        Ok(false) => Ok(()),
                        Ok(true) => Err(VerifyErrorKind::Revoked),
                        Err(_) => Err(VerifyErrorKind::Unavailable),
                    }
                };
                (is_revoked, outcome, start.elapsed())
            }
        });
        let passed = passed_over();
        let answers = join_all(answers).await;
        let allowed = ANSWERED + (passed_over() - passed);
        self.asked += answers.len();
        let mut accepted = 0;
        for (is_revoked, outcome, elapsed) in answers {
            assert!(elapsed <= allowed, "{elapsed:?} of {allowed:?}");
            match (is_revoked, outcome) {
                (true, Err(VerifyErrorKind::Revoked)) | (_, Err(VerifyErrorKind::Unavailable)) => {}
                (false, Ok(())) => accepted += 1,
                other => panic!("(revoked, outcome): {other:?}"),
            }
        }
        accepted
    }

    /// While the server answers nothing, nothing is accepted.
    async fn batches_down(&mut self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.batch().await, 0, "good ones accepted");
        }
    }

    /// While it answers, in whatever state it is, good ones are accepted: all at first, and nine in ten on a machine that is so
    /// busy that the server comes too late now and then.
    async fn batches_up(&mut self, count: usize) {
        self.assert_well_again().await;
        let mut accepted = 0;
        for _ in 0..count {
            accepted += self.batch().await;
        }
        assert!(accepted * 10 >= count * 32 * 9, "{accepted} in {count} batches");
    }

    async fn assert_well_again(&mut self) {
        let start = Instant::now();
        while self.batch().await < 32 {
            assert!(start.elapsed() < RECOVERED, "it does not recover");
            sleep(StdDuration::from_millis(5)).await;
        }
    }
}

/// Two of each 64 go through the verifier, signature and all; the others ask its store what the verifier would ask it, since
/// signatures without optimisation would take the most of the time, and that of the others' answers. Each answer's time is
/// taken from when its question is first polled, which the questions before it in the batch do not count for, and without the
/// time in which the machine ran others.
#[actix_web::test]
async fn b50_no_revoked_token_is_accepted_over_100_000_requests() {
    let Some(mut redis) = Redis::start() else { return };
    let mut chaos = Chaos::new(&redis).await;
    for _ in 0..8 {
        chaos.batches_up(60).await;

        redis.kill();
        chaos.batches_down(10).await;
        redis.restart(&[]);
        chaos.assert_well_again().await;

        redis.hang(true);
        chaos.batches_down(2).await;
        redis.hang(false);
        chaos.assert_well_again().await;

        assert_eq!(redis.command(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
        chaos.batches_up(60).await;
        assert_eq!(redis.command(&["REPLICAOF", "NO", "ONE"]), "OK");

        assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
        chaos.batches_up(65).await;
        assert_eq!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    }
    assert!(chaos.asked >= 100_000, "{}", chaos.asked);
}
