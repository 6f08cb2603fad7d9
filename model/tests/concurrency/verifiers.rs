//! Changes of keys during verifications.

use std::sync::mpsc;

use paseto_actix_model::keys::KeyState;
use paseto_actix_model::{Issuer, SecretKey, Verifier};
use serde_json::json;

use super::{ISSUER, NOW, check, thread};

fn issuer(key: &SecretKey) -> Issuer {
    Issuer::builder(ISSUER).key(key.clone()).clock(|| NOW).build().unwrap()
}

/// Issues a token before the test. Only a run of shuttle may lock the issuer.
fn token(key: &SecretKey) -> String {
    let (key, (sender, tokens)) = (key.clone(), mpsc::channel());
    check(1, move || sender.send(issuer(&key).issue(&json!({})).unwrap()).unwrap());
    tokens.recv().unwrap()
}

/// Returns whether each of some verifications in a row accepted the token.
fn verify_often(verifier: &Verifier, token: &str) -> Vec<bool> {
    (0..3).map(|_| verifier.verify_str(token).is_ok()).collect()
}

#[test]
fn no_token_is_accepted_after_the_removal_of_its_key() {
    let keys = [SecretKey::generate(), SecretKey::generate()];
    let tokens = [token(&keys[0]), token(&keys[1])];
    check(500, move || {
        let verifier = Verifier::builder()
            .trust_keys(ISSUER, keys.iter().map(SecretKey::public_key))
            .clock(|| NOW)
            .build()
            .unwrap();
        let verifications = [0, 0, 1].map(|index: usize| {
            let (verifier, token) = (verifier.clone(), tokens[index].clone());
            thread::spawn(move || verify_often(&verifier, &token))
        });
        let removal = {
            let (verifier, kid, token) =
                (verifier.clone(), keys[0].kid().to_owned(), tokens[0].clone());
            thread::spawn(move || {
                assert!(verifier.remove_key(&kid));
                assert!(verifier.verify_str(&token).is_err(), "accepted after the removal");
            })
        };
        let [first, second, other] = verifications.map(|thread| thread.join().unwrap());
        for results in [first, second] {
            assert!(results.iter().rev().is_sorted(), "accepted again: {results:?}");
        }
        assert_eq!(other, [true; 3], "the other key");
        removal.join().unwrap();
        assert!(verifier.verify_str(&tokens[0]).is_err());
        // The entry of the removed key does not come back with the key.
        verifier.trust(ISSUER, keys[0].public_key()).unwrap();
        let misses = verifier.token_cache_stats().misses;
        verifier.verify_str(&tokens[0]).unwrap();
        verifier.verify_str(&tokens[0]).unwrap();
        assert!(verifier.token_cache_stats().misses <= misses + 1);
    });
}

#[test]
fn replaced_keys_are_complete_in_each_verification() {
    let keys = [SecretKey::generate(), SecretKey::generate(), SecretKey::generate()];
    let common = token(&keys[0]);
    check(500, move || {
        let public = |index: usize| keys[index].public_key();
        let verifier = Verifier::builder()
            .trust_keys(ISSUER, [public(0), public(1)])
            .clock(|| NOW)
            .build()
            .unwrap();
        let verification = {
            let (verifier, token) = (verifier.clone(), common.clone());
            thread::spawn(move || verify_often(&verifier, &token))
        };
        let changes = [[public(0), public(2)], [public(1), public(0)]].map(|keys| {
            let verifier = verifier.clone();
            thread::spawn(move || verifier.set_keys(ISSUER, keys).unwrap())
        });
        assert_eq!(verification.join().unwrap(), [true; 3], "a key in all lists");
        for thread in changes {
            thread.join().unwrap();
        }
        assert_eq!(verifier.keys().len(), 2);
    });
}

/// Each key needs 16 signature checks for its table.
#[test]
fn tables_do_not_exceed_their_maximum() {
    let keys = [SecretKey::generate(), SecretKey::generate()];
    let tokens = [token(&keys[0]), token(&keys[1])];
    check(40, move || {
        let verifier = Verifier::builder()
            .trust_keys(ISSUER, keys.iter().map(SecretKey::public_key))
            .without_token_cache()
            .max_precomputed_keys(1)
            .clock(|| NOW)
            .build()
            .unwrap();
        let threads = [0, 1].map(|index: usize| {
            let (verifier, token) = (verifier.clone(), tokens[index].clone());
            thread::spawn(move || {
                for _ in 0..17 {
                    verifier.verify_str(&token).unwrap();
                    assert!(verifier.precomputed_keys() <= 1);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        // After a removal, the other key can get a table.
        let removed = verifier.remove_key(keys[0].kid());
        assert!(removed && verifier.precomputed_keys() <= 1);
        while verifier.precomputed_keys() == 0 {
            verifier.verify_str(&tokens[1]).unwrap();
            thread::yield_now();
        }
    });
}

#[test]
fn verifier_accepts_each_token_that_the_issuer_signs_during_a_rotation() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    check(300, move || {
        let issuer = issuer(&old);
        let verifier = Verifier::builder().trust_issuer(&issuer).clock(|| NOW).build().unwrap();
        let threads = [(), ()].map(|()| {
            let (issuer, verifier) = (issuer.clone(), verifier.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    let token = issuer.issue(&json!({})).unwrap();
                    verifier.verify_str(&token).unwrap();
                }
            })
        });
        let rotation = {
            let (issuer, new) = (issuer.clone(), new.clone());
            thread::spawn(move || {
                issuer.announce(new.clone()).unwrap();
                issuer.activate(new.kid()).unwrap();
            })
        };
        for thread in threads {
            thread.join().unwrap();
        }
        rotation.join().unwrap();
        let token = issuer.issue(&json!({})).unwrap();
        assert_eq!(verifier.verify_str(&token).unwrap().kid(), new.kid());
    });
}

/// The key was stolen: after its removal, neither the issuer nor the verifier uses it.
#[test]
fn removed_key_of_an_issuer_is_not_used_again() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    check(300, move || {
        let issuer = issuer(&old);
        let verifier = Verifier::builder().trust_issuer(&issuer).clock(|| NOW).build().unwrap();
        let stolen = issuer.issue(&json!({})).unwrap();
        let use_both = {
            let (issuer, verifier, stolen) = (issuer.clone(), verifier.clone(), stolen.clone());
            thread::spawn(move || {
                issuer.issue(&json!({})).unwrap();
                verify_often(&verifier, &stolen)
            })
        };
        let removal = {
            let (issuer, old, new) = (issuer.clone(), old.clone(), new.clone());
            let (verifier, stolen) = (verifier.clone(), stolen.clone());
            thread::spawn(move || {
                issuer.announce(new.clone()).unwrap();
                issuer.activate(new.kid()).unwrap();
                issuer.remove_key(old.kid()).unwrap();
                assert!(verifier.verify_str(&stolen).is_err(), "accepted after the removal");
            })
        };
        let results = use_both.join().unwrap();
        assert!(results.iter().rev().is_sorted(), "accepted again: {results:?}");
        removal.join().unwrap();
        assert!(verifier.verify_str(&stolen).is_err());
        let token = issuer.issue(&json!({})).unwrap();
        assert_eq!(verifier.verify_str(&token).unwrap().kid(), new.kid());
        assert!(issuer.key_statuses().iter().all(|key| key.state != KeyState::Retired));
    });
}
