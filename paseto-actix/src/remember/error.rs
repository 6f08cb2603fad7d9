use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};

use super::context::StoreError;
use crate::error::problem;
use crate::refresh::RefreshError;
use crate::revocation::RevocationError;
use crate::token_family::TokenFamilyError;

/// The error of a login or a logout of [`RememberMe`](super::RememberMe) or
/// [`LoginLayer`](super::LoginLayer).
///
/// As a response, it is `401` ([`NotLoggedIn`](Self::NotLoggedIn), [`Revoked`](Self::Revoked)),
/// `403` ([`UnknownUser`](Self::UnknownUser)), `503` if a store failed, the response of the user
/// loader's error, or `500`. The response does not contain the reason. The log does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The handler is not wrapped in a [`RememberMe`](super::RememberMe).
    #[error(
        "no RememberMe around this handler: call `App::wrap(LoginLayer::new(session, remember))`"
    )]
    NoMiddleware,
    /// No user is logged in, or the logged-in user is not the user of `confirm_login`.
    #[error("no user is logged in, or another user than expected: log in first")]
    NotLoggedIn,
    /// The credential loader returned `None`: the user does not exist or may not log in.
    #[error("the credential loader returned `None`: the user does not exist or may not log in")]
    UnknownUser,
    /// All logins of the user were revoked after `start_login`.
    #[error("all logins of the user were revoked after this login started: log in again")]
    Revoked,
    /// The credential loader failed.
    #[error("the credential loader failed: {0}")]
    CredentialLoader(Error),
    /// The duration of [`Remember::For`](super::Remember::For) is out of range.
    #[error("expected a lifetime of 1 second to 365 days, found {} s", .0.as_secs_f64())]
    Lifetime(Duration),
    /// The cookie would exceed 4,096 bytes, the limit of browsers, because the user ID is too long.
    #[error("the cookie exceeds 4,096 bytes: use a shorter user ID")]
    TooLong,
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes")]
    NoRandomBytes,
    /// The token family store failed.
    #[error(transparent)]
    TokenFamily(#[from] TokenFamilyError),
    /// The revocation store failed, no store is set, or the login of the request is revoked.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The refresh tokens of the user could not be revoked.
    #[error(transparent)]
    Tokens(RefreshError),
    /// The session could not be written.
    #[error("the session could not be written: {0}")]
    Session(String),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TokenFamily(error) => Self::TokenFamily(error),
            StoreError::Revocation(error) => Self::Revocation(error),
        }
    }
}

impl ResponseError for LoginError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotLoggedIn | Self::Revoked => StatusCode::UNAUTHORIZED,
            Self::UnknownUser => StatusCode::FORBIDDEN,
            Self::Revocation(error) => error.status_code(),
            Self::TokenFamily(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::CredentialLoader(error) => error.as_response_error().status_code(),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::NotLoggedIn | Self::UnknownUser | Self::Revoked => {
                tracing::info!(error = %self, "rejected a login or a logout")
            }
            _ => tracing::error!(error = %self, "a login or a logout failed"),
        }
        match self {
            Self::CredentialLoader(error) => error.error_response(),
            _ => problem(self.status_code()),
        }
    }
}

impl From<RefreshError> for LoginError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::TokenFamily(error) => Self::TokenFamily(error),
            RefreshError::Revocation(error) => Self::Revocation(error),
            other => Self::Tokens(other),
        }
    }
}
