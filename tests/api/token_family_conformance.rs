//! The conformance suites of token family stores: a store that obeys the rules passes, and a suite names
//! the rule that another store breaks.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use paseto_actix::conformance;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::model_token_families::{FamilyFault, ModelTokenFamilies};

use crate::revocation_conformance::broken_rule;

#[actix_web::test]
async fn token_families_in_memory() {
    let clock = TestClock::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(clock.clone());
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
    TokenFamilies,
    OverTime,
    Bound,
}

impl Suite {
    fn run<'a>(
        self,
        store: &'a ModelTokenFamilies,
        clock: &'a TestClock,
    ) -> LocalBoxFuture<'a, ()> {
        match self {
            Self::TokenFamilies => conformance::token_family_store(store).boxed_local(),
            Self::OverTime => {
                conformance::token_family_store_over_time(store, async |by| clock.advance(by))
                    .boxed_local()
            }
            Self::Bound => conformance::token_family_store_bound(store, ModelTokenFamilies::BOUND)
                .boxed_local(),
        }
    }
}

#[actix_web::test]
async fn a_suite_names_the_rule_that_a_store_breaks() {
    use FamilyFault::*;
    let clock = TestClock::new();
    for suite in [Suite::TokenFamilies, Suite::OverTime, Suite::Bound] {
        suite.run(&ModelTokenFamilies::new(None, &clock), &clock).await;
    }
    for (fault, suite, rule) in [
        (Fails, Suite::TokenFamilies, "`begin` fails: down"),
        (Forgets, Suite::TokenFamilies, "the first token is good for one use"),
        (
            NeverRotates,
            Suite::TokenFamilies,
            "the token before the current one is accepted within the grace",
        ),
        (Races, Suite::TokenFamilies, "of 64 uses of one token at once, one rotates"),
        (
            WrongSuccessor,
            Suite::TokenFamilies,
            "the token before the current one is accepted within the grace",
        ),
        (
            NoGrace,
            Suite::TokenFamilies,
            "the token before the current one is accepted within the grace",
        ),
        (EndlessGrace, Suite::OverTime, "a retry does not begin the grace anew"),
        (GraceAnew, Suite::OverTime, "a retry does not begin the grace anew"),
        (
            TakesStrangers,
            Suite::TokenFamilies,
            "a token that is older than the one before, or never was, is a copy",
        ),
        (
            GoesOnAfterReuse,
            Suite::TokenFamilies,
            "a reuse ends the family, for every client that has a token",
        ),
        (
            BeginsWithThePast,
            Suite::TokenFamilies,
            "a family that begins again accepts no token from before",
        ),
        (IgnoresRevocations, Suite::TokenFamilies, "a family that was revoked is unknown"),
        (MissesTheUnknown, Suite::TokenFamilies, "`revoke` fails: no such family"),
        (
            RevokesTooMuch,
            Suite::TokenFamilies,
            "`revoke` ends one family of its owner, and no other",
        ),
        (SparesTheLongest, Suite::TokenFamilies, "all family of an owner end with `revoke_all`"),
        (RevokesEverybody, Suite::TokenFamilies, "`revoke_all` ends no family of another owner"),
        (SparesNothing, Suite::TokenFamilies, "`revoke_all` spares its exception"),
        (SparesEverything, Suite::TokenFamilies, "all family of an owner end with `revoke_all`"),
        (MixesScopes, Suite::TokenFamilies, "a family belongs to its scope and its user"),
        (JoinsNames, Suite::TokenFamilies, "a family belongs to its scope and its user"),
        (NeverExpires, Suite::OverTime, "a family has expired at its end"),
        (ListsExpired, Suite::OverTime, "`list` has no expired family"),
        (ForgetsLabels, Suite::TokenFamilies, "`list` has the label"),
        (ForgetsUses, Suite::OverTime, "`list` has the last use"),
        (Unbounded, Suite::Bound, "an owner has no more family than the bound"),
        (KeepsTheOldest, Suite::Bound, "one family more than the bound ends the oldest one"),
        (BoundsEverybody, Suite::Bound, "the bound of an owner ends no family of another"),
    ] {
        let (clock, case) = (TestClock::new(), format!("{fault:?} {suite:?}"));
        let store = ModelTokenFamilies::new(Some(fault), &clock);
        let run = AssertUnwindSafe(suite.run(&store, &clock)).catch_unwind().await;
        let named = broken_rule(run.expect_err(&case));
        assert!(named.contains(rule), "{case}: {named}");
    }
}
