//! Revocation of tokens before they expire.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::revocation::{
    MemoryRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use paseto_actix::{Issuer, SecretKey};
use paseto_actix_tests::app::{
    assert_accepted, assert_rejected, issuer_builder, send_bearer, verifier_builder,
};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::revocation::{failing_revocations, token};
use paseto_actix_tests::{ISSUER, keys};
use serde_json::json;
use time::Duration;

fn memory(clock: &TestClock) -> MemoryRevocationStore {
    MemoryRevocationStore::new(1000).clock(clock.clone())
}

#[actix_web::test]
async fn revocation_lasts_until_exp_plus_leeway_and_then_is_removed() {
    let clock = TestClock::new();
    let store = memory(&clock);
    let verifier = |leeway| {
        verifier_builder(&clock)
            .leeway(std::time::Duration::from_secs(leeway))
            .revocation_store(store.clone())
            .build()
            .unwrap()
    };
    // Two verifiers, such as those of two workers, share one store.
    let (one, other) = (verifier(5), verifier(5));
    let issuer = issuer_builder(&clock).ttl(std::time::Duration::from_secs(60)).build().unwrap();
    let text = token(&issuer, "ada", 0);
    let verified = one.verify_str_async(&text).await.unwrap();
    assert_accepted(&other, &text).await;
    one.revoke(&verified).await.unwrap();
    clock.advance(Duration::seconds(65));
    for verifier in [&one, &other] {
        assert_eq!(
            verifier.verify_str_async(&text).await.unwrap_err().kind(),
            VerifyErrorKind::Revoked
        );
        assert_rejected(verifier, &text).await;
    }
    clock.advance(Duration::nanoseconds(1));
    assert_eq!(one.verify_str_async(&text).await.unwrap_err().kind(), VerifyErrorKind::Expired);
    // A third verifier has the longest possible leeway.
    clock.advance(Duration::minutes(4) - Duration::nanoseconds(1));
    let lenient = verifier(300);
    assert_eq!(lenient.verify_str_async(&text).await.unwrap_err().kind(), VerifyErrorKind::Revoked);
    clock.advance(Duration::minutes(1) + Duration::SECOND);
    assert_eq!(lenient.verify_str_async(&text).await.unwrap_err().kind(), VerifyErrorKind::Expired);
    assert_eq!(store.len(), 0, "the record is removed");
}

#[actix_web::test]
async fn token_without_jti_is_rejected_if_a_store_is_set() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).revocation_store(memory(&clock)).build().unwrap();
    let issuer = issuer_builder(&clock).include_jti(false).build().unwrap();
    let text = token(&issuer, "ada", 0);
    assert_accepted(&verifier_builder(&clock).build().unwrap(), &text).await;
    assert_rejected(&verifier, &text).await;
}

#[actix_web::test]
async fn revoke_subject_revokes_old_tokens_but_not_a_login_in_the_same_second() {
    let clock = TestClock::new();
    let store = memory(&clock);
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();
    let issuer = issuer_builder(&clock).build().unwrap();
    let (old, of_bob) = (token(&issuer, "ada", 0), token(&issuer, "bob", 0));
    assert_accepted(&verifier, &old).await;
    let generation =
        store.revoke_subject(ISSUER, "ada", None, START + Duration::HOUR).await.unwrap();
    let new = token(&issuer, "ada", generation);
    assert_rejected(&verifier, &old).await;
    assert_accepted(&verifier, &new).await;
    assert_accepted(&verifier, &of_bob).await;

    store.revoke_subject(ISSUER, "ada", None, START + Duration::HOUR).await.unwrap();
    assert_rejected(&verifier, &new).await;
}

#[actix_web::test]
async fn malformed_sub_gen_claims_are_rejected() {
    let clock = TestClock::new();
    let (key, verifier) = (keys::secret(), verifier_builder(&clock).build().unwrap());
    for (claim, good) in [
        (json!("1767225600000000"), true),
        (json!("0"), true),
        (json!(1), false),
        (json!("01"), false),
        (json!("+1"), false),
        (json!("-1"), false),
        (json!(""), false),
        (json!("18446744073709551616"), false),
        (json!(null), false),
    ] {
        let payload =
            json!({ "iss": ISSUER, "exp": "2026-01-01T01:00:00Z", "sub_gen": claim }).to_string();
        let text = paseto_actix_tests::parts::sign(&key, payload.as_bytes(), b"", b"");
        assert_eq!(verifier.verify_str(&text).is_ok(), good, "{payload}");
    }
    assert!(
        issuer_builder(&clock).build().unwrap().issue(&json!({ "sub_gen": "1" })).is_err(),
        "only the issuer writes `sub_gen`"
    );
}

#[actix_web::test]
async fn full_store_returns_an_error_and_keeps_its_records() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(2).clock(clock.clone());
    store.revoke(ISSUER, "a", START + Duration::MINUTE).await.unwrap();
    store.revoke(ISSUER, "b", START + Duration::HOUR).await.unwrap();
    let full = |result: Result<(), RevocationError>| {
        matches!(result, Err(RevocationError::Full { capacity: 2 }))
    };
    assert!(full(store.revoke(ISSUER, "c", START + Duration::HOUR).await));
    assert!(full(
        store.revoke_subject(ISSUER, "ada", None, START + Duration::HOUR).await.map(|_| ())
    ));
    // An existing record can be revoked again. An earlier end does not shorten it.
    store.revoke(ISSUER, "b", START).await.unwrap();
    let is_revoked = async |id| store.is_revoked(RevocationQuery::new(ISSUER, id)).await.unwrap();
    assert!(is_revoked("a").await && is_revoked("b").await && !is_revoked("c").await);
    clock.advance(Duration::minutes(2));
    store.revoke(ISSUER, "c", START + Duration::HOUR).await.unwrap();
    assert!(is_revoked("b").await && is_revoked("c").await);
}

#[actix_web::test]
async fn revoking_without_a_store_or_token_id_is_an_error() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).include_jti(false).build().unwrap();
    let without = verifier_builder(&clock).build().unwrap();
    let verified = without.verify_str(&token(&issuer, "ada", 0)).unwrap();
    assert!(matches!(without.revoke(&verified).await, Err(RevocationError::NoStore)));
    let with = verifier_builder(&clock).revocation_store(memory(&clock)).build().unwrap();
    assert!(matches!(with.revoke(&verified).await, Err(RevocationError::NoTokenId)));
    assert_eq!(
        with.verify_str(&token(&issuer, "ada", 0)).unwrap_err().kind(),
        VerifyErrorKind::Misconfigured
    );
}

#[actix_web::test]
async fn unavailable_store_rejects_tokens_with_503() {
    let clock = TestClock::new();
    let down = failing_revocations(&clock, 1);
    down.set_failing(true);
    let verifier = verifier_builder(&clock).revocation_store(down).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap(), "ada", 0);
    let (response, runs) = send_bearer(&verifier, &text).await;
    assert_eq!((response.status, runs), (StatusCode::SERVICE_UNAVAILABLE, 0));
    assert!(response.headers.contains_key(RETRY_AFTER));
    // A token with an invalid signature is rejected without a query to the store.
    let other =
        Issuer::builder(ISSUER).key(SecretKey::generate()).clock(clock.clone()).build().unwrap();
    let (response, runs) = send_bearer(&verifier, &token(&other, "ada", 0)).await;
    assert_eq!((response.status, runs), (StatusCode::UNAUTHORIZED, 0));
}
