use std::error::Error;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::error::{IssueError, VerifyError, VerifyErrorKind, problem};
use crate::revocation::RevocationError;
use crate::token_family::TokenFamilyError;

/// The error of a login, a refresh or a logout of [`RefreshTokens`](super::RefreshTokens).
///
/// As a response, it has `Cache-Control: no-store` and one of these statuses:
///
/// - `400` with the JSON body of [RFC 6749, section 5.2]. The error code is `invalid_grant` for a
///   refresh token that is invalid, expired, revoked or reused, and for a login that was revoked or
///   took too long. It is `invalid_request` for a malformed request, and `unsupported_grant_type`
///   for another grant type.
/// - `401` with the challenge `invalid_token` of [RFC 6750, section 3.1] for an *access token* that
///   is rejected.
/// - `503` with `Retry-After` for a failed store, and for claims that could not be loaded.
/// - `500` for other errors.
///
/// The response does not contain the reason, and it is the same for each cause of an error code.
/// The log contains the reason.
///
/// [RFC 6749, section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
/// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The string is not a refresh token of this application.
    #[error(
        "not a refresh token of this application: the key, the application or the issuer differs, \
         or it was changed"
    )]
    Invalid,
    /// The login is older than its lifetime.
    #[error("the refresh token has expired")]
    Expired,
    /// The login was revoked, by a logout or because a refresh token was used twice.
    #[error("the login was revoked: log in again")]
    Revoked,
    /// [`PendingLogin::complete`](super::PendingLogin::complete) was called too late.
    #[error("the login took longer than `access_ttl` after `start_login`: start it again")]
    PendingLoginExpired,
    /// The refresh token was already used, so a copy of it exists. This use revoked the login.
    #[error("the refresh token was used before: its login is revoked")]
    Reused,
    /// The access token does not belong to a login of this issuer.
    #[error(
        "the access token does not belong to a login of this issuer: it has another `iss`, or no \
         `sid` of RefreshTokens"
    )]
    ForeignAccessToken,
    /// The request is malformed.
    #[error("malformed request: {0}")]
    InvalidRequest(&'static str),
    /// The grant type of the request is not `refresh_token`.
    #[error("the `grant_type` is not `refresh_token`")]
    UnsupportedGrantType,
    /// The token family store failed.
    #[error(transparent)]
    TokenFamily(#[from] TokenFamilyError),
    /// The revocation store failed, or the login to keep is revoked
    /// ([`RevocationError::Revoked`]).
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The application failed to load the claims of the user. Return it from the closure of
    /// `TokenEndpoints` or `TokenRenewal` if a database fails.
    #[error("the claims could not be loaded: {0}")]
    Claims(Box<dyn Error + Send + Sync>),
    /// The issuer rejected the access token.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The refresh token would exceed its maximum length, because the subject is too long.
    #[error("the refresh token is too long: use a shorter subject")]
    TooLong,
    /// A cookie with a token would exceed 4,096 bytes, and browsers can discard it.
    #[error(
        "a cookie with a token would exceed 4096 bytes: use fewer claims, or a shorter subject"
    )]
    CookieTooLong,
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes")]
    NoRandomBytes,
}

impl RefreshError {
    /// Returns whether the refresh token or the login is rejected for good.
    pub(crate) fn is_invalid_grant(&self) -> bool {
        self.code() == Some("invalid_grant")
    }

    /// Returns the error code of [RFC 6749, section 5.2] or [RFC 6750, section 3.1], if the client
    /// caused the error: `invalid_grant`, `invalid_request`, `unsupported_grant_type` or
    /// `invalid_token`.
    ///
    /// [RFC 6749, section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    /// [RFC 6750, section 3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Invalid
            | Self::Expired
            | Self::Revoked
            | Self::Reused
            | Self::PendingLoginExpired => Some("invalid_grant"),
            Self::InvalidRequest(_) => Some("invalid_request"),
            Self::UnsupportedGrantType => Some("unsupported_grant_type"),
            Self::ForeignAccessToken | Self::Revocation(RevocationError::Revoked) => {
                Some("invalid_token")
            }
            _ => None,
        }
    }

    /// Returns a response with this body as JSON, and with the status and the headers of the
    /// default response. It does not log the reason. If the body cannot be serialized, the response
    /// is `500`.
    ///
    /// The body must not depend on the cause of an `invalid_grant`. Otherwise a client that sends
    /// forged tokens learns which check rejected them. [`code`](Self::code) and
    /// [`status_code`](ResponseError::status_code) do not depend on the cause.
    pub fn respond_json(&self, body: &impl Serialize) -> HttpResponse {
        match serde_json::to_vec(body) {
            Ok(body) => {
                let mut response = self.response().set_body(BoxBody::new(body));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                response
            }
            Err(error) => {
                tracing::error!(%error, "serializing the body of an error response failed");
                problem(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// Returns the default response, and does not log the reason.
    pub(super) fn response(&self) -> HttpResponse {
        let mut response = match (self.status_code(), self.code()) {
            // The code is constant, so the JSON needs no serializer.
            (status @ StatusCode::BAD_REQUEST, Some(code)) => HttpResponse::build(status)
                .content_type("application/json")
                .body(format!(r#"{{"error":"{code}"}}"#)),
            // The same response as for an access token that the verifier rejects.
            (StatusCode::UNAUTHORIZED, _) => {
                VerifyError::new(VerifyErrorKind::Rejected, "the access token was rejected")
                    .error_response()
            }
            (status, _) => problem(status),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    pub(crate) fn log(&self) {
        match self {
            // `RefreshTokens::refresh` has already logged a reuse at `WARN`.
            Self::Expired | Self::Reused => {
                tracing::debug!(reason = %self, "rejected a refresh token")
            }
            Self::Revoked
            | Self::PendingLoginExpired
            | Self::Revocation(RevocationError::Revoked) => {
                tracing::info!(reason = %self, "rejected a login, a refresh or a logout")
            }
            Self::Invalid => tracing::warn!(reason = %self, "rejected a refresh token"),
            Self::ForeignAccessToken => tracing::warn!(reason = %self, "rejected an access token"),
            Self::InvalidRequest(_) | Self::UnsupportedGrantType => {
                tracing::info!(reason = %self, "rejected a request for tokens")
            }
            _ => tracing::error!(reason = %self, "a login, a refresh or a logout failed"),
        }
    }
}

impl ResponseError for RefreshError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid
            | Self::Expired
            | Self::Revoked
            | Self::Reused
            | Self::PendingLoginExpired
            | Self::InvalidRequest(_)
            | Self::UnsupportedGrantType => StatusCode::BAD_REQUEST,
            Self::ForeignAccessToken => StatusCode::UNAUTHORIZED,
            Self::Revocation(error) => error.status_code(),
            Self::TokenFamily(_) | Self::Claims(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Issue(_) | Self::TooLong | Self::CookieTooLong | Self::NoRandomBytes => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        self.response()
    }
}
