use actix_web::{HttpRequest, HttpResponse, Responder};

use crate::verifier::Caching;

/// What a handler with `#[paseto_required]` returns: its responder, and the headers for caches.
#[derive(Clone, Debug)]
pub struct Answer<R> {
    responder: R,
    caching: Caching,
}

impl Caching {
    /// Runs the body of a handler.
    #[doc(hidden)]
    pub async fn answer<R>(self, body: impl Future<Output = R>) -> Answer<R> {
        Answer { responder: body.await, caching: self }
    }
}

/// Names the type of a body. The code that the attribute writes never calls it.
#[must_use]
pub fn never<R>() -> R {
    unreachable!("the attribute writes this call behind `if false`")
}

impl<R: Responder> Responder for Answer<R> {
    type Body = R::Body;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse<R::Body> {
        let mut response = self.responder.respond_to(req);
        self.caching.restrict(response.headers_mut());
        response
    }
}
