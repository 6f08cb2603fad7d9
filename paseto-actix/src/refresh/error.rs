use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use crate::error::{IssueError, VerifyError, VerifyErrorKind, problem};
use crate::revocation::RevocationError;
use crate::token_family::TokenFamilyError;

/// Why there are no new tokens.
///
/// The response to a refresh token that is invalid, expired, ended or reused is the `401` of each
/// rejected token, with `invalid_token`. A store that fails is a `503` with `Retry-After`. The
/// client gets no other detail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The text is not a refresh token of this application.
    #[error(
        "not a refresh token of this application: the key, the application or the issuer differs, or it was changed"
    )]
    Invalid,
    /// The login is longer ago than the `lifetime`.
    #[error("the refresh token has expired")]
    Expired,
    /// The login has ended: by a logout, or because a refresh token was used twice.
    #[error("the login of the refresh token has ended")]
    Revoked,
    /// The refresh token was used before, so a copy of it exists. The login has ended by this use.
    #[error("the refresh token was used before: its login is revoked")]
    Reused,
    /// The store of families could not do its part.
    #[error(transparent)]
    TokenFamily(#[from] TokenFamilyError),
    /// The store of revocations could not do its part.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The access token could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The operating system has no random bytes to give, or the subject is too long for a token.
    #[error(
        "a refresh token could not be encrypted: it is too long, or the operating system returned no random bytes"
    )]
    Encryption,
}

impl ResponseError for RefreshError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid | Self::Expired | Self::Revoked | Self::Reused => {
                StatusCode::UNAUTHORIZED
            }
            Self::Revocation(error) => error.status_code(),
            Self::TokenFamily(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Issue(_) | Self::Encryption => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            // The rotation has logged the reuse.
            Self::Expired | Self::Reused => {
                tracing::debug!(reason = %self, "rejected a refresh token")
            }
            Self::Revoked => tracing::info!(reason = %self, "rejected a refresh token"),
            Self::Invalid => tracing::warn!(reason = %self, "rejected a refresh token"),
            _ => tracing::error!(reason = %self, "no new tokens"),
        }
        let mut response = match self.status_code() {
            // The response of each rejected token.
            StatusCode::UNAUTHORIZED => {
                VerifyError::new(VerifyErrorKind::Rejected, "no refresh token").error_response()
            }
            status => problem(status),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
