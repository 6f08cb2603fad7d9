//! The responses and log lines of the errors of stores.

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use paseto_actix::revocation::RevocationError;
use paseto_actix::token_family::TokenFamilyError;
use paseto_actix_tests::logs::Logs;

#[test]
fn each_error_of_a_store_has_its_status_and_log_line() {
    let down = || Box::<dyn std::error::Error + Send + Sync>::from("down");
    let errors: [(Box<dyn ResponseError>, StatusCode, &str); 10] = [
        (
            Box::new(RevocationError::Full { capacity: 7 }),
            StatusCode::SERVICE_UNAVAILABLE,
            "ERROR paseto_actix::revocation::error message=the revocation store failed",
        ),
        (
            Box::new(RevocationError::NotReplicated { replicas: 0, expected: 1 }),
            StatusCode::SERVICE_UNAVAILABLE,
            "ERROR paseto_actix::revocation::error message=the revocation store failed",
        ),
        (
            Box::new(RevocationError::Other(down())),
            StatusCode::SERVICE_UNAVAILABLE,
            "ERROR paseto_actix::revocation::error message=the revocation store failed",
        ),
        (
            Box::new(RevocationError::Revoked),
            StatusCode::UNAUTHORIZED,
            "INFO paseto_actix::revocation::error message=rejected a logout",
        ),
        (
            Box::new(RevocationError::NoTokenId),
            StatusCode::INTERNAL_SERVER_ERROR,
            "ERROR paseto_actix::revocation::error message=a revocation is not possible",
        ),
        (
            Box::new(RevocationError::NoSubject),
            StatusCode::INTERNAL_SERVER_ERROR,
            "ERROR paseto_actix::revocation::error message=a revocation is not possible",
        ),
        (
            Box::new(RevocationError::NoStore),
            StatusCode::INTERNAL_SERVER_ERROR,
            "ERROR paseto_actix::revocation::error message=a revocation is not possible",
        ),
        (
            Box::new(TokenFamilyError::Full { capacity: 7 }),
            StatusCode::SERVICE_UNAVAILABLE,
            "ERROR paseto_actix::token_family::error message=the token family store failed",
        ),
        (
            Box::new(TokenFamilyError::NotReplicated { replicas: 0, expected: 1 }),
            StatusCode::SERVICE_UNAVAILABLE,
            "ERROR paseto_actix::token_family::error message=the token family store failed",
        ),
        (
            Box::new(TokenFamilyError::Other(down())),
            StatusCode::SERVICE_UNAVAILABLE,
            "ERROR paseto_actix::token_family::error message=the token family store failed",
        ),
    ];
    for (error, status, line) in errors {
        let logs = Logs::capture();
        let response = error.error_response();
        assert_eq!(response.status(), status, "{error}");
        let is_unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(response.headers().contains_key(RETRY_AFTER), is_unavailable, "{error}");
        assert_eq!(logs.count(line), 1, "{error}: {logs:?}");
    }
}
