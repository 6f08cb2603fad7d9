//! The logs of refresh tokens contain the reason, but no part of a token, key or subject.

use actix_web::ResponseError;
use paseto_actix::refresh::{RefreshError, RefreshTokensBuilder, TokenPair};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, RefreshTokens};
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys;
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::revocation::failing_revocations;
use serde_json::json;
use time::Duration;

const SUBJECT: &str = "a-private-subject";

fn add(secrets: &mut Secrets, pair: &TokenPair) {
    secrets.token(&pair.access_token);
    secrets.token(&pair.refresh_token);
}

/// Creates the error response, because the library logs the error at that point.
fn ok_or_respond<T>(outcome: Result<T, RefreshError>) -> Option<T> {
    outcome.map_err(|error| error.error_response()).ok()
}

async fn refresh(tokens: &RefreshTokens, text: &str) -> Option<TokenPair> {
    ok_or_respond(ok_or_respond(tokens.refresh(text).await)?.issue(&json!({})))
}

#[actix_web::test]
async fn refresh_token_logs_contain_no_secret() {
    let logs = Logs::capture();
    let mut secrets = Secrets::default();
    let (clock, key, other_key) = (TestClock::new(), LocalKey::generate(), LocalKey::generate());
    for key in [keys::SECRET_PASERK, &key.to_paserk(), &other_key.to_paserk()] {
        secrets.key(key);
    }
    secrets.add("a subject", SUBJECT);
    let store = failing_revocations(&clock, 100);
    let builder = |key: &LocalKey| -> RefreshTokensBuilder {
        RefreshTokens::builder(issuer_builder(&clock).build().unwrap(), key.clone())
            .token_family_store(MemoryTokenFamilyStore::new(100).clock(clock.clone()))
            .revocation_store(store.clone())
            .clock(clock.clone())
    };
    let tokens = builder(&key).build().unwrap();
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();

    // A successful login logs only the signature checks of its access tokens.
    let first = ok_or_respond(tokens.login(SUBJECT).await).unwrap().issue(&json!({})).unwrap();
    let second = refresh(&tokens, &first.refresh_token).await.unwrap();
    for pair in [&first, &second] {
        add(&mut secrets, pair);
        let before = logs.signature_checks();
        verifier.verify_str_async(&pair.access_token).await.unwrap();
        assert_eq!(logs.signature_checks(), before + 1);
    }

    let text = &first.refresh_token;
    for malformed in [tampered(text), text.repeat(2), text[..40].to_owned()] {
        assert!(refresh(&tokens, &malformed).await.is_none(), "{malformed}");
    }
    assert!(refresh(&tokens, &first.access_token).await.is_none());
    let other = builder(&other_key).build().unwrap();
    assert!(refresh(&other, text).await.is_none());

    clock.advance(Duration::MINUTE);
    assert!(refresh(&tokens, text).await.is_none(), "reused");
    assert!(refresh(&tokens, &second.refresh_token).await.is_none(), "revoked");
    verifier.verify_str_async(&second.access_token).await.unwrap_err();

    let third = ok_or_respond(tokens.login(SUBJECT).await).unwrap().issue(&json!({})).unwrap();
    add(&mut secrets, &third);
    store.set_failing(true);
    assert!(refresh(&tokens, &third.refresh_token).await.is_none(), "the store is down");
    assert!(ok_or_respond(tokens.logout_all(SUBJECT).await).is_none());
    store.set_failing(false);
    let full = builder(&key).token_family_store(MemoryTokenFamilyStore::new(0)).build().unwrap();
    assert!(ok_or_respond(full.login(SUBJECT).await).is_none());
    let long = SUBJECT.repeat(1 << 16);
    assert!(ok_or_respond(tokens.login(&long).await).is_none(), "too long for a token");

    assert_eq!(logs.count("reason=not a refresh token of this application"), 5);
    let scenarios = [
        "a refresh token was used again",
        "reason=the refresh token was used before",
        "reason=the login was revoked: log in again",
        "reason=the test made this store fail",
        "reason=the token family store is full",
        "reason=the refresh token is too long",
    ];
    logs.assert_no_secret(&scenarios, &secrets);
}
