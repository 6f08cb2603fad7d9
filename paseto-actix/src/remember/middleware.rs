use std::{
    fmt,
    future::{Ready, ready},
    rc::Rc,
    task::{Context as TaskContext, Poll},
};

use actix_identity::{Identity, IdentityExt};
use actix_session::{SessionExt, SessionStatus};
use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
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
    settings::Settings,
    token::RememberToken,
};
use crate::{
    RandomId, Rotation, SeriesError, SeriesReuse, TokenUse,
    cookie::{first_value, forbid_shared_caching, vary_by_cookie},
    error::problem,
};

/// How long the token before the current one is taken: browsers send requests of several tabs at once.
const GRACE: std::time::Duration = std::time::Duration::from_secs(60);

impl<S, B> Transform<S, ServiceRequest> for RememberMe
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<B>;
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
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>;

    fn poll_ready(&self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (service, context) = (Rc::clone(&self.service), Rc::new(Context::new(self.remember.clone())));
        Box::pin(async move {
            req.extensions_mut().insert(Rc::clone(&context));
            let ended = context.protect(&req);
            if user_of(&req).is_none() {
                // What a deadline has left in the session says nothing of who is logged in next.
                unset_fresh(&req);
                client::unbind(&req.get_session());
                // What is written into a session that was purged is lost.
                if !ended && req.get_session().status() != SessionStatus::Purged {
                    context.restore(&req).await?;
                }
            }
            context.user.replace(user_of(&req));
            let session = req.get_session();
            match service.call(req).await {
                Ok(mut response) => {
                    if let Err(error) = context.end_if_logged_out(&response).await {
                        // The session ends and the cookie goes all the same; that copies are good is not to look like success.
                        tracing::error!(%error, "a remembered login could not be revoked at its logout");
                        response.response_mut().head_mut().status = StatusCode::SERVICE_UNAVAILABLE;
                    }
                    context.finish(response.headers_mut());
                    Ok(response)
                }
                Err(error) => Err(context.finish_error(error, session.status() == SessionStatus::Purged).await),
            }
        })
    }
}

impl Context {
    /// Looks whether the client is still the one that logged in; if not, it may have been logged out by this.
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
            self.change(Change::Remove);
            return true;
        }
        unset_fresh(req);
        false
    }

    /// Logs in whoever the cookie says, if all agree.
    async fn restore(&self, req: &ServiceRequest) -> Result<(), Error> {
        let settings = &*self.remember.0;
        if first_value(req.headers(), settings.cookie.name()).is_none() {
            return Ok(());
        }
        // Until all agree, it goes.
        self.change(Change::Remove);
        let Some((token, retired_key)) = self.presented(req.headers()) else {
            tracing::info!("a remember-me cookie that is forged or has expired");
            return Ok(());
        };
        self.login.replace(Some(token.clone()));
        let client = (settings.protection != SessionProtection::Off).then(|| settings.fingerprint.of(req.request()));
        let is_bound = settings.protection == SessionProtection::Strong;
        if is_bound && token.client != client {
            tracing::warn!("a remember-me cookie of another client");
            return self.revoke(req.headers()).await.map_err(unavailable);
        }
        let stamp = settings.user_loader.load(&token.sub).await.inspect_err(|error| {
            tracing::error!(%error, "the user loader failed: nobody is logged in by a cookie");
        })?;
        if !stamp.is_some_and(|stamp| token.fits(&stamp)) {
            tracing::info!("a remember-me cookie of a user who is unknown, or has other credentials by now");
            return self.revoke(req.headers()).await.map_err(unavailable);
        }
        // Not before the user loader, which may take its time; and not after a token is used up, which a store that is down
        // would lose.
        if let Some(store) = &settings.revocations
            && store.is_revoked(&token.id).await.map_err(unavailable)?
        {
            tracing::info!("a remember-me cookie of a login that has ended");
            self.login.take();
            self.ended.set(true);
            return Ok(());
        }
        match self.rotate(&token).await? {
            Taken::No => return Ok(()),
            Taken::As(token) => self.set(&token)?,
            Taken::AsItIs if retired_key => self.set(&token)?,
            Taken::AsItIs => self.change(Change::None),
        }
        let failed = |error: &dyn fmt::Display| {
            tracing::error!(%error, "a remembered login could not be written into the session");
            InternalError::from_response("no session", problem(StatusCode::INTERNAL_SERVER_ERROR))
        };
        Identity::login(&req.extensions(), token.sub).map_err(|error| failed(&error))?;
        unset_fresh(req);
        if let Some(client) = client {
            client::bind(&req.get_session(), client).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Uses the token up, where series are kept.
    async fn rotate(&self, token: &RememberToken) -> Result<Taken, Error> {
        let settings = &*self.remember.0;
        let Some(store) = &settings.series else { return Ok(Taken::AsItIs) };
        let Some((series, presented)) = token.series() else {
            tracing::info!("a remember-me cookie from before series were kept");
            return Ok(Taken::No);
        };
        let next = RandomId::generate()
            .ok_or_else(|| unavailable(SeriesError::Other("the system has no random bytes".into())))?;
        let token_use = TokenUse::new(series, presented, next, settings.now(), GRACE);
        Ok(match store.rotate(token_use).await.map_err(unavailable)? {
            Rotation::Rotated => Taken::As(token.clone().in_series(series, next)),
            // The response that brought the current one may have been lost.
            Rotation::Superseded { current } => Taken::As(token.clone().in_series(series, current)),
            Rotation::Unknown => Taken::No,
            Rotation::Reused => {
                let user_id = token.sub.clone();
                tracing::warn!(%series, "a remember-me cookie was used again: somebody has a copy; its series is revoked");
                (settings.on_reuse)(&SeriesReuse { user_id, series });
                Taken::No
            }
        })
    }

    fn set(&self, token: &RememberToken) -> Result<(), Error> {
        let cookie = self.remember.cookie(token);
        let cookie = cookie.ok_or_else(|| unavailable(SeriesError::Other("no cookie could be made".into())))?;
        self.change(Change::Set(cookie));
        Ok(())
    }

    /// A logout by whatever means ends the remembered login too, as does another user in the place of the one before.
    async fn end_if_logged_out<B>(&self, response: &ServiceResponse<B>) -> Result<(), StoreError> {
        let req = response.request();
        let removed = matches!(*self.cookie.borrow(), Change::Remove);
        let left = *self.user.borrow() != user_of(req) && self.user.borrow().is_some();
        if left || (removed && self.user.borrow().is_none()) {
            self.change(Change::Remove);
            unset_fresh(req);
            self.revoke(req.headers()).await?;
        }
        Ok(())
    }

    /// Sets or removes the cookie.
    fn finish(&self, headers: &mut HeaderMap) {
        let cookie = match self.cookie.take() {
            Change::None => return,
            Change::Set(cookie) | Change::Begin(cookie) => cookie,
            Change::Remove => {
                let mut cookie = self.remember.0.cookie.clone();
                cookie.make_removal();
                cookie
            }
        };
        if let Ok(value) = HeaderValue::from_str(&cookie.encoded().to_string()) {
            headers.append(SET_COOKIE, value);
        }
        vary_by_cookie(headers);
        forbid_shared_caching(headers);
    }

    /// An error that another middleware answers with. A token that was used up must not get lost by it; a login that it refuses
    /// must not be remembered, nor a logout be undone.
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

/// Whether a token is taken, and what the browser is to have in its place.
enum Taken {
    No,
    AsItIs,
    As(RememberToken),
}

fn unavailable(error: impl fmt::Display) -> Error {
    tracing::error!(%error, "the store of remembered logins does not do its part");
    InternalError::from_response("no store", problem(StatusCode::SERVICE_UNAVAILABLE)).into()
}

impl<S> fmt::Debug for RememberMeMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberMeMiddleware").field("remember", &self.remember).finish_non_exhaustive()
    }
}
