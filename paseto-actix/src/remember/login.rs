use std::time::Duration;

use actix_identity::{Identity, IdentityExt};
use actix_session::{SessionExt, SessionStatus};
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header::HeaderValue},
};

use super::{
    RememberMe, SessionProtection,
    builder::is_lifetime,
    client,
    context::{Change, Context, StoreError, set_fresh, user_of},
    token::RememberToken,
};
use crate::{
    error::problem,
    revocation::RevocationError,
    series::{RandomId, SeriesError},
};

/// Whether a login is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// For as long as [`lifetime`](super::RememberMeBuilder::lifetime) says.
    Yes,
    /// For so long: 1 second to 365 days.
    For(Duration),
    /// It ends with the session.
    No,
}

impl RememberMe {
    /// Logs a user in: sets the identity (which renews the session), as a fresh one, and the
    /// cookie, if it is to be remembered. If not, a cookie that the browser has from before is
    /// removed.
    ///
    /// Call it once the password is found right. It takes the request's
    /// [`Identity`](actix_identity::Identity) along; what `Identity::login` alone sets is no fresh
    /// login, and is not remembered.
    ///
    /// # Errors
    ///
    /// [`LoginError`]. The request then logs no user in, and changes no cookie. A login fails in a
    /// request whose session was purged.
    pub async fn login(req: &HttpRequest, user_id: impl Into<String>, remember: Remember) -> Result<(), LoginError> {
        let (context, user_id) = (Context::of(req).ok_or(LoginError::NoMiddleware)?, user_id.into());
        let settings = &*context.remember.0;
        let lifetime = match remember {
            Remember::Yes => Some(settings.lifetime),
            Remember::For(lifetime) if is_lifetime(lifetime) => Some(lifetime),
            Remember::For(lifetime) => return Err(LoginError::Lifetime(lifetime)),
            Remember::No => None,
        };
        if req.get_session().status() == SessionStatus::Purged {
            // Whatever is written into it is lost without a word.
            return Err(LoginError::Session("it was purged in this request".to_owned()));
        }
        let begun = match lifetime {
            Some(lifetime) => Some(context.begin(req, &user_id, lifetime).await?),
            None => None,
        };
        // The browser loses the cookies that it had, so their copies have to end too. Not before
        // the next login is certain.
        context.revoke(req.headers()).await?;
        let failed = |error: &dyn std::fmt::Display| LoginError::Session(error.to_string());
        Identity::login(&req.extensions(), user_id.clone()).map_err(|error| failed(&error))?;
        set_fresh(req, &user_id).map_err(|error| failed(&error))?;
        context.bind_client(req).map_err(|error| failed(&error))?;
        context.user.replace(Some(user_id));
        context.change(match begun {
            Some((cookie, token)) => {
                context.logins.replace(Some(vec![token]));
                Change::Begin(cookie)
            }
            None => Change::Remove,
        });
        Ok(())
    }

    /// Logs out: ends the identity as actix-identity's own `logout` does, and the remembered login.
    /// (`Identity::logout` alone, or `Session::purge`, does the same under this middleware.)
    pub fn logout(req: &HttpRequest) {
        if let Ok(identity) = req.get_identity() {
            identity.logout();
        }
        if let Some(context) = Context::of(req) {
            context.change(Change::Remove);
        }
    }

    /// Makes a remembered login a fresh one, once this user has given the password again; renews
    /// the session.
    ///
    /// # Errors
    ///
    /// [`LoginError::NotLoggedIn`] if no user or another user is logged in: the password of one
    /// user must not make the login of another fresh.
    pub fn confirm_login(req: &HttpRequest, user_id: &str) -> Result<(), LoginError> {
        let context = Context::of(req).ok_or(LoginError::NoMiddleware)?;
        let user = user_of(req).filter(|user| user == user_id).ok_or(LoginError::NotLoggedIn)?;
        let failed = |error: actix_session::SessionInsertError| LoginError::Session(error.to_string());
        set_fresh(req, &user).map_err(failed)?;
        // Who has given the password is the one from now on, whatever the browser looked like
        // before.
        context.bind_client(req).map_err(failed)?;
        req.get_session().renew();
        Ok(())
    }
}

impl Context {
    /// The cookie of a login that is to be remembered from now on.
    async fn begin(
        &self,
        req: &HttpRequest,
        user_id: &str,
        lifetime: Duration,
    ) -> Result<(HeaderValue, RememberToken), LoginError> {
        let settings = &*self.remember.0;
        let stamp = settings.user_loader.load(user_id).await.map_err(LoginError::UserLoader)?;
        let stamp = stamp.ok_or(LoginError::UnknownUser)?;
        let (now, random) = (settings.now(), || RandomId::generate().ok_or(LoginError::NoRandomness));
        let expires = now.saturating_add(time::Duration::try_from(lifetime).unwrap_or(time::Duration::ZERO));
        let client = (settings.protection == SessionProtection::Strong).then(|| settings.fingerprint.of(req));
        let token = RememberToken::new(random()?, user_id.to_owned(), expires.unix_timestamp(), &stamp, client);
        let Some(store) = &settings.series else {
            let cookie = self.remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
            return Ok((cookie, token));
        };
        let (series, first) = (random()?, random()?);
        let token = token.in_series(series, first);
        let cookie = self.remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
        store.begin(series, first, user_id, expires, now).await?;
        Ok((cookie, token))
    }

    /// Binds the session to the client, if that is looked at.
    fn bind_client(&self, req: &HttpRequest) -> Result<(), actix_session::SessionInsertError> {
        let settings = &*self.remember.0;
        if settings.protection == SessionProtection::Off {
            return Ok(());
        }
        client::bind(&req.get_session(), settings.fingerprint.of(req))
    }
}

/// Why a login could not be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// There is no [`RememberMe`] around the handler.
    #[error("no RememberMe around this handler: call `App::wrap(remember_me)`")]
    NoMiddleware,
    /// The user whose login is to be confirmed is not logged in.
    #[error("the user whose login is to be confirmed is not logged in")]
    NotLoggedIn,
    /// The user loader does not know the user who logs in.
    #[error("the user loader does not know the user who logs in")]
    UnknownUser,
    /// The user loader failed.
    #[error("the user loader failed: {0}")]
    UserLoader(Error),
    /// A login cannot be remembered for so long.
    #[error("a login is remembered for 1 second to 365 days, not for {} s", .0.as_secs_f64())]
    Lifetime(Duration),
    /// The user's id makes the cookie longer than browsers keep.
    #[error("the user's id is too long for a cookie")]
    TooLong,
    /// The operating system has no random bytes to give.
    #[error("the system has no random bytes")]
    NoRandomness,
    /// The series store failed.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// The revocation store failed to record the end of the previous login.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The session could not be written.
    #[error("the session could not be written: {0}")]
    Session(String),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Series(error) => Self::Series(error),
            StoreError::Revocation(error) => Self::Revocation(error),
        }
    }
}

impl ResponseError for LoginError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::Series(_) | Self::Revocation(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::UserLoader(error) => error.as_response_error().status_code(),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self, "a login failed");
        match self {
            Self::UserLoader(error) => error.error_response(),
            _ => problem(self.status_code()),
        }
    }
}
