//! The responses of rejected refreshes and logouts, also those of the application.

use actix_web::HttpResponse;
use actix_web::body::to_bytes;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::test::TestRequest;
use paseto_actix::refresh::RefreshError;
use paseto_actix::token_family::TokenFamilyError;
use paseto_actix_tests::logs::Logs;
use serde_json::json;

use crate::refresh::Application;

async fn text(response: HttpResponse) -> String {
    String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
}

fn failed_store() -> RefreshError {
    TokenFamilyError::Other("down".into()).into()
}

/// RFC 6749, section 5.2.
#[actix_web::test]
async fn each_error_has_the_status_and_the_code_of_the_standard() {
    let tokens = Application::new().tokens();
    let req = TestRequest::default().to_http_request();
    for (error, status, body) in [
        (RefreshError::Invalid, 400, r#"{"error":"invalid_grant"}"#),
        (RefreshError::Revoked, 400, r#"{"error":"invalid_grant"}"#),
        (RefreshError::PendingLoginExpired, 400, r#"{"error":"invalid_grant"}"#),
        (RefreshError::InvalidRequest("no token"), 400, r#"{"error":"invalid_request"}"#),
        (RefreshError::UnsupportedGrantType, 400, r#"{"error":"unsupported_grant_type"}"#),
        (
            RefreshError::TooLong,
            500,
            r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#,
        ),
        (
            failed_store(),
            503,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#,
        ),
    ] {
        let response = tokens.reject(&req, error);
        assert_eq!(response.status().as_u16(), status, "{body}");
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store", "{body}");
        assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503, "{body}");
        assert_eq!(text(response).await, body);
    }
}

#[actix_web::test]
async fn error_handler_creates_the_response() {
    let builder = Application::new().builder().error_handler(|req, error| match error {
        RefreshError::Expired => {
            HttpResponse::SeeOther().insert_header((LOCATION, "/login")).finish()
        }
        _ => error.respond_json(&json!({ "path": req.path(), "code": error.code() })),
    });
    let tokens = builder.build().unwrap();
    let req = TestRequest::with_uri("/refresh").to_http_request();
    let logs = Logs::capture();
    let response = tokens.reject(&req, RefreshError::Invalid);
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), "application/json");
    assert_eq!(text(response).await, r#"{"code":"invalid_grant","path":"/refresh"}"#);
    assert_eq!(logs.count("rejected a refresh token"), 1);

    let response = tokens.reject(&req, failed_store());
    assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "1");
    let response = tokens.reject(&req, RefreshError::Expired);
    assert_eq!(response.status().as_u16(), 303);
    assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
}

#[actix_web::test]
async fn error_handler_cannot_turn_a_rejection_into_a_success() {
    let builder = Application::new().builder();
    let builder = builder.error_handler(|_, _| HttpResponse::Ok().json(json!({ "ok": true })));
    let req = TestRequest::default().to_http_request();
    let response = builder.build().unwrap().reject(&req, RefreshError::Reused);
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(text(response).await, r#"{"error":"invalid_grant"}"#);
}
