//! Replacing and listing the trusted keys of an issuer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use paseto_actix::error::VerifyErrorKind;
use paseto_actix::{ConfigError, Issuer, PublicKey, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::verifier_builder;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys;
use paseto_actix_tests::logs::Logs;
use serde_json::json;

const OTHER: &str = "https://other.example";

fn token(key: &SecretKey) -> String {
    let issuer = Issuer::builder(ISSUER).key(key.clone()).clock(TestClock::new()).build().unwrap();
    issuer.issue(&json!({})).unwrap()
}

fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

fn generate(count: usize) -> Vec<PublicKey> {
    (0..count).map(|_| SecretKey::generate().public_key()).collect()
}

/// Returns the issuers and the key IDs of all trusted keys.
fn trusted(verifier: &Verifier) -> Vec<(String, String)> {
    verifier.keys().into_iter().map(|key| (key.iss, key.key.kid().to_owned())).collect()
}

#[test]
fn removed_keys_are_rejected_and_added_keys_are_accepted() {
    let (verifier, added) = (verifier(), SecretKey::generate());
    let clone = verifier.clone();
    let (old, new) = (token(&keys::secret()), token(&added));
    verifier.verify_str(&old).unwrap();
    assert_eq!(verifier.token_cache_stats().entries, 1);

    let changes = clone.set_keys(ISSUER, [added.public_key()]).unwrap();
    assert_eq!(changes.added, [added.public_key().kid()]);
    assert_eq!(changes.removed, [keys::public().kid()]);
    assert_eq!(verifier.token_cache_stats().entries, 0);
    assert_eq!(verifier.verify_str(&old).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
    verifier.verify_str(&new).unwrap();
}

#[test]
fn keys_that_stay_keep_their_cached_tokens() {
    let (verifier, other) = (verifier(), SecretKey::generate().public_key());
    let token = token(&keys::secret());
    verifier.verify_str(&token).unwrap();
    let logs = Logs::capture();
    for keys in [vec![other.clone(), keys::public()], vec![keys::public()]] {
        assert!(!verifier.set_keys(ISSUER, keys).unwrap().is_empty());
        verifier.verify_str(&token).unwrap();
    }
    assert_eq!(logs.signature_checks(), 0);
}

#[test]
fn same_keys_change_nothing() {
    let (verifier, logs) = (verifier(), Logs::capture());
    assert!(verifier.set_keys(ISSUER, [keys::public()]).unwrap().is_empty());
    assert_eq!(logs.count("the trusted keys changed"), 0);
    assert_eq!(trusted(&verifier), [(ISSUER.to_owned(), keys::public().kid().to_owned())]);
}

/// A token without a key ID is checked with the first four keys.
#[test]
fn keys_have_the_order_of_the_list() {
    let (verifier, others) = (verifier(), generate(4));
    let without_kid = Issuer::builder(ISSUER).key(keys::secret()).clock(TestClock::new());
    let token = without_kid.include_kid(false).build().unwrap().issue(&json!({})).unwrap();
    let last = others.iter().cloned().chain([keys::public()]);
    verifier.set_keys(ISSUER, last).unwrap();
    assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
    let first = [keys::public()].into_iter().chain(others);
    assert!(verifier.set_keys(ISSUER, first).unwrap().is_empty());
    verifier.verify_str(&token).unwrap();
}

#[test]
fn an_error_changes_nothing() {
    let (verifier, other) = (verifier(), SecretKey::generate().public_key());
    verifier.trust(OTHER, other.clone()).unwrap();
    let (before, token) = (trusted(&verifier), token(&keys::secret()));
    verifier.verify_str(&token).unwrap();
    let new = SecretKey::generate().public_key();
    // The point of order 1.
    let weak = "k4.public.AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let weak = PublicKey::from_paserk(weak).unwrap();
    for (issuer, keys, expected) in [
        (ISSUER, vec![new.clone(), weak], "weak key"),
        (ISSUER, vec![new.clone(), other], "is trusted for two issuers"),
        (ISSUER, vec![new.clone(), new.clone()], "is given twice"),
        (ISSUER, generate(65), "expected at most 64 keys of issuer `https://issuer.example`"),
        (ISSUER, vec![], "call `remove_issuer` to remove issuer `https://issuer.example`"),
        ("", vec![new], "the name of the issuer is empty"),
        ("", vec![], "the name of the issuer is empty"),
    ] {
        let error: ConfigError = verifier.set_keys(issuer, keys).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(trusted(&verifier), before, "{error}");
    }
    let logs = Logs::capture();
    verifier.verify_str(&token).unwrap();
    assert_eq!(logs.signature_checks(), 0, "the token must stay in the cache");
    assert_eq!(verifier.set_keys(ISSUER, generate(64)).unwrap().added.len(), 64);
}

#[test]
fn readers_see_the_old_or_the_new_keys() {
    let verifier = verifier();
    let sets = [generate(3), generate(3)];
    verifier.set_keys(ISSUER, sets[0].clone()).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let seen: Vec<_> = verifier.keys().into_iter().map(|key| key.key).collect();
                assert!(sets.contains(&seen), "a mix of both sets: {seen:?}");
            }
        });
        for round in 0..200 {
            verifier.set_keys(ISSUER, sets[round % 2].clone()).unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}
