//! The conformance suite of series stores: a store that obeys the rules passes, and the suite names the
//! rule that another store breaks.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use paseto_actix::{MemorySeries, test_suites};
use paseto_actix_tests::{
    clock::START,
    model_series::{ModelSeries, SeriesFault},
};
use time::Duration;

use crate::test_suites::broken_rule;

#[actix_web::test]
async fn b45_series_in_memory() {
    let store = MemorySeries::new(100);
    for _ in 0..2 {
        test_suites::series(&store, START).await;
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
