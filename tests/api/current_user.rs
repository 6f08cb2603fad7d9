//! The current user of a request with a token.

use std::sync::Arc;
use std::task::{Context, Waker};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER};
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, web};
use futures_util::future::FutureExt;
use paseto_actix::error::Rejection;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{
    CurrentUser, MaybeCurrentUser, PasetoRequired, UserLoader, VerifiedToken, Verifier,
};
use paseto_actix_tests::app::{BODY_500, Runs, TestResponse, call, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;

pub(crate) struct User {
    pub(crate) name: String,
}

/// Loads the users `ada` and `bob`, fails for `down`, panics for `panic`, and knows no others.
pub(crate) async fn find(calls: &Runs, id: &str) -> Result<Option<User>, String> {
    calls.count_one();
    // Let the other extractors of the request run.
    yield_now().await;
    yield_now().await;
    match id {
        "ada" | "bob" => Ok(Some(User { name: id.to_owned() })),
        "down" => Err("the database is away".to_owned()),
        "panic" => panic!("a mistake in the loader"),
        _ => Ok(None),
    }
}

/// Returns a loader of tokens.
fn users(calls: &Runs) -> UserLoader<User> {
    let calls = calls.clone();
    UserLoader::from_token(async move |token: VerifiedToken| {
        find(&calls, token.subject().unwrap_or_default()).await
    })
}

fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new())
}

/// A verifier whose checks wait.
fn waiting() -> Verifier {
    let check = async |_| {
        yield_now().await;
        Ok::<(), Rejection>(())
    };
    builder().check_async(check).build().unwrap()
}

async fn me(user: CurrentUser<User>) -> String {
    user.name.clone()
}

async fn maybe(MaybeCurrentUser(user): MaybeCurrentUser<User>) -> String {
    user.map_or_else(|| "anonymous".to_owned(), |user| user.name.clone())
}

async fn several(
    first: CurrentUser<User>,
    MaybeCurrentUser(second): MaybeCurrentUser<User>,
    token: VerifiedToken,
    third: CurrentUser<User>,
) -> String {
    let (first, second, third) =
        (first.into_inner(), second.unwrap().into_inner(), third.into_inner());
    assert!(Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&first, &third));
    assert_eq!(token.subject(), Some(&*first.name));
    first.name.clone()
}

/// A middleware that requires a user. It rejects with a response, so that outer middlewares process
/// the response.
async fn require_user(
    user: Result<CurrentUser<User>, Error>,
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    match user {
        Ok(_) => Ok(next.call(req).await?.map_into_boxed_body()),
        Err(error) => Ok(req.error_response(error)),
    }
}

fn with(path: &str, token: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header((AUTHORIZATION, format!("Bearer {token}")))
}

/// Sends a request. Returns the response and the number of calls of the loader.
async fn send(verifier: Verifier, request: TestRequest) -> (TestResponse, usize) {
    let calls = Runs::default();
    let app = App::new()
        .app_data(verifier)
        .app_data(users(&calls))
        .route("/me", web::get().to(me))
        .route("/maybe", web::get().to(maybe))
        .route("/several", web::get().to(several))
        .service(
            web::scope("/scope")
                .wrap(from_fn(require_user))
                .wrap(PasetoRequired::new())
                .route("/several", web::get().to(several)),
        );
    (call(&init_service(app).await, request.to_request()).await, calls.count())
}

#[actix_web::test]
async fn loader_runs_once_for_all_extractors_and_middlewares_of_a_request() {
    for path in ["/me", "/maybe", "/several", "/scope/several"] {
        for verifier in [builder().build().unwrap(), waiting()] {
            let (response, calls) = send(verifier, with(path, &token_of("ada"))).await;
            assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, "ada"));
            assert_eq!(calls, 1, "{path}");
        }
    }
}

#[actix_web::test]
async fn each_request_loads_the_user_again() {
    let calls = Runs::default();
    let app = App::new()
        .app_data(builder().build().unwrap())
        .app_data(web::Data::new(users(&calls)))
        .route("/me", web::get().to(me));
    let app = init_service(app).await;
    for user in ["ada", "bob", "ada"] {
        let response = call(&app, with("/me", &token_of(user)).to_request()).await;
        assert_eq!(response.body, user);
    }
    assert_eq!(calls.count(), 3);
}

#[actix_web::test]
async fn unknown_user_gets_the_response_of_an_invalid_token() {
    for path in ["/me", "/maybe", "/several", "/scope/several"] {
        let (handled, logs) = (Runs::default(), Logs::capture());
        let handler = handled.clone();
        let verifier = builder().error_handler(move |_, error| {
            handler.count_one();
            actix_web::ResponseError::error_response(error)
        });
        let (response, calls) =
            send(verifier.build().unwrap(), with(path, &token_of("mallory"))).await;
        response.assert_invalid_token();
        assert_eq!((calls, handled.count()), (1, 1), "{path}");
        assert_eq!(logs.count("the user loader returned no user"), 1, "{logs:?}");
    }
}

#[actix_web::test]
async fn loader_does_not_run_for_rejected_tokens() {
    for path in ["/me", "/several", "/scope/several"] {
        let (response, calls) = send(builder().build().unwrap(), TestRequest::with_uri(path)).await;
        response.assert_no_token();
        assert_eq!(calls, 0, "{path}");
    }
    for path in ["/me", "/maybe", "/several", "/scope/several"] {
        let mut forged = token_of("ada");
        forged.insert(40, 'A');
        let (response, calls) = send(waiting(), with(path, &forged)).await;
        response.assert_invalid_token();
        assert_eq!(calls, 0, "{path}");
    }
}

#[actix_web::test]
async fn request_without_a_token_has_no_optional_user() {
    for verifier in [builder().build().unwrap(), waiting()] {
        let (response, calls) = send(verifier, TestRequest::with_uri("/maybe")).await;
        assert_eq!((response.body.as_str(), calls), ("anonymous", 0));
    }
}

#[actix_web::test]
async fn error_of_the_loader_is_a_503_with_a_constant_body() {
    for path in ["/me", "/maybe", "/several", "/scope/several"] {
        let logs = Logs::capture();
        let (response, calls) =
            send(builder().build().unwrap(), with(path, &token_of("down"))).await;
        assert_eq!((response.status, calls), (StatusCode::SERVICE_UNAVAILABLE, 1), "{path}");
        assert!(response.headers.contains_key(RETRY_AFTER));
        assert!(!response.body.contains("database"), "{}", response.body);
        assert_eq!(logs.count("the user loader failed: the database is away"), 1, "{logs:?}");
    }
}

/// Returns a request with the token of this user, outside of an application.
fn request(calls: &Runs, user: &str) -> HttpRequest {
    with("/", &token_of(user))
        .app_data(builder().build().unwrap())
        .app_data(users(calls))
        .to_http_request()
}

#[actix_web::test]
async fn panic_of_the_loader_is_a_500_for_all_extractors() {
    let (calls, logs) = (Runs::default(), Logs::capture());
    let req = request(&calls, "panic");
    for _ in 0..2 {
        let error = CurrentUser::<User>::extract(&req).await.unwrap_err();
        assert_eq!(error.error_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
        let error = MaybeCurrentUser::<User>::extract(&req).await.unwrap_err();
        assert_eq!(error.error_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(calls.count(), 1);
    assert_eq!(logs.count("the user loader panicked"), 4, "{logs:?}");
    let req = request(&calls, "ada");
    assert_eq!(CurrentUser::<User>::extract(&req).await.unwrap().name, "ada");
}

#[actix_web::test]
async fn cancelled_extractor_does_not_stop_the_loader_for_others() {
    let calls = Runs::default();
    let req = request(&calls, "ada");
    let mut cancelled = CurrentUser::<User>::extract(&req);
    assert!(cancelled.poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(calls.count(), 1, "the loader has started");
    drop(cancelled);
    assert_eq!(CurrentUser::<User>::extract(&req).await.unwrap().name, "ada");
    assert_eq!(calls.count(), 1);
}

#[actix_web::test]
async fn missing_app_data_is_a_500_and_the_log_names_it() {
    let calls = Runs::default();
    let without_loader = App::new().app_data(builder().build().unwrap());
    let without_verifier = App::new().app_data(users(&calls));
    for (app, missing) in [
        (without_loader, "current_user::User> in app data"),
        (without_verifier, "no verifier in app data"),
    ] {
        let app = app.route("/me", web::get().to(me)).route("/maybe", web::get().to(maybe));
        let app = init_service(app).await;
        for path in ["/me", "/maybe"] {
            let logs = Logs::capture();
            let response = call(&app, with(path, &token_of("ada")).to_request()).await;
            assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(response.body, BODY_500);
            assert_eq!(logs.count(missing), 1, "{path}: {logs:?}");
        }
    }
    assert_eq!(calls.count(), 0);
}

/// An outer middleware has loaded the user with the verifier and the loader of the application.
#[actix_web::test]
async fn scope_with_its_own_verifier_or_loader_loads_the_user_again() {
    let (outer, inner) = (Runs::default(), Runs::default());
    let strict = builder().check(|_| Err(Rejection::invalid("strict"))).build().unwrap();
    let app = App::new()
        .app_data(builder().build().unwrap())
        .app_data(users(&outer))
        .service(web::scope("/strict").app_data(strict).route("/me", web::get().to(me)))
        .service(web::scope("/other").app_data(users(&inner)).route("/me", web::get().to(me)))
        .wrap(from_fn(require_user));
    let app = init_service(app).await;
    let send = |path| call(&app, with(path, &token_of("ada")).to_request());
    send("/strict/me").await.assert_invalid_token();
    assert_eq!((outer.count(), inner.count()), (1, 0));
    assert_eq!(send("/other/me").await.body, "ada");
    assert_eq!((outer.count(), inner.count()), (2, 1));
}

#[actix_web::test]
async fn loader_without_errors_returns_an_option() {
    let loader = UserLoader::from_token(|token: VerifiedToken| async move {
        token.subject().map(|name| User { name: name.to_owned() })
    });
    let app = App::new()
        .app_data(builder().build().unwrap())
        .app_data(loader)
        .route("/me", web::get().to(me))
        .default_service(web::to(HttpResponse::NotFound));
    let response = call(&init_service(app).await, with("/me", &token_of("ada")).to_request()).await;
    assert_eq!(response.body, "ada");
}
