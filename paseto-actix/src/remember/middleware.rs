use std::fmt;
use std::future::ready;
use std::rc::Rc;

use actix_identity::{IdentityExt, IdentityMiddleware};
use actix_session::{Session, SessionExt, SessionStatus};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::{Error, HttpMessage};
use futures_util::future::LocalBoxFuture;

use super::context::{Change, Context, StoreError, fits_stamp, unset_fresh, user_of};
use super::restore::unavailable;
use super::settings::Settings;
use super::user::CredentialFingerprint;
use super::{RememberMe, SessionProtection, client};
use crate::cookie::{LoginCookies, forbid_shared_caching, vary_by_cookie};
use crate::error::{VerifyErrorKind, problem};
use crate::event::Event;
use crate::session::{RequestState, SessionLogin};

impl<S, B> Transform<S, ServiceRequest> for RememberMe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform =
        <IdentityMiddleware as Transform<RememberMeMiddleware<S>, ServiceRequest>>::Transform;
    type InitError = ();
    type Future =
        <IdentityMiddleware as Transform<RememberMeMiddleware<S>, ServiceRequest>>::Future;

    /// Puts actix-identity's middleware around this one, so that the two cannot be in the wrong
    /// order.
    fn new_transform(&self, service: S) -> Self::Future {
        let middleware = RememberMeMiddleware { service: Rc::new(service), remember: self.clone() };
        (self.0.identity)().new_transform(middleware)
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
        let sessions = RequestState::of(&req);
        if sessions.is_none() && !self.remember.0.other_session_middleware {
            tracing::error!(
                "no PasetoSession around RememberMe: call `App::wrap(LoginLayer::new(session, remember))`, or wrap the \
                 session after RememberMe, because the last `wrap` is the outermost"
            );
            let response =
                req.into_response(problem(StatusCode::INTERNAL_SERVER_ERROR)).map_into_right_body();
            return Box::pin(ready(Ok(response)));
        }
        let (service, context) =
            (Rc::clone(&self.service), Rc::new(Context::new(self.remember.clone(), sessions)));
        Box::pin(async move {
            req.extensions_mut().insert(Rc::clone(&context));
            let ended = match context.check_user(&req).await {
                Ok(ended) => context.protect(&req) || ended,
                Err(error) => return Ok(req.error_response(error).map_into_right_body()),
            };
            if user_of(&req).is_none() {
                // A deadline removes only the user from the session. The rest must not be that of
                // the next user.
                unset_fresh(&req);
                client::unbind(&req.get_session());
                // A session that was purged stores nothing.
                if !ended
                    && req.get_session().status() != SessionStatus::Purged
                    && let Err(error) = context.restore(&req).await
                {
                    // A response, because `Logger` and `ErrorHandlers` ignore an `Err`.
                    let mut response = req.error_response(error);
                    context.write_cookie(response.headers_mut());
                    return Ok(response.map_into_right_body());
                }
            }
            context.user.replace(user_of(&req));
            let session = req.get_session();
            match service.call(req).await {
                Ok(mut response) => {
                    if let Err(error) = context.end_if_logged_out(&response).await {
                        // The session has ended and the cookie is removed, but copies of the cookie
                        // are still valid: that is not success.
                        tracing::error!(%error, "a remembered login could not be revoked at its logout");
                        response.response_mut().head_mut().status = StatusCode::SERVICE_UNAVAILABLE;
                    }
                    if let Some(begun) = context.write_cookie(response.headers_mut()) {
                        let mut extensions = response.request().extensions_mut();
                        extensions.get_or_insert_with(LoginCookies::default).0.push(begun);
                    }
                    Ok(response.map_into_left_body())
                }
                Err(error) => Err(context
                    .write_cookie_on_error(error, session.status() == SessionStatus::Purged)
                    .await),
            }
        })
    }
}

impl Context {
    /// Asks the user loader about the user of the session, if the application wants that. Returns
    /// whether the user was logged out.
    async fn check_user(&self, req: &ServiceRequest) -> Result<bool, Error> {
        let settings = &*self.remember.0;
        let Some(check) = &settings.user_check else { return Ok(false) };
        let Some(user) = user_of(req) else { return Ok(false) };
        let session = req.get_session();
        let fits = |stamp: &CredentialFingerprint| fits_stamp(&session, &user, stamp);
        if check.accepts(&settings.user_loader, &user, settings.now(), fits).await? {
            return Ok(false);
        }
        tracing::info!("logged out a user who may not log in, or whose credentials have changed");
        settings.events.emit(Event::Rejected(VerifyErrorKind::Rejected));
        self.log_out(req);
        Ok(true)
    }

    /// Compares the client with the one that logged in. Returns whether the user was logged out.
    fn protect(&self, req: &ServiceRequest) -> bool {
        let Settings { protection, fingerprint, .. } = &*self.remember.0;
        if *protection == SessionProtection::Off || user_of(req).is_none() {
            return false;
        }
        if !client::is_of_another(&req.get_session(), &fingerprint.of(req.request())) {
            return false;
        }
        tracing::warn!("a session of another client");
        if *protection == SessionProtection::Strong {
            self.log_out(req);
            return true;
        }
        unset_fresh(req);
        false
    }

    /// Ends the session, and removes the cookie.
    fn log_out(&self, req: &ServiceRequest) {
        if let Ok(identity) = req.get_identity() {
            identity.logout();
        }
        end_session(&req.get_session());
        self.change(Change::Remove);
    }

    /// A logout ends the remembered login too, in whatever way the handler ends the identity. A
    /// login of another user ends it too.
    async fn end_if_logged_out<B>(&self, response: &ServiceResponse<B>) -> Result<(), StoreError> {
        let req = response.request();
        let removed = matches!(*self.cookie.borrow(), Change::Remove);
        let user = self.user.borrow().clone();
        let left = user.is_some() && user != user_of(req);
        if left {
            end_session(&req.get_session());
        }
        if left || (removed && user.is_none()) {
            self.change(Change::Remove);
            unset_fresh(req);
            // The request may lack the cookie of the login that its session grew from.
            let login = user.as_deref().and_then(|user| self.sessions.as_ref()?.login_of(user));
            let known = match login {
                Some(SessionLogin { subject, id: Some(id), expires: Some(expires), .. }) => {
                    self.end_by_id(&subject, &id, expires).await
                }
                _ => Ok(()),
            };
            self.revoke(req.headers()).await?;
            known?;
        }
        if left {
            self.remember.0.events.emit(Event::Logout { subject: user.as_deref() });
        }
        Ok(())
    }

    /// Sets or removes the cookie. Returns the header that it appended for a login that began in
    /// this request.
    fn write_cookie(&self, headers: &mut HeaderMap) -> Option<HeaderValue> {
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
    /// response later. The next token of a token family must reach the browser, and a logout must count.
    /// A login that the error undoes is not remembered.
    async fn write_cookie_on_error(&self, error: Error, purged: bool) -> Error {
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
        self.write_cookie(response.headers_mut());
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
        f.debug_struct("RememberMeMiddleware")
            .field("remember", &self.remember)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpRequest, HttpResponse, web};

    use super::*;
    use crate::keys::LocalKey;
    use crate::remember::{CredentialFingerprint, Remember};

    async fn log_in(
        req: HttpRequest,
        remember: web::Data<Remember>,
    ) -> Result<HttpResponse, Error> {
        RememberMe::login(&req, "ada", **remember).await?;
        Ok(HttpResponse::Ok().finish())
    }

    /// The `Set-Cookie` headers of a login, and those that an outer middleware finds in the
    /// request.
    async fn headers_of(remember: Remember) -> (Vec<HeaderValue>, Vec<HeaderValue>) {
        let middleware = RememberMe::builder(LocalKey::generate())
            .user_loader(async |_| Some(CredentialFingerprint::new("secret")));
        let app = App::new()
            .app_data(web::Data::new(remember))
            .wrap(middleware.other_session_middleware().build().expect("a middleware"))
            .default_service(web::to(log_in));
        let response =
            call_service(&init_service(app).await, TestRequest::default().to_request()).await;
        let begun =
            response.request().extensions_mut().remove::<LoginCookies>().unwrap_or_default();
        (response.headers().get_all(SET_COOKIE).cloned().collect(), begun.0)
    }

    #[actix_web::test]
    async fn the_cookie_of_a_login_that_begins_is_in_the_extensions() {
        let (set, begun) = headers_of(Remember::Default).await;
        assert_eq!(set.len(), 1);
        assert_eq!(begun, set);
        let (set, begun) = headers_of(Remember::Never).await;
        assert_eq!(
            (set.len(), begun.len()),
            (1, 0),
            "the removal stays, whatever becomes of the login"
        );
    }
}
