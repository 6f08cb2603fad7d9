use std::cell::RefCell;
use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_session::SessionExt;
use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use futures_util::future::LocalBoxFuture;

use super::decrypted_cache::DecryptedCache;
use super::failure::replace_unsaved;
use super::{Inner, PasetoSession};
use crate::cookie::vary_by_cookie;

impl<S, B> Transform<S, ServiceRequest> for PasetoSession
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = PasetoSessionMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let cache = RefCell::new(DecryptedCache::new(self.0.decrypted_cache_capacity));
        ready(Ok(PasetoSessionMiddleware {
            service: Rc::new(service),
            worker: Rc::new(WorkerState { session: self.clone(), cache }),
        }))
    }
}

/// The service of [`PasetoSession`].
pub struct PasetoSessionMiddleware<S> {
    service: Rc<S>,
    worker: Rc<WorkerState>,
}

/// The settings of a [`PasetoSession`] and the cache of one worker.
///
/// `load` reads the session of a request, and `save` writes it to the response.
pub(super) struct WorkerState {
    pub(super) session: PasetoSession,
    pub(super) cache: RefCell<DecryptedCache>,
}

impl WorkerState {
    pub(super) fn settings(&self) -> &Inner {
        &self.session.0
    }
}

impl<S, B> Service<ServiceRequest> for PasetoSessionMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (service, worker) = (Rc::clone(&self.service), Rc::clone(&self.worker));
        Box::pin(async move {
            let loaded = match worker.load(&req).await {
                Ok(loaded) => loaded,
                Err(failure) => {
                    let mut response = req.into_response(failure.error_response());
                    vary_by_cookie(response.headers_mut());
                    return Ok(response.map_into_right_body());
                }
            };
            let session = req.get_session();
            loaded.fill(&session);
            let mut response = match service.call(req).await {
                Ok(response) => response,
                Err(error) => return Err(worker.purge_on_error(error, &loaded, &session).await),
            };
            match worker.save(&loaded, &session, response.request().headers()).await {
                Ok(cookie) => {
                    worker.write_headers(response.headers_mut(), cookie, &session);
                    Ok(response.map_into_left_body())
                }
                Err(failure) => {
                    let response = replace_unsaved(response, failure.error_response());
                    Ok(response.map_into_right_body())
                }
            }
        })
    }
}

impl<S> fmt::Debug for PasetoSessionMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionMiddleware")
            .field("session", &self.worker.session)
            .finish_non_exhaustive()
    }
}
