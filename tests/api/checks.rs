//! Checks of the application's own, synchronous and not.

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
use paseto_actix_tests::app::{
    Runs, TestResponse, assert_accepted, assert_refused, call, issuer_builder, send_bearer,
    verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::{Value, json};

/// What happened, in order.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<&'static str>>>);

impl Events {
    fn push(&self, event: &'static str) {
        self.0.lock().unwrap().push(event);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An extractor that says when it is asked for.
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

/// The subject says what is to become of it.
fn verdict(token: &VerifiedToken) -> Result<(), Rejection> {
    match token.subject() {
        Some("ivan") => Err(Rejection::invalid("suspended since Monday")),
        Some("frank") => Err(Rejection::forbidden("no member of the club")),
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

fn token_of(subject: &str) -> String {
    issuer_builder(&TestClock::new())
        .build()
        .unwrap()
        .token(&json!({}))
        .subject(subject)
        .issue()
        .unwrap()
}

fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new())
}

async fn slow_verdict(token: VerifiedToken) -> Result<(), Rejection> {
    yield_now().await;
    verdict(&token)
}

/// Sends one request with a body. The second value is how often a handler has run.
async fn send(
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

/// The three kinds of "no", said at each place where one can be said.
#[actix_web::test]
async fn refusals_of_checks() {
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
        let (answer, runs) = visit("ada").await;
        assert_eq!(
            (answer.status, answer.body.as_str(), runs),
            (StatusCode::OK, "served", 1),
            "{place}"
        );
        assert_eq!(
            (logs.signature_checks(), logs.count("request rejected")),
            (1, 0),
            "{place}: {logs:?}"
        );
        events.take();

        let (answer, runs) = visit("ivan").await;
        answer.assert_invalid_token();
        assert_eq!(
            (runs, logs.count("refused: suspended since Monday")),
            (0, 1),
            "{place}: {logs:?}"
        );

        let (answer, runs) = visit("frank").await;
        assert_eq!(
            (answer.status, answer.challenge(), runs),
            (StatusCode::FORBIDDEN, "", 0),
            "{place}"
        );
        assert_eq!(answer.body, r#"{"type":"about:blank","title":"Forbidden","status":403}"#);
        assert_eq!(logs.count("forbidden: no member of the club"), 1, "{place}: {logs:?}");

        let (answer, runs) = visit("uma").await;
        assert_eq!(
            (answer.status, answer.challenge(), runs),
            (StatusCode::SERVICE_UNAVAILABLE, "", 0),
            "{place}"
        );
        assert_eq!(answer.headers.get(RETRY_AFTER).unwrap(), "1", "{place}");
        assert_eq!(
            answer.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
        );
        assert_eq!(logs.count("unavailable: the database is away"), 1, "{place}: {logs:?}");

        assert_eq!(
            logs.count("request rejected"),
            3,
            "{place}: one line for each of them: {logs:?}"
        );
        for line in logs.lines().iter().filter(|line| line.contains("request rejected")) {
            assert!(
                line.contains(keys::public().kid()) && line.contains(ISSUER),
                "{place}: {line}"
            );
        }
        assert_eq!(events.take(), [""; 0], "{place}: no extractor runs for whoever is refused");
    }
}

/// All checks of a Verifier have to pass; they come in order, the asynchronous ones last, and end at the first "no".
#[actix_web::test]
async fn checks_in_their_order() {
    for (no, expected) in [
        (None, ["first", "second", "slow first", "slow second"].as_slice()),
        (Some("first"), &["first"]),
        (Some("second"), &["first", "second"]),
        (Some("slow first"), &["first", "second", "slow first"]),
        (Some("slow second"), &["first", "second", "slow first", "slow second"]),
    ] {
        let events = Events::default();
        let say = move |events: &Events, name| {
            events.push(name);
            if no == Some(name) { Err(Rejection::invalid("no")) } else { Ok(()) }
        };
        let sync = |name| {
            let events = events.clone();
            move |_: &VerifiedToken| say(&events, name)
        };
        let slow = |name| {
            let events = events.clone();
            move |_: VerifiedToken| {
                let events = events.clone();
                async move {
                    yield_now().await;
                    say(&events, name)
                }
            }
        };
        let verifier = builder()
            .check_async(slow("slow first"))
            .check(sync("first"))
            .check_async(slow("slow second"))
            .check(sync("second"))
            .build()
            .unwrap();
        let (answer, runs) = send_bearer(&verifier, &token_of("ada")).await;
        assert_eq!(
            (answer.status.is_success(), runs),
            (no.is_none(), usize::from(no.is_none())),
            "{no:?}"
        );
        assert_eq!(events.take(), expected, "{no:?}");
        assert_eq!(
            verifier.verify_str_async(&token_of("ada")).await.is_ok(),
            no.is_none(),
            "{no:?}"
        );
        assert_eq!(events.take(), expected, "{no:?}");
    }
}

/// A check never sees a token that is not good in itself.
#[actix_web::test]
async fn checks_come_after_all_else() {
    let clock = TestClock::new();
    let events = Events::default();
    let (sync, slow) = (events.clone(), events.clone());
    let verifier = verifier_builder(&clock)
        .check(move |_| {
            sync.push("sync");
            Ok(())
        })
        .check_async(move |_| {
            slow.push("slow");
            async { Ok(()) }
        })
        .build()
        .unwrap();
    let token = token_of("ada");
    let other_audience =
        issuer_builder(&clock).audience("another").build().unwrap().issue(&json!({})).unwrap();
    for bad in [
        token.replace("v4.", "v3."),
        token.replacen("v4.public.e", "v4.public.f", 1),
        other_audience,
    ] {
        assert_refused(&verifier, &bad).await;
    }
    assert_eq!(events.take(), [""; 0]);
    assert_accepted(&verifier, &token).await;
    assert_eq!(events.take(), ["sync", "slow"]);
    clock.advance(time::Duration::hours(2));
    assert_refused(&verifier, &token).await;
    assert_eq!(events.take(), [""; 0]);
}

/// The body is good or bad, and nobody looks before the check has passed.
#[actix_web::test]
async fn an_asynchronous_check_comes_before_the_body() {
    let events = Events::default();
    let verifier = || {
        let events = events.clone();
        let check = move |token: VerifiedToken| {
            let events = events.clone();
            async move {
                events.push("check begins");
                for _ in 0..3 {
                    yield_now().await;
                }
                events.push("check ends");
                verdict(&token)
            }
        };
        builder().check_async(check).build().unwrap()
    };
    for (body, subject, status) in [("{}", "ada", 200), ("{nope", "ada", 400)] {
        let (answer, runs) =
            send(verifier(), events.clone(), "/attribute", &token_of(subject), body).await;
        assert_eq!((answer.status.as_u16(), runs), (status, usize::from(status == 200)), "{body}");
        assert_eq!(events.take(), ["check begins", "check ends", "extracted"], "{body}");
    }
    for (subject, status) in [("ivan", 401), ("frank", 403), ("uma", 503)] {
        let (answer, runs) =
            send(verifier(), events.clone(), "/attribute", &token_of(subject), "{nope").await;
        assert_eq!((answer.status.as_u16(), runs), (status, 0), "{subject}");
        assert_eq!(events.take(), ["check begins", "check ends"], "{subject}");
    }
}

#[actix_web::test]
async fn a_token_that_came_by_another_way() {
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
