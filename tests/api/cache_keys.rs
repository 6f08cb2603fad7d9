//! The token cache of a `Verifier` whose keys are removed and added.

use std::sync::{Arc, OnceLock};

use paseto_actix::clock::Clock;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::{ISSUER, keys};

use crate::cache::{entries, token, verify};

const OTHER: &str = "https://other.example";

#[actix_web::test]
async fn cached_token_is_rejected_after_its_key_or_issuer_is_removed() {
    let clock = TestClock::new();
    let text = token(&issuer_builder(&clock).build().unwrap());
    let kid = keys::public().kid().to_owned();
    for remove in [
        &(|verifier: &Verifier| verifier.remove_key(&kid)) as &dyn Fn(&Verifier) -> bool,
        &|verifier| verifier.remove_issuer(ISSUER),
    ] {
        let verifier = verifier_builder(&clock)
            .trust(OTHER, SecretKey::generate().public_key())
            .build()
            .unwrap();
        let worker = verifier.clone();
        assert_accepted(&worker, &text).await;
        assert!(remove(&verifier));
        assert_eq!(entries(&worker), 0, "the entries of a removed key are removed");
        assert_rejected(&worker, &text).await;
        assert!(!remove(&verifier), "the key or issuer was removed before");
        // For another issuer, the key counts as a different key.
        verifier.trust(OTHER, keys::public()).unwrap();
        assert_eq!(verify(&worker, &text).1, Err(VerifyErrorKind::UntrustedIssuer));
        assert!(verifier.remove_issuer(OTHER));
        verifier.trust(ISSUER, keys::public()).unwrap();
        assert_accepted(&worker, &text).await;
    }
}

/// The `Verifier` reads the clock after the signature check. The clock of this test therefore
/// removes the key at a moment when another thread could remove it.
#[test]
fn entry_is_not_used_if_its_key_is_removed_during_verification() {
    for changes in [false, true] {
        let clock = TestClock::new();
        let verifier = Arc::new(OnceLock::<Verifier>::new());
        let changing = {
            let (clock, verifier) = (clock.clone(), Arc::clone(&verifier));
            move || {
                if let Some(verifier) = verifier.get().filter(|_| changes) {
                    assert!(verifier.remove_issuer(ISSUER));
                }
                clock.now()
            }
        };
        let built = Verifier::builder().trust(ISSUER, keys::public()).clock(changing).build();
        let verifier = verifier.get_or_init(|| built.unwrap());
        let text = token(&issuer_builder(&clock).build().unwrap());
        assert_eq!(
            verify(verifier, &text),
            (1, Ok(())),
            "the key was trusted when the verification began"
        );
        let again = if changes { Err(VerifyErrorKind::UnknownKey) } else { Ok(()) };
        assert_eq!(verify(verifier, &text), (0, again));
        assert_eq!(entries(verifier), usize::from(!changes));
    }
}

#[test]
fn trust_rejects_the_keys_that_the_builder_rejects() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let key = SecretKey::generate();
    let text =
        token(&Issuer::builder(OTHER).key(key.clone()).clock(clock.clone()).build().unwrap());
    assert_eq!(verify(&verifier, &text).1, Err(VerifyErrorKind::UnknownKey));
    assert!(verifier.trust("", key.public_key()).is_err());
    assert!(verifier.trust(OTHER, keys::public()).is_err(), "the key belongs to another issuer");
    assert!(verifier.trust(ISSUER, keys::public()).is_err(), "the key is already trusted");
    verifier.trust(OTHER, key.public_key()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert!(
        !verifier.remove_key("k4.pid.none") && !verifier.remove_issuer("https://unknown.example")
    );
}

/// A key that was removed and trusted again counts as a new key.
#[test]
fn entry_is_not_used_after_its_key_is_trusted_again() {
    let clock = TestClock::new();
    let verifier =
        verifier_builder(&clock).trust(OTHER, SecretKey::generate().public_key()).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
    assert!(verifier.remove_key(keys::public().kid()));
    verifier.trust(OTHER, keys::public()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Err(VerifyErrorKind::UntrustedIssuer)));
    assert!(verifier.remove_key(keys::public().kid()));
    verifier.trust(ISSUER, keys::public()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
}

/// Only a change of the token's own key causes another signature check.
#[test]
fn changes_of_other_keys_cause_no_signature_check() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    let other = SecretKey::generate().public_key();
    verifier.trust(ISSUER, other.clone()).unwrap();
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
    assert!(verifier.remove_key(other.kid()));
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
}
