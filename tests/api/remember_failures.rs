//! Remembered logins while a store, the credential loader or an inner service fails.

use std::future::ready;

use actix_web::body::to_bytes;
use actix_web::error::{ErrorBadGateway, ErrorImATeapot};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, ResponseError};
use paseto_actix::PasetoSession;
use paseto_actix::remember::{LoginError, RememberMeBuilder};
use paseto_actix::testing::{Browser, FailingStore};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada, send_cookies, site_with_token_family, use_up, with_cookie,
};
use paseto_actix_tests::revocation::failing_revocations;
use paseto_actix_tests::session::{Site, set_cookies};
use time::Duration;

/// Returns a store that fails, as a store on a server that is down.
fn down() -> FailingStore<MemoryTokenFamilyStore> {
    let store = FailingStore::new(MemoryTokenFamilyStore::new(10));
    store.set_failing(true);
    store
}

#[actix_web::test]
async fn unavailable_store_restores_no_login_and_removes_no_cookie() {
    let application = Application::new();
    let (up, _) = site_with_token_family(&application).await;
    let down = application.site_with(|remember| remember.token_family_store(down())).await;
    let mut browser = ada(&up).await;
    let mut fresh = browser.clone();
    browser.remove_cookie(SESSION);
    let value = browser.cookie(REMEMBER).unwrap().to_owned();
    let response = browser.get(&down, "/me").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers.contains_key(RETRY_AFTER));
    assert_eq!(browser.cookie(REMEMBER), Some(value.as_str()), "the cookie stays");
    assert_eq!(
        browser.get(&up, "/me").await.body,
        "ada",
        "the cookie is valid when the store is back"
    );

    // The logout cannot revoke copies of the cookie, so it returns an error. It still logs this
    // browser out.
    assert_eq!(fresh.get(&down, "/logout").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((fresh.cookie(SESSION), fresh.cookie(REMEMBER)), (None, None));
    assert_eq!(
        Browser::new().get(&down, "/login?user=ada&remember=yes").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[actix_web::test]
async fn failed_login_keeps_the_previous_login() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(1).clock(application.clock.clone());
    let site = application.site_with(|remember| remember.token_family_store(store.clone())).await;
    let mut browser = ada(&site).await;
    let value = browser.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(
        browser.get(&site, "/login?user=ada&remember=yes").await.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "the store is full"
    );
    assert_eq!(use_up(&site, &value).await.0, "Remembered");
}

/// If an inner middleware returns an error, a login is discarded, but a logout stays effective.
#[actix_web::test]
async fn error_of_an_inner_middleware_discards_a_login_but_not_a_logout() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(application.clock.clone());
    let site = application.site_with(|remember| remember.token_family_store(store.clone())).await;
    let failing = App::new()
        .wrap_fn(|req, service| {
            let response = actix_web::dev::Service::call(service, req);
            async {
                response
                    .await
                    .and_then(|_| Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("no")))
            }
        })
        .wrap(application.remember().token_family_store(store.clone()).build().unwrap())
        .wrap(
            paseto_actix::PasetoSession::builder(application.session_key.clone())
                .clock(application.clock.clone())
                .build()
                .unwrap(),
        )
        .configure(paseto_actix_tests::remember::routes);
    let failing = Site::new(init_service(failing).await);
    let mut browser = Browser::new();
    let response = browser.get(&failing, "/login?user=ada&remember=yes").await;
    assert_eq!(
        (response.status, set_cookies(&response.headers).len()),
        (StatusCode::IM_A_TEAPOT, 0)
    );
    assert!(store.is_empty(), "a discarded login leaves no token family");

    for logout in ["/logout", "/identity-logout", "/purge"] {
        let mut browser = ada(&site).await;
        let copy = browser.cookie(REMEMBER).unwrap().to_owned();
        browser.remove_cookie(SESSION);
        assert_eq!(browser.get(&failing, logout).await.status, StatusCode::IM_A_TEAPOT);
        assert!(browser.cookie(REMEMBER).is_none(), "{logout}");
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous", "{logout}");
    }
}

/// The used token is not accepted again, so an inner error must not lose the next token.
#[actix_web::test]
async fn error_response_of_an_inner_service_contains_the_next_token() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(application.clock.clone());
    let site = application.site_with(|remember| remember.token_family_store(store.clone())).await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    assert!(!store.is_empty());
    let failing = App::new()
        .wrap_fn(|_, _| {
            ready(Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("short and stout")))
        })
        .wrap(application.remember().token_family_store(store.clone()).build().unwrap())
        .wrap(
            paseto_actix::PasetoSession::builder(application.session_key.clone()).build().unwrap(),
        )
        .default_service(actix_web::web::to(HttpResponse::Ok));
    let failing = Site::new(init_service(failing).await);
    let mut browser = with_cookie(&value);
    let response = browser.send(&failing, TestRequest::get()).await;
    assert_eq!(response.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(response.body, "short and stout");
    application.clock.advance(Duration::hours(1));
    assert_eq!(use_up(&site, browser.cookie(REMEMBER).unwrap()).await.0, "Remembered");
}

/// `Logger`, `ErrorHandlers` and similar middlewares process responses, not errors.
#[actix_web::test]
async fn store_and_loader_failures_are_responses_for_outer_middlewares() {
    for failing in ["family", "revocations", "credential loader"] {
        let application = Application::new();
        let revocations = failing_revocations(&application.clock, 10);
        let store = MemoryTokenFamilyStore::new(10).clock(application.clock.clone());
        let settings = |remember: RememberMeBuilder| {
            remember.revocation_store(revocations.clone()).token_family_store(store.clone())
        };
        let up = application.site_with(settings).await;
        let value = ada(&up).await.cookie(REMEMBER).unwrap().to_owned();
        let mut remember = settings(application.remember());
        match failing {
            "family" => remember = remember.token_family_store(down()),
            "revocations" => revocations.set_failing(true),
            _ => application.users.set("down", Some("the database")),
        }
        let app = App::new()
            .wrap(remember.build().unwrap())
            .wrap(
                PasetoSession::builder(application.session_key.clone())
                    .clock(application.clock.clone())
                    .build()
                    .unwrap(),
            )
            .wrap(ErrorHandlers::new().handler(StatusCode::SERVICE_UNAVAILABLE, |mut response| {
                response.headers_mut().insert(SERVER, HeaderValue::from_static("seen"));
                Ok(ErrorHandlerResponse::Response(response.map_into_left_body()))
            }))
            .configure(paseto_actix_tests::remember::routes);
        let site = Site::new(init_service(app).await);
        // A cookie that cannot be checked is not skipped for the next cookie.
        for values in [vec![&value], vec![&value; 2]] {
            let response = send_cookies(&site, "/me", &values).await;
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{failing}");
            assert_eq!(response.headers.get(SERVER).unwrap(), "seen", "{failing}");
            assert!(set_cookies(&response.headers).is_empty(), "{failing}: {:?}", response.headers);
            if failing == "credential loader" {
                assert_eq!(response.body, "no database");
            } else {
                assert_eq!(
                    response.body,
                    r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
                );
                assert_eq!(
                    response.headers.get(CONTENT_TYPE).unwrap(),
                    "application/problem+json",
                    "{failing}"
                );
                assert_eq!(response.headers.get(RETRY_AFTER).unwrap(), "1", "{failing}");
            }
        }
        revocations.set_failing(false);
        application.users.set("down", None);
        assert_eq!(
            use_up(&up, &value).await.0,
            "Remembered",
            "{failing}: the failure does not use up the token"
        );
    }
}

#[actix_web::test]
async fn login_error_has_the_response_of_the_credential_loader() {
    let error = LoginError::CredentialLoader(ErrorBadGateway("no database"));
    assert_eq!(error.status_code(), StatusCode::BAD_GATEWAY);
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(to_bytes(response.into_body()).await.unwrap(), "no database");
}
