//! Errors of the session middleware, and their responses.

use actix_session::SessionInsertError;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::InvalidHeaderValue;
use actix_web::{HttpMessage, HttpResponse, ResponseError};

use super::tokens::EncryptError;
use crate::cookie::{LoginCookies, replace_response};
use crate::error::problem;
use crate::revocation::RevocationError;

/// Replaces the response of the application, because its session could not be saved. The cookie of
/// a remembered login that began in this request is dropped, because the login has no session.
pub(super) fn replace_unsaved<B>(
    response: ServiceResponse<B>,
    failure: HttpResponse,
) -> ServiceResponse {
    let new_logins = response
        .request()
        .extensions_mut()
        .remove::<LoginCookies>()
        .map_or(Vec::new(), |cookies| cookies.0);
    replace_response(response, failure, |cookie| !new_logins.contains(cookie))
}

/// An error of the middleware. Its response replaces the response of the application.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "a PasetoSession is inside another PasetoSession: remove one (a LoginLayer contains one), or wrap separate scopes"
    )]
    Nested,
    /// `log_rejection` logs this error.
    #[error("rejected a cross-origin request")]
    CrossOrigin,
    #[error("the revocation store failed: {0}")]
    RevocationStore(#[from] RevocationError),
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    #[error("failed to serialize the login entry of the session: {0}")]
    Login(SessionInsertError),
    #[error("the session cookie is not a valid header value: {0}: check `CookieConfig`")]
    Header(InvalidHeaderValue),
}

impl Failure {
    /// Logs the error and returns its response, which does not set the session cookie.
    pub(super) fn error_response(&self) -> HttpResponse {
        if !matches!(self, Self::CrossOrigin) {
            tracing::error!("{self}");
        }
        match self {
            Self::CrossOrigin => problem(StatusCode::FORBIDDEN),
            Self::RevocationStore(_) => problem(StatusCode::SERVICE_UNAVAILABLE),
            Self::Encrypt(EncryptError::TooLarge(error)) => error.error_response(),
            Self::Nested | Self::Encrypt(_) | Self::Login(_) | Self::Header(_) => {
                problem(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
