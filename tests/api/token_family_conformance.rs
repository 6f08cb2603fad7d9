//! The conformance tests of token family stores. A store that obeys the rules passes. For any other
//! store, the conformance tests name the broken rule.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use paseto_actix::conformance;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::model_token_families::{FamilyFault, ModelTokenFamilies};

use crate::revocation_conformance::broken_rule;

#[actix_web::test]
async fn memory_token_family_store_conforms() {
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
enum Conformance {
    TokenFamilies,
    OverTime,
    Bound,
}

impl Conformance {
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
async fn conformance_tests_name_the_rule_that_a_token_family_store_breaks() {
    use FamilyFault::*;
    let clock = TestClock::new();
    for conformance_test in [Conformance::TokenFamilies, Conformance::OverTime, Conformance::Bound]
    {
        conformance_test.run(&ModelTokenFamilies::new(None, &clock), &clock).await;
    }
    for (fault, conformance_test, rule) in [
        (Fails, Conformance::TokenFamilies, "`create` fails: down"),
        (StoresNothing, Conformance::TokenFamilies, "the first token rotates at its first use"),
        (
            NeverRotates,
            Conformance::TokenFamilies,
            "the previous token is accepted within the grace period",
        ),
        (
            Races,
            Conformance::TokenFamilies,
            "of 64 parallel uses of one token, exactly one rotates",
        ),
        (
            WrongSuccessor,
            Conformance::TokenFamilies,
            "the previous token is accepted within the grace period",
        ),
        (
            NoGracePeriod,
            Conformance::TokenFamilies,
            "the previous token is accepted within the grace period",
        ),
        (EndlessGracePeriod, Conformance::OverTime, "a retry does not restart the grace period"),
        (RestartsGracePeriod, Conformance::OverTime, "a retry does not restart the grace period"),
        (
            AcceptsUnknownTokens,
            Conformance::TokenFamilies,
            "an unknown token, or a token older than the previous one, is reported as reused",
        ),
        (
            KeepsFamilyAfterReuse,
            Conformance::TokenFamilies,
            "a reuse revokes the family for all clients",
        ),
        (
            KeepsOldTokens,
            Conformance::TokenFamilies,
            "a recreated family rejects its earlier tokens",
        ),
        (IgnoresRevocations, Conformance::TokenFamilies, "a revoked family is unknown"),
        (FailsForUnknownFamily, Conformance::TokenFamilies, "`revoke` fails: no such family"),
        (RevokesAllFamilies, Conformance::TokenFamilies, "`revoke` revokes only the given family"),
        (
            KeepsLongestFamily,
            Conformance::TokenFamilies,
            "`revoke_all` revokes all families of the owner",
        ),
        (
            RevokesOtherOwners,
            Conformance::TokenFamilies,
            "`revoke_all` does not revoke families of another owner",
        ),
        (
            IgnoresException,
            Conformance::TokenFamilies,
            "`revoke_all` does not revoke the exception",
        ),
        (
            RevokesNothingWithException,
            Conformance::TokenFamilies,
            "`revoke_all` revokes all families of the owner",
        ),
        (
            IgnoresNamespace,
            Conformance::TokenFamilies,
            "a family belongs to its scope and its user",
        ),
        (
            ConcatenatesNames,
            Conformance::TokenFamilies,
            "a family belongs to its scope and its user",
        ),
        (NeverExpires, Conformance::OverTime, "a family expires at the end of its lifetime"),
        (ListsExpired, Conformance::OverTime, "`list` does not return expired families"),
        (OmitsLabels, Conformance::TokenFamilies, "`list` returns the label"),
        (OmitsLastUse, Conformance::OverTime, "`list` returns the time of the last use"),
        (Unbounded, Conformance::Bound, "an owner has at most `max_per_user` families"),
        (
            DropsNewFamily,
            Conformance::Bound,
            "at the limit, a new family replaces the oldest family of its owner",
        ),
        (
            BoundsAllOwnersTogether,
            Conformance::Bound,
            "the limit of one owner does not revoke families of another owner",
        ),
    ] {
        let (clock, case) = (TestClock::new(), format!("{fault:?} {conformance_test:?}"));
        let store = ModelTokenFamilies::new(Some(fault), &clock);
        let run = AssertUnwindSafe(conformance_test.run(&store, &clock)).catch_unwind().await;
        let message = broken_rule(run.expect_err(&case));
        assert!(message.contains(rule), "{case}: {message}");
    }
}
