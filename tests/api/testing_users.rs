//! Tokens of the kit, at a guarded handler and at an unguarded twin.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpResponse, web};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::testing::{START, TestClock, TestIssuer, TestUser};
use paseto_actix::{PasetoRequired, VerifiedToken};
use paseto_actix_tests::ISSUER;
use serde_json::json;

/// Returns the status of a handler that requires a fresh token with a scope, or of a handler
/// without a guard.
async fn status(auth: &TestIssuer, guarded: bool, user: TestUser) -> StatusCode {
    let verifier = auth.verifier().build().unwrap();
    let handler = web::to(async || "secret");
    let route = if guarded {
        handler.wrap(PasetoRequired::new().scopes(["read"]).fresh(Duration::from_secs(300)))
    } else {
        handler
    };
    let app = init_service(App::new().app_data(verifier).route("/", route)).await;
    call_service(&app, TestRequest::get().insert_header(user).to_request()).await.status()
}

#[actix_web::test]
async fn guard_rejects_each_fault_and_a_handler_without_guard_accepts_it() {
    let auth = TestIssuer::new(ISSUER).audience("https://api.example").with_revocations();
    let minute = Duration::from_secs(60);
    let complete = auth.user("ada").scopes(["read"]).logged_in_ago(minute);
    assert_eq!(status(&auth, true, complete.clone()).await, StatusCode::OK);
    let unauthorized = StatusCode::UNAUTHORIZED;
    for (user, expected) in [
        (complete.clone().expired(), unauthorized),
        (complete.clone().not_yet_valid(), unauthorized),
        (complete.clone().logged_in_ago(6 * minute), unauthorized),
        (complete.clone().other_audience(), unauthorized),
        (complete.clone().unknown_key(), unauthorized),
        (complete.clone().tampered(), unauthorized),
        (complete.clone().revoked(), unauthorized),
        (auth.user("ada").scopes(["read"]), unauthorized),
        (TestIssuer::new("https://other.example").user("ada"), unauthorized),
        (complete.clone().scopes(["write"]), StatusCode::FORBIDDEN),
    ] {
        let case = format!("{user:?}");
        assert_eq!(status(&auth, true, user.clone()).await, expected, "{case}");
        assert_eq!(status(&auth, false, user).await, StatusCode::OK, "the twin, {case}");
    }
}

#[actix_web::test]
async fn each_fault_is_rejected_for_its_own_reason() {
    let auth = TestIssuer::new(ISSUER).with_revocations();
    let verifier = auth.verifier().build().unwrap();
    let ada = auth.user("ada");
    for (user, kind) in [
        (ada.clone().expired(), Kind::Expired),
        (ada.clone().not_yet_valid(), Kind::NotYetValid),
        (ada.clone().other_audience(), Kind::WrongAudience),
        (ada.clone().unknown_key(), Kind::UnknownKey),
        (ada.clone().tampered(), Kind::BadSignature),
        (ada.clone().revoked(), Kind::Revoked),
    ] {
        let error = verifier.verify_str_async(&user.token()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{user:?}");
    }
    verifier.verify_str_async(&ada.token()).await.unwrap();
}

#[actix_web::test]
async fn longest_leeway_does_not_accept_a_fault() {
    let auth = TestIssuer::new(ISSUER);
    let verifier = auth.verifier().leeway(Duration::from_secs(300)).build().unwrap();
    assert!(verifier.verify_str(&auth.user("ada").token()).is_ok());
    for user in [auth.user("ada").expired(), auth.user("ada").not_yet_valid()] {
        assert!(verifier.verify_str(&user.token()).is_err(), "{user:?}");
    }
}

#[actix_web::test]
async fn token_contains_the_settings_of_the_user() {
    let clock = TestClock::new();
    let auth = TestIssuer::new(ISSUER).clock(clock.clone()).audience("https://api.example");
    let user = auth
        .user("ada")
        .scopes(["read", "write"])
        .claims(&json!({ "tenant": "blue" }))
        .acr("phr")
        .session_id("login-1")
        .logged_in_ago(Duration::from_secs(90));
    let verifier = auth.verifier().build().unwrap();
    let token = verifier.verify_str(&user.token()).unwrap();
    assert_eq!(token.subject(), Some("ada"));
    assert_eq!(token.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(token.claims::<serde_json::Value>().unwrap()["tenant"], "blue");
    assert_eq!((token.acr(), token.session_id()), (Some("phr"), Some("login-1")));
    assert_eq!(token.auth_time(), Some(START - Duration::from_secs(90)));

    let text = user.token();
    clock.advance(time::Duration::seconds(3606));
    assert_eq!(verifier.verify_str(&text).unwrap_err().kind(), Kind::Expired);
    assert!(verifier.verify_str(&user.token()).is_ok(), "issued after the advance");
}

#[actix_web::test]
async fn issuer_verifier_and_key_belong_together() {
    let auth = TestIssuer::new(ISSUER).audience("https://api.example");
    let verifier = auth.verifier().build().unwrap();
    let token = auth.issuer().issue(&json!({})).unwrap();
    assert!(verifier.verify_str(&token).is_ok());
    let other = paseto_actix::Verifier::builder()
        .trust(ISSUER, auth.secret_key().public_key())
        .audience("https://api.example");
    assert!(other.build().unwrap().verify_str(&token).is_ok());
}

#[actix_web::test]
async fn logout_of_the_application_revokes_the_token() {
    let auth = TestIssuer::new(ISSUER).with_revocations().clock(TestClock::new());
    let verifier = auth.verifier().build().unwrap();
    let logout = async |verifier: paseto_actix::Verifier, token: VerifiedToken| {
        verifier.revoke(&token).await.map(|()| HttpResponse::NoContent())
    };
    let app = App::new().app_data(verifier).service(
        web::scope("")
            .wrap(PasetoRequired::new())
            .route("/logout", web::post().to(logout))
            .route("/me", web::get().to(async || "me")),
    );
    let app = init_service(app).await;
    let header = ("Authorization", format!("Bearer {}", auth.user("ada").token()));
    let request = |uri| TestRequest::with_uri(uri).insert_header(header.clone());
    let me = call_service(&app, request("/me").to_request()).await;
    assert_eq!(read_body(me).await, "me");
    let logout = request("/logout").method(actix_web::http::Method::POST).to_request();
    assert_eq!(call_service(&app, logout).await.status(), StatusCode::NO_CONTENT);
    let me = call_service(&app, request("/me").to_request()).await;
    assert_eq!(me.status(), StatusCode::UNAUTHORIZED);
}

#[test]
#[should_panic(expected = "call `.with_revocations()` on the `TestIssuer`")]
fn revoked_token_needs_a_store() {
    let _ = TestIssuer::new(ISSUER).user("ada").revoked();
}

#[test]
fn debug_output_contains_no_key_and_no_claim() {
    let auth = TestIssuer::new(ISSUER);
    let user = auth.user("ada").claims(&json!({ "email": "ada@example.org" }));
    let text = format!("{auth:?} {user:?}");
    for secret in ["k4.secret", "ada", "v4.public"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
