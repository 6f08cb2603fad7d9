//! The attribute and the middleware reject a request with a response, not with an error of
//! actix-web.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::to_bytes;
use actix_web::dev::{Payload, Service};
use actix_web::error::ErrorImATeapot;
use actix_web::http::StatusCode;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::web;
use actix_web::web::ServiceConfig;
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use futures_util::future::{Ready, ready};
use paseto_actix::error::Rejection;
use paseto_actix::{Paseto, PasetoRequired, VerifiedToken, Verifier, paseto_required};
use paseto_actix_tests::app::{Runs, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

/// An extractor that counts its calls.
struct CountingExtractor;

impl FromRequest for CountingExtractor {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        req.app_data::<web::Data<Runs>>().unwrap().count_one();
        ready(Ok(Self))
    }
}

#[paseto_required(check = rejected_by_header)]
async fn attribute(_: CountingExtractor, body: web::Json<Value>) -> impl Responder {
    body
}

#[paseto_required]
async fn failing(_: CountingExtractor) -> Result<HttpResponse, actix_web::Error> {
    Err(ErrorImATeapot("of the handler"))
}

async fn unguarded(_: CountingExtractor, body: web::Json<Value>) -> impl Responder {
    body
}

async fn extractor(_: VerifiedToken, _: Paseto<Value>, _: CountingExtractor) -> &'static str {
    "served"
}

fn rejected_by_header(req: &HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
    if req.headers().contains_key("x-reject") {
        Err(Rejection::forbidden("requested by the header"))
    } else {
        Ok(())
    }
}

fn services(app: &mut ServiceConfig) {
    let required = PasetoRequired::new().check(rejected_by_header);
    app.route("/attribute", web::to(attribute))
        .route("/failing", web::to(failing))
        .service(web::scope("/middleware").wrap(required).default_service(web::to(unguarded)))
        .route("/extractor", web::to(extractor));
}

struct Outcome {
    status: StatusCode,
    /// The error of the response. Loggers such as `tracing-actix-web` log it.
    error: Option<String>,
    body: String,
    /// The number of extractor calls.
    runs: usize,
    /// The number of error handler calls.
    handled: usize,
    rejections: usize,
}

/// Whether the verifier has an asynchronous check.
const IS_ASYNC: [bool; 2] = [false, true];

async fn send(request: TestRequest, is_async: bool) -> Outcome {
    let (runs, handled) = (Runs::default(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&handled);
    let mut verifier = verifier_builder(&TestClock::new()).error_handler(move |_, error| {
        counter.fetch_add(1, Ordering::SeqCst);
        error.error_response()
    });
    if is_async {
        verifier = verifier.check_async(async |_| {
            yield_now().await;
            Ok(())
        });
    }
    let verifier: Verifier = verifier.build().unwrap();
    let app = init_service(
        App::new().app_data(verifier).app_data(web::Data::new(runs.clone())).configure(services),
    );
    let (app, logs) = (app.await, Logs::capture());
    let response = app.call(request.to_request()).await.unwrap();
    let (status, error) = (response.status(), response.response().error().map(ToString::to_string));
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    Outcome {
        status,
        error,
        body: String::from_utf8_lossy(&body).into_owned(),
        runs: runs.count(),
        handled: handled.load(Ordering::SeqCst),
        rejections: logs.count(" reason="),
    }
}

fn post(path: &str) -> TestRequest {
    let token = issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({})).unwrap();
    let header = ("authorization", format!("Bearer {token}"));
    TestRequest::post().uri(path).insert_header(header).set_json(json!({ "a": 1 }))
}

/// Returns requests that each guard rejects, with the status of the response.
fn rejected(path: &str) -> [(StatusCode, TestRequest); 3] {
    [
        (StatusCode::UNAUTHORIZED, TestRequest::post().uri(path).set_payload("no JSON")),
        (
            StatusCode::UNAUTHORIZED,
            post(path).insert_header(("authorization", "Bearer v4.public.x")),
        ),
        (StatusCode::FORBIDDEN, post(path).insert_header(("x-reject", ""))),
    ]
}

#[actix_web::test]
async fn rejection_is_a_response_without_an_error() {
    for path in ["/attribute", "/middleware"] {
        for is_async in IS_ASYNC {
            for (status, request) in rejected(path) {
                let outcome = send(request, is_async).await;
                assert_eq!((outcome.status, outcome.error), (status, None), "{path}");
                assert!(
                    outcome.body.contains(r#""type":"about:blank""#),
                    "{path}: {}",
                    outcome.body
                );
                assert_eq!(
                    (outcome.runs, outcome.handled, outcome.rejections),
                    (0, 1, 1),
                    "{path}: {status}"
                );
            }
            let outcome = send(post(path), is_async).await;
            assert_eq!(
                (outcome.status, outcome.error, &*outcome.body),
                (StatusCode::OK, None, r#"{"a":1}"#)
            );
            assert_eq!((outcome.runs, outcome.handled, outcome.rejections), (1, 0, 0), "{path}");
        }
    }
}

/// An extractor can reject a request only with an error. The documentation of the extractors
/// explains the difference.
#[actix_web::test]
async fn rejection_by_an_extractor_alone_is_an_error() {
    for is_async in IS_ASYNC {
        let request = TestRequest::post().uri("/extractor");
        let outcome = send(request, is_async).await;
        assert_eq!(
            (outcome.status, outcome.handled, outcome.rejections),
            (StatusCode::UNAUTHORIZED, 1, 1)
        );
        assert!(outcome.error.is_some());
    }
}

/// Errors of the application stay errors of actix-web.
#[actix_web::test]
async fn errors_of_arguments_and_handlers_stay_errors() {
    for is_async in IS_ASYNC {
        for path in ["/attribute", "/middleware"] {
            let outcome = send(post(path).set_payload("no JSON"), is_async).await;
            assert_eq!(
                (outcome.status, outcome.runs, outcome.handled),
                (StatusCode::BAD_REQUEST, 1, 0),
                "{path}"
            );
            assert!(outcome.error.is_some_and(|error| error.contains("Json")), "{path}");
        }
        let outcome = send(post("/failing"), is_async).await;
        assert_eq!((outcome.status, &*outcome.body), (StatusCode::IM_A_TEAPOT, "of the handler"));
        assert_eq!((outcome.error.as_deref(), outcome.handled), (Some("of the handler"), 0));
    }
}
