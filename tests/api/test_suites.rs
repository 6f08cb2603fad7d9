//! The suites for stores of users' own: what keeps the rules passes, and what breaks one is told which.

use std::{
    any::Any,
    mem,
    panic::AssertUnwindSafe,
    time::{Duration as StdDuration, Instant},
};

use futures_util::FutureExt;
use paseto_actix::{
    CachedRevocations, Clock, MemoryRevocations, MemorySeries, RedisRevocations, RedisSeries, RevocationError,
    RevocationQuery, Revocations, SeriesStore, test_suites,
};
use paseto_actix_tests::{
    ISSUER,
    clock::{START, TestClock},
    model_revocations::{ModelRevocations, RevocationFault},
    model_series::{ModelSeries, SeriesFault},
    redis::Redis,
};
use time::{Duration, OffsetDateTime};

async fn revocations_in_full(store: &impl Revocations, clock: &TestClock) {
    // Again on what the first run has left.
    for _ in 0..2 {
        test_suites::revocations(store, clock.now()).await;
        test_suites::revocations_over_time(store, clock.now(), async |by| clock.advance(by)).await;
    }
}

#[actix_web::test]
async fn b47_revocations_in_memory() {
    let clock = TestClock::new();
    revocations_in_full(&MemoryRevocations::new(1000).clock(clock.clone()), &clock).await;
}

/// What is revoked through it counts at once, however long answers are remembered.
#[actix_web::test]
async fn b47_revocations_whose_answers_are_remembered() {
    let clock = TestClock::new();
    let store = MemoryRevocations::new(1000).clock(clock.clone());
    for lag in [StdDuration::ZERO, StdDuration::from_secs(3600)] {
        revocations_in_full(&CachedRevocations::new(store.clone(), lag).clock(clock.clone()), &clock).await;
    }
}

/// A store on a Redis server by the clock of a test. Redis uses the real time.
struct ByTestClock {
    store: RedisRevocations,
    clock: TestClock,
}

impl ByTestClock {
    /// The end by the clock of Redis.
    fn real(&self, until: OffsetDateTime) -> OffsetDateTime {
        OffsetDateTime::now_utc() + (until - self.clock.now())
    }
}

impl Revocations for ByTestClock {
    async fn revoke(&self, issuer: &str, token_id: &str, until: OffsetDateTime) -> Result<(), RevocationError> {
        self.store.revoke(issuer, token_id, self.real(until)).await
    }

    async fn revoke_subject(&self, issuer: &str, subject: &str, until: OffsetDateTime) -> Result<u64, RevocationError> {
        self.store.revoke_subject(issuer, subject, self.real(until)).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.store.is_revoked(token).await
    }
}

/// No test can set the clock of Redis. Instead, the ends of all keys are moved.
#[actix_web::test]
async fn revocations_on_redis_over_time() {
    let Some(redis) = Redis::start() else { return };
    let clock = TestClock::new();
    let builder = RedisRevocations::builder(redis.url()).timeout(StdDuration::from_secs(20)).clock(clock.clone());
    let store = ByTestClock { store: builder.build().unwrap(), clock: clock.clone() };
    let mut moved = Instant::now();
    let mut advance = |by: Duration| {
        clock.advance(by);
        // Real time that has passed has brought the ends nearer.
        let by = by - mem::replace(&mut moved, Instant::now()).elapsed();
        let script = "for _, key in ipairs(redis.call('KEYS', '*')) do
            redis.call('PEXPIREAT', key, redis.call('PEXPIRETIME', key) - ARGV[1])
        end
        return 'moved'";
        assert_eq!(redis.command(&["EVAL", script, "0", &by.whole_milliseconds().to_string()]), "moved");
    };
    for _ in 0..2 {
        test_suites::revocations_over_time(&store, store.clock.now(), async |by| advance(by)).await;
    }
}

#[actix_web::test]
async fn b45_series_in_memory() {
    let store = MemorySeries::new(100);
    for _ in 0..2 {
        test_suites::series(&store, START).await;
    }
}

/// A cluster refuses commands, transactions and scripts whose keys are of several slots.
#[actix_web::test]
async fn b47_both_on_a_cluster() {
    let Some(redis) = Redis::cluster() else { return };
    let revocations = RedisRevocations::builder(redis.url()).build().unwrap();
    let series = RedisSeries::builder(redis.url()).build().unwrap();
    test_suites::revocations(&revocations, OffsetDateTime::now_utc()).await;
    test_suites::series(&series, OffsetDateTime::now_utc()).await;
    assert!(redis.command(&["DEL", "a", "b"]).starts_with("CROSSSLOT"), "it is one");
    // One server answers for its own keys alone, and what it does not answer for is not taken for "not revoked".
    assert_eq!(redis.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]), "OK");
    assert_eq!(redis.command(&["CLUSTER", "DELSLOTSRANGE", "0", "16383"]), "OK");
    assert!(revocations.is_revoked(RevocationQuery::new(ISSUER, "a")).await.is_err());
    assert!(revocations.generation(ISSUER, "ada").await.is_err());
    assert!(series.revoke_all("ada").await.is_err());
}

/// What a suite that fails says.
fn broken_rule(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[actix_web::test]
async fn revocations_that_break_a_rule_are_told_which() {
    use RevocationFault::*;
    let clock = TestClock::new();
    revocations_in_full(&ModelRevocations::new(&clock, None), &clock).await;
    for (fault, rule) in [
        (Fails, "`is_revoked` fails: down"),
        (ForgetsIds, "a token is revoked from its revocation on"),
        (ForgetsSubjects, "the generation is the one that the last revocation began"),
        (EndsSooner, "a record never ends sooner for a second word"),
        (EndsEarly, "a token is revoked until the last end that was told, that included"),
        (NeverForgetsIds, "a token is not revoked 5 seconds after the end of its record"),
        (NeverForgetsSubjects, "a subject is not revoked 5 seconds after the end of its record"),
        (NeverForgetsGenerations, "the generation of a subject is 0 again 5 seconds after the end of its record"),
        (MixesIssuers, "an id is one of its issuer's"),
        (JoinsNames, "an id is one of its issuer's"),
        (MixesKinds, "a subject is no id"),
        (IgnoresSessions, "all tokens of a session that was revoked are"),
        (IgnoresIdsOfSubjects, "a revoked id is revoked under whatever generation"),
        (SameGeneration, "a generation is greater than the one before it"),
        (CountsFromOne, "a generation is no less than the time in microseconds"),
        (RevokesTheNew, "tokens of the new generation are not revoked"),
        (OneForAll, "another subject is not revoked"),
        (Races, "each of 64 revocations at once begins a generation of its own"),
    ] {
        let store = ModelRevocations::new(&clock, Some(fault));
        let run = AssertUnwindSafe(revocations_in_full(&store, &clock)).catch_unwind().await;
        let told = broken_rule(run.expect_err(&format!("{fault:?} passes")));
        assert!(told.contains(rule), "{fault:?}: {told}");
    }
}

#[actix_web::test]
async fn series_that_break_a_rule_are_told_which() {
    use SeriesFault::*;
    test_suites::series(&ModelSeries::new(None), START + Duration::DAY).await;
    for (fault, rule) in [
        (Fails, "`begin` fails: down"),
        (Forgets, "the first token is good for one use"),
        (NeverRotates, "the token before the current one is taken within the grace"),
        (Races, "of 64 uses of one token at once, one rotates"),
        (WrongSuccessor, "the token before the current one is taken within the grace"),
        (NoGrace, "the token before the current one is taken within the grace"),
        (EndlessGrace, "a token that comes after the grace is a copy"),
        (GraceAnew, "a token that comes after the grace is a copy"),
        (TakesStrangers, "a token that is older than the one before, or never was, is a copy"),
        (GoesOnAfterReuse, "a reuse ends the series, for whoever has it"),
        (BeginsWithThePast, "a series that is begun again knows no token from before"),
        (IgnoresRevocations, "a series that was revoked is unknown"),
        (MissesTheUnknown, "`revoke` fails: no such series"),
        (RevokesTooMuch, "revoking one series ends no other"),
        (SparesTheLongest, "all series of a user end with `revoke_all`"),
        (RevokesEverybody, "`revoke_all` ends nobody else's series"),
        (NeverExpires, "a series has expired at its end"),
    ] {
        let store = ModelSeries::new(Some(fault));
        let run = AssertUnwindSafe(test_suites::series(&store, START)).catch_unwind().await;
        let told = broken_rule(run.expect_err(&format!("{fault:?} passes")));
        assert!(told.contains(rule), "{fault:?}: {told}");
    }
}
