//! The middleware that renews the access token in a cookie.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use actix_web::App;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::error::ErrorImATeapot;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, RETRY_AFTER, SET_COOKIE};
use actix_web::test::{TestRequest, init_service};
use futures_util::future::{FutureExt, join, join_all};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::token_cookies::{TokenCookies, TokenRenewal};
use paseto_actix_tests::app::TestResponse;
use serde_json::json;
use time::Duration;

use crate::token_cookies::{Site, assert_removed, issue, jar, set};

const REFRESH: &str = "__Host-refresh";

fn cookies() -> TokenCookies {
    TokenCookies::builder().refresh_cookie(CookieConfig::new()).build().unwrap()
}

impl Site {
    fn renewal(&self) -> Option<TokenRenewal> {
        Some(TokenRenewal::new(self.tokens(), cookies(), issue).unwrap())
    }
}

fn get(path: &str, pair: &TokenPair) -> TestRequest {
    let cookies = jar(Some(&pair.access_token), &pair.refresh_token, REFRESH);
    TestRequest::with_uri(path).insert_header((COOKIE, cookies))
}

fn me(pair: &TokenPair) -> TestRequest {
    get("/me", pair)
}

fn assert_renewed(response: &TestResponse) {
    assert_eq!(response.status.as_u16(), 200, "{response:?}");
    assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    for name in ["__Host-access", REFRESH] {
        assert!(!set(&response.headers, name).unwrap().value().is_empty());
    }
    assert_eq!(response.headers.get_all(SET_COOKIE).count(), 2);
}

#[test]
fn refresh_cookie_of_one_path_is_an_error() {
    let cookies = TokenCookies::builder().build().unwrap();
    let error = TokenRenewal::new(Site::new().tokens(), cookies, issue).unwrap_err();
    assert!(error.to_string().contains("CookieConfig::new()"), "{error}");
}

#[actix_web::test]
async fn token_is_renewed_in_the_last_quarter_of_its_lifetime() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::seconds(675));
    let response = app(me(&pair)).await;
    let old = response.body.clone();
    assert_eq!((response.status.as_u16(), site.refreshed()), (200, 0));
    assert!(!response.headers.contains_key(SET_COOKIE));

    site.clock.advance(Duration::SECOND);
    let response = app(me(&pair)).await;
    assert_renewed(&response);
    assert_ne!(response.body, old, "the handler gets the new token");
    assert_eq!(site.refreshed(), 1);
}

#[actix_web::test]
async fn missing_and_malformed_access_cookies_are_renewed() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    for access in [None, Some(""), Some("v4.public.AAAA")] {
        let pair = site.log_in().await;
        let cookies = jar(access, &pair.refresh_token, REFRESH);
        let request = TestRequest::with_uri("/me").insert_header((COOKIE, cookies));
        assert_renewed(&app(request).await);
    }
}

#[actix_web::test]
async fn parallel_requests_cause_one_renewal() {
    for age in [Duration::minutes(14), Duration::minutes(16)] {
        let site = Site::new();
        let app = site.process(&cookies(), site.renewal()).await;
        let pair = site.log_in().await;
        site.clock.advance(age);
        let responses = join_all((0..64).map(|_| app(me(&pair)))).await;
        assert_eq!(site.refreshed(), 1, "{age}");
        let mut tokens: Vec<_> = responses.iter().map(|response| &response.body).collect();
        tokens.sort();
        tokens.dedup();
        for response in &responses {
            assert_eq!(response.status.as_u16(), 200, "{age}");
        }
        // While the old token is valid, requests do not wait for the new one.
        assert_eq!(tokens.len(), if age < Duration::minutes(15) { 2 } else { 1 }, "{age}");
        // A request that was already on its way.
        site.clock.advance(Duration::seconds(5));
        assert_renewed(&app(me(&pair)).await);
        assert_eq!(site.refreshed(), 1, "{age}");
    }
}

#[actix_web::test]
async fn dropped_request_does_not_stop_the_renewal_of_others() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let mut dropped = Box::pin(app(me(&pair)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(dropped.poll_unpin(&mut context).is_pending());
    let mut waiting = Box::pin(app(me(&pair)));
    assert!(waiting.poll_unpin(&mut context).is_pending());
    drop(dropped);
    // After the grace period, the store does not accept the old refresh token again.
    site.clock.advance(Duration::seconds(11));
    assert_renewed(&waiting.await);
    assert_eq!(site.refreshed(), 1);
}

#[actix_web::test]
async fn refresh_token_is_accepted_until_the_response_of_a_slow_request() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    // The handler takes a minute. The browser has the next token only after it.
    assert_renewed(&app(get("/slow", &pair)).await);
    assert_renewed(&app(me(&pair)).await);
    assert_eq!(site.refreshed(), 1);
    site.clock.advance(Duration::seconds(11));
    assert_removed(&app(me(&pair)).await, REFRESH);
}

#[actix_web::test]
async fn tabs_on_two_processes_are_both_renewed() {
    let site = Site::new();
    let (one, two) = (
        site.process(&cookies(), site.renewal()).await,
        site.process(&cookies(), site.renewal()).await,
    );
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let (first, second) = join(one(me(&pair)), two(me(&pair))).await;
    assert_renewed(&first);
    assert_renewed(&second);
    assert_eq!(site.refreshed(), 2);
    // The cookies of both responses work.
    site.clock.advance(Duration::minutes(16));
    for (app, response) in [(&two, &first), (&two, &second)] {
        let refresh = set(&response.headers, REFRESH).unwrap();
        let cookies = jar(None, refresh.value(), REFRESH);
        let request = TestRequest::with_uri("/me").insert_header((COOKIE, cookies));
        assert_renewed(&app(request).await);
    }
}

#[actix_web::test]
async fn browser_that_lost_the_response_is_renewed_within_the_grace_period() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    app(me(&pair)).await;
    site.clock.advance(Duration::seconds(10));
    assert_renewed(&app(me(&pair)).await);
    site.clock.advance(Duration::SECOND);
    let response = app(me(&pair)).await;
    assert_eq!(response.status.as_u16(), 401, "a copy of the refresh token");
    assert_removed(&response, REFRESH);
}

/// Otherwise the kept pair would hide a copy of the refresh token.
#[actix_web::test]
async fn used_refresh_token_is_detected_after_the_next_one_was_used() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let response = app(me(&pair)).await;
    let refresh = set(&response.headers, REFRESH).unwrap();
    let next = jar(None, refresh.value(), REFRESH);
    let request = TestRequest::with_uri("/me").insert_header((COOKIE, next));
    assert_renewed(&app(request).await);
    let response = app(me(&pair)).await;
    assert_eq!(response.status.as_u16(), 401);
    assert_removed(&response, REFRESH);
}

#[actix_web::test]
async fn rejected_refresh_cookie_removes_both_cookies() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let (mut tampered, revoked, expired) =
        (site.log_in().await, site.log_in().await, site.log_in().await);
    tampered.refresh_token.insert(20, 'A');
    site.tokens().logout_with_refresh_token(&revoked.refresh_token).await.unwrap();
    for (case, pair, age) in [
        ("tampered", &tampered, Duration::minutes(16)),
        ("revoked", &revoked, Duration::ZERO),
        ("expired", &expired, Duration::days(31)),
    ] {
        site.clock.advance(age);
        let response = app(me(pair)).await;
        assert_eq!(response.status.as_u16(), 401, "{case}");
        assert_removed(&response, REFRESH);
        let response = app(get("/public", pair)).await;
        assert_eq!(response.body, "public", "{case}");
    }
}

#[actix_web::test]
async fn request_of_another_origin_and_bearer_token_are_not_renewed() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(14));
    let of_another = get("/me", &pair).method(Method::POST);
    let of_another = of_another.insert_header(("sec-fetch-site", "cross-site"));
    let bearer = format!("Bearer {}", pair.access_token);
    let link = me(&pair).insert_header(("sec-fetch-site", "cross-site"));
    // A page of a sibling subdomain could abort the request before the response arrives.
    let of_sibling = me(&pair).insert_header(("sec-fetch-site", "same-site"));
    let with_bearer = me(&pair).insert_header((AUTHORIZATION, bearer));
    for (request, status) in [(of_another, 403), (link, 200), (of_sibling, 200), (with_bearer, 200)]
    {
        let response = app(request).await;
        assert_eq!(response.status.as_u16(), status);
        assert!(!response.headers.contains_key(SET_COOKIE));
        assert_eq!(site.refreshed(), 0);
    }
    let own = get("/me", &pair).method(Method::POST);
    let own = own.insert_header(("sec-fetch-site", "same-origin"));
    assert_renewed(&app(own).await);
}

#[actix_web::test]
async fn failed_store_rejects_only_expired_tokens() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(14));
    site.revocations.set_failing(true);
    // The verifier needs the store too, so use a page without a guard.
    let page = || get("/public", &pair);
    let response = app(page()).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "public"));
    assert!(!response.headers.contains_key(SET_COOKIE));

    site.clock.advance(Duration::minutes(2));
    for _ in 0..2 {
        let response = app(page()).await;
        assert_eq!(response.status.as_u16(), 503);
        assert!(response.headers.contains_key(RETRY_AFTER));
        assert!(!response.headers.contains_key(SET_COOKIE));
    }
    site.revocations.set_failing(false);
    assert_renewed(&app(me(&pair)).await);
}

#[actix_web::test]
async fn logout_in_a_renewed_request_removes_the_cookies() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let request = get("/auth/logout", &pair).method(Method::POST);
    let response = app(request).await;
    assert_eq!((response.status.as_u16(), site.refreshed()), (204, 1));
    assert_removed(&response, REFRESH);
}

/// The store has exchanged the old refresh token. Without the next one, the browser would look like
/// a thief after the grace period.
#[actix_web::test]
async fn browser_gets_the_next_refresh_token_while_the_claims_cannot_be_loaded() {
    let site = Site::new();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let issue = async move |login: Login| match down.load(Ordering::SeqCst) {
        true => Err(RefreshError::Claims("down".into())),
        false => login.issue(&json!({})),
    };
    let renewal = TokenRenewal::new(site.tokens(), cookies(), issue).unwrap();
    let app = site.process(&cookies(), Some(renewal)).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(14));
    let response = app(me(&pair)).await;
    assert_eq!(response.status.as_u16(), 200, "the old access token is valid");
    assert_eq!(response.headers.get_all(SET_COOKIE).count(), 1);
    let mut refresh = set(&response.headers, REFRESH).unwrap();
    for status in [503, 200] {
        site.clock.advance(Duration::minutes(2));
        let cookies = jar(None, refresh.value(), REFRESH);
        let response = app(TestRequest::with_uri("/me").insert_header((COOKIE, cookies))).await;
        assert_eq!(response.status.as_u16(), status);
        refresh = set(&response.headers, REFRESH).unwrap();
        is_down.store(false, Ordering::SeqCst);
    }
}

#[actix_web::test]
async fn access_token_that_exceeds_a_cookie_sets_only_the_refresh_cookie() {
    let site = Site::new();
    let long = async |login: Login| login.issue(&json!({ "text": "x".repeat(3500) }));
    let renewal = TokenRenewal::new(site.tokens(), cookies(), long).unwrap();
    let app = site.process(&cookies(), Some(renewal)).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let response = app(me(&pair)).await;
    assert_eq!(response.headers.get_all(SET_COOKIE).count(), 1);
    assert!(!set(&response.headers, REFRESH).unwrap().value().is_empty());
}

#[actix_web::test]
async fn refresh_endpoint_does_not_exchange_a_renewed_token_again() {
    let site = Site::new();
    let app = site.process(&cookies(), site.renewal()).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let response = app(get("/auth/token", &pair).method(Method::POST)).await;
    assert_renewed(&response);
    assert_eq!((response.body.as_str(), site.refreshed()), (r#"{"expires_in":900}"#, 1));
}

#[actix_web::test]
async fn error_of_an_inner_middleware_sets_the_cookies() {
    let site = Site::new();
    let app = App::new()
        .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(ErrorImATeapot("no")) })
        .wrap(site.renewal().unwrap());
    let app = init_service(app).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::minutes(16));
    let response = app.call(me(&pair).to_request()).await.unwrap_err().error_response();
    assert_eq!(response.status().as_u16(), 418);
    assert!(!set(response.headers(), REFRESH).unwrap().value().is_empty());
    assert_eq!(response.headers().get_all(SET_COOKIE).count(), 2);
}
