//! The conformance tests of revocation stores. A store that obeys the rules passes. For any other
//! store, the conformance tests name the broken rule.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration as StdDuration;

use futures_util::FutureExt;
use paseto_actix::clock::Clock;
use paseto_actix::conformance;
use paseto_actix::revocation::{CachedRevocationStore, MemoryRevocationStore, RevocationStore};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::model_revocations::{ModelRevocationStore, RevocationFault};

async fn run_all(store: &impl RevocationStore, clock: &TestClock) {
    // The second run uses the store with the records of the first run.
    for _ in 0..2 {
        conformance::revocation_store(store, clock.now()).await;
        conformance::revocation_store_over_time(store, clock.now(), async |by| clock.advance(by))
            .await;
    }
}

#[actix_web::test]
async fn memory_revocation_store_conforms() {
    let clock = TestClock::new();
    run_all(&MemoryRevocationStore::new(1000).clock(clock.clone()), &clock).await;
}

/// A revocation through the cached store is effective immediately, regardless of the staleness.
#[actix_web::test]
async fn cached_revocation_store_conforms() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(1000).clock(clock.clone());
    for max_staleness in [StdDuration::ZERO, StdDuration::from_secs(3600)] {
        run_all(
            &CachedRevocationStore::new(store.clone(), max_staleness).clock(clock.clone()),
            &clock,
        )
        .await;
    }
}

/// Returns the panic message of a failed conformance test.
pub(crate) fn broken_rule(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[actix_web::test]
async fn conformance_tests_name_the_rule_that_a_revocation_store_breaks() {
    use RevocationFault::*;
    let clock = TestClock::new();
    run_all(&ModelRevocationStore::new(&clock, None), &clock).await;
    for (fault, rule) in [
        (Fails, "`is_revoked` fails: down"),
        (DropsIds, "`revoke` revokes the token"),
        (DropsSubjects, "`generation` returns the generation of the last revocation"),
        (ShortensRecords, "a later call does not shorten a record"),
        (ExpiresEarly, "a token is revoked up to and including its latest `until`"),
        (ExpiresSubjectsEarly, "a subject is revoked up to and including its latest `until`"),
        (
            ExpiresGenerationsEarly,
            "`generation` returns the last generation up to and including the latest `until`",
        ),
        (NeverExpiresIds, "a token is not revoked 5 seconds after the expiry of its record"),
        (NeverExpiresSubjects, "a subject is not revoked 5 seconds after the expiry of its record"),
        (
            NeverExpiresGenerations,
            "the generation of a subject is 0 again 5 seconds after the expiry of its record",
        ),
        (IgnoresIssuers, "an ID belongs to its issuer"),
        (ConcatenatesNames, "an ID belongs to its issuer"),
        (MixesIdsAndSubjects, "a revoked subject does not revoke an ID with this name"),
        (IgnoresSessions, "a revoked session ID revokes all tokens of the session"),
        (IgnoresIdsOfSubjects, "a revoked ID is revoked with any generation"),
        (SameGeneration, "a new generation is greater than the last generation"),
        (CountsFromOne, "a generation is at least the time in microseconds"),
        (RevokesNewGeneration, "tokens of the new generation are not revoked"),
        (SharesGeneration, "another subject is not revoked"),
        (IgnoresExceptions, "tokens of the excepted login are not revoked"),
        (ExceptsOnlySessions, "a token whose ID is the exception is not revoked"),
        (KeepsExceptions, "an exception ends with the next generation"),
        (RevivesLogins, "a revoked login cannot be the exception"),
        (ExceptionOverridesIds, "an excepted login can be revoked by its ID"),
        (Races, "each of 64 parallel revocations starts its own generation"),
    ] {
        let store = ModelRevocationStore::new(&clock, Some(fault));
        let run = AssertUnwindSafe(run_all(&store, &clock)).catch_unwind().await;
        let message = broken_rule(run.expect_err(&format!("{fault:?} passes")));
        assert!(message.contains(rule), "{fault:?}: {message}");
    }
}
