//! A handler that has the Verifier: to revoke a token, or to change whose are trusted.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::revocation::{MemoryRevocationStore, RevocationError};
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{VerifiedToken, Verifier, paseto_required};
use paseto_actix_tests::app::{TestResponse, call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::json;

#[paseto_required]
async fn logout(verifier: Verifier, token: VerifiedToken) -> Result<HttpResponse, RevocationError> {
    verifier.revoke(&token).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn bare(_: Verifier) -> &'static str {
    "served"
}

/// What two logouts with one token are answered.
async fn log_out_twice(
    verifier: VerifierBuilder,
    include_jti: bool,
    clock: &TestClock,
) -> [TestResponse; 2] {
    let app = init_service(
        App::new().app_data(verifier.build().unwrap()).route("/logout", web::post().to(logout)),
    )
    .await;
    let text =
        issuer_builder(clock).include_jti(include_jti).build().unwrap().issue(&json!({})).unwrap();
    let request = || {
        TestRequest::post()
            .uri("/logout")
            .insert_header((AUTHORIZATION, format!("Bearer {text}")))
            .to_request()
    };
    [call(&app, request()).await, call(&app, request()).await]
}

#[actix_web::test]
async fn a_handler_that_revokes_the_token_it_was_called_with() {
    let clock = TestClock::new();
    let store = |capacity| MemoryRevocationStore::new(capacity).clock(clock.clone());
    let [first, second] =
        log_out_twice(verifier_builder(&clock).revocation_store(store(1)), true, &clock).await;
    assert_eq!(first.status, StatusCode::NO_CONTENT);
    second.assert_invalid_token();

    let logs = Logs::capture();
    let full =
        log_out_twice(verifier_builder(&clock).revocation_store(store(0)), true, &clock).await;
    for answer in full {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(RETRY_AFTER));
        assert_eq!(
            answer.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
        );
    }
    assert_eq!(logs.count("the store holds 0 records"), 2, "{logs:?}");
    for answer in log_out_twice(verifier_builder(&clock), true, &clock).await {
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[actix_web::test]
async fn without_a_verifier_in_app_data() {
    let logs = Logs::capture();
    let app = init_service(App::new().route("/", web::get().to(bare))).await;
    let answer = call(&app, TestRequest::get().to_request()).await;
    assert_eq!(
        (answer.status, logs.count("App::app_data(verifier)")),
        (StatusCode::INTERNAL_SERVER_ERROR, 1)
    );
    let verifier = verifier_builder(&TestClock::new()).build().unwrap();
    let app =
        init_service(App::new().app_data(web::Data::new(verifier)).route("/", web::get().to(bare)))
            .await;
    assert_eq!(call(&app, TestRequest::get().to_request()).await.body, "served");
}
