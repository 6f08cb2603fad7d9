//! `VerifierBuilder::trust_issuer`: a verifier that follows the keys of an issuer in its process.

use std::fs;
use std::time::Duration;

use paseto_actix::error::VerifyErrorKind;
use paseto_actix::keys::{KeyRing, KeySchedule};
#[cfg(feature = "session")]
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::testing::{START, TestClock};
#[cfg(feature = "session")]
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, Issuer, SecretKey, Verifier};
#[cfg(feature = "session")]
use paseto_actix::{LocalKey, RefreshTokens};
use serde_json::json;

use super::config_keys::TestFile;

const NAME: &str = "https://issuer.example";

fn issuer(keys: impl Into<KeyRing<SecretKey>>, clock: &TestClock) -> Issuer {
    let issuer = Issuer::builder(NAME).keys(keys).ttl(Duration::from_secs(60));
    issuer.clock(clock.clone()).build().unwrap()
}

fn verifier(issuer: &Issuer, clock: &TestClock) -> Verifier {
    Verifier::builder().trust_issuer(issuer).clock(clock.clone()).build().unwrap()
}

fn kids(verifier: &Verifier) -> Vec<String> {
    verifier.keys().iter().map(|key| key.key.kid().to_owned()).collect()
}

#[track_caller]
fn assert_unknown(verifier: &Verifier, token: &str) {
    assert_eq!(verifier.verify_str(token).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
}

#[test]
fn verifier_trusts_new_keys_and_rejects_removed_keys_at_once() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let issuer = issuer(old.clone(), &clock);
    let verifier = verifier(&issuer, &clock);
    let by_old = issuer.issue(&json!({})).unwrap();
    verifier.verify_str(&by_old).unwrap();

    issuer.announce(new.clone()).unwrap();
    assert_eq!(kids(&verifier), [old.kid(), new.kid()]);
    issuer.activate(new.kid()).unwrap();
    let by_new = issuer.issue(&json!({})).unwrap();
    assert_eq!(verifier.verify_str(&by_new).unwrap().kid(), new.kid());
    assert_eq!(verifier.verify_str(&by_old).unwrap().kid(), old.kid());

    // The token is in the cache of the verifier.
    issuer.remove_key(old.kid()).unwrap();
    assert_unknown(&verifier, &by_old);
    assert_eq!(kids(&verifier), [new.kid()]);
    verifier.verify_str(&by_new).unwrap();
}

#[test]
fn keys_change_with_the_time_and_without_a_call() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(old.clone());
    schedule.announce(new.clone(), Some(START + Duration::from_secs(30))).unwrap();
    let issuer = issuer(schedule, &clock);
    let verifier = verifier(&issuer, &clock);
    clock.advance(time::Duration::seconds(30));
    let by_new = issuer.issue(&json!({})).unwrap();
    assert_eq!(verifier.verify_str(&by_new).unwrap().kid(), new.kid());
    assert_eq!(kids(&verifier), [new.kid(), old.kid()]);
    // The lifetime of the tokens, the longest leeway and 5 seconds.
    clock.advance(time::Duration::seconds(60 + 300 + 5 - 1));
    assert_eq!(kids(&verifier), [new.kid(), old.kid()]);
    clock.advance(time::Duration::seconds(1));
    assert_eq!(kids(&verifier), [new.kid()]);
}

/// A token can live longer than the tokens of the issuer usually do.
#[test]
fn key_is_removed_when_its_last_token_has_expired() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let issuer = issuer(old.clone(), &clock);
    let verifier = verifier(&issuer, &clock);
    let long = issuer.token(&json!({})).ttl(Duration::from_secs(3600)).issue().unwrap();
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    clock.advance(time::Duration::seconds(60 + 300 + 5));
    verifier.verify_str(&long).unwrap();
    clock.advance(time::Duration::seconds(3600 - 60 - 1));
    assert_eq!(kids(&verifier), [new.kid(), old.kid()]);
    clock.advance(time::Duration::SECOND);
    assert_eq!(kids(&verifier), [new.kid()]);
}

/// `RefreshTokens` can raise the maximum lifetime of the tokens after the verifier was built.
#[cfg(feature = "session")]
#[test]
fn verifier_keeps_a_retired_key_for_the_lifetime_of_refreshed_tokens() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let issuer = issuer(old.clone(), &clock);
    let verifier = verifier(&issuer, &clock);
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    assert_eq!(kids(&verifier), [new.kid(), old.kid()]);
    clock.advance(time::Duration::seconds(60 + 300 + 5));
    assert_eq!(kids(&verifier), [new.kid()]);

    let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
        .token_family_store(MemoryTokenFamilyStore::new(10))
        .revocation_store(MemoryRevocationStore::new(10))
        .access_ttl(Duration::from_secs(600));
    tokens.build().unwrap();
    assert_eq!(kids(&verifier), [new.kid(), old.kid()]);
    clock.advance(time::Duration::seconds(600 - 60));
    assert_eq!(kids(&verifier), [new.kid()]);
}

#[test]
fn verifier_follows_the_key_file_of_the_issuer() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let file = TestFile::new(KeySchedule::new(old).to_json().as_str());
    let keys = KeyRing::from_file(file.path()).unwrap();
    let issuer = Issuer::builder(NAME).keys(keys).build().unwrap();
    let verifier = Verifier::builder().trust_issuer(&issuer).build().unwrap();
    let by_old = issuer.issue(&json!({})).unwrap();
    verifier.verify_str(&by_old).unwrap();

    fs::write(file.path(), KeySchedule::new(new.clone()).to_json().as_str()).unwrap();
    // The thread that watches the file can have read it first.
    issuer.reload_keys().unwrap();
    assert_unknown(&verifier, &by_old);
    assert_eq!(verifier.verify_str(&issuer.issue(&json!({})).unwrap()).unwrap().kid(), new.kid());
}

#[test]
fn only_the_issuer_changes_its_keys() {
    let (clock, key, other) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let issuer = issuer(key.clone(), &clock);
    let verifier = verifier(&issuer, &clock);
    let error = verifier.trust(NAME, other.public_key()).unwrap_err();
    assert!(error.to_string().contains("come from `trust_issuer`"), "{error}");
    let error = verifier.set_keys(NAME, [other.public_key()]).unwrap_err();
    assert!(error.to_string().contains("come from `trust_issuer`"), "{error}");
    verifier.trust("https://other.example", other.public_key()).unwrap();
    verifier.verify_str(&issuer.issue(&json!({})).unwrap()).unwrap();
}

#[test]
fn key_that_the_verifier_has_removed_stays_removed() {
    let (clock, key, next) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let issuer = issuer(key.clone(), &clock);
    let verifier = verifier(&issuer, &clock);
    let token = issuer.issue(&json!({})).unwrap();
    assert!(verifier.remove_key(key.kid()));
    assert_unknown(&verifier, &token);
    // This change makes the verifier read the keys again.
    issuer.announce(next.clone()).unwrap();
    assert_unknown(&verifier, &token);
    assert_eq!(kids(&verifier), [next.kid()]);
}

#[test]
fn removed_issuer_is_not_followed_anymore() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let issuer = issuer(key.clone(), &clock);
    let verifier = verifier(&issuer, &clock);
    assert!(verifier.remove_issuer(NAME));
    assert!(!verifier.remove_issuer(NAME));
    issuer.announce(SecretKey::generate()).unwrap();
    assert!(verifier.keys().is_empty());
    verifier.trust(NAME, key.public_key()).unwrap();
    verifier.verify_str(&issuer.issue(&json!({})).unwrap()).unwrap();
}

#[test]
fn issuer_with_two_sources_of_keys_is_a_mistake() {
    let issuer = Issuer::builder(NAME).key(SecretKey::generate()).build().unwrap();
    let twice = Verifier::builder().trust_issuer(&issuer).trust_issuer(&issuer).build();
    let fixed = Verifier::builder().trust_issuer(&issuer);
    let fixed = fixed.trust(NAME, SecretKey::generate().public_key()).build();
    for (result, problem) in [(twice, "is added twice"), (fixed, "come from `trust_issuer`")] {
        match result {
            Err(ConfigError::InvalidSetting { .. }) => {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(problem), "{error}");
            }
            other => panic!("expected an error, found {other:?}"),
        }
    }
}

#[cfg(feature = "remote-keys")]
#[test]
fn issuer_cannot_be_local_and_remote() {
    let issuer = Issuer::builder(NAME).key(SecretKey::generate()).build().unwrap();
    let both = Verifier::builder()
        .trust_issuer(&issuer)
        .remote_keys(NAME, "https://issuer.example/keys.json")
        .build();
    let error = both.unwrap_err().to_string();
    assert!(error.contains("also has `remote_keys`"), "{error}");
}
