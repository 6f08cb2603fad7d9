//! The current user of a request with a login: of a session, of a remembered login, or of a token.

use actix_identity::Identity;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION, VARY, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, FromRequest, HttpMessage, HttpRequest, web};
use paseto_actix::current_user::Credential;
use paseto_actix::testing::{Browser, Page};
use paseto_actix::{
    CurrentUser, LocalKey, LoginLayer, MaybeCurrentUser, PasetoSessionStore, UserLoader,
};
use paseto_actix_tests::app::{BODY_401, BODY_500, Runs, TestResponse, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::remember::{Application, REMEMBER, SESSION, ada};
use paseto_actix_tests::session::{Site, routes, session};

use crate::current_user::{User, find};

fn of_logins(calls: &Runs) -> UserLoader<User> {
    let calls = calls.clone();
    UserLoader::from_login(async move |id: String| find(&calls, &id).await)
}

fn of_both(calls: &Runs) -> UserLoader<User> {
    let calls = calls.clone();
    UserLoader::any_of(async move |credential: Credential| {
        let user = find(&calls, credential.user_id().unwrap_or_default()).await?;
        Ok::<_, String>(user.map(|user| match credential {
            Credential::Token(_) => User { name: format!("{} by token", user.name) },
            Credential::Login(_) => user,
        }))
    })
}

type Loader = fn(&Runs) -> UserLoader<User>;

const LOADERS: [Loader; 2] = [of_logins, of_both];

async fn several(first: CurrentUser<User>, second: CurrentUser<User>) -> String {
    assert_eq!(first.name, second.name);
    first.name.clone()
}

async fn maybe(MaybeCurrentUser(user): MaybeCurrentUser<User>) -> String {
    user.map_or_else(|| "anonymous".to_owned(), |user| user.name.clone())
}

async fn log_out(_: CurrentUser<User>, session: Session, req: HttpRequest) -> String {
    session.purge();
    CurrentUser::<User>::extract(&req).await.is_err().to_string()
}

fn handlers(config: &mut web::ServiceConfig) {
    config
        .route("/me", web::to(several))
        .route("/maybe", web::to(maybe))
        .route("/log-out", web::to(log_out));
}

/// A site with sessions whose user is under the key `user`, and the calls of its loader.
async fn site(loader: Loader) -> (Site, Runs) {
    let (calls, clock) = (Runs::default(), TestClock::new());
    let session = session(LocalKey::generate(), &clock).subject_key("user").build().unwrap();
    let app = App::new()
        .app_data(loader(&calls))
        .app_data(verifier_builder(&clock).build().unwrap())
        .configure(handlers)
        .configure(routes)
        .wrap(session);
    (Site::new(init_service(app).await), calls)
}

async fn logged_in(site: &Site, user: &str) -> Browser {
    let mut browser = Browser::new();
    browser.get(site, &format!("/set?user={user}")).await;
    browser
}

fn with_token(path: &str, token: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header((AUTHORIZATION, format!("Bearer {token}")))
}

fn assert_not_cached(response: &Page) {
    assert_eq!(response.headers.get(VARY).unwrap(), "Cookie");
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
}

#[actix_web::test]
async fn login_of_the_session_selects_the_user() {
    for loader in LOADERS {
        let (site, calls) = site(loader).await;
        let mut browser = logged_in(&site, "ada").await;
        let response = browser.get(&site, "/me").await;
        assert_eq!((response.body.as_str(), calls.count()), ("ada", 1));
        assert_eq!(response.headers.get(VARY).unwrap(), "Cookie");
        assert_eq!(browser.get(&site, "/maybe").await.body, "ada");
        assert_eq!(browser.get(&site, "/log-out").await.body, "true", "the login has ended");
        assert_eq!(calls.count(), 3);
    }
}

#[actix_web::test]
async fn anonymous_visitor_is_rejected_or_none() {
    let (site_of_logins, calls) = site(of_logins).await;
    let response = Browser::new().get(&site_of_logins, "/me").await;
    assert_eq!((response.status, response.body.as_str()), (StatusCode::UNAUTHORIZED, BODY_401));
    assert_not_cached(&response);
    // A token is not a login.
    let response = site_of_logins.send(with_token("/me", &token_of("ada"))).await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);

    let (site_of_both, calls_of_both) = site(of_both).await;
    let response = Browser::new().get(&site_of_both, "/me").await;
    assert_not_cached(&response);
    TestResponse::from(response).assert_no_token();
    for site in [site_of_logins, site_of_both] {
        assert_eq!(Browser::new().get(&site, "/maybe").await.body, "anonymous");
    }
    assert_eq!((calls.count(), calls_of_both.count()), (0, 0));
}

#[actix_web::test]
async fn token_counts_and_an_invalid_token_does_not_fall_back_to_the_session() {
    let (site, calls) = site(of_both).await;
    assert_eq!(site.send(with_token("/me", &token_of("bob"))).await.body, "bob by token");
    let mut browser = logged_in(&site, "ada").await;
    let response = browser.send(&site, with_token("/me", &token_of("bob"))).await;
    assert_eq!((response.body.as_str(), calls.count()), ("bob by token", 2));

    let mut forged = token_of("ada");
    forged.insert(40, 'A');
    for path in ["/me", "/maybe"] {
        for token in [&forged, &token_of("mallory")] {
            let page = browser.send(&site, with_token(path, token)).await;
            TestResponse::from(page).assert_invalid_token();
        }
        let page = browser.send(&site, with_token(path, "")).await;
        TestResponse::from(page).assert_invalid_request();
    }
    assert_eq!(calls.count(), 4, "the loader runs for accepted tokens only");
}

#[actix_web::test]
async fn login_without_a_user_is_rejected() {
    for path in ["/me", "/maybe"] {
        let (of_logins, _) = site(of_logins).await;
        let response = logged_in(&of_logins, "mallory").await.get(&of_logins, path).await;
        assert_eq!((response.status, response.body.as_str()), (StatusCode::UNAUTHORIZED, BODY_401));
        assert_not_cached(&response);

        let (of_both, calls) = site(of_both).await;
        let response = logged_in(&of_both, "mallory").await.get(&of_both, path).await;
        assert_not_cached(&response);
        TestResponse::from(response).assert_invalid_token();
        assert_eq!(calls.count(), 1);
    }
}

#[actix_web::test]
async fn error_and_panic_of_the_loader_fail_closed() {
    for loader in LOADERS {
        for path in ["/me", "/maybe"] {
            let (site, _) = site(loader).await;
            let logs = Logs::capture();
            let response = logged_in(&site, "down").await.get(&site, path).await;
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(!response.body.contains("database"), "{}", response.body);
            assert_eq!(logs.count("the database is away"), 1, "{logs:?}");
            let response = logged_in(&site, "panic").await.get(&site, path).await;
            assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(response.body, BODY_500);
        }
    }
}

#[actix_web::test]
async fn form_of_another_site_is_rejected() {
    let post =
        |site: &'static str| TestRequest::post().uri("/me").insert_header(("sec-fetch-site", site));
    for loader in LOADERS {
        let (site, calls) = site(loader).await;
        let mut browser = logged_in(&site, "ada").await;
        let response = browser.send(&site, post("cross-site")).await;
        assert_eq!((response.status, calls.count()), (StatusCode::FORBIDDEN, 0));
        assert_eq!(browser.send(&site, post("same-origin")).await.body, "ada");
    }
}

/// The middleware of actix-session does not check the origin.
#[actix_web::test]
async fn form_of_another_site_is_rejected_with_another_session_middleware() {
    let (application, calls) = (Application::new(), Runs::default());
    let remember = application.remember().other_session_middleware();
    let store = PasetoSessionStore::new(LocalKey::generate()).clock(application.clock.clone());
    let log_in =
        async |req: HttpRequest| Identity::login(&req.extensions(), "ada".to_owned()).map(|_| "in");
    let app = App::new()
        .app_data(of_logins(&calls))
        .configure(handlers)
        .route("/login", web::get().to(log_in))
        .wrap(remember.trusted_origin("https://friend.example").build().unwrap())
        .wrap(SessionMiddleware::new(store, Key::from(&[b'x'; 64])));
    let site = Site::new(init_service(app).await);
    let mut browser = Browser::new();
    assert_eq!(browser.get(&site, "/login").await.body, "in");
    let post = |origin: &'static str| {
        let post = TestRequest::post().uri("/me").insert_header(("sec-fetch-site", "cross-site"));
        post.insert_header(("origin", origin))
    };
    let response = browser.send(&site, post("https://evil.example")).await;
    assert_eq!((response.status, calls.count()), (StatusCode::FORBIDDEN, 0));
    assert_eq!(browser.send(&site, post("https://friend.example")).await.body, "ada");
    assert_eq!(browser.get(&site, "/me").await.body, "ada");
}

#[actix_web::test]
async fn remembered_login_selects_the_user_and_the_login_page_is_used() {
    for (loader, reads_tokens) in [(of_logins as Loader, false), (of_both, true)] {
        let (application, calls) = (Application::new(), Runs::default());
        let session = session(application.session_key.clone(), &application.clock);
        let remember = application.remember().login_page("/login-page");
        let app = App::new()
            .app_data(loader(&calls))
            .app_data(verifier_builder(&application.clock).build().unwrap())
            .route("/user", web::to(several))
            .route("/maybe", web::to(maybe))
            .configure(paseto_actix_tests::remember::routes)
            .wrap(LoginLayer::new(session.build().unwrap(), remember.build().unwrap()));
        let site = Site::new(init_service(app).await);
        let mut browser = ada(&site).await;
        assert_eq!(browser.get(&site, "/user").await.body, "ada");
        browser.remove_cookie(SESSION);
        assert_eq!(browser.get(&site, "/user").await.body, "ada");
        assert!(browser.cookie(REMEMBER).is_some());
        assert_eq!(calls.count(), 2);

        let page = TestRequest::with_uri("/user").insert_header(("accept", "text/html"));
        let response = Browser::new().send(&site, page).await;
        assert_eq!(response.status, StatusCode::SEE_OTHER);
        assert_eq!(response.headers.get(LOCATION).unwrap(), "/login-page?next=%2Fuser");
        assert_not_cached(&response);
        let response = Browser::new().send(&site, TestRequest::with_uri("/user")).await;
        assert_eq!((response.status, response.body.as_str()), (StatusCode::UNAUTHORIZED, BODY_401));
        let challenge = response.headers.get(WWW_AUTHENTICATE);
        let expected = reads_tokens.then_some(r#"Bearer realm="api""#);
        assert_eq!(challenge.map(|value| value.to_str().unwrap()), expected);
        assert_eq!(Browser::new().get(&site, "/maybe").await.body, "anonymous");
    }
}

#[actix_web::test]
async fn handler_outside_of_a_session_has_no_logins() {
    let calls = Runs::default();
    let (of_logins, of_both) = (of_logins(&calls), of_both(&calls));
    for (loader, status, body) in [
        (of_logins, StatusCode::INTERNAL_SERVER_ERROR, BODY_500),
        (of_both, StatusCode::UNAUTHORIZED, BODY_401),
    ] {
        let app = App::new()
            .app_data(loader)
            .app_data(verifier_builder(&TestClock::new()).build().unwrap())
            .configure(handlers);
        let site = Site::new(init_service(app).await);
        let logs = Logs::capture();
        let response = Browser::new().get(&site, "/me").await;
        assert_eq!((response.status, response.body.as_str()), (status, body));
        let is_misconfigured = status == StatusCode::INTERNAL_SERVER_ERROR;
        assert_eq!(logs.count("no session around the handler"), usize::from(is_misconfigured));
    }
}
