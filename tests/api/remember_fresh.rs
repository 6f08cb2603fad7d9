//! Freshness of logins, and redirects of clients without a login or without a fresh login.

use actix_identity::IdentityMiddleware;
use actix_identity::config::LogoutBehavior;
use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use paseto_actix::PasetoSession;
use paseto_actix::remember::safe_redirect_path;
use paseto_actix::testing::Browser;
use paseto_actix_tests::remember::{Application, REMEMBER, SESSION, ada, state};
use paseto_actix_tests::session::Site;

#[actix_web::test]
async fn remembered_login_is_not_fresh_until_it_is_confirmed() {
    let site = Application::new().site().await;
    let mut browser = ada(&site).await;
    assert_eq!(browser.get(&site, "/fresh").await.body, "ada");
    browser.remove_cookie(SESSION);

    let not_fresh = browser.get(&site, "/fresh").await;
    let anonymous = Browser::new().get(&site, "/fresh").await;
    assert_eq!(
        (not_fresh.status, anonymous.status),
        (StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED)
    );
    assert_ne!(not_fresh.body, anonymous.body);

    let before = browser.cookie(SESSION).unwrap().to_owned();
    assert_eq!(
        browser.get(&site, "/confirm?user=bob").await.status,
        StatusCode::UNAUTHORIZED,
        "the password of another user"
    );
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    assert_eq!(browser.get(&site, "/confirm?user=ada").await.status, StatusCode::OK);
    assert_eq!(browser.get(&site, "/fresh").await.body, "ada");
    let mut old = Browser::new();
    old.set_cookie(SESSION, &before);
    assert_eq!(
        state(&site, &mut old).await,
        "Remembered",
        "the confirmation does not make an older copy of the cookie fresh"
    );
    assert_eq!(
        Browser::new().get(&site, "/confirm?user=ada").await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// A deadline of actix-identity leaves entries in the session. They must not make the next login
/// fresh.
#[actix_web::test]
async fn remembered_login_after_an_identity_deadline_is_not_fresh() {
    let application = Application::new();
    let identity = || {
        IdentityMiddleware::builder()
            .logout_behavior(LogoutBehavior::DeleteIdentityKeys)
            .login_deadline(Some(std::time::Duration::ZERO))
            .build()
    };
    let app = App::new()
        .wrap(application.remember().identity(identity).build().unwrap())
        .wrap(
            PasetoSession::builder(application.session_key.clone())
                .clock(application.clock.clone())
                .build()
                .unwrap(),
        )
        .configure(paseto_actix_tests::remember::routes);
    let site = Site::new(init_service(app).await);
    let mut browser = ada(&site).await;
    assert_eq!(state(&site, &mut browser).await, "Remembered");

    // The same applies without a remembered login, if `Identity::login` logs the user in.
    let mut browser = Browser::new();
    browser.get(&site, "/login?user=ada&remember=no").await;
    assert_eq!(state(&site, &mut browser).await, "Anonymous", "the deadline is zero");
    assert_eq!(browser.get(&site, "/identity-login?user=ada").await.body, "in Remembered");
}

/// `Identity::login` does not prove that the user has entered a password.
#[actix_web::test]
async fn identity_login_is_not_fresh() {
    let site = Application::new().site().await;
    let mut browser = Browser::new();
    browser.get(&site, "/identity-login?user=ada").await;
    assert_eq!(state(&site, &mut browser).await, "Remembered");
    assert!(browser.cookie(REMEMBER).is_none());

    // The fresh login of one user does not make the login of another user fresh.
    let mut browser = ada(&site).await;
    browser.get(&site, "/identity-login?user=bob").await;
    assert_eq!(state(&site, &mut browser).await, "Remembered");
}

#[actix_web::test]
async fn browsers_are_redirected_to_the_login_page_with_a_return_path() {
    let site = Application::new().site_with(|remember| remember.login_page("/login")).await;
    let request = |uri: &str, accept: &str| {
        TestRequest::with_uri(uri).insert_header(("Accept", accept.to_owned()))
    };
    let html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let location = async |browser: &mut Browser, request: TestRequest| {
        let response = browser.send(&site, request).await;
        let location =
            response.headers.get("Location").map(|location| location.to_str().unwrap().to_owned());
        (response.status.as_u16(), location.unwrap_or_default())
    };
    let mut anonymous = Browser::new();
    for (uri, next) in
        [("/me", "/login?next=%2Fme"), ("/me?a=b&c=%2F", "/login?next=%2Fme%3Fa%3Db%26c%3D%252F")]
    {
        assert_eq!(location(&mut anonymous, request(uri, html)).await, (303, next.to_owned()));
    }
    assert_eq!(location(&mut anonymous, request("/me", "*/*")).await, (401, String::new()));
    assert_eq!(
        location(&mut anonymous, request("/me", "application/json")).await,
        (401, String::new())
    );
    let mut browser = ada(&site).await;
    browser.remove_cookie(SESSION);
    assert_eq!(
        location(&mut browser, request("/fresh", html)).await,
        (303, "/login?again=1&next=%2Ffresh".to_owned())
    );
    assert_eq!(location(&mut browser, request("/fresh", "*/*")).await, (403, String::new()));
}

/// CWE-601.
#[test]
fn redirect_path_is_a_plain_path_of_this_origin() {
    let longest = format!("/{}", "a".repeat(2047));
    for path in ["/", "/account?tab=keys#top", "/a//b", &longest] {
        assert_eq!(safe_redirect_path(path), Some(path));
    }
    let too_long = format!("{longest}a");
    for path in [
        "",
        "account",
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/a\\b",
        "\\",
        "/a b",
        "/\tb",
        "/\u{7f}",
        "/caf\u{e9}",
        "/a\r\nlocation: b",
        &too_long,
    ] {
        assert_eq!(safe_redirect_path(path), None, "{path:?}");
    }
}
