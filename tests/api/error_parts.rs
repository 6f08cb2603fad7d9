//! The parts of an error, for responses in a format of the application.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::test::TestRequest;
use actix_web::{HttpResponse, ResponseError};
use paseto_actix::VerifyError;
use paseto_actix::error::{Rejection, VerifyErrorKind as Kind};
use paseto_actix_tests::app::{TestResponse, issuer_builder, send, send_bearer, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::json;

/// Returns the response of an error handler for a token that a check rejects.
async fn rejected(
    rejection: fn() -> Rejection,
    handler: fn(&actix_web::HttpRequest, &VerifyError) -> HttpResponse,
) -> TestResponse {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock)
        .check(move |_| Err(rejection()))
        .error_handler(handler)
        .realm("shop");
    let token = issuer_builder(&clock).build().unwrap().issue(&json!({})).unwrap();
    send_bearer(&verifier.build().unwrap(), &token).await.0
}

#[actix_web::test]
async fn json_body_keeps_status_challenge_and_retry_after() {
    let json = |_: &actix_web::HttpRequest, error: &VerifyError| {
        error.respond_json(&json!({ "code": error.kind().as_str() }))
    };
    let plain = |_: &actix_web::HttpRequest, error: &VerifyError| error.error_response();
    for (rejection, status, body) in [
        (
            (|| Rejection::invalid("no")) as fn() -> Rejection,
            StatusCode::UNAUTHORIZED,
            r#"{"code":"rejected"}"#,
        ),
        (|| Rejection::forbidden("no"), StatusCode::FORBIDDEN, r#"{"code":"forbidden"}"#),
        (
            || Rejection::unavailable("no"),
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"code":"unavailable"}"#,
        ),
    ] {
        let (response, default) =
            (rejected(rejection, json).await, rejected(rejection, plain).await);
        assert_eq!((response.status, response.body.as_str()), (status, body));
        assert_eq!(response.headers.get(CONTENT_TYPE).unwrap(), "application/json");
        for name in [WWW_AUTHENTICATE, RETRY_AFTER] {
            assert_eq!(response.headers.get(&name), default.headers.get(&name), "{status}: {name}");
        }
        assert_eq!(
            response.headers.contains_key(WWW_AUTHENTICATE),
            status == StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            response.headers.contains_key(RETRY_AFTER),
            status == StatusCode::SERVICE_UNAVAILABLE
        );
    }
}

/// RFC 6750, section 3.
#[actix_web::test]
async fn challenge_contains_the_realm_of_the_verifier() {
    let verifier = verifier_builder(&TestClock::new()).realm("shop").error_handler(|_, error| {
        HttpResponse::build(error.status())
            .body(error.challenge().unwrap().to_str().unwrap().to_owned())
    });
    let (response, _) = send(&verifier.build().unwrap(), TestRequest::get()).await;
    assert_eq!(response.body, r#"Bearer realm="shop""#);
}

struct NotSerializable;

impl Serialize for NotSerializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

#[actix_web::test]
async fn body_that_cannot_be_serialized_is_a_500() {
    let response =
        rejected(|| Rejection::invalid("no"), |_, error| error.respond_json(&NotSerializable))
            .await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!response.headers.contains_key(WWW_AUTHENTICATE));
}

/// The metrics and clients of applications depend on these names.
#[test]
fn error_kind_names_are_stable() {
    for (kind, name) in [
        (Kind::MissingToken, "missing_token"),
        (Kind::InvalidRequest, "invalid_request"),
        (Kind::Malformed, "malformed"),
        (Kind::UnsupportedToken, "unsupported_token"),
        (Kind::UnknownKey, "unknown_key"),
        (Kind::BadSignature, "bad_signature"),
        (Kind::UntrustedIssuer, "untrusted_issuer"),
        (Kind::Expired, "expired"),
        (Kind::NotYetValid, "not_yet_valid"),
        (Kind::WrongAudience, "wrong_audience"),
        (Kind::MissingClaim, "missing_claim"),
        (Kind::Revoked, "revoked"),
        (Kind::Rejected, "rejected"),
        (Kind::UnexpectedClaims, "unexpected_claims"),
        (Kind::InsufficientUserAuthentication, "insufficient_user_authentication"),
        (Kind::InsufficientScope, "insufficient_scope"),
        (Kind::Forbidden, "forbidden"),
        (Kind::CrossOrigin, "cross_origin"),
        (Kind::Unavailable, "unavailable"),
        (Kind::Misconfigured, "misconfigured"),
    ] {
        assert_eq!((kind.as_str(), kind.to_string().as_str()), (name, name));
    }
}
