//! Rotation of the keys of an issuer at run time.

use std::time::Duration as StdDuration;

use paseto_actix::keys::KeyState;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, Issuer, LocalKey, RefreshTokens, SecretKey};
use paseto_actix_tests::app::{assert_accepted, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::{Value, json};
use time::Duration;

fn kid_of(token: &str) -> String {
    let footer: Value = serde_json::from_slice(&parts::split(token).1).unwrap();
    footer["kid"].as_str().unwrap().to_owned()
}

fn kid_of_next(issuer: &Issuer) -> String {
    kid_of(&issuer.issue(&json!({})).unwrap())
}

fn published(issuer: &Issuer) -> Vec<String> {
    issuer.public_keys().map(|key| key.kid().to_owned()).collect()
}

#[actix_web::test]
async fn clones_and_refresh_tokens_use_the_active_key() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).build().unwrap();
    let clone = issuer.clone();
    let tokens = RefreshTokens::builder(issuer.clone(), LocalKey::generate())
        .token_family_store(MemoryTokenFamilyStore::new(10).clock(clock.clone()))
        .revocation_store(MemoryRevocationStore::new(10).clock(clock.clone()))
        .clock(clock.clone())
        .build()
        .unwrap();
    let old = keys::secret();
    let pair = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
    assert_eq!(kid_of(&pair.access_token), old.kid());

    let new = SecretKey::generate();
    clone.announce(new.clone()).unwrap();
    assert_eq!(kid_of_next(&issuer), old.kid(), "an announced key does not sign");
    assert_eq!(published(&issuer), [old.kid(), new.kid()]);

    clone.activate(new.kid()).unwrap();
    assert_eq!(kid_of_next(&issuer), new.kid());
    assert_eq!(published(&issuer), [new.kid(), old.kid()]);
    let pair = tokens.refresh(&pair.refresh_token).await.unwrap().issue(&json!({})).unwrap();
    assert_eq!(kid_of(&pair.access_token), new.kid());

    let verifier = verifier_builder(&clock).trust(ISSUER, new.public_key()).build().unwrap();
    assert_accepted(&verifier, &pair.access_token).await;
}

#[test]
fn retired_key_is_published_until_its_last_token_has_expired() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(900)).build().unwrap();
    let new = SecretKey::generate();
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    clock.advance(Duration::seconds(900 + 304));
    assert_eq!(published(&issuer), [new.kid(), keys::secret().kid()]);
    clock.advance(Duration::SECOND);
    assert_eq!(published(&issuer), [new.kid()]);
}

#[test]
fn token_with_a_long_lifetime_extends_the_publication_of_its_key() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(900)).build().unwrap();
    let new = SecretKey::generate();
    let claims = json!({});
    issuer.token(&claims).ttl(StdDuration::from_secs(7200)).issue().unwrap();
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    clock.advance(Duration::seconds(7200 + 304));
    // A change of the keys does not remove the key either.
    issuer.announce(SecretKey::generate()).unwrap();
    assert!(published(&issuer).contains(&keys::secret().kid().to_owned()));
    clock.advance(Duration::SECOND);
    assert!(!published(&issuer).contains(&keys::secret().kid().to_owned()));
}

#[test]
fn max_ttl_extends_the_publication_of_retired_keys() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).max_ttl(StdDuration::from_secs(7200)).build().unwrap();
    let new = SecretKey::generate();
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    clock.advance(Duration::seconds(7200 + 304));
    assert_eq!(published(&issuer).len(), 2);
    clock.advance(Duration::SECOND);
    assert_eq!(published(&issuer), [new.kid()]);
}

#[test]
fn key_of_tokens_without_expiry_stays_published() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).dangerously_without_expiry().build().unwrap();
    let new = SecretKey::generate();
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    clock.advance(Duration::days(365 * 200));
    assert_eq!(published(&issuer), [new.kid(), keys::secret().kid()]);
}

#[test]
fn announced_key_that_has_signed_is_retired_and_another_is_removed() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).build().unwrap();
    let (signed, unused) = (SecretKey::generate(), SecretKey::generate());
    for key in [&signed, &unused] {
        issuer.announce(key.clone()).unwrap();
    }
    let claims = json!({});
    issuer.token(&claims).key_id(signed.kid()).issue().unwrap();
    for key in [&signed, &unused, &signed] {
        issuer.retire(key.kid()).unwrap();
    }
    assert_eq!(published(&issuer), [keys::secret().kid(), signed.kid()]);
    assert_eq!(kid_of_next(&issuer), keys::secret().kid());
    assert!(issuer.token(&claims).key_id(signed.kid()).issue().is_err(), "a retired key");
    clock.advance(Duration::hours(1) + Duration::seconds(305));
    issuer.announce(SecretKey::generate()).unwrap();
    assert!(!published(&issuer).contains(&signed.kid().to_owned()));
}

#[test]
fn removed_key_is_gone_at_once() {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    let new = SecretKey::generate();
    issuer.announce(new.clone()).unwrap();
    issuer.activate(new.kid()).unwrap();
    issuer.remove_key(keys::secret().kid()).unwrap();
    assert_eq!(published(&issuer), [new.kid()]);
    let states: Vec<_> =
        issuer.key_statuses().into_iter().map(|key| (key.kid, key.state)).collect();
    assert_eq!(states, [(new.kid().to_owned(), KeyState::Active)]);
}

#[test]
fn invalid_changes_of_the_keys_are_errors() {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    let kid = keys::secret().kid().to_owned();
    let duplicate = issuer.announce(keys::secret()).unwrap_err();
    assert_eq!(duplicate, ConfigError::DuplicateKey { kid: kid.clone() });
    let is_active = format!("`kid`: the key {kid} is active: activate another key first");
    for outcome in [issuer.retire(&kid), issuer.remove_key(&kid)] {
        assert_eq!(outcome.unwrap_err().to_string(), is_active);
    }
    let unknown = SecretKey::generate().kid().to_owned();
    for outcome in [issuer.activate(&unknown), issuer.retire(&unknown), issuer.remove_key(&unknown)]
    {
        assert!(
            outcome
                .unwrap_err()
                .to_string()
                .starts_with(&format!("`kid`: there is no key {unknown}"))
        );
    }
    assert_eq!(published(&issuer), [kid]);
}

#[test]
fn activating_the_active_key_changes_nothing() {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    let before = issuer.key_statuses();
    issuer.activate(keys::secret().kid()).unwrap();
    assert_eq!(issuer.key_statuses(), before);
    assert_eq!(issuer.reload_keys(), Ok(false), "the keys do not come from a file");
}

/// An operator can find out late that an old key was stolen.
#[test]
fn expired_key_can_be_removed_or_retired_again() {
    let clock = TestClock::new();
    for change in [Issuer::remove_key, Issuer::retire] {
        let issuer = issuer_builder(&clock).build().unwrap();
        let new = SecretKey::generate();
        issuer.announce(new.clone()).unwrap();
        issuer.activate(new.kid()).unwrap();
        clock.advance(Duration::hours(2));
        change(&issuer, keys::secret().kid()).unwrap();
        assert_eq!(published(&issuer), [new.kid()]);
        assert!(issuer.activate(keys::secret().kid()).is_err(), "the key is gone");
    }
}
