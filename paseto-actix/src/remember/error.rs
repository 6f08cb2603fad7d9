use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};

use super::context::StoreError;
use crate::error::problem;
use crate::refresh::RefreshError;
use crate::revocation::RevocationError;
use crate::token_family::TokenFamilyError;

/// A reason why a login, or the end of logins, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// There is no [`RememberMe`](super::RememberMe) around the handler.
    #[error(
        "no RememberMe around this handler: call `App::wrap(LoginLayer::new(session, remember))`"
    )]
    NoMiddleware,
    /// No user is logged in, or another user than the one of `confirm_login`.
    #[error("no user is logged in, or another user than the one to confirm: log in first")]
    NotLoggedIn,
    /// The user loader returned `None`: the user does not exist or may not log in.
    #[error("the user loader returned `None`: the user does not exist or may not log in")]
    UnknownUser,
    /// All logins of the user ended after the attempt was noted.
    #[error("all logins of the user ended after the attempt was noted: log in again")]
    Revoked,
    /// The user loader failed.
    #[error("the user loader failed: {0}")]
    UserLoader(Error),
    /// A login cannot be remembered for so long.
    #[error("a login is remembered for 1 second to 365 days, not for {} s", .0.as_secs_f64())]
    Lifetime(Duration),
    /// The user's id makes the cookie longer than browsers keep.
    #[error("the user's id is too long for a cookie")]
    TooLong,
    /// The operating system has no random bytes to give.
    #[error("the system has no random bytes")]
    NoRandomness,
    /// The token family store failed.
    #[error(transparent)]
    TokenFamily(#[from] TokenFamilyError),
    /// The revocation store failed, or no store is set.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The refresh tokens of the user could not be ended.
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
            Self::UserLoader(error) => error.as_response_error().status_code(),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::NotLoggedIn | Self::UnknownUser | Self::Revoked => {
                tracing::info!(error = %self, "rejected a login, or the end of logins")
            }
            _ => tracing::error!(error = %self, "a login, or the end of logins, failed"),
        }
        match self {
            Self::UserLoader(error) => error.error_response(),
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
