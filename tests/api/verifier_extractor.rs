//! The `Verifier` as an extractor, for example to revoke a token.

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

/// Sends two logouts with one token and returns the responses.
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
async fn handler_can_revoke_the_token_of_its_request() {
    let clock = TestClock::new();
    let store = |capacity| MemoryRevocationStore::new(capacity).clock(clock.clone());
    let [first, second] =
        log_out_twice(verifier_builder(&clock).revocation_store(store(1)), true, &clock).await;
    assert_eq!(first.status, StatusCode::NO_CONTENT);
    second.assert_invalid_token();

    let logs = Logs::capture();
    let full =
        log_out_twice(verifier_builder(&clock).revocation_store(store(0)), true, &clock).await;
    for response in full {
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers.contains_key(RETRY_AFTER));
        assert_eq!(
            response.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
        );
    }
    assert_eq!(
        logs.count("the revocation store is full: raise its capacity of 0 records"),
        2,
        "{logs:?}"
    );
    for response in log_out_twice(verifier_builder(&clock), true, &clock).await {
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[actix_web::test]
async fn verifier_extractor_without_app_data_is_500() {
    let logs = Logs::capture();
    let app = init_service(App::new().route("/", web::get().to(bare))).await;
    let response = call(&app, TestRequest::get().to_request()).await;
    assert_eq!(
        (response.status, logs.count("App::app_data(verifier)")),
        (StatusCode::INTERNAL_SERVER_ERROR, 1)
    );
    let verifier = verifier_builder(&TestClock::new()).build().unwrap();
    let app =
        init_service(App::new().app_data(web::Data::new(verifier)).route("/", web::get().to(bare)))
            .await;
    assert_eq!(call(&app, TestRequest::get().to_request()).await.body, "served");
}
