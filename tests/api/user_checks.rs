//! `check_user`: the credential loader runs for requests of logged-in users.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration as StdDuration;

use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, web};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LoginLayer, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{Application, REMEMBER, SESSION, ada, routes, state};
use paseto_actix_tests::session::Site;
use time::Duration;

async fn logout_others(logins: LoginLayer, req: HttpRequest) -> actix_web::Result<&'static str> {
    logins.logout_others(&req).await?;
    Ok("logged out")
}

/// Returns a site with `check_user`, and the number of calls of the credential loader.
async fn site(application: &Application, max_age: u64) -> (Site, Arc<AtomicUsize>) {
    let (users, calls) = (application.users.clone(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&calls);
    let remember = RememberMe::builder(application.remember_key.clone())
        .clock(application.clock.clone())
        .token_family_store(MemoryTokenFamilyStore::new(100).clock(application.clock.clone()))
        .check_user(StdDuration::from_secs(max_age))
        .try_credential_loader(move |id| {
            counted.fetch_add(1, Ordering::SeqCst);
            let fingerprint = users.fingerprint(&id);
            async { fingerprint }
        });
    let session =
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone());
    let app = App::new()
        .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()))
        .configure(routes);
    (Site::new(init_service(app).await), calls)
}

#[actix_web::test]
async fn deleted_user_is_logged_out_at_the_next_request() {
    let application = Application::new();
    let (site, _) = site(&application, 0).await;
    let (mut browser, mut only_session) = (ada(&site).await, ada(&site).await);
    only_session.remove_cookie(REMEMBER);
    assert_eq!(browser.get(&site, "/me").await.body, "ada");
    application.users.set("ada", None);
    for browser in [&mut browser, &mut only_session] {
        assert_eq!(browser.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!((browser.cookie(SESSION), browser.cookie(REMEMBER)), (None, None));
    }
}

#[actix_web::test]
async fn changed_credentials_revoke_the_sessions_of_all_browsers() {
    let application = Application::new();
    let (site, _) = site(&application, 0).await;
    let (mut fresh, mut restored) = (ada(&site).await, ada(&site).await);
    restored.remove_cookie(SESSION);
    assert_eq!(state(&site, &mut restored).await, "Remembered");
    application.users.set("ada", Some("another password"));
    for browser in [&mut fresh, &mut restored] {
        assert_eq!(browser.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!((browser.cookie(SESSION), browser.cookie(REMEMBER)), (None, None));
    }
}

/// Another server has cached the old credentials, and so has this server before the login.
#[actix_web::test]
async fn login_with_new_credentials_is_valid_while_old_credentials_are_cached() {
    let application = Application::new();
    let ((one, _), (other, _)) = (site(&application, 60).await, site(&application, 60).await);
    let mut old = ada(&one).await;
    for site in [&one, &other] {
        assert_eq!(old.get(site, "/me").await.body, "ada");
    }
    application.users.set("ada", Some("another password"));
    let mut new = ada(&one).await;
    for site in [&one, &other] {
        assert_eq!(new.get(site, "/me").await.body, "ada");
        assert_eq!(
            old.clone().get(site, "/me").await.status,
            StatusCode::UNAUTHORIZED,
            "the new credentials replace the cached credentials"
        );
    }
}

/// A handler stores a new password and revokes all other logins. The login of its request stays
/// valid.
#[actix_web::test]
async fn session_that_changed_the_password_stays_logged_in() {
    let application = Application::new();
    let users = application.users.clone();
    let remember = application
        .remember()
        .token_family_store(MemoryTokenFamilyStore::new(100).clock(application.clock.clone()))
        .check_user(StdDuration::from_secs(5));
    let session =
        PasetoSession::builder(application.session_key.clone()).clock(application.clock.clone());
    let change = move |logins: LoginLayer, req: HttpRequest| {
        users.set("ada", Some("another password"));
        logout_others(logins, req)
    };
    let app = App::new()
        .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()))
        .configure(routes)
        .route("/change", web::get().to(change));
    let site = Site::new(init_service(app).await);
    let (mut own, mut other) = (ada(&site).await, ada(&site).await);
    assert_eq!(own.get(&site, "/change").await.body, "logged out");
    assert_eq!(own.get(&site, "/me").await.body, "ada");
    own.remove_cookie(SESSION);
    assert_eq!(
        state(&site, &mut own).await,
        "Remembered",
        "the remembered login has the new credentials"
    );
    assert_eq!(other.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn user_is_cached_for_the_configured_time() {
    let application = Application::new();
    let (site, calls) = site(&application, 5).await;
    let mut browser = ada(&site).await;
    browser.get(&site, "/me").await;
    let before = calls.load(Ordering::SeqCst);
    application.users.set("ada", None);
    application.clock.advance(Duration::milliseconds(4_999));
    for _ in 0..3 {
        assert_eq!(browser.get(&site, "/me").await.body, "ada");
    }
    assert_eq!(calls.load(Ordering::SeqCst), before);
    application.clock.advance(Duration::milliseconds(1));
    assert_eq!(browser.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(calls.load(Ordering::SeqCst), before + 1);
    // Setting the clock back must not extend the lifetime of a cached user.
    application.users.set("bob", Some("builder"));
    let mut bob = Browser::new();
    bob.get(&site, "/login?user=bob").await;
    bob.get(&site, "/me").await;
    application.users.set("bob", None);
    application.clock.advance(-Duration::SECOND);
    assert_eq!(bob.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn failing_credential_loader_does_not_log_users_out() {
    let application = Application::new();
    let (site, _) = site(&application, 0).await;
    let mut browser = ada(&site).await;
    let cookies =
        (browser.cookie(SESSION).map(str::to_owned), browser.cookie(REMEMBER).map(str::to_owned));
    application.users.set("down", Some("the database"));
    assert_eq!(browser.get(&site, "/me").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (browser.cookie(SESSION).map(str::to_owned), browser.cookie(REMEMBER).map(str::to_owned)),
        cookies
    );
    application.users.set("down", None);
    assert_eq!(browser.get(&site, "/me").await.body, "ada");
}

/// A session from `Identity::login` has no credential fingerprint, so only its user is checked.
#[actix_web::test]
async fn session_without_a_fingerprint_is_checked_for_its_user() {
    let application = Application::new();
    let (site, _) = site(&application, 0).await;
    let mut browser = Browser::new();
    browser.get(&site, "/identity-login?user=ada").await;
    application.users.set("ada", Some("another password"));
    assert_eq!(browser.get(&site, "/me").await.body, "ada");
    application.users.set("ada", None);
    assert_eq!(browser.get(&site, "/me").await.status, StatusCode::UNAUTHORIZED);

    // The fingerprint of the previous user does not apply to the new user.
    application.users.set("ada", Some("analytical"));
    let mut browser = ada(&site).await;
    browser.get(&site, "/identity-login?user=bob").await;
    assert_eq!(browser.get(&site, "/me").await.body, "bob");
}

#[test]
fn check_user_over_60_seconds_is_a_configuration_error() {
    let application = Application::new();
    let built = |seconds| {
        application.remember().check_user(StdDuration::from_secs(seconds)).build().map(|_| ())
    };
    assert!(built(60).is_ok());
    let error = built(61).unwrap_err().to_string();
    assert!(error.contains("check_user") && error.contains("at most 60 seconds"), "{error}");
}
