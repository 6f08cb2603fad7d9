//! Remembered logins: which remember-me cookies log a user in, and which events revoke them.

use actix_identity::config::LogoutBehavior;
use actix_web::cookie::SameSite;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, COOKIE, VARY};
use actix_web::test::TestRequest;
use paseto_actix::keys::KeyRing;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSession, RememberMe};
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada, remember_cookie, state, with_cookie,
};
use paseto_actix_tests::session::{Site, routes, set_cookies};
use time::Duration;

/// Asserts that this cookie logs no user in, and that the response removes the cookie.
async fn assert_removed(site: &Site, value: &str, case: &str) {
    let mut browser = with_cookie(value);
    let response = browser.get(site, "/state").await;
    assert_eq!(response.body, "Anonymous", "{case}");
    let removal =
        remember_cookie(&response.headers).unwrap_or_else(|| panic!("{case}: no removal"));
    assert_eq!((removal.value(), removal.max_age()), ("", Some(CookieDuration::ZERO)), "{case}");
    assert_eq!((removal.path(), removal.secure()), (Some("/"), Some(true)), "{case}");
    assert!(browser.cookie(SESSION).is_none(), "{case}: no session begins");
}

#[actix_web::test]
async fn remembered_login_sets_a_secure_http_only_lax_cookie() {
    let application = Application::new();
    let site = application.site().await;
    let response = Browser::new().get(&site, "/login?user=ada&remember=yes").await;
    let cookie =
        remember_cookie(&response.headers).expect("the response sets the remember-me cookie");
    assert!(cookie.value().starts_with("v4.local."), "{cookie}");
    assert_eq!(
        (cookie.secure(), cookie.http_only(), cookie.domain()),
        (Some(true), Some(true), None)
    );
    assert_eq!((cookie.same_site(), cookie.path()), (Some(SameSite::Lax), Some("/")));
    assert_eq!(cookie.max_age(), Some(CookieDuration::days(30)));
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    assert!(response.headers.contains_key(VARY));

    let response = Browser::new().get(&site, "/login?user=ada&remember=3600").await;
    assert_eq!(
        remember_cookie(&response.headers).unwrap().max_age(),
        Some(CookieDuration::hours(1))
    );
    let response = Browser::new().get(&site, "/login?user=ada&remember=no").await;
    assert_eq!(
        remember_cookie(&response.headers).unwrap().value(),
        "",
        "a login without `remember` removes an older cookie"
    );
}

#[actix_web::test]
async fn remember_me_cookie_restores_a_login_that_is_not_fresh() {
    let application = Application::new();
    let site = application.site().await;
    let mut browser = ada(&site).await;
    assert_eq!(state(&site, &mut browser).await, "Fresh");
    for _ in 0..3 {
        browser.remove_cookie(SESSION);
        let response = browser.get(&site, "/me").await;
        assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, "ada"));
        assert_eq!(state(&site, &mut browser).await, "Remembered");
        assert_eq!(browser.get(&site, "/fresh").await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(state(&site, &mut Browser::new()).await, "Anonymous");

    // A restart with a new session key invalidates the session, but not the remember-me cookie.
    let restarted = Application { session_key: LocalKey::generate(), ..application }.site().await;
    assert_eq!(state(&restarted, &mut browser).await, "Remembered");
}

#[actix_web::test]
async fn remember_me_cookie_expires_at_a_fixed_time_after_the_login() {
    let application = Application::new();
    let site = application.site().await;
    for (remember, lifetime) in [("yes", Duration::days(30)), ("100", Duration::seconds(100))] {
        let mut browser = Browser::new();
        browser.get(&site, &format!("/login?user=ada&remember={remember}")).await;
        let value = browser.cookie(REMEMBER).unwrap().to_owned();
        application.clock.advance(lifetime / 2);
        assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered");
        application.clock.advance(lifetime / 2 - Duration::SECOND);
        assert_eq!(
            state(&site, &mut with_cookie(&value)).await,
            "Remembered",
            "a use does not extend the lifetime"
        );
        application.clock.advance(Duration::SECOND);
        assert_removed(&site, &value, remember).await;
    }
}

#[actix_web::test]
async fn invalid_remember_me_cookies_are_removed() {
    let application = Application::new();
    let site = application.site().await;
    let good = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let foreign =
        Application { remember_key: LocalKey::generate(), ..application.clone() }.site().await;
    let foreign = ada(&foreign).await.cookie(REMEMBER).unwrap().to_owned();
    let other = ada(&application.site_with(|remember| remember.application("forum")).await).await;
    let long = format!("v4.local.{}", "A".repeat(4096));
    for (case, value) in [
        ("no value", String::new()),
        ("a bare user ID, as in Flask-Login", "ada".to_owned()),
        ("an empty token", "v4.local.".to_owned()),
        ("a footer", format!("{good}.Zm9v")),
        ("an empty footer", format!("{good}.")),
        ("padding", format!("{good}=")),
        ("cut", good[..good.len() - 1].to_owned()),
        ("too long", long),
        ("another key", foreign),
        ("another application", other.cookie(REMEMBER).unwrap().to_owned()),
    ] {
        assert_removed(&site, &value, case).await;
    }
    for index in "v4.local.".len()..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        assert_removed(&site, &String::from_utf8(bytes).unwrap(), "a character changed").await;
    }
    assert_eq!(state(&site, &mut with_cookie(&good)).await, "Remembered");
}

/// Browsers enforce the `__Host-` prefix only for the literal name. So a sibling subdomain can set
/// a cookie whose decoded name equals the name of the remember-me cookie.
#[actix_web::test]
async fn cookie_with_a_percent_encoded_name_is_ignored() {
    let site = Application::new().site().await;
    let good = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let alias = REMEMBER.replacen('_', "%5F", 1);
    let response = site
        .send(TestRequest::with_uri("/state").insert_header((COOKIE, format!("{alias}={good}"))))
        .await;
    assert_eq!(response.body, "Anonymous");
    assert!(set_cookies(&response.headers).is_empty());
}

#[actix_web::test]
async fn credential_loader_decides_whether_a_cookie_logs_in() {
    let application = Application::new();
    let site = application.site().await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    application.users.set("ada", None);
    assert_removed(&site, &value, "an unknown user").await;
    assert_eq!(
        Browser::new().get(&site, "/login?user=ada&remember=yes").await.status,
        403,
        "an unknown user"
    );
    application.users.set("ada", Some("analytical"));
    assert_eq!(state(&site, &mut with_cookie(&value)).await, "Remembered", "the same credentials");

    application.users.set("down", Some("the database"));
    let mut browser = with_cookie(&value);
    let response = browser.get(&site, "/state").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        browser.cookie(REMEMBER).is_some(),
        "an error of the loader does not remove the cookie"
    );
    let response = Browser::new().get(&site, "/login?user=ada&remember=yes").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(set_cookies(&response.headers).is_empty(), "a failed login sets no cookie");
}

#[actix_web::test]
async fn every_logout_removes_the_remember_me_cookie() {
    for logout in ["/logout", "/identity-logout", "/purge"] {
        for behavior in [LogoutBehavior::PurgeSession, LogoutBehavior::DeleteIdentityKeys] {
            let application = Application::new();
            let site = application.site_of(application.remember(), behavior).await;
            for remembered in [false, true] {
                let mut browser = ada(&site).await;
                if remembered {
                    browser.remove_cookie(SESSION);
                }
                assert_eq!(browser.get(&site, logout).await.body, "out");
                assert!(browser.cookie(REMEMBER).is_none(), "{logout} {remembered}");
                assert_eq!(state(&site, &mut browser).await, "Anonymous", "{logout} {remembered}");
            }
        }
    }
}

/// Without a store, the server does not record logouts.
#[actix_web::test]
async fn without_a_store_a_copied_cookie_is_valid_until_the_credentials_change() {
    let application = Application::new();
    let site = application.site().await;
    let mut browser = ada(&site).await;
    let copy = browser.cookie(REMEMBER).unwrap().to_owned();
    browser.get(&site, "/logout").await;
    assert_eq!(state(&site, &mut with_cookie(&copy)).await, "Remembered");

    application.users.set("ada", Some("another"));
    assert_removed(&site, &copy, "other credentials").await;
    application.users.set("bob", Some("another too"));
    let later = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(state(&site, &mut with_cookie(&later)).await, "Remembered");
}

/// The cookie of the previous user must not restore that login after the next user's session ends.
#[actix_web::test]
async fn login_of_another_user_removes_the_previous_remembered_login() {
    let site = Application::new().site().await;
    for login in ["/login?user=bob&remember=no", "/identity-login?user=bob"] {
        let mut browser = ada(&site).await;
        browser.get(&site, login).await;
        assert_eq!(browser.get(&site, "/me").await.body, "bob");
        browser.remove_cookie(SESSION);
        assert_eq!(state(&site, &mut browser).await, "Anonymous", "{login}");
    }
    let mut browser = ada(&site).await;
    browser.get(&site, "/login?user=bob&remember=yes").await;
    browser.remove_cookie(SESSION);
    assert_eq!(browser.get(&site, "/me").await.body, "bob");
}

#[actix_web::test]
async fn login_into_a_purged_session_is_an_error() {
    let site = Application::new().site().await;
    let mut browser = ada(&site).await;
    assert_eq!(
        browser.get(&site, "/purge-and-login?user=bob").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// A shared cache must not store a login cookie, even if the handler marks the page as public.
#[actix_web::test]
async fn login_response_is_never_publicly_cacheable() {
    let site = Application::new().site().await;
    let mut browser = ada(&site).await;
    browser.remove_cookie(SESSION);
    for (requested, expected) in
        [("public, max-age=3600", "no-store"), ("private, max-age=60", "private, max-age=60")]
    {
        let response = browser
            .get(
                &site,
                &format!("/login?user=ada&remember=yes&cache={requested}").replace(' ', "%20"),
            )
            .await;
        assert!(remember_cookie(&response.headers).is_some());
        assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), expected);
        let vary: Vec<_> = response.headers.get_all(VARY).collect();
        assert_eq!(vary, ["Origin, Cookie"]);
    }
}

#[actix_web::test]
async fn session_and_remember_me_tokens_are_not_interchangeable_under_one_key() {
    let application = Application::new();
    let application = Application { remember_key: application.session_key.clone(), ..application };
    let site = application.site().await;
    let browser = ada(&site).await;
    let (session, remember) = (browser.cookie(SESSION).unwrap(), browser.cookie(REMEMBER).unwrap());
    let token =
        session.rsplit_once("v4.local.").map(|(_, token)| format!("v4.local.{token}")).unwrap();
    assert_removed(&site, &token, "a session's token").await;
    assert_removed(&site, session, "a session's cookie").await;
    let alone = PasetoSession::builder(application.session_key.clone())
        .clock(application.clock.clone())
        .build()
        .unwrap();
    let alone = Site::of(alone, routes).await;
    let mut attacker = Browser::new();
    attacker.set_cookie(SESSION, paseto_actix_tests::session::Kind::Middleware.wrap(remember));
    assert_eq!(attacker.get(&alone, "/").await.body, "");
    assert!(attacker.cookie(SESSION).is_none(), "the cookie is removed");
}

#[actix_web::test]
async fn remember_me_cookie_of_a_retired_key_is_reencrypted() {
    let (application, new) = (Application::new(), LocalKey::generate());
    let value = ada(&application.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let users = application.users.clone();
    let both = KeyRing::new(new.clone(), [application.remember_key.clone()]).unwrap();
    let remember = RememberMe::builder(both)
        .clock(application.clock.clone())
        .try_credential_loader(move |id| {
            let fingerprint = users.fingerprint(&id);
            async { fingerprint }
        });
    let site = application.site_of(remember, LogoutBehavior::PurgeSession).await;
    let mut browser = with_cookie(&value);
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    let reencrypted = browser.cookie(REMEMBER).unwrap().to_owned();
    assert_ne!(reencrypted, value);
    let site = Application { remember_key: new, ..application }.site().await;
    assert_eq!(state(&site, &mut with_cookie(&reencrypted)).await, "Remembered");
    assert_removed(&site, &value, "no retired key").await;
}

/// The record of a revoked login outlives the cookie, so a slow credential loader cannot revive the
/// login.
#[actix_web::test]
async fn cookie_that_expires_while_the_user_is_loaded_stays_revoked() {
    let application = Application::new();
    let store =
        paseto_actix::revocation::MemoryRevocationStore::new(10).clock(application.clock.clone());
    let (clock, users) = (application.clock.clone(), application.users.clone());
    let site = application.site_with(|remember| {
        remember.revocation_store(store).try_credential_loader(move |id| {
            let fingerprint = users.fingerprint(&id);
            clock.advance(Duration::seconds(2));
            async { fingerprint }
        })
    });
    let site = site.await;
    let mut browser = ada(&site).await;
    let copy = browser.cookie(REMEMBER).unwrap().to_owned();
    browser.get(&site, "/logout").await;
    application.clock.advance(Duration::days(30) - Duration::SECOND);
    assert_eq!(state(&site, &mut with_cookie(&copy)).await, "Anonymous");
}
