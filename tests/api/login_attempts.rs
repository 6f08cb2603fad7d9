//! Logins that overlap with a password change, and users who may not log in.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, web};
use paseto_actix::remember::Remember;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::app::BODY_403;
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, Users, routes, state, with_cookie,
};
use paseto_actix_tests::revocation::failing_revocations;
use paseto_actix_tests::session::{Site, set_cookies};

/// `/login-slowly` changes the password between the start and the completion of the login. With
/// `?end=yes`, it also logs out all logins in between.
async fn login_slowly(
    req: HttpRequest,
    query: web::Query<HashMap<String, String>>,
    users: web::Data<Users>,
    logins: LoginLayer,
) -> actix_web::Result<&'static str> {
    let login = RememberMe::start_login(&req, "ada").await?;
    users.set("ada", Some("another password"));
    if query.contains_key("end") {
        logins.logout_all("ada").await?;
    }
    login.complete(Remember::Default).await?;
    Ok("in")
}

async fn site(application: &Application, family: bool, revocations: bool) -> Site {
    let store = MemoryRevocationStore::new(100).clock(application.clock.clone());
    let (mut remember, mut session) = (
        application.remember(),
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone()),
    );
    if family {
        remember = remember
            .token_family_store(MemoryTokenFamilyStore::new(100).clock(application.clock.clone()));
    }
    if revocations {
        remember = remember.revocation_store(store.clone());
        session = session.revocation_store(store);
    }
    let app = App::new()
        .app_data(web::Data::new(application.users.clone()))
        .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()))
        .configure(routes)
        .route("/login-slowly", web::get().to(login_slowly));
    Site::new(init_service(app).await)
}

#[actix_web::test]
async fn login_with_the_old_password_is_not_remembered_after_the_change() {
    for (family, revocations) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = format!("family: {family}, revocations: {revocations}");
        let application = Application::new();
        let site = site(&application, family, revocations).await;
        for uri in ["/login-slowly", "/login-slowly?end=yes"] {
            application.users.set("ada", Some("analytical"));
            let can_end = family || revocations;
            let mut browser = Browser::new();
            let response = browser.get(&site, if can_end { uri } else { "/login-slowly" }).await;
            if revocations && uri.ends_with("end=yes") {
                assert_eq!(
                    response.status,
                    StatusCode::UNAUTHORIZED,
                    "{case}: all logins were revoked"
                );
                assert!(set_cookies(&response.headers).is_empty(), "{case}");
                continue;
            }
            assert_eq!(response.body, "in", "{case}");
            let remembered = browser.cookie(REMEMBER).unwrap().to_owned();
            assert_eq!(
                state(&site, &mut with_cookie(&remembered)).await,
                "Anonymous",
                "{case} {uri}"
            );
        }
    }
}

/// The credential loader is called for each login, with and without `Remember`.
#[actix_web::test]
async fn login_of_an_unknown_user_is_a_403() {
    let application = Application::new();
    let site = application.site().await;
    application.users.set("ada", None);
    for uri in ["/login?user=ada", "/login?user=ada&remember=no", "/login?user=ada&remember=yes"] {
        let mut browser = Browser::new();
        let response = browser.get(&site, uri).await;
        assert_eq!(response.status, StatusCode::FORBIDDEN, "{uri}");
        assert_eq!(response.body, BODY_403, "{uri}");
        assert!(set_cookies(&response.headers).is_empty(), "{uri}: {:?}", response.headers);
    }
    application.users.set("down", Some("the database"));
    for uri in ["/login?user=bob", "/login?user=bob&remember=yes"] {
        assert_eq!(
            Browser::new().get(&site, uri).await.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{uri}"
        );
    }
    application.users.set("down", None);
    assert_eq!(Browser::new().get(&site, "/login?user=bob").await.body, "in");
}

/// A login must store the generation of its user, so it fails without the revocation store.
#[actix_web::test]
async fn login_fails_while_the_revocation_store_is_unavailable() {
    let application = Application::new();
    let store = failing_revocations(&application.clock, 100);
    let session =
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone());
    let layer = LoginLayer::new(
        session.revocation_store(store.clone()).build().unwrap(),
        application.remember().build().unwrap(),
    );
    let app = App::new().wrap(layer).configure(routes);
    let site = Site::new(init_service(app).await);
    store.set_failing(true);
    for uri in ["/login?user=ada", "/identity-login?user=ada"] {
        let mut browser = Browser::new();
        assert_eq!(browser.get(&site, uri).await.status, StatusCode::SERVICE_UNAVAILABLE, "{uri}");
        assert_eq!(browser.cookie(SESSION), None, "{uri}");
    }
    store.set_failing(false);
    assert_eq!(Browser::new().get(&site, "/login?user=ada").await.body, "in");
}
