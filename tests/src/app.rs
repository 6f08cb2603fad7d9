//! An application with a guarded handler that counts its calls, and its responses.

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
use paseto_actix::testing::Page;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{Issuer, Verifier};
use serde_json::json;

use crate::clock::TestClock;
use crate::{ISSUER, keys};

/// The body of each `401` response of the library.
pub const BODY_401: &str = r#"{"type":"about:blank","title":"Unauthorized","status":401}"#;

/// The body of each `403` response of the library.
pub const BODY_403: &str = r#"{"type":"about:blank","title":"Forbidden","status":403}"#;

/// The body of each `500` response of the library.
pub const BODY_500: &str = r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#;

/// Returns a builder of an issuer with the documentation's key and this clock.
pub fn issuer_builder(clock: &TestClock) -> IssuerBuilder {
    Issuer::builder(ISSUER).key(keys::secret()).clock(clock.clone())
}

/// Returns a builder of a verifier that trusts this issuer, with this clock.
pub fn verifier_builder(clock: &TestClock) -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, keys::public()).clock(clock.clone())
}

/// Returns a token with this subject, issued at [`START`](crate::clock::START).
pub fn token_of(subject: &str) -> String {
    let issuer = issuer_builder(&TestClock::new()).build().expect("an issuer");
    issuer.token(&json!({})).subject(subject).issue().expect("a token")
}

/// Counts the calls of a handler.
#[derive(Clone, Debug, Default)]
pub struct Runs(Arc<AtomicUsize>);

impl Runs {
    /// Returns the number of calls.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Counts a call. For handlers that a test defines.
    pub fn count_one(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg_attr(feature = "macros", paseto_actix::paseto_required)]
async fn guarded(runs: web::Data<Runs>, req: HttpRequest) -> HttpResponse {
    runs.count_one();
    let token = req.current_paseto().expect("a guarded handler has a token");
    HttpResponse::Ok().body(token.subject().unwrap_or("no subject").to_owned())
}

/// A response as a client sees it.
#[derive(Clone, Debug)]
pub struct TestResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl From<Page> for TestResponse {
    fn from(page: Page) -> Self {
        let Page { status, headers, body, .. } = page;
        Self { status, headers, body }
    }
}

impl TestResponse {
    /// Reads a response with its body.
    pub async fn read(response: ServiceResponse) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes =
            to_bytes(response.into_body()).await.unwrap_or_else(|error| panic!("a body: {error}"));
        Self { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Returns the challenge, or an empty string if the response has none.
    pub fn challenge(&self) -> &str {
        self.headers
            .get(header::WWW_AUTHENTICATE)
            .map_or("", |value| value.to_str().expect("a string"))
    }

    /// Asserts that this is the response to an invalid token: `401`, `invalid_token` (RFC 6750,
    /// section 3.1) and the constant body.
    #[track_caller]
    pub fn assert_invalid_token(&self) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            self.challenge(),
            r#"Bearer realm="api", error="invalid_token", error_description="the token is not acceptable""#
        );
        assert_eq!(self.body, BODY_401);
    }

    /// Asserts that this is the response to a request without credentials: `401` with a challenge
    /// that contains no error code (RFC 6750, section 3.1).
    #[track_caller]
    pub fn assert_no_token(&self) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED);
        assert_eq!(self.challenge(), r#"Bearer realm="api""#);
        assert_eq!(self.body, BODY_401);
    }

    /// Asserts that this is the response to a malformed request: `400` and `invalid_request` (RFC
    /// 6750, section 3.1).
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

/// Sends a request to a guarded handler behind this verifier. The handler accepts each method.
/// Returns the response and the number of handler calls.
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
    let response = app.call(request.to_request()).await.expect("middlewares return a response");
    (TestResponse::read(response).await, runs.count())
}

/// Sends a request to an application that a test defines.
pub async fn call<S, R, B>(app: &S, request: R) -> TestResponse
where
    S: Service<R, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    let response = app.call(request).await.expect("middlewares return a response");
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

/// Asserts that a bearer token is rejected as invalid and that the handler does not run.
#[track_caller]
pub fn assert_rejected(verifier: &Verifier, token: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let (response, runs) = send_bearer(verifier, token).await;
        assert_eq!(
            (response.status.as_u16(), runs),
            (401, 0),
            "the token must be rejected, at {caller}"
        );
        response.assert_invalid_token();
    }
}

/// Asserts that a bearer token is accepted and that the handler runs once.
#[track_caller]
pub fn assert_accepted(verifier: &Verifier, token: &str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let (response, runs) = send_bearer(verifier, token).await;
        assert_eq!(
            (response.status.as_u16(), runs),
            (200, 1),
            "the token must be accepted, at {caller}"
        );
    }
}
