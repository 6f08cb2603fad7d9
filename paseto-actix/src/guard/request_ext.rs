use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;

use super::authentication::current;
use crate::token::VerifiedToken;

/// The token of a request, for code that has only the request, such as middlewares, loggers and
/// helpers.
///
/// ```
/// use actix_web::HttpRequest;
/// use paseto_actix::guard::PasetoRequestExt;
///
/// fn user_of(req: &HttpRequest) -> Option<String> {
///     Some(req.current_paseto()?.subject()?.to_owned())
/// }
/// ```
pub trait PasetoRequestExt {
    /// Returns the token that `#[paseto_required]`, [`PasetoRequired`](crate::PasetoRequired) or an
    /// extractor has verified for this request. Returns `None` if the token is not verified yet, is
    /// missing, or was rejected by the [`Verifier`](crate::Verifier).
    ///
    /// The token stays available if the guard rejects the request because of a missing scope, an
    /// old login or a check of the handler, so that a logger can log the subject.
    fn current_paseto(&self) -> Option<VerifiedToken>;
}

impl PasetoRequestExt for HttpRequest {
    fn current_paseto(&self) -> Option<VerifiedToken> {
        current(self)
    }
}

impl PasetoRequestExt for ServiceRequest {
    fn current_paseto(&self) -> Option<VerifiedToken> {
        current(self)
    }
}
