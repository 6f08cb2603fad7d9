//! Responses of slow requests that end after a logout or a login of the same browser.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use futures_util::future::FutureExt;
use futures_util::lock::Mutex;
use paseto_actix::cookie::CookieConfig;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::testing::FailingStore;
use paseto_actix::token_cookies::{TokenCookies, TokenRenewal};
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, PasetoRequired, RefreshTokens, VerifiedToken};
use paseto_actix_tests::app::{TestResponse, call, issuer_builder, verifier_builder};
use serde_json::json;
use time::Duration;

use crate::token_cookies::{Site, issue, jar, set};

const ACCESS: &str = "__Host-access";
const REFRESH: &str = "__Host-refresh";

/// Holds the handlers of `/held` and `/held/login/{user}` back until the test opens it.
#[derive(Clone, Default)]
struct Gate {
    is_reached: Arc<AtomicBool>,
    lock: Arc<Mutex<()>>,
}

impl Gate {
    async fn pass(self) -> &'static str {
        self.is_reached.store(true, Ordering::SeqCst);
        let _open = self.lock.lock().await;
        "held"
    }

    /// Runs a request to a held handler, and `meanwhile` while the handler runs.
    async fn hold(
        &self,
        late: impl Future<Output = TestResponse>,
        meanwhile: impl Future<Output = ()>,
    ) -> TestResponse {
        let closed = self.lock.lock().await;
        self.is_reached.store(false, Ordering::SeqCst);
        let mut late = pin!(late);
        while !self.is_reached.load(Ordering::SeqCst) {
            let response = late.as_mut().now_or_never();
            assert!(response.is_none(), "no handler was called: {response:?}");
            yield_now().await;
        }
        meanwhile.await;
        drop(closed);
        late.await
    }
}

impl Site {
    /// Returns an application in which `/login/{user}` logs in without a password. The handler of
    /// `/held/login/{user}` waits after the login, before it sets the cookies.
    async fn app<F>(
        &self,
        tokens: &RefreshTokens,
        gate: &Gate,
        issue_renewed: F,
    ) -> impl AsyncFn(TestRequest) -> TestResponse + use<F>
    where
        F: AsyncFn(Login) -> Result<TokenPair, RefreshError> + Send + Sync + 'static,
    {
        let cookies = TokenCookies::builder().refresh_cookie(CookieConfig::new()).build().unwrap();
        let verifier = verifier_builder(&self.clock)
            .token_from([cookies.token_source()])
            .revocation_store(self.revocations.clone());
        let user = async |token: VerifiedToken| token.subject().unwrap_or_default().to_owned();
        let held = gate.clone();
        let held = move || held.clone().pass();
        let log_in = |gate: Gate| {
            let (tokens, cookies) = (tokens.clone(), cookies.clone());
            move |user: web::Path<String>| {
                let (tokens, cookies, gate) = (tokens.clone(), cookies.clone(), gate.clone());
                async move {
                    let login = tokens.login(user.into_inner()).await?;
                    let mut response = HttpResponse::Ok().body(gate.pass().await);
                    cookies.set(response.headers_mut(), &login.issue(&json!({}))?)?;
                    Ok::<_, RefreshError>(response)
                }
            }
        };
        let app = App::new()
            .app_data(verifier.build().unwrap())
            .service(web::resource("/me").wrap(PasetoRequired::new()).to(user))
            .service(web::resource("/held").to(held))
            .service(web::resource("/held/login/{user}").post(log_in(gate.clone())))
            .service(web::resource("/login/{user}").post(log_in(Gate::default())))
            .service(TokenEndpoints::new(tokens.clone(), issue).cookies(cookies.clone()))
            .wrap(TokenRenewal::new(tokens.clone(), cookies, issue_renewed).unwrap());
        let app = init_service(app).await;
        async move |request: TestRequest| call(&app, request.to_request()).await
    }

    fn failing_tokens(&self) -> (RefreshTokens, FailingStore<MemoryTokenFamilyStore>) {
        let store = MemoryTokenFamilyStore::new(1000).clock(self.clock.clone());
        let store = FailingStore::new(store);
        let issuer = issuer_builder(&self.clock).build().unwrap();
        let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
            .token_family_store(store.clone())
            .revocation_store(self.revocations.clone())
            .clock(self.clock.clone());
        (tokens.build().unwrap(), store)
    }
}

async fn ada(tokens: &RefreshTokens) -> TokenPair {
    tokens.login("ada").await.unwrap().issue(&json!({})).unwrap()
}

fn with(request: TestRequest, path: &str, pair: &TokenPair) -> TestRequest {
    let cookies = jar(Some(&pair.access_token), &pair.refresh_token, REFRESH);
    request.uri(path).insert_header((COOKIE, cookies))
}

fn get(path: &str, pair: &TokenPair) -> TestRequest {
    with(TestRequest::get(), path, pair)
}

fn post(path: &str, pair: &TokenPair) -> TestRequest {
    with(TestRequest::post(), path, pair)
}

/// Returns the request of a browser with the cookies that a response set.
fn after(response: &TestResponse, path: &str) -> TestRequest {
    let value = |name| set(&response.headers, name).unwrap().value().to_owned();
    let cookies = jar(Some(&value(ACCESS)), &value(REFRESH), REFRESH);
    TestRequest::with_uri(path).insert_header((COOKIE, cookies))
}

#[track_caller]
fn assert_held(response: &TestResponse, count: usize) {
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "held"));
    assert_cookies(response, count);
}

#[track_caller]
fn assert_cookies(response: &TestResponse, count: usize) {
    assert_eq!(response.headers.get_all(SET_COOKIE).count(), count, "{response:?}");
}

#[actix_web::test]
async fn late_response_does_not_restore_a_login_after_a_logout() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let app = site.app(&tokens, &gate, issue).await;
    for age in [Duration::minutes(14), Duration::minutes(16)] {
        let pair = ada(&tokens).await;
        site.clock.advance(age);
        let nothing = async {};
        assert_held(&gate.hold(app(get("/held", &pair)), nothing).await, 2);

        let pair = ada(&tokens).await;
        site.clock.advance(age);
        let logout = async {
            assert_eq!(app(post("/auth/logout", &pair)).await.status.as_u16(), 204);
        };
        assert_held(&gate.hold(app(get("/held", &pair)), logout).await, 0);

        let pair = ada(&tokens).await;
        site.clock.advance(age);
        let everywhere = async { tokens.logout_all("ada").await.unwrap() };
        assert_held(&gate.hold(app(get("/held", &pair)), everywhere).await, 0);
    }
}

/// A request that arrives after the logout still gets the pair that another request renewed.
#[actix_web::test]
async fn request_that_the_logout_overtook_does_not_restore_the_login() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let app = site.app(&tokens, &gate, issue).await;
    let pair = ada(&tokens).await;
    site.clock.advance(Duration::minutes(16));
    assert_cookies(&app(get("/held", &pair)).await, 2);
    tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
    let response = app(get("/me", &pair)).await;
    assert_eq!(response.status.as_u16(), 401);
    assert_cookies(&response, 0);
}

#[actix_web::test]
async fn late_response_does_not_restore_the_old_user_after_a_login() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let app = site.app(&tokens, &gate, issue).await;
    for age in [Duration::minutes(14), Duration::minutes(16)] {
        let pair = ada(&tokens).await;
        site.clock.advance(age);
        let login = async {
            let response = app(post("/login/bob", &pair)).await;
            assert_cookies(&response, 2);
            assert_eq!(app(after(&response, "/me")).await.body, "bob");
        };
        assert_held(&gate.hold(app(get("/held", &pair)), login).await, 0);
    }
}

#[actix_web::test]
async fn late_response_without_claims_does_not_restore_the_refresh_token() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let down = async |_: Login| Err(RefreshError::Claims("down".into()));
    let app = site.app(&tokens, &gate, down).await;
    for (is_logout, count) in [(false, 1), (true, 0)] {
        let pair = ada(&tokens).await;
        site.clock.advance(Duration::minutes(14));
        let logout = async {
            if is_logout {
                tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
            }
        };
        assert_held(&gate.hold(app(get("/held", &pair)), logout).await, count);
    }
}

/// The refresh token is useless after a logout. Without it, the browser would look like a thief.
#[actix_web::test]
async fn store_that_fails_during_a_request_lets_only_the_refresh_cookie_be_set() {
    let (site, gate) = (Site::new(), Gate::default());
    let (tokens, store) = site.failing_tokens();
    let app = site.app(&tokens, &gate, issue).await;
    let pair = ada(&tokens).await;
    site.clock.advance(Duration::minutes(16));
    let failure = async { store.set_failing(true) };
    let response = gate.hold(app(get("/held", &pair)), failure).await;
    assert_held(&response, 1);
    assert!(!set(&response.headers, REFRESH).unwrap().value().is_empty());
}

#[actix_web::test]
async fn new_login_revokes_the_login_that_the_browser_had() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let app = site.app(&tokens, &gate, issue).await;
    // Also the same user, and a browser that has lost the expired access token.
    for user in ["ada", "bob"] {
        let (pair, other) = (ada(&tokens).await, ada(&tokens).await);
        let cookies = jar(None, &pair.refresh_token, REFRESH);
        let login = TestRequest::post().uri(&format!("/login/{user}"));
        let response = app(login.insert_header((COOKIE, cookies))).await;
        assert_eq!(app(after(&response, "/me")).await.body, user);
        assert_eq!(app(get("/me", &pair)).await.status.as_u16(), 401);
        let error = tokens.refresh(&pair.refresh_token).await.unwrap_err();
        assert!(matches!(error, RefreshError::Revoked), "{error}");
        let _ = tokens.refresh(&other.refresh_token).await.unwrap();
    }
}

/// The middleware would otherwise remove the cookies that the handler has set.
#[actix_web::test]
async fn login_of_a_browser_with_a_revoked_login_sets_its_cookies() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let app = site.app(&tokens, &gate, issue).await;
    let pair = ada(&tokens).await;
    tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
    site.clock.advance(Duration::minutes(16));
    let response = app(post("/login/bob", &pair)).await;
    assert_cookies(&response, 2);
    assert_eq!(app(after(&response, "/me")).await.body, "bob");
}

#[actix_web::test]
async fn refresh_and_login_of_another_site_do_not_revoke_the_login() {
    let (site, gate) = (Site::new(), Gate::default());
    let tokens = site.tokens();
    let app = site.app(&tokens, &gate, issue).await;
    let pair = ada(&tokens).await;
    let response = app(post("/auth/token", &pair)).await;
    assert_cookies(&response, 2);
    assert_eq!(app(after(&response, "/me")).await.body, "ada");

    // The handler of the test has no `CrossOriginProtection`.
    let of_another_site = post("/login/bob", &pair).insert_header(("sec-fetch-site", "cross-site"));
    assert_cookies(&app(of_another_site).await, 2);
    assert_eq!(app(after(&response, "/me")).await.body, "ada");
}

#[actix_web::test]
async fn login_that_cannot_revoke_the_old_login_is_rejected() {
    let (site, gate) = (Site::new(), Gate::default());
    let (tokens, store) = site.failing_tokens();
    let app = site.app(&tokens, &gate, issue).await;
    let pair = ada(&tokens).await;
    let failure = async { store.set_failing(true) };
    let response = gate.hold(app(post("/held/login/bob", &pair)), failure).await;
    assert_eq!(response.status.as_u16(), 503);
    assert_cookies(&response, 0);
    // The user tries again.
    store.set_failing(false);
    let response = app(post("/login/bob", &pair)).await;
    assert_cookies(&response, 2);
    assert_eq!(app(after(&response, "/me")).await.body, "bob");
    assert!(tokens.refresh(&pair.refresh_token).await.is_err());
}
