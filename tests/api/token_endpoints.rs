//! The ready services for refresh, logout and revocation.

use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, PRAGMA, RETRY_AFTER, SET_COOKIE,
};
use actix_web::test::TestRequest;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::refresh::{Login, RefreshError};
use paseto_actix::token_cookies::TokenCookies;
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix_tests::app::{call, issuer_builder, verifier_builder};
use serde_json::{Value, json};
use time::Duration;

use crate::token_cookies::{Site, issue, jar, set};

const FORM: &str = "application/x-www-form-urlencoded";

fn post(path: &str, content_type: &str, body: impl Into<String>) -> TestRequest {
    let request = TestRequest::post().uri(path).insert_header((CONTENT_TYPE, content_type));
    request.set_payload(body.into())
}

fn refresh(body: impl Into<String>) -> TestRequest {
    post("/auth/token", FORM, body)
}

fn revoke(token: &str) -> TestRequest {
    post("/auth/revoke", FORM, format!("token={token}&token_type_hint=other"))
}

/// RFC 6749, sections 5.1 and 6.
#[actix_web::test]
async fn refresh_accepts_a_form_and_json() {
    let site = Site::new();
    let app = site.process(&TokenCookies::builder().build().unwrap(), None).await;
    let pair = site.log_in().await;
    let form = format!("grant_type=refresh_token&scope=&refresh_token={}", pair.refresh_token);
    let json = json!({ "refresh_token": pair.refresh_token, "client_id": "app" }).to_string();
    for request in [
        refresh(form.clone()),
        post("/auth/token", "application/x-www-form-urlencoded; charset=UTF-8", form),
        post("/auth/token", "application/json", json),
    ] {
        let response = app(request).await;
        assert_eq!(response.status.as_u16(), 200, "{}", response.body);
        assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
        assert_eq!(response.headers.get(PRAGMA).unwrap(), "no-cache");
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(body.as_object().unwrap().len(), 4);
    }
}

/// RFC 6749, sections 3.2 and 5.2.
#[actix_web::test]
async fn malformed_requests_get_the_error_code_of_the_standard() {
    let site = Site::new();
    let tokens = site.tokens();
    let endpoints = TokenEndpoints::new(tokens, issue);
    let app = actix_web::test::init_service(actix_web::App::new().service(endpoints)).await;
    let good = site.log_in().await.refresh_token;
    let json = |body: String| post("/auth/token", "application/json", body);
    for (request, code) in [
        (refresh("grant_type=refresh_token&refresh_token=v4.local.AAAA"), "invalid_grant"),
        (refresh(format!("grant_type=password&refresh_token={good}")), "unsupported_grant_type"),
        (refresh(format!("refresh_token={good}")), "invalid_request"),
        (refresh("grant_type=refresh_token"), "invalid_request"),
        (refresh("grant_type=refresh_token&refresh_token="), "invalid_request"),
        (
            refresh(format!("grant_type=refresh_token&refresh_token={good}&refresh_token={good}")),
            "invalid_request",
        ),
        (refresh(format!("grant_type=refresh_token&x={}", "x".repeat(10_240))), "invalid_request"),
        (
            post("/auth/token", "text/plain", format!(r#"{{"refresh_token":"{good}"}}"#)),
            "invalid_request",
        ),
        (json(format!(r#"["{good}"]"#)), "invalid_request"),
        (json(format!(r#"[null,"{good}"]"#)), "invalid_request"),
        (json(r#"{"refresh_token":1}"#.to_owned()), "invalid_request"),
        (
            json(format!(r#"{{"refresh_token":"{good}","refresh_token":"{good}"}}"#)),
            "invalid_request",
        ),
        (
            json(format!(r#"{{"grant_type":"password","refresh_token":"{good}"}}"#)),
            "unsupported_grant_type",
        ),
        (post("/auth/revoke", FORM, ""), "invalid_request"),
    ] {
        let response = call(&app, request.to_request()).await;
        let expected = format!(r#"{{"error":"{code}"}}"#);
        assert_eq!((response.status.as_u16(), &response.body), (400, &expected));
        assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    }
    assert_eq!(site.refreshed(), 0);
}

/// RFC 7009, section 2.2.
#[actix_web::test]
async fn revocation_accepts_both_tokens_and_ignores_invalid_ones() {
    let site = Site::new();
    let app = site.process(&TokenCookies::builder().build().unwrap(), None).await;
    let (one, two) = (site.log_in().await, site.log_in().await);
    for token in [&one.refresh_token, &two.access_token] {
        for time in ["first", "second"] {
            let response = app(revoke(token)).await;
            assert_eq!(response.status.as_u16(), 200, "{time}");
        }
    }
    for pair in [&one, &two] {
        let error = site.tokens().refresh(&pair.refresh_token).await.unwrap_err();
        assert!(matches!(error, RefreshError::Revoked), "{error}");
        let bearer = (AUTHORIZATION, format!("Bearer {}", pair.access_token));
        let request = TestRequest::with_uri("/me").insert_header(bearer);
        assert_eq!(app(request).await.status.as_u16(), 401);
    }
    for token in ["v4.local.AAAA", "v4.public.AAAA", "secret"] {
        let response = app(revoke(token)).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, ""), "{token}");
    }
}

#[actix_web::test]
async fn revocation_of_a_token_without_a_login_revokes_the_token() {
    let site = Site::new();
    let app = site.process(&TokenCookies::builder().build().unwrap(), None).await;
    let token = issuer_builder(&site.clock).build().unwrap().issue(&json!({})).unwrap();
    let verifier = verifier_builder(&site.clock).revocation_store(site.revocations.clone());
    let verifier = verifier.build().unwrap();
    verifier.verify_str_async(&token).await.unwrap();
    assert_eq!(app(revoke(&token)).await.status.as_u16(), 200);
    let error = verifier.verify_str_async(&token).await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::Revoked);
}

#[actix_web::test]
async fn failed_store_is_503_in_each_service() {
    let site = Site::new();
    let app = site.process(&TokenCookies::builder().build().unwrap(), None).await;
    let pair = site.log_in().await;
    site.revocations.set_failing(true);
    let form = format!("grant_type=refresh_token&refresh_token={}", pair.refresh_token);
    for request in [
        refresh(form),
        post("/auth/logout", FORM, format!("refresh_token={}", pair.refresh_token)),
        revoke(&pair.refresh_token),
        revoke(&pair.access_token),
    ] {
        let response = app(request).await;
        assert_eq!(response.status.as_u16(), 503);
        assert_eq!(response.headers.get(RETRY_AFTER).unwrap(), "1");
        assert_eq!(response.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    }
}

#[actix_web::test]
async fn logout_accepts_an_access_token_or_a_refresh_token() {
    let site = Site::new();
    let endpoints = TokenEndpoints::new(site.tokens(), issue).logout_path("/end").unwrap();
    let verifier = verifier_builder(&site.clock).revocation_store(site.revocations.clone());
    let app = actix_web::App::new().app_data(verifier.build().unwrap()).service(endpoints);
    let app = actix_web::test::init_service(app).await;
    for by_access_token in [true, false] {
        let pair = site.log_in().await;
        let request = if by_access_token {
            let bearer = (AUTHORIZATION, format!("Bearer {}", pair.access_token));
            TestRequest::post().uri("/end").insert_header(bearer)
        } else {
            post("/end", FORM, format!("refresh_token={}", pair.refresh_token))
        };
        assert_eq!(call(&app, request.to_request()).await.status.as_u16(), 204);
        let error = site.tokens().refresh(&pair.refresh_token).await.unwrap_err();
        assert!(matches!(error, RefreshError::Revoked), "{error}");
    }
    let response = call(&app, TestRequest::post().uri("/end").to_request()).await;
    response.assert_no_token();
    // A token without a login: RFC 6750, section 3.1.
    let token = issuer_builder(&site.clock).build().unwrap().issue(&json!({})).unwrap();
    let bearer = (AUTHORIZATION, format!("Bearer {token}"));
    let request = TestRequest::post().uri("/end").insert_header(bearer);
    call(&app, request.to_request()).await.assert_invalid_token();
}

#[actix_web::test]
async fn expired_login_is_an_invalid_grant() {
    let site = Site::new();
    let app = site.process(&TokenCookies::builder().build().unwrap(), None).await;
    let pair = site.log_in().await;
    site.clock.advance(Duration::days(31));
    let form = format!("grant_type=refresh_token&refresh_token={}", pair.refresh_token);
    let response = app(refresh(form)).await;
    assert_eq!(response.body, r#"{"error":"invalid_grant"}"#);
    // The token family has expired too, and would be `Revoked`.
    let error = site.tokens().refresh(&pair.refresh_token).await.unwrap_err();
    assert!(matches!(error, RefreshError::Expired), "{error}");
}

/// The store has exchanged the old refresh token, so the browser needs the next one.
#[actix_web::test]
async fn browser_gets_the_next_refresh_token_without_an_access_token() {
    const REFRESH: &str = "__Secure-refresh";
    let site = Site::new();
    for (is_too_long, status) in [(true, 500), (false, 503)] {
        let issue = async move |login: Login| match is_too_long {
            true => login.issue(&json!({ "text": "x".repeat(3500) })),
            false => Err(RefreshError::Claims("down".into())),
        };
        let cookies = TokenCookies::builder().build().unwrap();
        let endpoints = TokenEndpoints::new(site.tokens(), issue).cookies(cookies);
        let app = actix_web::test::init_service(actix_web::App::new().service(endpoints)).await;
        let pair = site.log_in().await;
        let sent = (COOKIE, jar(None, &pair.refresh_token, REFRESH));
        let request = TestRequest::post().uri("/auth/token").insert_header(sent);
        let response = call(&app, request.to_request()).await;
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.headers.get_all(SET_COOKIE).count(), 1);
        let next = set(&response.headers, REFRESH).unwrap();
        let _ = site.tokens().refresh(next.value()).await.unwrap();
    }
}

#[test]
fn path_that_is_a_pattern_is_an_error() {
    let site = Site::new();
    for path in ["token", "/{token}", "/../token"] {
        let error = TokenEndpoints::new(site.tokens(), issue).token_path(path).unwrap_err();
        assert!(error.to_string().contains("`token_path`"), "{error}");
    }
}
