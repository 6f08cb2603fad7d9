//! Checks that the application adds, synchronous and asynchronous, and their rejections.

use std::sync::{Arc, Mutex};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Json, ServiceConfig};
use actix_web::{App, FromRequest, HttpRequest, web};
use paseto_actix::error::{Rejection, VerifyErrorKind};
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{MaybePaseto, PasetoRequired, VerifiedToken, Verifier, paseto_required};
use paseto_actix_tests::app::{BODY_403, Runs, TestResponse, call, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::Value;

/// The recorded events in their order.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<&'static str>>>);

impl Events {
    pub(crate) fn push(&self, event: &'static str) {
        self.0.lock().unwrap().push(event);
    }

    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An extractor that records its call.
struct Extracted;

impl FromRequest for Extracted {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        req.app_data::<Events>().unwrap().push("extracted");
        std::future::ready(Ok(Self))
    }
}

#[paseto_required]
async fn attribute(_: Extracted, _: Json<Value>, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

#[paseto_required(check = by_subject)]
async fn checked(_: Extracted, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn unguarded(_: Extracted, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn maybe(_: MaybePaseto<Value>, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

fn by_subject(_: &HttpRequest, token: &VerifiedToken) -> Result<(), Rejection> {
    verdict(token)
}

/// Returns the result of a check for this subject.
pub(crate) fn verdict(token: &VerifiedToken) -> Result<(), Rejection> {
    match token.subject() {
        Some("ivan") => Err(Rejection::invalid("suspended since Monday")),
        Some("frank") => Err(Rejection::forbidden("not a member of the club")),
        Some("uma") => Err(Rejection::unavailable(format!("the {} is away", "database"))),
        _ => Ok(()),
    }
}

fn services(app: &mut ServiceConfig) {
    app.route("/attribute", web::to(attribute))
        .route("/checked", web::to(checked))
        .route("/maybe", web::to(maybe))
        .service(
            web::scope("/plain").wrap(PasetoRequired::new()).default_service(web::to(unguarded)),
        )
        .service(
            web::scope("/scope")
                .wrap(PasetoRequired::new().check(by_subject))
                .default_service(web::to(unguarded)),
        );
}

pub(crate) fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new())
}

async fn slow_verdict(token: VerifiedToken) -> Result<(), Rejection> {
    yield_now().await;
    verdict(&token)
}

/// Sends a request with a body. Returns the response and the number of handler runs.
pub(crate) async fn send(
    verifier: Verifier,
    events: Events,
    path: &str,
    token: &str,
    body: &'static str,
) -> (TestResponse, usize) {
    let runs = Runs::default();
    let app = App::new()
        .app_data(verifier)
        .app_data(events)
        .app_data(web::Data::new(runs.clone()))
        .configure(services);
    let request = TestRequest::post()
        .uri(path)
        .insert_header(("content-type", "application/json"))
        .insert_header(("authorization", format!("Bearer {token}")))
        .set_payload(body);
    (call(&init_service(app).await, request.to_request()).await, runs.count())
}

/// Each kind of rejection, returned by each kind of check.
#[actix_web::test]
async fn check_rejects_with_401_403_or_503() {
    let plain = || builder().build().unwrap();
    let sync = || builder().check(verdict).build().unwrap();
    let slow = || builder().check_async(slow_verdict).build().unwrap();
    for (place, path, verifier) in [
        ("the attribute's check", "/checked", plain as fn() -> Verifier),
        ("the middleware's check", "/scope/", plain),
        ("the Verifier's check, attribute", "/attribute", sync),
        ("the Verifier's check, middleware", "/plain/", sync),
        ("the Verifier's check, extractor", "/maybe", sync),
        ("the Verifier's asynchronous check, attribute", "/attribute", slow),
        ("the Verifier's asynchronous check, middleware", "/plain/", slow),
        ("the Verifier's asynchronous check, extractor", "/maybe", slow),
    ] {
        let logs = Logs::capture();
        let events = Events::default();
        let visit =
            async |subject| send(verifier(), events.clone(), path, &token_of(subject), "{}").await;
        let (response, runs) = visit("ada").await;
        assert_eq!(
            (response.status, response.body.as_str(), runs),
            (StatusCode::OK, "served", 1),
            "{place}"
        );
        assert_eq!(
            (logs.signature_checks(), logs.count("request rejected")),
            (1, 0),
            "{place}: {logs:?}"
        );
        events.take();

        let (response, runs) = visit("ivan").await;
        response.assert_invalid_token();
        assert_eq!(
            (runs, logs.count("rejected: suspended since Monday")),
            (0, 1),
            "{place}: {logs:?}"
        );

        let (response, runs) = visit("frank").await;
        assert_eq!(
            (response.status, response.challenge(), runs),
            (StatusCode::FORBIDDEN, "", 0),
            "{place}"
        );
        assert_eq!(response.body, BODY_403);
        assert_eq!(logs.count("forbidden: not a member of the club"), 1, "{place}: {logs:?}");

        let (response, runs) = visit("uma").await;
        assert_eq!(
            (response.status, response.challenge(), runs),
            (StatusCode::SERVICE_UNAVAILABLE, "", 0),
            "{place}"
        );
        assert_eq!(response.headers.get(RETRY_AFTER).unwrap(), "1", "{place}");
        assert_eq!(
            response.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
        );
        assert_eq!(logs.count("unavailable: the database is away"), 1, "{place}: {logs:?}");

        assert_eq!(
            logs.count("request rejected"),
            3,
            "{place}: each rejection is logged in one line: {logs:?}"
        );
        for line in logs.lines().iter().filter(|line| line.contains("request rejected")) {
            assert!(
                line.contains(keys::public().kid()) && line.contains(ISSUER),
                "{place}: {line}"
            );
        }
        assert_eq!(events.take(), [""; 0], "{place}: extractors do not run for rejected requests");
    }
}

#[actix_web::test]
async fn verify_str_runs_checks_and_fails_for_asynchronous_ones() {
    let kind = |outcome: Result<VerifiedToken, paseto_actix::VerifyError>| {
        outcome.map_err(|error| error.kind()).err()
    };
    let sync = builder().check(verdict).build().unwrap();
    let slow = builder().check_async(slow_verdict).build().unwrap();
    for (subject, expected) in [
        ("ada", None),
        ("ivan", Some(VerifyErrorKind::Rejected)),
        ("frank", Some(VerifyErrorKind::Forbidden)),
        ("uma", Some(VerifyErrorKind::Unavailable)),
    ] {
        let token = token_of(subject);
        assert_eq!(kind(sync.verify_str(&token)), expected, "{subject}");
        assert_eq!(kind(sync.verify_str_async(&token).await), expected, "{subject}");
        assert_eq!(kind(slow.verify_str_async(&token).await), expected, "{subject}");
        let logs = Logs::capture();
        assert_eq!(
            kind(slow.verify_str(&token)),
            Some(VerifyErrorKind::Misconfigured),
            "{subject}"
        );
        assert_eq!(logs.signature_checks(), 0);
    }
    assert_eq!(sync.verify_str(&token_of("ada")).unwrap().subject(), Some("ada"));
    assert_eq!(kind(sync.verify_str("v4.public.x")), Some(VerifyErrorKind::Malformed));
}
