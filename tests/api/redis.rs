//! Verifiers on a Redis server that fails: what becomes of revoked tokens meanwhile.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use paseto_actix::{Issuer, RedisRevocations, SecretKey, Verifier, VerifyErrorKind};
use paseto_actix_tests::{
    ISSUER,
    patience::{ANSWERED, RECOVERED, passed_over},
    redis::Redis,
};
use serde_json::json;

/// A verifier, with tokens of which every other one is revoked.
struct Chaos {
    verifier: Verifier,
    revoked: Vec<String>,
    good: Vec<String>,
    asked: usize,
    slowest: Duration,
}

impl Chaos {
    async fn new(redis: &Redis) -> Self {
        let key = SecretKey::generate();
        let store = RedisRevocations::builder(redis.url()).build().unwrap();
        let verifier = Verifier::builder().trust(ISSUER, key.public_key()).revocations(store).build().unwrap();
        let issuer = Issuer::builder(ISSUER).key(key).build().unwrap();
        let (mut revoked, mut good) = (Vec::new(), Vec::new());
        for i in 0..64 {
            let text = issuer.token(&json!({})).subject("ada").issue().unwrap();
            let verified = verifier.verify_str_async(&text).await.unwrap();
            if i % 2 == 0 {
                verifier.revoke(&verified).await.unwrap();
                revoked.push(text);
            } else {
                good.push(text);
            }
        }
        Self { verifier, revoked, good, asked: 0, slowest: Duration::ZERO }
    }

    /// Asks for 64 tokens at once, revoked and good ones in turn, and gives how many of the 32 good ones were accepted.
    async fn batch(&mut self) -> usize {
        let answers = (0..64).map(|i| {
            let chaos = &*self;
            let (is_revoked, text) =
                if i % 2 == 0 { (true, &chaos.revoked[i / 2]) } else { (false, &chaos.good[i / 2]) };
            async move {
                let start = Instant::now();
                let outcome = chaos.verifier.verify_str_async(text).await.map(|_| ()).map_err(|error| error.kind());
                (is_revoked, outcome, start.elapsed())
            }
        });
        let passed = passed_over();
        let answers = join_all(answers).await;
        let allowed = ANSWERED + (passed_over() - passed);
        self.asked += answers.len();
        let mut accepted = 0;
        for (is_revoked, outcome, elapsed) in answers {
            self.slowest = self.slowest.max(elapsed);
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
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// All go through the verifier, which knows the tokens' signatures after the first time. Each answer's time is taken from when its
/// question is first polled, which the questions before it in the batch do not count for, and without the time in which the machine
/// ran others.
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
    println!("{} requests, the slowest answer after {:?}", chaos.asked, chaos.slowest);
    assert!(chaos.asked >= 100_000, "{}", chaos.asked);
}
