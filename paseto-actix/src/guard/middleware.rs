use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, Map};

use super::PasetoRequired;
use super::authentication::{Admission, Decision, nearest_verifier_was_used};
use super::cache_control::restrict;
use crate::error::problem;
use crate::verifier::CacheRestriction;

impl<S, B> Transform<S, ServiceRequest> for PasetoRequired
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = PasetoRequiredMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(PasetoRequiredMiddleware {
            service: Rc::new(service),
            required: Rc::new(self.clone()),
        }))
    }
}

/// The service of [`PasetoRequired`].
pub struct PasetoRequiredMiddleware<S> {
    service: Rc<S>,
    required: Rc<PasetoRequired>,
}

/// Converts the response of the inner service to the response of the middleware.
type Wrap<B> =
    fn(Result<ServiceResponse<B>, Error>) -> Result<ServiceResponse<EitherBody<B>>, Error>;

fn wrap<B: MessageBody>(caching: CacheRestriction) -> Wrap<B> {
    // An error of an inner middleware has no request and no content of a handler, so it passes
    // unchanged.
    if caching.is_restricted() {
        |response| Ok(restrict(withhold_unverified(response?)))
    } else {
        |response| Ok(withhold_unverified(response?))
    }
}

/// Replaces the response of a handler if the verifier nearest to it has not verified the token,
/// because that verifier may reject the token.
///
/// The handler has already run. But the response is an error for each token, so that tests of the
/// application find the mistake.
fn withhold_unverified<B: MessageBody>(
    response: ServiceResponse<B>,
) -> ServiceResponse<EitherBody<B>> {
    let (req, status) = (response.request(), response.status());
    if nearest_verifier_was_used(req) {
        return response.map_into_left_body();
    }
    // actix-web sends this response for a path or a method without a handler. No guard of a handler
    // can run there.
    let is_default = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
        && response.response().body().size().is_eof();
    if is_default {
        // Remove the headers, because a handler can also return this response.
        return response.into_response(HttpResponse::new(status)).map_into_right_body();
    }
    tracing::error!(
        method = %req.method(),
        route = req.match_pattern(),
        "response withheld: the Verifier nearest to the handler has not verified the token, because `PasetoRequired` \
         outside of the scope used another Verifier: wrap PasetoRequired inside the scope that registers the Verifier"
    );
    response.into_response(problem(StatusCode::INTERNAL_SERVER_ERROR)).map_into_right_body()
}

impl<S, B> Service<ServiceRequest> for PasetoRequiredMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future =
        Either<Responding<S::Future, B>, LocalBoxFuture<'static, Result<Self::Response, Error>>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        // No clone of the request may be alive when it is routed.
        match Admission::new(req.request(), Rc::clone(&self.required)) {
            Admission::Ready(decision) => Either::Left(respond(&*service, req, decision)),
            Admission::Waiting(decision) => Either::Right(
                async move {
                    let decision = decision.await;
                    respond(&*service, req, decision).await
                }
                .boxed_local(),
            ),
        }
    }
}

type Responding<F, B> =
    Either<Map<F, Wrap<B>>, Ready<Result<ServiceResponse<EitherBody<B>>, Error>>>;

fn respond<S, B>(service: &S, req: ServiceRequest, decision: Decision) -> Responding<S::Future, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    match decision {
        Ok(caching) => Either::Left(service.call(req).map(wrap(caching))),
        Err(denied) => {
            let response = denied.into_response(req.request());
            Either::Right(ready(Ok(req.into_response(response).map_into_right_body())))
        }
    }
}

impl<S> fmt::Debug for PasetoRequiredMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoRequiredMiddleware")
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
