//! An application with a guarded handler that counts how often it runs, and what it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::http::{StatusCode, header};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::guard::PasetoRequestExt;
use paseto_actix::issuer::IssuerBuilder;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{Issuer, Verifier};

use crate::clock::TestClock;
use crate::{ISSUER, keys};

/// The body that every `401`, and no other answer, has.
pub const BODY_401: &str = r#"{"type":"about:blank","title":"Unauthorized","status":401}"#;

/// An issuer of the documentation's key on this clock.
pub fn issuer_builder(clock: &TestClock) -> IssuerBuilder {
    Issuer::builder(ISSUER).key(keys::secret()).clock(clock.clone())
}

/// A verifier that trusts it, on this clock.
pub fn verifier_builder(clock: &TestClock) -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, keys::public()).clock(clock.clone())
}

/// How often the guarded handler has run.
#[derive(Clone, Debug, Default)]
pub struct Runs(Arc<AtomicUsize>);

impl Runs {
    /// The number of times.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Counts one more, for handlers of a test's own.
    pub fn count_one(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg_attr(feature = "macros", paseto_actix::paseto_required)]
async fn guarded(runs: web::Data<Runs>, req: HttpRequest) -> HttpResponse {
    runs.count_one();
    let token = req.current_paseto().expect("a guarded handler has a token");
    HttpResponse::Ok().body(token.subject().unwrap_or("nobody").to_owned())
}

/// What a client sees of a response.
#[derive(Clone, Debug)]
pub struct TestResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl TestResponse {
    /// Reads a response to its end.
    pub async fn read(response: ServiceResponse) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes =
            to_bytes(response.into_body()).await.unwrap_or_else(|error| panic!("a body: {error}"));
        Self { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// The challenge, empty if there is none.
    pub fn challenge(&self) -> &str {
        self.headers
            .get(header::WWW_AUTHENTICATE)
            .map_or("", |value| value.to_str().expect("a text"))
    }

    /// Asserts that this is the answer **A** of the behaviours: `401`, `invalid_token`, the constant body.
    #[track_caller]
    pub fn assert_invalid_token(&self) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            self.challenge(),
            r#"Bearer realm="api", error="invalid_token", error_description="the token is not acceptable""#
        );
        assert_eq!(self.body, BODY_401);
    }

    /// Asserts that this is the answer **N** of the behaviours: `401` with a challenge that names no error.
    #[track_caller]
    pub fn assert_no_token(&self) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED);
        assert_eq!(self.challenge(), r#"Bearer realm="api""#);
        assert_eq!(self.body, BODY_401);
    }

    /// Asserts that this is the answer **Q** of the behaviours: `400`, `invalid_request`.
    #[track_caller]
    pub fn assert_invalid_request(&self) {
        assert_eq!(self.status, StatusCode::BAD_REQUEST);
        assert!(
            self.challenge().starts_with(r#"Bearer realm="api", error="invalid_request""#),
            "{}",
            self.challenge()
        );
        assert_eq!(self.body, r#"{"type":"about:blank","title":"Bad Request","status":400}"#);
    }
}

/// Sends one request, on any method, to a guarded handler behind this verifier. The second value is how often the handler
/// has run.
pub async fn send(verifier: &Verifier, request: TestRequest) -> (TestResponse, usize) {
    let runs = Runs::default();
    let route = web::to(guarded);
    // Without the attribute, the middleware is the guard.
    #[cfg(not(feature = "macros"))]
    let route = route.wrap(paseto_actix::PasetoRequired::new());
    let app = init_service(
        App::new()
            .app_data(verifier.clone())
            .app_data(web::Data::new(runs.clone()))
            .default_service(route),
    )
    .await;
    let response =
        app.call(request.to_request()).await.expect("middlewares answer, they do not fail");
    (TestResponse::read(response).await, runs.count())
}

/// Sends one request to an application of a test's own.
pub async fn call<S, R, B>(app: &S, request: R) -> TestResponse
where
    S: Service<R, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    let response = app.call(request).await.expect("middlewares answer, they do not fail");
    TestResponse::read(response.map_into_boxed_body()).await
}

/// Sends a token as a bearer token.
pub async fn send_bearer(verifier: &Verifier, token: &str) -> (TestResponse, usize) {
    send(
        verifier,
        TestRequest::get().insert_header((header::AUTHORIZATION, format!("Bearer {token}"))),
    )
    .await
}

/// Asserts that a bearer token is refused with the answer **A**, and that the handler did not run.
#[track_caller]
pub fn assert_refused(verifier: &Verifier, token: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let (answer, runs) = send_bearer(verifier, token).await;
        assert_eq!(
            (answer.status.as_u16(), runs),
            (401, 0),
            "a token that should be refused, at {caller}"
        );
        answer.assert_invalid_token();
    }
}

/// Asserts that a bearer token is accepted, and that the handler ran once.
#[track_caller]
pub fn assert_accepted(verifier: &Verifier, token: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let (answer, runs) = send_bearer(verifier, token).await;
        assert_eq!(
            (answer.status.as_u16(), runs),
            (200, 1),
            "a token that should be accepted, at {caller}"
        );
    }
}
