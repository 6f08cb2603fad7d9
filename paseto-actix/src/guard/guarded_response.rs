use actix_web::body::EitherBody;
use actix_web::{HttpRequest, HttpResponse, Responder};

use crate::verifier::CacheRestriction;

/// The response of a handler with `#[paseto_required]`.
#[derive(Debug)]
pub enum GuardedResponse<R> {
    /// The responder of the handler, and the headers for caches.
    Admitted(R, CacheRestriction),
    /// The response to a rejected request. It is not an error, so actix-web and loggers process the
    /// rejection like a rejection of the middleware.
    Rejected(HttpResponse),
}

impl CacheRestriction {
    /// Runs the body of a handler.
    #[doc(hidden)]
    pub async fn respond<R>(self, body: impl Future<Output = R>) -> GuardedResponse<R> {
        GuardedResponse::Admitted(body.await, self)
    }
}

/// Tells the compiler the return type of a handler. The expansion of the attribute contains a call
/// of this function, but the call never runs.
#[must_use]
pub fn never<R>() -> R {
    unreachable!("the attribute puts this call behind `if false`")
}

impl<R: Responder> Responder for GuardedResponse<R> {
    type Body = EitherBody<R::Body>;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse<Self::Body> {
        match self {
            Self::Admitted(responder, caching) => {
                let mut response = responder.respond_to(req);
                caching.restrict(response.headers_mut());
                response.map_into_left_body()
            }
            Self::Rejected(response) => response.map_into_right_body(),
        }
    }
}
