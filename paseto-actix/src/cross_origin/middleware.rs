use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use futures_util::future::{Either, FutureExt, Map};

use super::{CrossOriginPolicy, CrossOriginProtection, log_rejection};
use crate::error::problem;

impl<S, B> Transform<S, ServiceRequest> for CrossOriginProtection
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = CrossOriginProtectionMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(CrossOriginProtectionMiddleware { service, policy: Arc::clone(&self.policy) }))
    }
}

/// The service of [`CrossOriginProtection`].
pub struct CrossOriginProtectionMiddleware<S> {
    service: S,
    policy: Arc<CrossOriginPolicy>,
}

type ServiceResult<B> = Result<ServiceResponse<EitherBody<B>>, Error>;

/// Converts the result of the inner service to the result of the middleware.
type MapResult<B> = fn(Result<ServiceResponse<B>, Error>) -> ServiceResult<B>;

impl<S, B> Service<ServiceRequest> for CrossOriginProtectionMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Map<S::Future, MapResult<B>>, Ready<ServiceResult<B>>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        if self.policy.allows(req.request()) {
            let map: MapResult<B> = |result| Ok(result?.map_into_left_body());
            return Either::Left(self.service.call(req).map(map));
        }
        log_rejection(req.request());
        let response = req.into_response(problem(StatusCode::FORBIDDEN));
        Either::Right(ready(Ok(response.map_into_right_body())))
    }
}

impl<S> fmt::Debug for CrossOriginProtectionMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrossOriginProtectionMiddleware")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
