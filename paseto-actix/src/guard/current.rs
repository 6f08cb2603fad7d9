use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;

use super::authentication::current;
use crate::token::VerifiedToken;

/// The token of a request, for code that has only the request: middlewares, loggers, helpers.
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
    /// The token that `#[paseto_required]`, [`PasetoRequired`](crate::PasetoRequired) or an extractor has verified for this
    /// request; `None` if none of them has run yet, or none has found an acceptable one. A missing scope, a login too
    /// long ago or a check of one handler does not take it away: a logger wants to know who was refused.
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
