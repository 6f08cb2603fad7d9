use std::{
    fmt,
    future::{Ready, ready},
    rc::Rc,
};

use actix_identity::IdentityExt;
use actix_session::{Session, SessionExt, SessionStatus};
use actix_web::{
    Error, HttpMessage,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    error::InternalError,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderValue, SET_COOKIE},
    },
};
use futures_util::future::LocalBoxFuture;

use super::{
    RememberMe, SessionProtection, client,
    context::{Change, Context, StoreError, unset_fresh, user_of},
    restore::unavailable,
    settings::Settings,
};
use crate::cookie::{LoginCookies, forbid_shared_caching, vary_by_cookie};

impl<S, B> Transform<S, ServiceRequest> for RememberMe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = RememberMeMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RememberMeMiddleware { service: Rc::new(service), remember: self.clone() }))
    }
}

/// The service that [`RememberMe`] wraps around another.
pub struct RememberMeMiddleware<S> {
    service: Rc<S>,
    remember: RememberMe,
}

impl<S, B> Service<ServiceRequest> for RememberMeMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (service, context) = (Rc::clone(&self.service), Rc::new(Context::new(self.remember.clone())));
        Box::pin(async move {
            req.extensions_mut().insert(Rc::clone(&context));
            let ended = context.protect(&req);
            if user_of(&req).is_none() {
                // What a deadline has left in the session says nothing of who is logged in next.
                unset_fresh(&req);
                client::unbind(&req.get_session());
                // A session that was purged stores nothing.
                if !ended
                    && req.get_session().status() != SessionStatus::Purged
                    && let Err(error) = context.restore(&req).await
                {
                    // A response, because `Logger` and `ErrorHandlers` take no notice of an `Err`.
                    let mut response = req.error_response(error);
                    context.finish(response.headers_mut());
                    return Ok(response.map_into_right_body());
                }
            }
            context.user.replace(user_of(&req));
            let session = req.get_session();
            match service.call(req).await {
                Ok(mut response) => {
                    if let Err(error) = context.end_if_logged_out(&response).await {
                        // The session ends and the cookie goes all the same; that copies are good
                        // is not to look like success.
                        tracing::error!(%error, "a remembered login could not be revoked at its logout");
                        response.response_mut().head_mut().status = StatusCode::SERVICE_UNAVAILABLE;
                    }
                    if let Some(begun) = context.finish(response.headers_mut()) {
                        let mut extensions = response.request().extensions_mut();
                        extensions.get_or_insert_with(LoginCookies::default).0.push(begun);
                    }
                    Ok(response.map_into_left_body())
                }
                Err(error) => Err(context.finish_error(error, session.status() == SessionStatus::Purged).await),
            }
        })
    }
}

impl Context {
    /// Looks whether the client is still the one that logged in; if not, it may have been logged
    /// out by this.
    fn protect(&self, req: &ServiceRequest) -> bool {
        let Settings { protection, fingerprint, .. } = &*self.remember.0;
        if *protection == SessionProtection::Off {
            return false;
        }
        let Ok(identity) = req.get_identity() else { return false };
        if !client::is_of_another(&req.get_session(), &fingerprint.of(req.request())) {
            return false;
        }
        tracing::warn!("a session of another client");
        if *protection == SessionProtection::Strong {
            identity.logout();
            end_session(&req.get_session());
            self.change(Change::Remove);
            return true;
        }
        unset_fresh(req);
        false
    }

    /// A logout by whatever means ends the remembered login too, as does another user in the place
    /// of the one before.
    async fn end_if_logged_out<B>(&self, response: &ServiceResponse<B>) -> Result<(), StoreError> {
        let req = response.request();
        let removed = matches!(*self.cookie.borrow(), Change::Remove);
        let left = *self.user.borrow() != user_of(req) && self.user.borrow().is_some();
        if left {
            end_session(&req.get_session());
        }
        if left || (removed && self.user.borrow().is_none()) {
            self.change(Change::Remove);
            unset_fresh(req);
            self.revoke(req.headers()).await?;
        }
        Ok(())
    }

    /// Sets or removes the cookie. Returns the header that it appended for a login that began in
    /// this request.
    fn finish(&self, headers: &mut HeaderMap) -> Option<HeaderValue> {
        let change = self.cookie.take();
        let begins = matches!(change, Change::Begin(_));
        let cookie = match change {
            Change::None => return None,
            Change::Set(cookie) | Change::Begin(cookie) => cookie,
            Change::Remove => self.remember.0.cookie.removal(),
        };
        headers.append(SET_COOKIE, cookie.clone());
        vary_by_cookie(headers);
        forbid_shared_caching(headers);
        begins.then_some(cookie)
    }

    /// Adds the change of the cookie to the error of a service further in, which becomes the
    /// response later. The next token of a series must reach the browser, and a logout must count.
    /// A login that the error undoes is not remembered.
    async fn finish_error(&self, error: Error, purged: bool) -> Error {
        let change = self.cookie.take();
        let change = match change {
            Change::None => return error,
            Change::Set(_) if purged => Change::Remove,
            // The session that it began is not saved either.
            Change::Begin(_) => Change::None,
            other => other,
        };
        let goes_on = matches!(change, Change::Set(_));
        if !goes_on && let Err(error) = self.revoke_known().await {
            return unavailable(error);
        }
        self.change(change);
        let mut response = error.error_response();
        self.finish(response.headers_mut());
        InternalError::from_response(error, response).into()
    }
}

/// Ends the session of a logout. With `LogoutBehavior::DeleteIdentityKeys`, actix-identity only
/// removes the user from the session, and a copy of an older cookie would still log the user in.
fn end_session(session: &Session) {
    if session.status() != SessionStatus::Purged {
        session.renew();
    }
}

impl<S> fmt::Debug for RememberMeMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberMeMiddleware").field("remember", &self.remember).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use actix_identity::IdentityMiddleware;
    use actix_web::{
        App, HttpRequest, HttpResponse,
        test::{TestRequest, call_service, init_service},
        web,
    };

    use super::*;
    use crate::{
        keys::LocalKey,
        remember::{Remember, UserStamp},
    };

    async fn log_in(req: HttpRequest, remember: web::Data<Remember>) -> Result<HttpResponse, Error> {
        RememberMe::login(&req, "ada", **remember).await?;
        Ok(HttpResponse::Ok().finish())
    }

    /// The `Set-Cookie` headers of a login, and those that an outer middleware finds in the
    /// request.
    async fn headers_of(remember: Remember) -> (Vec<HeaderValue>, Vec<HeaderValue>) {
        let middleware = RememberMe::builder(LocalKey::generate()).user_loader(async |_| Some(UserStamp::of("secret")));
        let app = App::new()
            .app_data(web::Data::new(remember))
            .wrap(middleware.build().expect("a middleware"))
            .wrap(IdentityMiddleware::default())
            .default_service(web::to(log_in));
        let response = call_service(&init_service(app).await, TestRequest::default().to_request()).await;
        let begun = response.request().extensions_mut().remove::<LoginCookies>().unwrap_or_default();
        (response.headers().get_all(SET_COOKIE).cloned().collect(), begun.0)
    }

    #[actix_web::test]
    async fn the_cookie_of_a_login_that_begins_is_in_the_extensions() {
        let (set, begun) = headers_of(Remember::Yes).await;
        assert_eq!(set.len(), 1);
        assert_eq!(begun, set);
        let (set, begun) = headers_of(Remember::No).await;
        assert_eq!((set.len(), begun.len()), (1, 0), "the removal stays, whatever becomes of the login");
    }
}
