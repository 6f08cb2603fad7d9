use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use crate::error::{IssueError, VerifyError, VerifyErrorKind, problem};
use crate::revocation::RevocationError;
use crate::token_family::TokenFamilyError;

/// The error of a login, a refresh or a logout of [`RefreshTokens`](super::RefreshTokens).
///
/// As a response, an invalid, expired, revoked or reused refresh token is `401` with
/// `error="invalid_token"`, and so is a login that was revoked or took too long. A failed store is
/// `503` with `Retry-After`. Other errors are `500`. The response does not contain the reason. The
/// log does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The string is not a refresh token of this application.
    #[error(
        "not a refresh token of this application: the key, the application or the issuer differs, or it was changed"
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
    /// The token family store failed.
    #[error(transparent)]
    TokenFamily(#[from] TokenFamilyError),
    /// The revocation store failed, or the login to keep is revoked
    /// ([`RevocationError::Revoked`]).
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The issuer rejected the access token.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The refresh token would exceed its maximum length, because the subject is too long.
    #[error("the refresh token is too long: use a shorter subject")]
    TooLong,
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes")]
    NoRandomBytes,
}

impl ResponseError for RefreshError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid
            | Self::Expired
            | Self::Revoked
            | Self::Reused
            | Self::PendingLoginExpired => StatusCode::UNAUTHORIZED,
            Self::Revocation(error) => error.status_code(),
            Self::TokenFamily(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Issue(_) | Self::TooLong | Self::NoRandomBytes => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
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
            _ => tracing::error!(reason = %self, "a login, a refresh or a logout failed"),
        }
        let mut response = match self.status_code() {
            // The same response as for a rejected access token.
            StatusCode::UNAUTHORIZED => {
                VerifyError::new(VerifyErrorKind::Rejected, "the refresh token was rejected")
                    .error_response()
            }
            status => problem(status),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
