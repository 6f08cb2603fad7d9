//! Compares a verifier with a cache and a verifier without one in long random runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as StdDuration;

use paseto_actix::error::Rejection;
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::{Issuer, SecretKey, VerifiedToken, Verifier, VerifyError};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use time::Duration;

/// A step of a run. Both verifiers execute it.
#[derive(Clone, Debug)]
enum Step {
    Verify(usize),
    Revoke(usize),
    RevokeSubject,
    Trust(bool),
    DistrustKey(bool),
    DistrustIssuer,
    Check(bool),
    Advance(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => (0..12_usize).prop_map(Step::Verify),
        1 => (0..12_usize).prop_map(Step::Revoke),
        1 => Just(Step::RevokeSubject),
        3 => any::<bool>().prop_map(Step::Trust),
        1 => any::<bool>().prop_map(Step::DistrustKey),
        1 => Just(Step::DistrustIssuer),
        1 => any::<bool>().prop_map(Step::Check),
        3 => (-40_i64..60).prop_map(Step::Advance),
    ]
}

/// Returns twelve tokens of two keys with lifetimes of 1 to 12 minutes. The last two tokens are
/// damaged.
fn tokens(clock: &TestClock, secrets: &[SecretKey; 2]) -> Vec<String> {
    let mut texts: Vec<_> = (0..12)
        .map(|i| {
            let ttl = StdDuration::from_secs(60 * (i as u64 + 1));
            let issuer =
                Issuer::builder(ISSUER).key(secrets[i % 2].clone()).ttl(ttl).clock(clock.clone());
            let issuer = issuer.build().unwrap();
            issuer
                .token(&json!({ "i": i }))
                .subject(if i % 3 == 0 { "ada" } else { "bob" })
                .issue()
                .unwrap()
        })
        .collect();
    texts[10].truncate(100);
    texts[11].pop();
    texts
}

/// Both verifiers execute the same steps on the same revocation store. They differ only in the
/// cache.
#[actix_web::test]
async fn verifiers_with_and_without_a_cache_return_the_same_results() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut outcomes = BTreeMap::<String, usize>::new();
    let (mut hits, mut misses) = (0, 0);
    for _ in 0..24 {
        let logs = Logs::capture();
        let steps = vec(step(), 400).new_tree(&mut runner).unwrap();
        let steps = steps.current();
        let clock = TestClock::new();
        let (store, open) =
            (MemoryRevocationStore::new(100).clock(clock.clone()), Arc::new(AtomicBool::new(true)));
        let secrets = [SecretKey::generate(), SecretKey::generate()];
        let texts = tokens(&clock, &secrets);
        // The capacity is so small that entries are evicted.
        let builders =
            [Verifier::builder().token_cache(4096), Verifier::builder().without_token_cache()];
        let [cached, uncached] = builders.map(|builder| {
            let open = Arc::clone(&open);
            builder
                .trust(ISSUER, secrets[0].public_key())
                .revocation_store(store.clone())
                .clock(clock.clone())
                .check(move |_| {
                    open.load(Ordering::SeqCst)
                        .then_some(())
                        .ok_or_else(|| Rejection::invalid("closed"))
                })
                .build()
                .unwrap()
        });
        let both = [&cached, &uncached];
        for (at, step) in steps.iter().enumerate() {
            match *step {
                Step::Verify(i) => {
                    let [one, other] = both.map(async |verifier| {
                        let before = logs.signature_checks();
                        let outcome = verifier.verify_str_async(&texts[i]).await;
                        (outcome, logs.signature_checks() - before)
                    });
                    let ((one, checks), (other, checks_without)) = (one.await, other.await);
                    let show = |outcome: &Result<VerifiedToken, VerifyError>| match outcome {
                        Ok(token) => format!(
                            "{:?} {}",
                            token.claims::<serde_json::Value>().unwrap(),
                            token.kid()
                        ),
                        Err(error) => format!("{error:?} {:?} {:?}", error.kid(), error.issuer()),
                    };
                    assert_eq!(show(&one), show(&other), "step {at} of {steps:?}");
                    assert!(
                        checks <= checks_without,
                        "{checks} signature checks with a cache, {checks_without} without"
                    );
                    if one.is_ok() {
                        assert_ne!(
                            checks_without, 0,
                            "without a cache, each token's signature is checked"
                        );
                        *if checks == 0 { &mut hits } else { &mut misses } += 1;
                    }
                    *outcomes
                        .entry(one.map_or_else(
                            |error| format!("{:?}", error.kind()),
                            |_| "Ok".to_owned(),
                        ))
                        .or_default() += 1;
                }
                Step::Revoke(i) => {
                    if let Ok(token) = cached.verify_str_async(&texts[i]).await {
                        cached.revoke(&token).await.unwrap();
                    }
                }
                Step::RevokeSubject => {
                    _ = store
                        .revoke_subject(ISSUER, "ada", None, START + Duration::HOUR)
                        .await
                        .unwrap()
                }
                Step::Trust(second) => {
                    let key = secrets[usize::from(second)].public_key();
                    let [one, other] =
                        both.map(|verifier| verifier.trust(ISSUER, key.clone()).is_ok());
                    assert_eq!(one, other);
                }
                Step::DistrustKey(second) => {
                    let key = secrets[usize::from(second)].public_key();
                    let [one, other] = both.map(|verifier| verifier.remove_key(key.kid()));
                    assert_eq!(one, other);
                }
                Step::DistrustIssuer => {
                    let [one, other] = both.map(|verifier| verifier.remove_issuer(ISSUER));
                    assert_eq!(one, other);
                }
                Step::Check(passes) => open.store(passes, Ordering::SeqCst),
                Step::Advance(seconds) => clock.advance(Duration::seconds(seconds)),
            }
        }
    }
    // Without both hits and misses, the comparison would prove nothing.
    assert!(hits > 40 && misses > 40, "{hits} hits, {misses} misses");
    // Each outcome must occur in the runs.
    for kind in ["Ok", "Expired", "Revoked", "UnknownKey", "Malformed", "NotYetValid", "Rejected"] {
        assert!(outcomes.get(kind).is_some_and(|count| *count > 10), "{kind}: {outcomes:?}");
    }
}
