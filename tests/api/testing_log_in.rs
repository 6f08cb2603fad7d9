//! Logins of the kit's browser without a password.

use std::time::Duration;

use actix_session::SessionMiddleware;
use actix_web::cookie::Key;
use actix_web::dev::ServiceResponse;
use actix_web::error::ErrorForbidden;
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, web};
use paseto_actix::event::Event;
use paseto_actix::remember::{FreshLogin, LoggedIn};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, LoginLayer, PasetoSession, PasetoSessionStore};
use paseto_actix_tests::remember::{Application, REMEMBER, SESSION, routes};
use paseto_actix_tests::session::session;

fn layer(application: &Application) -> LoginLayer {
    let session = session(application.session_key.clone(), &application.clock).build().unwrap();
    LoginLayer::new(session, application.remember().build().unwrap())
}

#[actix_web::test]
async fn login_is_fresh_until_the_browser_restarts_and_remembered_after_it() {
    let application = Application::new();
    let app = App::new()
        .wrap(layer(&application))
        .route("/me", web::get().to(async |user: LoggedIn| user.id().to_owned()))
        .route("/fresh", web::get().to(async |user: FreshLogin| user.id().to_owned()));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app, "/me").await.status, StatusCode::UNAUTHORIZED);
    browser.log_in_as(&app, "ada").await;
    assert_eq!(browser.get(&app, "/me").await.body, "ada");
    assert_eq!(browser.get(&app, "/fresh").await.body, "ada");
    browser.restart();
    assert_eq!((browser.cookie(SESSION), browser.cookie(REMEMBER).is_some()), (None, true));
    assert_eq!(browser.get(&app, "/me").await.body, "ada");
    assert_eq!(browser.get(&app, "/fresh").await.status, StatusCode::FORBIDDEN);
    browser.remove_cookie(REMEMBER);
    browser.restart();
    assert_eq!(browser.get(&app, "/me").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn persistent_session_survives_a_restart() {
    let application = Application::new();
    let session = PasetoSession::builder(application.session_key.clone())
        .clock(application.clock.clone())
        .persistent(true);
    let layer = LoginLayer::new(session.build().unwrap(), application.remember().build().unwrap());
    let app = init_service(App::new().wrap(layer).configure(routes)).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "ada").await;
    browser.restart();
    assert_eq!(browser.get(&app, "/fresh").await.body, "ada");
}

#[actix_web::test]
async fn layer_of_a_scope_is_found_behind_the_guards_of_other_scopes() {
    let admin = web::scope("/admin")
        .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(ErrorForbidden("no")) })
        .route("/", web::get().to(async || "admin"));
    let application = Application::new();
    let site = web::scope("/sites/{name}").wrap(layer(&application)).configure(routes);
    let app = App::new().service(admin).service(site).default_service(web::to(async || "default"));
    let app = init_service(app).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "ada").await;
    assert_eq!(browser.get(&app, "/sites/1/fresh").await.body, "ada");
}

#[actix_web::test]
async fn middlewares_without_a_login_layer_are_found() {
    let application = Application::new();
    let session = session(application.session_key.clone(), &application.clock).build().unwrap();
    let remember = application.remember().build().unwrap();
    let app = App::new().wrap(remember).wrap(session).configure(routes);
    let app = init_service(app).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "ada").await;
    assert_eq!(browser.get(&app, "/fresh").await.body, "ada");
}

#[actix_web::test]
async fn login_reaches_the_store_and_the_events_and_revokes_the_earlier_login() {
    let (sender, events) = std::sync::mpsc::channel();
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(100).clock(application.clock.clone());
    let remember = application.remember().token_family_store(store).on_event(move |event| {
        if let Event::Login { subject, .. } | Event::Logout { subject: Some(subject), .. } = event {
            sender.send((*subject).to_owned()).unwrap();
        }
    });
    let remember = remember.build().unwrap();
    let session = session(application.session_key.clone(), &application.clock).build().unwrap();
    let layer = LoginLayer::new(session, remember.clone());
    let app = init_service(App::new().wrap(layer).configure(routes)).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "ada").await;
    assert_eq!(remember.logins("ada").await.unwrap().len(), 1);
    browser.log_in_as(&app, "bob").await;
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["ada", "bob"]);
    assert_eq!(remember.logins("ada").await.unwrap(), []);
    assert_eq!(browser.get(&app, "/me").await.body, "bob");
}

#[actix_web::test]
async fn login_of_the_browser_expires_by_the_clock_of_the_application() {
    let application = Application::new();
    let app = init_service(App::new().wrap(layer(&application)).configure(routes)).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "ada").await;
    application.clock.advance(Duration::from_secs(31 * 24 * 60 * 60).try_into().unwrap());
    assert_eq!(browser.get(&app, "/me").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
#[should_panic(expected = "cannot log in `eve`: the credential loader returned `None`")]
async fn unknown_user_panics() {
    let app = App::new().wrap(layer(&Application::new())).configure(routes);
    Browser::new().log_in_as(&init_service(app).await, "eve").await;
}

#[actix_web::test]
#[should_panic(expected = "cannot log in `ada`: the credential loader failed: no database")]
async fn failed_credential_loader_panics() {
    let application = Application::new();
    application.users.set("down", Some(""));
    let app = App::new().wrap(layer(&application)).configure(routes);
    Browser::new().log_in_as(&init_service(app).await, "ada").await;
}

#[actix_web::test]
#[should_panic(expected = "`log_in_as` found no `RememberMe` in a `PasetoSession`: call")]
async fn application_without_the_middleware_panics() {
    let app = App::new().route("/me", web::get().to(async || "me"));
    Browser::new().log_in_as(&init_service(app).await, "ada").await;
}

#[actix_web::test]
#[should_panic(expected = "`log_in_as` found no `RememberMe` in a `PasetoSession`: call")]
async fn other_session_middleware_panics() {
    let remember = Application::new().remember().other_session_middleware().build().unwrap();
    let store = PasetoSessionStore::new(LocalKey::generate());
    let session = SessionMiddleware::new(store, Key::from(&[b'x'; 64]));
    let app = App::new().wrap(remember).wrap(session).configure(routes);
    Browser::new().log_in_as(&init_service(app).await, "ada").await;
}

#[actix_web::test]
#[should_panic(expected = "returned an error instead of a response, so `log_in_as` cannot find")]
async fn outer_middleware_that_returns_an_error_panics() {
    let app = App::new()
        .wrap(layer(&Application::new()))
        .configure(routes)
        .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(ErrorForbidden("no")) });
    Browser::new().log_in_as(&init_service(app).await, "ada").await;
}
