//! An issuer does not issue a token with an invalid footer, time or setting. The response is `500`.

use std::time::Duration;

use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, ResponseError, web};
use paseto_actix::issuer::TokenBuilder;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::token::Format;
use paseto_actix::{IssueError, Issuer, SecretKey, Verifier};
use paseto_actix_tests::app::{
    BODY_500, TestResponse, assert_accepted, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::SECRET_PASERK;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{ISSUER, keys};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use time::macros::datetime;

pub(crate) const FORMATS: [Format; 2] = [Format::Json, Format::Cbor];

pub(crate) fn issuer(format: Format) -> Issuer {
    issuer_builder(&TestClock::new()).format(format).build().unwrap()
}

pub(crate) fn verifier(format: Format) -> Verifier {
    verifier_builder(&TestClock::new()).format(format).build().unwrap()
}

fn error_of(change: impl FnOnce(TokenBuilder<'_, Value>) -> TokenBuilder<'_, Value>) -> IssueError {
    change(issuer(Format::Json).token(&json!({}))).issue().unwrap_err()
}

/// A claim whose serialization fails.
pub(crate) struct FailsToSerialize;

impl Serialize for FailsToSerialize {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn invalid_footer_of_one_token_is_an_error() {
    for bad in [
        json!([]),
        json!("text"),
        json!({ "kid": "k4.pid." }),
        json!({ "a": [] }),
        json!({ "a": { "b": 1 } }),
        json!({ "a": "x".repeat(1024) }),
    ] {
        for format in FORMATS {
            let result = issuer(format).token(&json!({})).footer(&bad).issue();
            assert!(
                matches!(result, Err(IssueError::Footer(_))),
                "{bad} in {format:?}: {result:?}"
            );
        }
    }
    assert!(matches!(error_of(|token| token.footer(&FailsToSerialize)), IssueError::Serialize(_)));
    // Bytes that a verifier would parse as a map must follow the rules for maps.
    for bad in [&b"{"[..], br#"{"a":{}}"#, br#"{"a":1,"a":2}"#, br#" {"kid":1}"#, &[b'x'; 1025]] {
        assert!(matches!(error_of(|token| token.footer_bytes(bad)), IssueError::Footer(_)));
    }
    let of_another = SecretKey::generate();
    for kid in [of_another.kid(), "k4.sid.", ""] {
        let bytes = json!({ "kid": kid }).to_string();
        assert!(
            matches!(error_of(|token| token.footer_bytes(bytes)), IssueError::Footer(_)),
            "{kid}"
        );
    }
    let own = json!({ "kid": keys::secret().kid() }).to_string();
    assert!(issuer(Format::Json).token(&json!({})).footer_bytes(own).issue().is_ok());
}

#[test]
fn invalid_setting_of_one_token_is_an_error() {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    for bad in [
        Duration::ZERO,
        Duration::from_nanos(999_999_999),
        century + Duration::from_nanos(1),
        Duration::MAX,
    ] {
        assert!(
            matches!(error_of(|token| token.ttl(bad)), IssueError::Lifetime { ttl } if ttl == bad),
            "{bad:?}"
        );
    }
    for bad in ["", " ", "a b", "a\"", "\\", "é", "a\n", "\u{7f}"] {
        match error_of(|token| token.scopes(["read", bad])) {
            IssueError::InvalidScope(scope) => assert_eq!(scope, bad),
            other => panic!("{bad:?}: {other:?}"),
        }
    }
    let unknown = SecretKey::generate();
    for kid in [unknown.kid(), "", "k4.pid.", &keys::secret().kid()[..50]] {
        assert!(
            matches!(error_of(|token| token.key_id(kid)), IssueError::UnknownKey(id) if id == kid)
        );
    }
    let error = error_of(|token| token.key_id(SECRET_PASERK));
    assert!(
        !format!("{error} {error:?}").contains(&SECRET_PASERK[10..20]),
        "the error contains a key that was passed as key ID: {error}"
    );
}

#[test]
fn time_outside_of_the_calendar_is_an_error() {
    let at = |now: OffsetDateTime| Issuer::builder(ISSUER).key(keys::secret()).clock(move || now);
    let issue =
        |builder: paseto_actix::issuer::IssuerBuilder| builder.build().unwrap().issue(&json!({}));
    let last = datetime!(9999-12-31 23:59:59.999 UTC);
    assert!(issue(at(last - time::Duration::hours(1))).is_ok());
    assert!(issue(at(last).dangerously_without_expiry()).is_ok());
    for now in [last, last - time::Duration::minutes(59), datetime!(-0001-12-31 23:59:59 UTC)] {
        assert!(matches!(issue(at(now)), Err(IssueError::InvalidTime { .. })), "{now}");
    }
    // In UTC, these times are outside of the calendar.
    for odd in [datetime!(9999-12-31 23:59:59 -01:00), datetime!(-9999-01-01 00:00 +01:00)] {
        assert!(issue(at(odd).dangerously_without_expiry()).is_err(), "{odd}");
        assert!(
            matches!(
                error_of(|token| token.not_before(odd)),
                IssueError::InvalidTime { claim: "nbf" }
            ),
            "{odd}"
        );
        assert!(
            matches!(
                error_of(|token| token.auth_time(odd)),
                IssueError::InvalidTime { claim: "auth_time" }
            ),
            "{odd}"
        );
    }
}

async fn login(issuer: Issuer, claims: web::Json<Value>) -> Result<HttpResponse, IssueError> {
    Ok(HttpResponse::Ok().body(issuer.issue(&claims)?))
}

#[actix_web::test]
async fn handler_that_cannot_issue_responds_with_500() {
    async fn post(issuer: Option<Issuer>, claims: Value) -> TestResponse {
        let app = App::new().route("/", web::post().to(login));
        let request = TestRequest::post().uri("/").set_json(claims).to_request();
        let response = match issuer {
            Some(issuer) => {
                init_service(app.app_data(web::Data::new(issuer))).await.call(request).await
            }
            None => init_service(app).await.call(request).await,
        };
        TestResponse::read(response.unwrap()).await
    }
    let issuer = issuer(Format::Json);
    let response = post(Some(issuer.clone()), json!({ "user": "ada" })).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_accepted(&verifier(Format::Json), &response.body).await;
    let logs = Logs::capture();
    for claims in [json!({ "exp": "never" }), json!([]), json!({ "pad": "x".repeat(9000) })] {
        let response = post(Some(issuer.clone()), claims).await;
        assert_eq!((response.status.as_u16(), &*response.body), (500, BODY_500));
    }
    assert_eq!(logs.count("no issuer in app data"), 0);
    let response = post(None, json!({ "user": "ada" })).await;
    assert_eq!((response.status.as_u16(), &*response.body), (500, BODY_500));
    assert_eq!(logs.count("no issuer in app data"), 1);
}

#[actix_web::test]
async fn every_issue_error_has_the_same_500_response() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>(_: &T) {}
    for error in [
        error_of(|token| token.footer(&json!({ "kid": 1 }))),
        error_of(|token| token.footer(&FailsToSerialize)),
        error_of(|token| token.ttl(Duration::ZERO)),
        error_of(|token| token.key_id("unknown")),
        error_of(|token| token.scopes([""])),
        issuer(Format::Json).issue(&json!({ "iss": "me" })).unwrap_err(),
        IssueError::NotAMap,
        IssueError::NoIssuer,
        IssueError::Signing,
    ] {
        is_error(&error);
        assert_eq!(error.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
        let response = error.error_response();
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        assert_eq!(actix_web::body::to_bytes(response.into_body()).await.unwrap(), BODY_500);
    }
    let source = error_of(|token| token.footer(&FailsToSerialize));
    assert!(std::error::Error::source(&source).unwrap().to_string().contains("not today"));
}
