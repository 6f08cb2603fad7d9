//! Missing middlewares, and middlewares in another order than that of `LoginLayer`.

use actix_identity::IdentityMiddleware;
use actix_session::SessionMiddleware;
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, web};
use paseto_actix::{LoginLayer, PasetoSession, PasetoSessionStore, RememberMe};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::remember::{Application, REMEMBER, SESSION, ada, routes, state};
use paseto_actix_tests::session::Site;

fn session_of(application: &Application) -> PasetoSession {
    PasetoSession::builder(application.session_key.clone())
        .clock(application.clock.clone())
        .build()
        .unwrap()
}

async fn assert_rejected(site: &Site, logs: &Logs) {
    for uri in ["/login?user=ada&remember=yes", "/me", "/state"] {
        let response = site.send(TestRequest::with_uri(uri)).await;
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR, "{uri}");
        assert!(!response.headers.contains_key("set-cookie"), "{uri}");
    }
    let lines = logs.lines().join("\n");
    assert!(lines.contains(
        "no PasetoSession around RememberMe: call `App::wrap(LoginLayer::new(session, remember))`"
    ));
}

#[actix_web::test]
async fn remember_me_without_a_session_around_it_is_a_500() {
    let application = Application::new();
    let logs = Logs::capture();
    let app = App::new().wrap(application.remember().build().unwrap()).configure(routes);
    assert_rejected(&Site::new(init_service(app).await), &logs).await;
    let app = App::new()
        .wrap(session_of(&application))
        .wrap(application.remember().build().unwrap())
        .configure(routes);
    assert_rejected(&Site::new(init_service(app).await), &logs).await;
}

/// `RememberMe` contains the middleware of actix-identity, so a second one has no effect at any
/// position.
#[actix_web::test]
async fn position_of_the_identity_middleware_does_not_matter() {
    let application = Application::new();
    let remember = || application.remember().build().unwrap();
    let inside = App::new()
        .wrap(IdentityMiddleware::default())
        .wrap(remember())
        .wrap(session_of(&application))
        .configure(routes);
    let outside = App::new()
        .wrap(remember())
        .wrap(IdentityMiddleware::default())
        .wrap(session_of(&application))
        .configure(routes);
    let without = App::new().wrap(remember()).wrap(session_of(&application)).configure(routes);
    for site in [
        Site::new(init_service(inside).await),
        Site::new(init_service(outside).await),
        Site::new(init_service(without).await),
        application.site().await,
    ] {
        let mut browser = ada(&site).await;
        assert_eq!(browser.get(&site, "/me").await.body, "ada");
        browser.remove_cookie(SESSION);
        assert_eq!(state(&site, &mut browser).await, "Remembered");
        assert_eq!(browser.get(&site, "/identity-logout").await.body, "out");
        assert_eq!((browser.cookie(SESSION), browser.cookie(REMEMBER)), (None, None));
    }
}

#[actix_web::test]
async fn another_session_middleware_must_be_declared() {
    let application = Application::new();
    let store = || {
        let store = PasetoSessionStore::new(application.session_key.clone())
            .clock(application.clock.clone());
        SessionMiddleware::new(store, Key::from(&[7; 64]))
    };
    let app =
        App::new().wrap(application.remember().build().unwrap()).wrap(store()).configure(routes);
    let site = Site::new(init_service(app).await);
    assert_eq!(
        site.send(TestRequest::with_uri("/state")).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );

    let declared = application.remember().other_session_middleware().build().unwrap();
    let app = App::new().wrap(declared).wrap(store()).configure(routes);
    let site = Site::new(init_service(app).await);
    let mut browser = ada(&site).await;
    assert_eq!(browser.get(&site, "/me").await.body, "ada");
    browser.remove_cookie("id");
    assert_eq!(state(&site, &mut browser).await, "Remembered");
}

#[actix_web::test]
async fn handlers_without_the_layer_do_not_panic() {
    let logs = Logs::capture();
    let app = App::new()
        .route(
            "/logout",
            web::get().to(async |req: HttpRequest| {
                RememberMe::logout(&req);
                format!("{:?} {:?}", RememberMe::freshness(&req), RememberMe::current_login(&req))
            }),
        )
        .route("/layer", web::get().to(async |_: LoginLayer| "layer"))
        .route(
            "/attempt",
            web::get().to(async |req: HttpRequest| {
                RememberMe::start_login(&req, "ada").await.map(|_| "in")
            }),
        );
    let site = Site::new(init_service(app).await);
    assert_eq!(site.send(TestRequest::with_uri("/logout")).await.body, "Anonymous None");
    for uri in ["/layer", "/attempt"] {
        assert_eq!(
            site.send(TestRequest::with_uri(uri)).await.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{uri}"
        );
    }
    assert!(logs.lines().join("\n").contains("no LoginLayer around this handler"));
}

#[actix_web::test]
async fn layer_without_a_store_returns_an_error() {
    let (application, logs) = (Application::new(), Logs::capture());
    let layer = LoginLayer::new(session_of(&application), application.remember().build().unwrap());
    let error = layer.logout_all("ada").await.unwrap_err().to_string();
    assert!(error.contains("no revocation store is set"), "{error}");
    assert!(layer.logins("ada").await.is_err());
    assert_eq!(logs.count("the PasetoSession of a LoginLayer has no revocation store"), 1);
}
