//! The responses of the middleware instead of the application's.

use actix_session::SessionInsertError;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{InvalidHeaderValue, SET_COOKIE};
use actix_web::{HttpMessage, HttpResponse, ResponseError};

use super::tokens::EncryptError;
use crate::cookie::{LoginCookies, forbid_shared_caching, vary_by_cookie};
use crate::error::problem;
use crate::revocation::RevocationError;

/// Replaces the response of the application, whose work the session could not keep.
///
/// The cookies of inner layers stay, because a rotated token must reach the browser. The cookie of
/// a remembered login that began in this request goes, because its session does not exist.
pub(super) fn replace<B>(response: ServiceResponse<B>, failure: HttpResponse) -> ServiceResponse {
    let begun = response
        .request()
        .extensions_mut()
        .remove::<LoginCookies>()
        .map_or(Vec::new(), |cookies| cookies.0);
    let cookies = response.headers().get_all(SET_COOKIE).filter(|cookie| !begun.contains(cookie));
    let cookies: Vec<_> = cookies.cloned().collect();
    let mut response = response.into_response(failure);
    let headers = response.headers_mut();
    vary_by_cookie(headers);
    if !cookies.is_empty() {
        forbid_shared_caching(headers);
    }
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

/// A reason to answer instead of the application.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "a PasetoSession is inside another PasetoSession: remove one (a LoginLayer contains one), or wrap separate scopes"
    )]
    Nested,
    /// The middleware has logged the request.
    #[error("a cross-origin request")]
    CrossOrigin,
    #[error("the revocation store failed: {0}")]
    RevocationStore(#[from] RevocationError),
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    #[error("the login is not JSON: {0}")]
    Login(SessionInsertError),
    #[error("the cookie is not a header value: {0}")]
    Header(InvalidHeaderValue),
}

impl Failure {
    /// Logs the failure, and returns its response. The client keeps the cookie that it has.
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
