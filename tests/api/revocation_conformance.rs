//! The conformance suites of revocation stores: a store that obeys the rules passes, and the suite names
//! the rule that another store breaks.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration as StdDuration;

use futures_util::FutureExt;
use paseto_actix::clock::Clock;
use paseto_actix::conformance;
use paseto_actix::revocation::{CachedRevocationStore, MemoryRevocationStore, RevocationStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::model_revocations::{ModelRevocationStore, RevocationFault};

async fn revocations_in_full(store: &impl RevocationStore, clock: &TestClock) {
    // Again on what the first run has left.
    for _ in 0..2 {
        conformance::revocation_store(store, clock.now()).await;
        conformance::revocation_store_over_time(store, clock.now(), async |by| clock.advance(by))
            .await;
    }
}

#[actix_web::test]
async fn revocations_in_memory() {
    let clock = TestClock::new();
    revocations_in_full(&MemoryRevocationStore::new(1000).clock(clock.clone()), &clock).await;
}

/// What is revoked through it counts at once, however long answers are remembered.
#[actix_web::test]
async fn revocations_whose_answers_are_remembered() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(1000).clock(clock.clone());
    for lag in [StdDuration::ZERO, StdDuration::from_secs(3600)] {
        revocations_in_full(
            &CachedRevocationStore::new(store.clone(), lag).clock(clock.clone()),
            &clock,
        )
        .await;
    }
}

/// The message of a suite that failed.
pub(crate) fn broken_rule(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[actix_web::test]
async fn revocations_that_break_a_rule_are_told_which() {
    use RevocationFault::*;
    let clock = TestClock::new();
    revocations_in_full(&ModelRevocationStore::new(&clock, None), &clock).await;
    for (fault, rule) in [
        (Fails, "`is_revoked` fails: down"),
        (ForgetsIds, "a token is revoked from its revocation on"),
        (ForgetsSubjects, "the generation is the one that the last revocation began"),
        (EndsSooner, "a record never ends sooner for a second word"),
        (EndsEarly, "a token is revoked until the last end that was told, that included"),
        (EndsSubjectsEarly, "a subject is revoked until the last end that was told, that included"),
        (
            EndsGenerationsEarly,
            "`generation` returns the last generation up to and including the latest `until`",
        ),
        (NeverForgetsIds, "a token is not revoked 5 seconds after the end of its record"),
        (NeverForgetsSubjects, "a subject is not revoked 5 seconds after the end of its record"),
        (
            NeverForgetsGenerations,
            "the generation of a subject is 0 again 5 seconds after the end of its record",
        ),
        (MixesIssuers, "an id is one of its issuer's"),
        (JoinsNames, "an id is one of its issuer's"),
        (MixesKinds, "a subject is no id"),
        (IgnoresSessions, "all tokens of a session that was revoked are"),
        (IgnoresIdsOfSubjects, "a revoked id is revoked under whatever generation"),
        (SameGeneration, "a generation is greater than the one before it"),
        (CountsFromOne, "a generation is no less than the time in microseconds"),
        (RevokesTheNew, "tokens of the new generation are not revoked"),
        (OneForAll, "another subject is not revoked"),
        (IgnoresExceptions, "tokens of the excepted login are not revoked"),
        (ExceptsOnlySessions, "a token whose id is the exception is not revoked"),
        (KeepsExceptions, "an exception ends with the next generation"),
        (RevivesLogins, "a login that has ended cannot be spared"),
        (ExceptsFromEverything, "an excepted login can be revoked by its id"),
        (Races, "each of 64 revocations at once begins a generation of its own"),
    ] {
        let store = ModelRevocationStore::new(&clock, Some(fault));
        let run = AssertUnwindSafe(revocations_in_full(&store, &clock)).catch_unwind().await;
        let told = broken_rule(run.expect_err(&format!("{fault:?} passes")));
        assert!(told.contains(rule), "{fault:?}: {told}");
    }
}
