//! `PasetoRequired` outside of a scope that registers its own verifier.

use actix_web::cookie::Cookie;
use actix_web::error::ErrorImATeapot;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, SET_COOKIE, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, Scope, web};
use paseto_actix::error::Rejection;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{
    MaybePaseto, PasetoRequired, TokenSource, VerifiedToken, Verifier, paseto_required,
};
use paseto_actix_tests::app::{
    BODY_500, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

const FIX: &str = "wrap PasetoRequired inside the scope that registers the Verifier";

/// A handler that does not use a verifier.
async fn unmarked(runs: web::Data<Runs>) -> HttpResponse {
    runs.count_one();
    HttpResponse::Ok()
        .insert_header((ETAG, "\"secret\""))
        .cookie(Cookie::new("secret", "secret"))
        .body("secret")
}

#[paseto_required]
async fn marked(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn extracting(_: VerifiedToken, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn maybe(_: MaybePaseto<Value>, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

fn outer() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// Accepts only tokens of Bob, and rejects other tokens with a redirect.
fn stricter() -> Verifier {
    let only_bob = |token: &VerifiedToken| match token.subject() {
        Some("bob") => Ok(()),
        _ => Err(Rejection::invalid("not bob")),
    };
    verifier_builder(&TestClock::new())
        .check(only_bob)
        .error_handler(|_, _| HttpResponse::SeeOther().finish())
        .build()
        .unwrap()
}

fn token(subject: &str) -> String {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    issuer.token(&json!({})).subject(subject).issue().unwrap()
}

fn get(path: &str, subject: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .insert_header(("authorization", format!("Bearer {}", token(subject))))
}

/// Sends a request to an application with this verifier, wrapped in `PasetoRequired`.
async fn send_to(
    verifier: Verifier,
    configure: fn(&mut ServiceConfig),
    request: TestRequest,
) -> (TestResponse, usize) {
    let runs = Runs::default();
    let app = App::new()
        .app_data(verifier)
        .app_data(web::Data::new(runs.clone()))
        .configure(configure)
        .wrap(PasetoRequired::new());
    (call(&init_service(app).await, request.to_request()).await, runs.count())
}

async fn send(configure: fn(&mut ServiceConfig), request: TestRequest) -> (TestResponse, usize) {
    send_to(outer(), configure, request).await
}

fn strict_scope() -> Scope {
    web::scope("/strict").app_data(stricter())
}

#[track_caller]
fn assert_withheld(response: &TestResponse, case: &str) {
    assert_eq!(
        (response.status, response.body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, BODY_500),
        "{case}"
    );
    assert_eq!(response.headers.get(CONTENT_TYPE).unwrap(), "application/problem+json", "{case}");
    for header in [SET_COOKIE, ETAG] {
        assert!(!response.headers.contains_key(&header), "{case}: {:?}", response.headers);
    }
}

#[actix_web::test]
async fn response_is_withheld_if_the_nearest_verifier_did_not_verify() {
    fn services(app: &mut ServiceConfig) {
        app.service(
            strict_scope()
                .service(web::scope("/nested").route("/handler", web::get().to(unmarked)))
                .route("/handler", web::get().to(unmarked))
                .default_service(web::to(unmarked)),
        )
        .service(web::resource("/resource").app_data(stricter()).to(unmarked))
        .service(
            web::scope("/data")
                .app_data(web::Data::new(stricter()))
                .route("/handler", web::get().to(unmarked)),
        )
        .service(
            web::scope("/two")
                .app_data(outer())
                .service(web::resource("/resource").app_data(stricter()).to(unmarked))
                .wrap(PasetoRequired::new()),
        );
    }
    for path in [
        "/strict/handler",
        "/strict/nested/handler",
        "/strict/default",
        "/resource",
        "/data/handler",
        "/two/resource",
    ] {
        for subject in ["ada", "bob"] {
            let (case, logs) = (format!("{path} for {subject}"), Logs::capture());
            let (response, _) = send(services, get(path, subject)).await;
            assert_withheld(&response, &case);
            let errors: Vec<_> =
                logs.lines().into_iter().filter(|line| line.starts_with("ERROR")).collect();
            assert!(errors.iter().any(|line| line.contains(FIX)), "{case}: {errors:?}");
        }
        let (response, runs) = send(services, TestRequest::with_uri(path)).await;
        response.assert_no_token();
        assert_eq!(runs, 0, "{path}");
    }
}

#[actix_web::test]
async fn response_is_withheld_after_an_asynchronous_check_too() {
    let waiting = verifier_builder(&TestClock::new())
        .check_async(async |_| {
            yield_now().await;
            Ok(())
        })
        .build()
        .unwrap();
    let services = |app: &mut ServiceConfig| {
        _ = app.service(strict_scope().route("/handler", web::to(unmarked)))
    };
    let (response, _) = send_to(waiting, services, get("/strict/handler", "bob")).await;
    assert_withheld(&response, "an asynchronous check");
}

#[actix_web::test]
async fn handlers_that_use_the_nearest_verifier_run() {
    fn services(app: &mut ServiceConfig) {
        let inside = web::scope("/middleware").app_data(stricter()).wrap(PasetoRequired::new());
        app.service(
            strict_scope()
                .route("/marked", web::to(marked))
                .route("/extracting", web::to(extracting))
                .route("/maybe", web::to(maybe)),
        )
        .service(inside.route("/inside", web::to(unmarked)))
        .service(web::resource("/resource").app_data(stricter()).to(marked));
    }
    for path in
        ["/strict/marked", "/strict/extracting", "/strict/maybe", "/middleware/inside", "/resource"]
    {
        let logs = Logs::capture();
        let (response, runs) = send(services, get(path, "bob")).await;
        assert_eq!((response.status, runs), (StatusCode::OK, 1), "{path}: {response:?}");
        let (response, runs) = send(services, get(path, "ada")).await;
        assert_eq!(
            (response.status, runs),
            (StatusCode::SEE_OTHER, 0),
            "{path}: the inner Verifier rejects"
        );
        assert_eq!(logs.count("ERROR"), 0, "{path}: {logs:?}");
    }
}

#[actix_web::test]
async fn clone_of_the_outer_verifier_may_be_registered_inside() {
    let verifier = outer();
    let scope = web::scope("/same").app_data(verifier.clone()).route("/handler", web::to(unmarked));
    let runs = web::Data::new(Runs::default());
    let app = App::new()
        .app_data(verifier)
        .app_data(runs.clone())
        .service(scope)
        .wrap(PasetoRequired::new());
    let response = call(&init_service(app).await, get("/same/handler", "ada").to_request()).await;
    assert_eq!((response.status, runs.count()), (StatusCode::OK, 1));
}

/// Without a handler, no verifier is needed. A handler that returns the same status without a body
/// is indistinguishable, so its response passes without headers.
#[actix_web::test]
async fn path_or_method_without_a_handler_keeps_its_status() {
    fn services(app: &mut ServiceConfig) {
        let empty =
            async || HttpResponse::NotFound().cookie(Cookie::new("secret", "secret")).finish();
        let text = async || HttpResponse::NotFound().body("secret");
        app.service(
            strict_scope()
                .route("/route", web::get().to(marked))
                .service(web::resource("/resource").route(web::get().to(marked)))
                .route("/empty", web::to(empty))
                .route("/text", web::to(text)),
        )
        .service(web::scope("/texts").app_data(stricter()).default_service(web::to(text)));
    }
    let logs = Logs::capture();
    for (path, method, status) in [
        ("/elsewhere", Method::GET, StatusCode::NOT_FOUND),
        ("/strict/elsewhere", Method::GET, StatusCode::NOT_FOUND),
        ("/strict/route", Method::DELETE, StatusCode::NOT_FOUND),
        ("/strict/resource", Method::DELETE, StatusCode::METHOD_NOT_ALLOWED),
        ("/strict/empty", Method::GET, StatusCode::NOT_FOUND),
    ] {
        let (response, _) = send(services, get(path, "ada").method(method)).await;
        assert_eq!((response.status, response.body.as_str()), (status, ""), "{path}");
        assert!(!response.headers.contains_key(SET_COOKIE), "{path}: {:?}", response.headers);
    }
    assert_eq!(logs.count("ERROR"), 0, "{logs:?}");
    for path in ["/strict/text", "/texts/elsewhere"] {
        assert_withheld(&send(services, get(path, "bob")).await.0, path);
    }
}

#[actix_web::test]
async fn error_of_an_inner_middleware_is_unchanged() {
    fn services(app: &mut ServiceConfig) {
        let failing =
            from_fn(async |_, _| Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("tea")));
        app.service(strict_scope().route("/handler", web::to(unmarked)).wrap(failing));
    }
    let runs = web::Data::new(Runs::default());
    let app = App::new()
        .app_data(outer())
        .app_data(runs.clone())
        .configure(services)
        .wrap(PasetoRequired::new());
    let error = actix_web::test::try_call_service(
        &init_service(app).await,
        get("/strict/handler", "bob").to_request(),
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.as_response_error().status_code(), runs.count()),
        (StatusCode::IM_A_TEAPOT, 0)
    );
}

#[actix_web::test]
async fn withheld_response_has_caching_headers() {
    fn from_cookie(builder: VerifierBuilder) -> Verifier {
        builder.token_from([TokenSource::cookie("paseto")]).build().unwrap()
    }
    fn services(app: &mut ServiceConfig) {
        app.service(strict_scope().route("/handler", web::to(unmarked)));
    }
    let verifier = from_cookie(verifier_builder(&TestClock::new()));
    let request =
        TestRequest::with_uri("/strict/handler").cookie(Cookie::new("paseto", token("bob")));
    let (response, _) = send_to(verifier, services, request).await;
    assert_withheld(&response, "a token in a cookie");
    assert_eq!(response.headers.get(VARY).unwrap(), "Cookie");
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
}
