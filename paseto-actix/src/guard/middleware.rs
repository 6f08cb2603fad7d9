use std::{
    fmt,
    future::{Ready, ready},
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, Map};

use super::{
    PasetoRequired,
    authenticate::{admit, admit_now},
    cache_control::restrict,
};
use crate::verifier::Caching;

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
        ready(Ok(PasetoRequiredMiddleware { service: Rc::new(service), required: Rc::new(self.clone()) }))
    }
}

/// The service that [`PasetoRequired`] wraps around another.
pub struct PasetoRequiredMiddleware<S> {
    service: Rc<S>,
    required: Rc<PasetoRequired>,
}

/// From a response of the service inside to one of the middleware.
type Wrap<B> = fn(Result<ServiceResponse<B>, Error>) -> Result<ServiceResponse<EitherBody<B>>, Error>;

fn wrap<B>(caching: Caching) -> Wrap<B> {
    if caching.is_restricted() {
        |response| Ok(restrict(response?).map_into_left_body())
    } else {
        |response| Ok(response?.map_into_left_body())
    }
}

impl<S, B> Service<ServiceRequest> for PasetoRequiredMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Either<Map<S::Future, Wrap<B>>, LocalBoxFuture<'static, Result<Self::Response, Error>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let admitted = admit_now(req.request(), &self.required);
        if let Some(Ok(caching)) = admitted {
            return Either::Left(self.service.call(req).map(wrap(caching)));
        }
        let (service, required) = (Rc::clone(&self.service), Rc::clone(&self.required));
        Either::Right(Box::pin(async move {
            let admitted = match admitted {
                Some(admitted) => admitted,
                None => admit(req.request(), &required).await,
            };
            match admitted {
                Ok(caching) => wrap(caching)(service.call(req).await),
                Err(denied) => {
                    let response = denied.into_response(req.request());
                    Ok(req.into_response(response).map_into_right_body())
                }
            }
        }))
    }
}

impl<S> fmt::Debug for PasetoRequiredMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoRequiredMiddleware").field("required", &self.required).finish_non_exhaustive()
    }
}
