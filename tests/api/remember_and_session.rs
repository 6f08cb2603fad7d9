//! Remembered logins whose session cannot be stored, and cross-origin requests with a remember-me
//! cookie.

use actix_identity::IdentityMiddleware;
use actix_identity::config::LogoutBehavior;
use actix_session::Session;
use actix_web::http::header::{HeaderName, ORIGIN};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, web};
use paseto_actix::event::Event;
use paseto_actix::remember::{Remember, RememberMeBuilder};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{PasetoSession, RememberMe};
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, remember_cookie, routes, state,
};
use paseto_actix_tests::revocation::failing_revocations;
use paseto_actix_tests::session::{Site, session, set_cookies};
use time::Duration;

async fn login_with_large_session(
    req: HttpRequest,
    session: Session,
) -> actix_web::Result<&'static str> {
    RememberMe::login(&req, "ada", Remember::Default).await?;
    session.insert("load", "x".repeat(5000))?;
    Ok("in")
}

async fn large_session(session: Session) -> actix_web::Result<&'static str> {
    session.insert("load", "x".repeat(5000))?;
    Ok("large")
}

async fn site(
    application: &Application,
    settings: impl FnOnce(RememberMeBuilder) -> RememberMeBuilder,
) -> Site {
    let family = MemoryTokenFamilyStore::new(10).clock(application.clock.clone());
    let app = App::new()
        .wrap(settings(application.remember().token_family_store(family)).build().unwrap())
        .wrap(
            PasetoSession::builder(application.session_key.clone())
                .clock(application.clock.clone())
                .build()
                .unwrap(),
        )
        .configure(routes)
        .route("/large-login", web::get().to(login_with_large_session))
        .route("/large", web::get().to(large_session))
        .route("/change", web::post().to(async || "changed"));
    Site::new(init_service(app).await)
}

#[actix_web::test]
async fn login_whose_session_is_too_large_is_not_remembered() {
    let site = site(&Application::new(), |remember| remember).await;
    let mut browser = Browser::new();
    let response = browser.get(&site, "/large-login").await;
    assert_eq!(response.status.as_u16(), 507);
    assert!(set_cookies(&response.headers).is_empty(), "{response:?}");
    assert_eq!(browser.get(&site, "/me").await.status.as_u16(), 401);
}

/// If the rotated token does not reach the browser, the next request is reported as reuse.
#[actix_web::test]
async fn rotated_token_is_sent_if_the_session_is_too_large() {
    let application = Application::new();
    let site = site(&application, |remember| {
        remember.on_event(|event| {
            assert!(!matches!(event, Event::Reused { .. }), "the token is not stolen")
        })
    })
    .await;
    let mut browser = Browser::new();
    browser.get(&site, "/login?user=ada&remember=yes").await;
    let first = browser.cookie(REMEMBER).unwrap().to_owned();
    browser.remove_cookie(SESSION);

    let response = browser.get(&site, "/large").await;
    assert_eq!(response.status.as_u16(), 507);
    assert!(
        remember_cookie(&response.headers).is_some_and(|cookie| cookie.value() != first),
        "{response:?}"
    );
    application.clock.advance(Duration::seconds(70));
    assert_eq!(state(&site, &mut browser).await, "Remembered");
}

/// The restored login replaces a session that cannot be revoked, because the revocation store is
/// full.
#[actix_web::test]
async fn rotated_token_is_sent_if_the_revocation_store_is_full() {
    let application = Application::new();
    let store = failing_revocations(&application.clock, 0);
    let family = MemoryTokenFamilyStore::new(10).clock(application.clock.clone());
    let remember = application.remember().token_family_store(family).on_event(|event| {
        assert!(!matches!(event, Event::Reused { .. }), "the token is not stolen")
    });
    let app = App::new()
        .wrap(remember.build().unwrap())
        .wrap(
            session(application.session_key.clone(), &application.clock)
                .revocation_store(store)
                .build()
                .unwrap(),
        )
        .configure(routes)
        .route(
            "/cart",
            web::get()
                .to(async |session: Session| session.insert("cart", "tea").map(|()| "in the cart")),
        );
    let site = Site::new(init_service(app).await);
    let mut browser = Browser::new();
    browser.get(&site, "/login?user=ada&remember=yes").await;
    browser.remove_cookie(SESSION);
    let first = browser.cookie(REMEMBER).unwrap().to_owned();
    let mut anonymous = Browser::new();
    anonymous.get(&site, "/cart").await;
    browser.set_cookie(SESSION, anonymous.cookie(SESSION).unwrap());

    let response = browser.get(&site, "/me").await;
    assert_eq!(response.status.as_u16(), 503);
    assert!(
        remember_cookie(&response.headers).is_some_and(|cookie| cookie.value() != first),
        "{response:?}"
    );
    application.clock.advance(Duration::seconds(70));
    browser.remove_cookie(SESSION);
    assert_eq!(state(&site, &mut browser).await, "Remembered");
}

/// With `DeleteIdentityKeys`, actix-identity only removes the user from the session. An older copy
/// of the cookie still contains the user.
#[actix_web::test]
async fn logout_that_keeps_the_session_revokes_copies_of_its_cookie() {
    let application = Application::new();
    let store = failing_revocations(&application.clock, 10);
    let identity = || {
        IdentityMiddleware::builder().logout_behavior(LogoutBehavior::DeleteIdentityKeys).build()
    };
    let app = App::new()
        .wrap(application.remember().identity(identity).build().unwrap())
        .wrap(
            session(application.session_key.clone(), &application.clock)
                .revocation_store(store)
                .build()
                .unwrap(),
        )
        .configure(routes);
    let site = Site::new(init_service(app).await);
    for logout in ["/logout", "/identity-logout"] {
        let mut browser = Browser::new();
        browser.get(&site, "/login?user=ada").await;
        let mut copy = browser.clone();
        assert_eq!(browser.get(&site, logout).await.body, "out");
        assert_eq!(state(&site, &mut browser).await, "Anonymous", "{logout}");
        assert_eq!(state(&site, &mut copy).await, "Anonymous", "{logout}: a copy of the cookie");
    }
}

/// Without a session, the remember-me cookie authenticates the request.
#[actix_web::test]
async fn cross_origin_request_does_not_restore_a_remembered_login() {
    let application = Application::new();
    let (default, trusting, off) = (
        site(&application, |remember| remember).await,
        site(&application, |remember| remember.trusted_origin("https://app.example")).await,
        site(&application, RememberMeBuilder::dangerously_allow_cross_origin_requests).await,
    );
    let sec_fetch_site = HeaderName::from_static("sec-fetch-site");
    let request =
        || TestRequest::post().uri("/change").insert_header((sec_fetch_site.clone(), "cross-site"));
    for (site, origin, status) in [
        (&default, "https://app.example", 403),
        (&trusting, "https://app.example", 200),
        (&trusting, "https://evil.example", 403),
        (&off, "https://evil.example", 200),
    ] {
        let mut browser = Browser::new();
        browser.get(site, "/login?user=ada&remember=yes").await;
        browser.remove_cookie(SESSION);
        let before = browser.cookie(REMEMBER).unwrap().to_owned();
        let response = browser.send(site, request().insert_header((ORIGIN, origin))).await;
        assert_eq!(response.status.as_u16(), status, "{origin}");
        assert_eq!(browser.cookie(SESSION).is_some(), status == 200, "{origin}: {response:?}");
        assert_eq!(
            browser.cookie(REMEMBER) == Some(&before),
            status == 403,
            "{origin}: {response:?}"
        );
    }
    let mut browser = Browser::new();
    browser.get(&default, "/login?user=ada&remember=yes").await;
    browser.remove_cookie(SESSION);
    let request = request().insert_header((sec_fetch_site, "same-origin"));
    assert_eq!(browser.send(&default, request).await.body, "changed");
    assert!(browser.cookie(SESSION).is_some());
}
