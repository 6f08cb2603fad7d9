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

use super::Inner;
use super::context::{Change, Context, StoreError, fits_credentials, unset_fresh, user_of};
use super::restore::unavailable;
use super::user::CredentialFingerprint;
use super::{RememberMe, SessionProtection, client};
use crate::cookie::{LoginCookies, forbid_shared_caching, replace_response, vary_by_cookie};
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

    /// Wraps the service in this middleware and the middleware of actix-identity, so that their
    /// order is always right.
    fn new_transform(&self, service: S) -> Self::Future {
        let middleware = RememberMeMiddleware { service: Rc::new(service), remember: self.clone() };
        (self.0.identity)().new_transform(middleware)
    }
}

/// The service of [`RememberMe`].
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
            let logged_out = match context.check_user(&req).await {
                Ok(logged_out) => context.protect(&req) || logged_out,
                Err(error) => return Ok(req.error_response(error).map_into_right_body()),
            };
            if user_of(&req).is_none() {
                // A deadline of actix-identity removes only the user from the session. Remove the
                // other login data too, so that it does not apply to the next user.
                unset_fresh(&req);
                client::unbind(&req.get_session());
                // A purged session does not store a login.
                if !logged_out
                    && req.get_session().status() != SessionStatus::Purged
                    && let Err(error) = context.restore(&req).await
                {
                    // Return a response, because `Logger` and `ErrorHandlers` ignore an `Err`.
                    let mut response = req.error_response(error);
                    context.write_cookie(response.headers_mut());
                    return Ok(response.map_into_right_body());
                }
            }
            context.user.replace(user_of(&req));
            let session = req.get_session();
            match service.call(req).await {
                Ok(response) => {
                    let mut response = match context.revoke_if_logged_out(&response).await {
                        Ok(()) => response.map_into_left_body(),
                        // This browser is logged out, but copies of its cookie are still valid. So
                        // the logout must not look successful.
                        Err(error) => {
                            tracing::error!(%error, "a remembered login could not be revoked at its logout");
                            let failure = problem(StatusCode::SERVICE_UNAVAILABLE);
                            replace_response(response, failure, |_| true).map_into_right_body()
                        }
                    };
                    if let Some(new_cookie) = context.write_cookie(response.headers_mut()) {
                        let mut extensions = response.request().extensions_mut();
                        extensions.get_or_insert_with(LoginCookies::default).0.push(new_cookie);
                    }
                    Ok(response)
                }
                Err(error) => Err(context
                    .write_cookie_on_error(error, session.status() == SessionStatus::Purged)
                    .await),
            }
        })
    }
}

impl Context {
    /// Checks the user of the session with the credential loader, if `check_user` is set. Returns
    /// whether the user was logged out.
    async fn check_user(&self, req: &ServiceRequest) -> Result<bool, Error> {
        let settings = &*self.remember.0;
        let Some(check) = &settings.user_check else { return Ok(false) };
        let Some(user) = user_of(req) else { return Ok(false) };
        let session = req.get_session();
        let fits =
            |credentials: &CredentialFingerprint| fits_credentials(&session, &user, credentials);
        if check.accepts(&settings.credential_loader, &user, settings.now(), fits).await? {
            return Ok(false);
        }
        tracing::info!("logged out a user who may not log in, or whose credentials have changed");
        settings.events.emit(Event::Rejected(VerifyErrorKind::Rejected));
        self.log_out(req);
        Ok(true)
    }

    /// Applies the session protection. Returns whether the user was logged out.
    fn protect(&self, req: &ServiceRequest) -> bool {
        let Inner { protection, client_fingerprint, .. } = &*self.remember.0;
        if *protection == SessionProtection::Off || user_of(req).is_none() {
            return false;
        }
        if !client::is_of_another(&req.get_session(), &client_fingerprint.of(req.request())) {
            return false;
        }
        tracing::warn!("a client sent the session of another client");
        if *protection == SessionProtection::Strong {
            self.log_out(req);
            return true;
        }
        unset_fresh(req);
        false
    }

    /// Logs the user out, and removes the cookie.
    fn log_out(&self, req: &ServiceRequest) {
        if let Ok(identity) = req.get_identity() {
            identity.logout();
        }
        renew_session(&req.get_session());
        self.change(Change::Remove);
    }

    /// Revokes the remembered login after a logout, or after a login of another user. It detects
    /// all kinds of logout, such as `Identity::logout` and `Session::purge`.
    async fn revoke_if_logged_out<B>(
        &self,
        response: &ServiceResponse<B>,
    ) -> Result<(), StoreError> {
        let req = response.request();
        let removed = matches!(*self.cookie.borrow(), Change::Remove);
        let user = self.user.borrow().clone();
        let left = user.is_some() && user != user_of(req);
        if left {
            renew_session(&req.get_session());
        }
        if left || (removed && user.is_none()) {
            self.change(Change::Remove);
            unset_fresh(req);
            // The session can belong to a login whose cookie is not in the request.
            let login = user.as_deref().and_then(|user| self.sessions.as_ref()?.login_of(user));
            let known = match login {
                Some(SessionLogin { subject, id: Some(id), expires: Some(expires), .. }) => {
                    self.revoke_by_id(&subject, &id, expires).await
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

    /// Sets or removes the cookie. Returns the appended header of a new login.
    fn write_cookie(&self, headers: &mut HeaderMap) -> Option<HeaderValue> {
        let change = self.cookie.take();
        let is_new = matches!(change, Change::New(_));
        let cookie = match change {
            Change::None => return None,
            Change::Set(cookie) | Change::New(cookie) => cookie,
            Change::Remove => self.remember.0.cookie.removal(),
        };
        headers.append(SET_COOKIE, cookie.clone());
        vary_by_cookie(headers);
        forbid_shared_caching(headers);
        is_new.then_some(cookie)
    }

    /// Adds the change of the cookie to the error of an inner service. The browser must receive the
    /// next token of a family, and a logout must remove the cookie. A new login is revoked, because
    /// its session is not saved after an error.
    async fn write_cookie_on_error(&self, error: Error, purged: bool) -> Error {
        let change = self.cookie.take();
        let change = match change {
            Change::None => return error,
            Change::Set(_) if purged => Change::Remove,
            Change::New(_) => Change::None,
            other => other,
        };
        let stays_valid = matches!(change, Change::Set(_));
        if !stays_valid && let Err(error) = self.revoke_known().await {
            return unavailable(error);
        }
        self.change(change);
        let mut response = error.error_response();
        self.write_cookie(response.headers_mut());
        InternalError::from_response(error, response).into()
    }
}

/// Renews the session at a logout, so that copies of its old cookie are invalid. With
/// `LogoutBehavior::DeleteIdentityKeys`, actix-identity only removes the user from the session.
fn renew_session(session: &Session) {
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

    /// Returns the `Set-Cookie` headers of a login, and the headers in the request extensions for
    /// outer middleware.
    async fn headers_of(remember: Remember) -> (Vec<HeaderValue>, Vec<HeaderValue>) {
        let middleware = RememberMe::builder(LocalKey::generate())
            .credential_loader(async |_| Some(CredentialFingerprint::new("secret")));
        let app = App::new()
            .app_data(web::Data::new(remember))
            .wrap(middleware.other_session_middleware().build().expect("a middleware"))
            .default_service(web::to(log_in));
        let response =
            call_service(&init_service(app).await, TestRequest::default().to_request()).await;
        let new_cookie =
            response.request().extensions_mut().remove::<LoginCookies>().unwrap_or_default();
        (response.headers().get_all(SET_COOKIE).cloned().collect(), new_cookie.0)
    }

    #[actix_web::test]
    async fn cookie_of_a_new_login_is_in_the_extensions() {
        let (set, new_cookie) = headers_of(Remember::Default).await;
        assert_eq!(set.len(), 1);
        assert_eq!(new_cookie, set);
        let (set, new_cookie) = headers_of(Remember::Never).await;
        assert_eq!((set.len(), new_cookie.len()), (1, 0), "a removal is not in the extensions");
    }
}
