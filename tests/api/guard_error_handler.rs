//! The error handler of a verifier, and the realm in its challenges.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, ResponseError, web};
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::{MaybePaseto, VerifiedToken};
use paseto_actix_tests::app::{BODY_401, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys;
use serde_json::Value;

use crate::guard::{FORMS, forged, issue_token, send, send_to, with};

#[actix_web::test]
async fn response_of_the_error_handler_is_sent() {
    for form in FORMS.into_iter().filter(|form| *form != "/maybe") {
        for (token, kind, pid) in [
            (None, VerifyErrorKind::MissingToken, None),
            (Some(String::new()), VerifyErrorKind::InvalidRequest, None),
            (Some(forged()), VerifyErrorKind::BadSignature, Some(keys::public().kid().to_owned())),
        ] {
            let verifier = verifier_builder(&TestClock::new())
                .error_handler(move |req, error| {
                    assert_eq!((error.kind(), error.kid()), (kind, pid.as_deref()));
                    HttpResponse::Ok().body(format!("not {}", req.path()))
                })
                .build()
                .unwrap();
            let request =
                token.map_or_else(|| TestRequest::with_uri(form), |token| with(form, &token));
            let (response, runs) = send_to(verifier.clone(), request).await;
            assert_eq!(
                (response.status, response.body, runs),
                (StatusCode::OK, format!("not {form}"), 0)
            );
            let (response, runs) = send_to(verifier, with(form, &issue_token())).await;
            assert_eq!(
                (response.status, response.body.as_str(), runs),
                (StatusCode::OK, "served", 1)
            );
        }
    }
}

#[actix_web::test]
async fn error_handler_can_return_the_default_response() {
    let verifier = verifier_builder(&TestClock::new())
        .error_handler(|_, error| match error.kind() {
            VerifyErrorKind::MissingToken => {
                HttpResponse::SeeOther().insert_header(("location", "/login")).finish()
            }
            _ => error.error_response(),
        })
        .build()
        .unwrap();
    let (response, runs) = send_to(verifier.clone(), TestRequest::with_uri("/attribute")).await;
    assert_eq!((response.status, runs), (StatusCode::SEE_OTHER, 0));
    let (response, runs) = send_to(verifier, with("/attribute", &forged())).await;
    response.assert_invalid_token();
    assert_eq!(runs, 0);
}

/// An error handler may have side effects, so it is called once per request.
#[actix_web::test]
async fn error_handler_is_called_once_per_request() {
    async fn several(_: VerifiedToken, _: VerifiedToken, _: MaybePaseto<Value>) -> &'static str {
        "several"
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&calls);
    let verifier = verifier_builder(&TestClock::new())
        .error_handler(move |_, error| {
            counting.fetch_add(1, Ordering::SeqCst);
            error.error_response()
        })
        .build()
        .unwrap();
    let configure =
        |app: &mut ServiceConfig| _ = app.app_data(verifier).route("/several", web::to(several));
    let (response, _) = send(configure, with("/several", &forged())).await;
    response.assert_invalid_token();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// RFC 6750, section 3.
#[actix_web::test]
async fn challenges_contain_the_configured_realm() {
    let verifier = || verifier_builder(&TestClock::new()).realm("shop").build().unwrap();
    let (response, _) = send_to(verifier(), TestRequest::with_uri("/attribute")).await;
    assert_eq!(
        (response.challenge(), response.body.as_str()),
        (r#"Bearer realm="shop""#, BODY_401)
    );
    for (token, rest) in
        [(forged().as_str(), r#"error="invalid_token""#), ("", r#"error="invalid_request""#)]
    {
        let (response, _) = send_to(verifier(), with("/middleware", token)).await;
        assert!(
            response.challenge().starts_with(&format!(r#"Bearer realm="shop", {rest}"#)),
            "{}",
            response.challenge()
        );
    }
    for realm in ["a\"b", "a\\b", "a\nb", "café"] {
        assert!(verifier_builder(&TestClock::new()).realm(realm).build().is_err(), "{realm:?}");
    }
}
