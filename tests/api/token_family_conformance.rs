//! The conformance suites of series stores: a store that obeys the rules passes, and a suite names
//! the rule that another store breaks.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, future::LocalBoxFuture};
use paseto_actix::{MemorySeries, conformance};
use paseto_actix_tests::{
    clock::TestClock,
    model_token_families::{ModelSeries, SeriesFault},
};

use crate::revocation_conformance::broken_rule;

#[actix_web::test]
async fn series_in_memory() {
    let clock = TestClock::new();
    let store = MemorySeries::new(1000).clock(clock.clone());
    for _ in 0..2 {
        conformance::token_family_store(&store).await;
        conformance::token_family_store_over_time(&store, async |by| clock.advance(by)).await;
        conformance::token_family_store_bound(&store, 100).await;
    }
    for bound in [1, 2, 7] {
        conformance::token_family_store_bound(&store.clone().max_per_user(bound), bound).await;
    }
}

#[derive(Clone, Copy, Debug)]
enum Suite {
    Series,
    OverTime,
    Bound,
}

impl Suite {
    fn run<'a>(self, store: &'a ModelSeries, clock: &'a TestClock) -> LocalBoxFuture<'a, ()> {
        match self {
            Self::Series => conformance::token_family_store(store).boxed_local(),
            Self::OverTime => {
                conformance::token_family_store_over_time(store, async |by| clock.advance(by))
                    .boxed_local()
            }
            Self::Bound => {
                conformance::token_family_store_bound(store, ModelSeries::BOUND).boxed_local()
            }
        }
    }
}

#[actix_web::test]
async fn a_suite_names_the_rule_that_a_store_breaks() {
    use SeriesFault::*;
    let clock = TestClock::new();
    for suite in [Suite::Series, Suite::OverTime, Suite::Bound] {
        suite.run(&ModelSeries::new(None, &clock), &clock).await;
    }
    for (fault, suite, rule) in [
        (Fails, Suite::Series, "`begin` fails: down"),
        (Forgets, Suite::Series, "the first token is good for one use"),
        (
            NeverRotates,
            Suite::Series,
            "the token before the current one is accepted within the grace",
        ),
        (Races, Suite::Series, "of 64 uses of one token at once, one rotates"),
        (
            WrongSuccessor,
            Suite::Series,
            "the token before the current one is accepted within the grace",
        ),
        (NoGrace, Suite::Series, "the token before the current one is accepted within the grace"),
        (EndlessGrace, Suite::OverTime, "a retry does not begin the grace anew"),
        (GraceAnew, Suite::OverTime, "a retry does not begin the grace anew"),
        (
            TakesStrangers,
            Suite::Series,
            "a token that is older than the one before, or never was, is a copy",
        ),
        (
            GoesOnAfterReuse,
            Suite::Series,
            "a reuse ends the series, for every client that has a token",
        ),
        (
            BeginsWithThePast,
            Suite::Series,
            "a series that begins again accepts no token from before",
        ),
        (IgnoresRevocations, Suite::Series, "a series that was revoked is unknown"),
        (MissesTheUnknown, Suite::Series, "`revoke` fails: no such series"),
        (RevokesTooMuch, Suite::Series, "`revoke` ends one series of its owner, and no other"),
        (SparesTheLongest, Suite::Series, "all series of an owner end with `revoke_all`"),
        (RevokesEverybody, Suite::Series, "`revoke_all` ends no series of another owner"),
        (SparesNothing, Suite::Series, "`revoke_all` spares its exception"),
        (SparesEverything, Suite::Series, "all series of an owner end with `revoke_all`"),
        (MixesScopes, Suite::Series, "a series belongs to its scope and its user"),
        (JoinsNames, Suite::Series, "a series belongs to its scope and its user"),
        (NeverExpires, Suite::OverTime, "a series has expired at its end"),
        (ListsExpired, Suite::OverTime, "`list` has no expired series"),
        (ForgetsLabels, Suite::Series, "`list` has the label"),
        (ForgetsUses, Suite::OverTime, "`list` has the last use"),
        (Unbounded, Suite::Bound, "an owner has no more series than the bound"),
        (KeepsTheOldest, Suite::Bound, "one series more than the bound ends the oldest one"),
        (BoundsEverybody, Suite::Bound, "the bound of an owner ends no series of another"),
    ] {
        let (clock, case) = (TestClock::new(), format!("{fault:?} {suite:?}"));
        let store = ModelSeries::new(Some(fault), &clock);
        let run = AssertUnwindSafe(suite.run(&store, &clock)).catch_unwind().await;
        let named = broken_rule(run.expect_err(&case));
        assert!(named.contains(rule), "{case}: {named}");
    }
}
