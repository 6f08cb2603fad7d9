use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};

use crate::{DEFAULT_REALM, IssueError, RevocationError, SeriesError, error::problem};

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
    #[error("no refresh token could be sealed")]
    Sealing,
}

impl ResponseError for RefreshError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid | Self::Ended | Self::Reused => StatusCode::UNAUTHORIZED,
            Self::Series(_) | Self::Revocation(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Issue(_) | Self::Sealing => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        tracing::warn!(reason = %self, "no new tokens");
        let mut response = problem(self.status_code());
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.status_code() {
            StatusCode::UNAUTHORIZED => {
                let challenge = format!(
                    "Bearer realm=\"{DEFAULT_REALM}\", error=\"invalid_token\", error_description=\"the token is not acceptable\""
                );
                if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                    headers.insert(WWW_AUTHENTICATE, challenge);
                }
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => (),
        }
        response
    }
}
