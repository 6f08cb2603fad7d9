use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderValue},
    },
};

use crate::{IssueError, RevocationError, SeriesError, VerifyError, VerifyErrorKind, error::problem};

/// Why there are no new tokens.
///
/// As a response, a token that is none, or that is used up, is the `401` of every token that is refused, with `invalid_token`;
/// a store that cannot answer is `503` with `Retry-After`. The client learns no more than that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// It is no refresh token of this application, or has expired.
    #[error("no refresh token of ours, or one that has expired")]
    Invalid,
    /// Its login has ended: by a logout, or because a token of it was used twice.
    #[error("the login has ended")]
    Ended,
    /// It was used before: somebody has a copy. The login has ended by this.
    #[error("the refresh token was used before: its login is revoked")]
    Reused,
    /// The store of families could not do its part.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// The store of revocations could not do its part.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The access token could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The operating system has no random bytes to give, or the subject is too long for a token.
    #[error("a refresh token could not be encrypted: it is too long, or the operating system returned no random bytes")]
    Sealing,
}

impl ResponseError for RefreshError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid | Self::Ended | Self::Reused => StatusCode::UNAUTHORIZED,
            Self::Revocation(error) => error.status_code(),
            Self::Series(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Issue(_) | Self::Sealing => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self.status_code() {
            StatusCode::UNAUTHORIZED => tracing::warn!(reason = %self, "no new tokens"),
            _ => tracing::error!(reason = %self, "no new tokens"),
        }
        let mut response = match self.status_code() {
            // Whoever asks with a bad token is told what every bad token is told.
            StatusCode::UNAUTHORIZED => VerifyError::new(VerifyErrorKind::Refused, "no refresh token").error_response(),
            status => problem(status),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
