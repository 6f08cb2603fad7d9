use actix_web::{HttpRequest, HttpResponse, Responder};

use crate::verifier::Caching;

/// What a handler with `#[paseto_required]` returns: its responder, and the headers for caches.
#[derive(Clone, Debug)]
pub struct Answer<R> {
    responder: R,
    caching: Caching,
}

impl Caching {
    /// Runs a handler. The attribute writes a closure and not an `async` block, because only a closure can have a
    /// return type, which the body's types are inferred from.
    #[doc(hidden)]
    pub async fn answer<R>(self, handler: impl AsyncFnOnce() -> R) -> Answer<R> {
        Answer { responder: handler().await, caching: self }
    }
}

impl<R: Responder> Responder for Answer<R> {
    type Body = R::Body;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse<R::Body> {
        let mut response = self.responder.respond_to(req);
        self.caching.restrict(response.headers_mut());
        response
    }
}
