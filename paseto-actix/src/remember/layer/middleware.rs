use std::fmt;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, HttpMessage};
use futures_util::future::LocalBoxFuture;

use super::LoginLayer;
use crate::remember::RememberMe;
use crate::session::PasetoSessionMiddleware;

impl<S, B> Transform<S, ServiceRequest> for LoginLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<EitherBody<B>>>;
    type Error = Error;
    type Transform = LoginLayerMiddleware<<RememberMe as Transform<S, ServiceRequest>>::Transform>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (layer, remembered) = (self.clone(), self.remember.new_transform(service));
        Box::pin(async move {
            let service = layer.session.new_transform(remembered.await?).await?;
            Ok(LoginLayerMiddleware { service, layer })
        })
    }
}

/// The service of [`LoginLayer`].
pub struct LoginLayerMiddleware<S> {
    service: PasetoSessionMiddleware<S>,
    layer: LoginLayer,
}

impl<S, B> Service<ServiceRequest> for LoginLayerMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        req.extensions_mut().insert(self.layer.clone());
        self.service.call(req)
    }
}

impl<S> fmt::Debug for LoginLayerMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLayerMiddleware").field("layer", &self.layer).finish_non_exhaustive()
    }
}
