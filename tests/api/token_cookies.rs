//! The tokens of browsers in cookies: attributes, refresh and logout. Other tests use the `Site`.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HeaderMap, SET_COOKIE, VARY};
use actix_web::middleware::Condition;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::event::Event;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::token_cookies::{TokenCookies, TokenRenewal};
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, PasetoRequired, RefreshTokens, TokenSource, VerifiedToken};
use paseto_actix_tests::app::{TestResponse, call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::revocation::{FailingRevocations, failing_revocations};
use serde_json::json;
use time::Duration;

/// The stores and keys of one or more processes.
pub(crate) struct Site {
    pub(crate) clock: TestClock,
    key: LocalKey,
    families: MemoryTokenFamilyStore,
    pub(crate) revocations: FailingRevocations,
    refreshed: Arc<AtomicUsize>,
    rejected: Arc<AtomicUsize>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new();
        Self {
            key: LocalKey::generate(),
            families: MemoryTokenFamilyStore::new(1000).clock(clock.clone()),
            revocations: failing_revocations(&clock, 1000),
            refreshed: Arc::default(),
            rejected: Arc::default(),
            clock,
        }
    }

    pub(crate) fn tokens(&self) -> RefreshTokens {
        let (refreshed, rejected) = (Arc::clone(&self.refreshed), Arc::clone(&self.rejected));
        RefreshTokens::builder(issuer_builder(&self.clock).build().unwrap(), self.key.clone())
            .token_family_store(self.families.clone())
            .revocation_store(self.revocations.clone())
            .on_event(move |event| match event {
                Event::Refreshed { .. } => _ = refreshed.fetch_add(1, Ordering::SeqCst),
                Event::Rejected(VerifyErrorKind::CrossOrigin) => {
                    rejected.fetch_add(1, Ordering::SeqCst);
                }
                _ => (),
            })
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    /// Returns the number of refreshes.
    pub(crate) fn refreshed(&self) -> usize {
        self.refreshed.load(Ordering::SeqCst)
    }

    /// Logs in and returns the pair of tokens.
    pub(crate) async fn log_in(&self) -> TokenPair {
        self.tokens().login("ada").await.unwrap().issue(&json!({})).unwrap()
    }

    /// Returns a process with a guarded page, the endpoints and, optionally, the renewal.
    pub(crate) async fn process(
        &self,
        cookies: &TokenCookies,
        renewal: Option<TokenRenewal>,
    ) -> impl AsyncFn(TestRequest) -> TestResponse + use<> {
        let verifier = verifier_builder(&self.clock)
            .token_from([TokenSource::bearer(), cookies.token_source()])
            .revocation_store(self.revocations.clone())
            .build()
            .unwrap();
        let page = async |token: VerifiedToken| token.token_id().unwrap_or_default().to_owned();
        let clock = self.clock.clone();
        let slow = move || {
            clock.advance(Duration::MINUTE);
            ready("slow")
        };
        let is_renewing = renewal.is_some();
        let renewal = renewal.unwrap_or_else(|| {
            let cookies = TokenCookies::builder().refresh_cookie(CookieConfig::new());
            TokenRenewal::new(self.tokens(), cookies.build().unwrap(), issue).unwrap()
        });
        let endpoints = TokenEndpoints::new(self.tokens(), issue).cookies(cookies.clone());
        let app = init_service(
            App::new()
                .app_data(verifier)
                .service(web::resource("/me").wrap(PasetoRequired::new()).to(page))
                .service(web::resource("/slow").to(slow))
                .service(web::resource("/public").to(async || "public"))
                .service(endpoints)
                .wrap(Condition::new(is_renewing, renewal)),
        )
        .await;
        async move |request: TestRequest| call(&app, request.to_request()).await
    }
}

pub(crate) async fn issue(login: Login) -> Result<TokenPair, RefreshError> {
    // Parallel requests run in the meantime.
    for _ in 0..3 {
        actix_web::rt::task::yield_now().await;
    }
    login.issue(&json!({}))
}

/// The value of the `Cookie` header of a browser.
pub(crate) fn jar(access: Option<&str>, refresh: &str, refresh_name: &str) -> String {
    let access = access.map(|token| format!("__Host-access={token}; ")).unwrap_or_default();
    format!("{access}{refresh_name}={refresh}")
}

/// Returns the new value of a cookie.
pub(crate) fn set(headers: &HeaderMap, name: &str) -> Option<Cookie<'static>> {
    let cookies = headers.get_all(SET_COOKIE).map(|value| value.to_str().unwrap().to_owned());
    cookies.map(|text| Cookie::parse(text).unwrap()).find(|cookie| cookie.name() == name)
}

/// Asserts that the response removes both cookies.
#[track_caller]
pub(crate) fn assert_removed(response: &TestResponse, refresh_name: &str) {
    for name in ["__Host-access", refresh_name] {
        let cookie = set(&response.headers, name).unwrap_or_else(|| panic!("{name}: {response:?}"));
        assert_eq!((cookie.value(), cookie.max_age()), ("", Some(Duration::ZERO)), "{name}");
    }
    assert_eq!(response.headers.get_all(SET_COOKIE).count(), 2);
}

const REFRESH: &str = "__Secure-refresh";

fn post(path: &str) -> TestRequest {
    TestRequest::default().method(Method::POST).uri(path)
}

#[actix_web::test]
async fn cookies_have_the_documented_attributes() {
    let site = Site::new();
    let pair = site.log_in().await;
    let cookies = TokenCookies::builder().build().unwrap();
    let mut headers = HeaderMap::new();
    cookies.set(&mut headers, &pair).unwrap();
    let texts: Vec<_> =
        headers.get_all(SET_COOKIE).map(|value| value.to_str().unwrap().to_owned()).collect();
    let (access, refresh) = (&pair.access_token, &pair.refresh_token);
    assert_eq!(
        texts,
        [
            format!("__Host-access={access}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=900"),
            format!(
                "__Secure-refresh={refresh}; HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=2592000"
            ),
        ]
    );
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "no-store");
    assert_eq!(headers.get(VARY).unwrap(), "Cookie");
    assert!(!format!("{headers:?}").contains(access.as_str()), "`Debug` hides the tokens");

    // A refresh does not extend the login.
    site.clock.advance(Duration::DAY);
    let next = site.tokens().refresh(refresh).await.unwrap().issue(&json!({})).unwrap();
    let mut headers = HeaderMap::new();
    cookies.set(&mut headers, &next).unwrap();
    assert_eq!(set(&headers, REFRESH).unwrap().max_age(), Some(Duration::days(29)));
}

#[actix_web::test]
async fn token_that_exceeds_a_cookie_is_an_error_and_sets_no_cookie() {
    let site = Site::new();
    let login = site.tokens().login("ada").await.unwrap();
    let pair = login.issue(&json!({ "text": "x".repeat(3500) })).unwrap();
    let mut headers = HeaderMap::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let error = cookies.set(&mut headers, &pair).unwrap_err();
    assert!(matches!(error, RefreshError::CookieTooLong), "{error}");
    assert!(headers.is_empty());
}

#[test]
fn invalid_settings_of_cookies_are_errors() {
    let builder = TokenCookies::builder;
    let of = |cookie: CookieConfig| builder().refresh_cookie(cookie);
    for builder in [
        of(CookieConfig::new().http_only(false)),
        of(CookieConfig::new().name("__Host-access")),
        of(CookieConfig::new().same_site(SameSite::None)).development_over_plain_http(),
        builder().trusted_origin("app.example"),
    ] {
        builder.build().unwrap_err();
    }
    let shown = format!("{:?}", of(CookieConfig::new()).build());
    assert!(shown.contains("__Host-refresh"), "{shown}");
    let shown = format!("{:?}", builder().development_over_plain_http().build());
    assert!(shown.contains(r#""refresh""#) && !shown.contains("__"), "{shown}");
}

#[actix_web::test]
async fn refresh_with_the_cookie_sets_new_cookies() {
    let site = Site::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let app = site.process(&cookies, None).await;
    let pair = site.log_in().await;
    let sent = || (COOKIE, jar(None, &pair.refresh_token, REFRESH));
    let response = app(post("/auth/token").insert_header(sent())).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, r#"{"expires_in":900}"#));
    let access = set(&response.headers, "__Host-access").unwrap();
    assert_ne!(set(&response.headers, REFRESH).unwrap().value(), pair.refresh_token);
    let request = TestRequest::with_uri("/me").insert_header((COOKIE, access.to_string()));
    assert_eq!(app(request).await.status.as_u16(), 200);
}

#[actix_web::test]
async fn rejected_refresh_cookie_is_removed() {
    let site = Site::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let app = site.process(&cookies, None).await;
    let pair = site.log_in().await;
    site.tokens().logout_with_refresh_token(&pair.refresh_token).await.unwrap();
    for request in [
        post("/auth/token"),
        post("/auth/token").insert_header((COOKIE, jar(None, "v4.local.AAAA", REFRESH))),
        post("/auth/token").insert_header((COOKIE, jar(None, &pair.refresh_token, REFRESH))),
    ] {
        let response = app(request).await;
        assert_eq!(response.status.as_u16(), 400);
        assert_eq!(response.body, r#"{"error":"invalid_grant"}"#);
        assert_removed(&response, REFRESH);
    }
}

#[actix_web::test]
async fn other_site_can_neither_refresh_nor_log_out() {
    let site = Site::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let app = site.process(&cookies, None).await;
    let pair = site.log_in().await;
    for path in ["/auth/token", "/auth/logout"] {
        let request = post(path)
            .insert_header((COOKIE, jar(Some(&pair.access_token), &pair.refresh_token, REFRESH)))
            .insert_header(("sec-fetch-site", "cross-site"));
        let response = app(request).await;
        assert_eq!(response.status.as_u16(), 403, "{path}");
        assert!(!response.headers.contains_key(SET_COOKIE), "{path}");
    }
    assert_eq!((site.refreshed(), site.rejected.load(Ordering::SeqCst)), (0, 2));
    let _ = site.tokens().refresh(&pair.refresh_token).await.unwrap();
}

#[actix_web::test]
async fn logout_revokes_the_login_and_removes_both_cookies() {
    let site = Site::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let app = site.process(&cookies, None).await;
    // A browser whose access token has expired, one without a refresh token, and one that is
    // already logged out.
    for (access, refresh) in [(false, true), (true, false), (true, true)] {
        let pair = site.log_in().await;
        let access = access.then_some(pair.access_token.as_str());
        let refresh = if refresh { pair.refresh_token.as_str() } else { "" };
        for time in ["first", "second"] {
            let request =
                post("/auth/logout").insert_header((COOKIE, jar(access, refresh, REFRESH)));
            let response = app(request).await;
            assert_eq!(response.status.as_u16(), 204, "{time}");
            assert_removed(&response, REFRESH);
        }
        let error = site.tokens().refresh(&pair.refresh_token).await.unwrap_err();
        assert!(matches!(error, RefreshError::Revoked), "{error}");
    }
    let pair = site.log_in().await;
    site.revocations.set_failing(true);
    let sent = (COOKIE, jar(Some(&pair.access_token), &pair.refresh_token, REFRESH));
    let response = app(post("/auth/logout").insert_header(sent)).await;
    assert_eq!(response.status.as_u16(), 503);
    assert!(!response.headers.contains_key(SET_COOKIE), "the user can try again");
}

/// A sibling subdomain can add a cookie with the same name.
#[actix_web::test]
async fn refresh_cookies_that_differ_are_not_exchanged_and_a_logout_revokes_all() {
    let site = Site::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let app = site.process(&cookies, None).await;
    let (one, two) = (site.log_in().await, site.log_in().await);
    let both = format!("{REFRESH}={}; {REFRESH}={}", one.refresh_token, two.refresh_token);
    for (path, status) in [("/auth/token", 400), ("/auth/logout", 204)] {
        let response = app(post(path).insert_header((COOKIE, both.clone()))).await;
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    }
    assert_eq!(site.refreshed(), 0);
    for pair in [&one, &two] {
        let error = site.tokens().refresh(&pair.refresh_token).await.unwrap_err();
        assert!(matches!(error, RefreshError::Revoked), "{error}");
    }
}

#[actix_web::test]
async fn logout_with_a_bearer_token_ignores_the_cookies() {
    let site = Site::new();
    let cookies = TokenCookies::builder().build().unwrap();
    let app = site.process(&cookies, None).await;
    let (bearer, other) = (site.log_in().await, site.log_in().await);
    let request = post("/auth/logout")
        .insert_header((COOKIE, jar(None, &other.refresh_token, REFRESH)))
        .insert_header((AUTHORIZATION, format!("Bearer {}", bearer.access_token)));
    let response = app(request).await;
    assert_eq!(response.status.as_u16(), 204);
    assert!(!response.headers.contains_key(SET_COOKIE));
    site.tokens().refresh(&bearer.refresh_token).await.unwrap_err();
    let _ = site.tokens().refresh(&other.refresh_token).await.unwrap();
}
