use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use actix_identity::{Identity, IdentityExt};
use actix_session::{Session, SessionExt, SessionInsertError, SessionStatus};
use actix_web::http::header::HeaderValue;
use actix_web::{HttpMessage, HttpRequest};

use super::builder::is_lifetime;
use super::context::{Change, Context, StoreError, set_fresh, set_stamp, user_of};
use super::token::RememberToken;
use super::user::CredentialFingerprint;
use super::{LoginError, RememberMe, SessionProtection, client};
use crate::event::Event;
use crate::session::SessionLogin;
use crate::token_family::{NewTokenFamily, RandomId};

/// Whether a login is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// For as long as [`lifetime`](super::RememberMeBuilder::lifetime) says.
    Default,
    /// For so long: 1 second to 365 days.
    For(Duration),
    /// It ends with the session.
    Never,
}

/// A login whose credentials the application is about to check: see [`RememberMe::start_login`].
#[must_use = "call `.complete(..)` to log the user in"]
pub struct PendingSessionLogin {
    req: HttpRequest,
    context: Rc<Context>,
    user_id: String,
    stamp: Option<CredentialFingerprint>,
    /// The generation for the session, if ends of sessions are stored.
    session_generation: Option<u64>,
    /// The generation for the remembered login.
    generation: u64,
    label: String,
}

impl RememberMe {
    /// Notes that a user is about to log in. Call it before the application checks the password, and
    /// [`login`](PendingSessionLogin::complete) after that. Then a login with the old password does not
    /// outlive a password change that happens at the same time.
    ///
    /// An unknown user is no error here, so that the response does not reveal which users exist.
    ///
    /// ```
    /// use actix_web::{HttpRequest, HttpResponse, web};
    /// use paseto_actix::RememberMe;
    /// use paseto_actix::remember::Remember;
    ///
    /// # fn is_right(_: &str, _: &str) -> bool { true }
    /// # #[derive(serde::Deserialize)]
    /// # struct Form { user: String, password: String }
    /// async fn login(req: HttpRequest, form: web::Form<Form>) -> actix_web::Result<HttpResponse> {
    ///     let attempt = RememberMe::start_login(&req, &form.user).await?;
    ///     if !is_right(&form.user, &form.password) {
    ///         return Ok(HttpResponse::Unauthorized().finish());
    ///     }
    ///     attempt.complete(Remember::Default).await?;
    ///     Ok(HttpResponse::Ok().finish())
    /// }
    /// # web::to(login);
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoginError`] if there is no [`RememberMe`] around the handler, or if a store or the user
    /// loader fails.
    pub async fn start_login(
        req: &HttpRequest,
        user_id: impl Into<String>,
    ) -> Result<PendingSessionLogin, LoginError> {
        let (context, user_id) =
            (Context::of(req).ok_or(LoginError::NoMiddleware)?, user_id.into());
        let settings = &*context.remember.0;
        // The generations first: the loader may read the credentials after a password change.
        let session_generation = context.session_generation(&user_id).await?;
        let generation = settings.generation(&user_id).await?;
        let stamp = settings.user_loader.load(&user_id).await.map_err(LoginError::UserLoader)?;
        let (req, label) = (req.clone(), String::new());
        Ok(PendingSessionLogin {
            req,
            context,
            user_id,
            stamp,
            session_generation,
            generation,
            label,
        })
    }

    /// Logs a user in whose credentials the application has checked:
    /// [`start_login`](Self::start_login) and [`PendingSessionLogin::complete`] in one step.
    ///
    /// A login with a password that changes at the same time can outlive the change. Use `attempt`
    /// where passwords can change.
    ///
    /// # Errors
    ///
    /// As [`PendingSessionLogin::complete`].
    pub async fn login(
        req: &HttpRequest,
        user_id: impl Into<String>,
        remember: Remember,
    ) -> Result<(), LoginError> {
        Self::start_login(req, user_id).await?.complete(remember).await
    }

    /// Logs out: ends the identity as actix-identity's own `logout` does, the remembered login, and
    /// its sessions. (`Identity::logout` alone, or `Session::purge`, does the same under this
    /// middleware.)
    pub fn logout(req: &HttpRequest) {
        let Some(context) = Context::of(req) else { return };
        if let Ok(identity) = req.get_identity() {
            identity.logout();
        }
        context.change(Change::Remove);
    }

    /// The id of the request's login, to mark it in a list of [`logins`](Self::logins). Returns
    /// `None` for a login that is not remembered.
    #[must_use]
    pub fn current_login(req: &HttpRequest) -> Option<RandomId> {
        let context = Context::of(req)?;
        let user = user_of(req)?;
        let of_session = SessionLogin::of(&req.get_session(), &user).and_then(|login| login.id);
        let of_cookie =
            || context.presented(req.headers()).into_iter().find(|(token, _)| token.sub == user);
        of_session.or_else(|| of_cookie().map(|(token, _)| token.id))?.parse().ok()
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
        let failed = |error: SessionInsertError| LoginError::Session(error.to_string());
        set_fresh(req, &user).map_err(failed)?;
        // The client that sent the password is the client of the session from now on.
        context.bind_client(req).map_err(failed)?;
        req.get_session().renew();
        Ok(())
    }
}

impl PendingSessionLogin {
    /// A text for the [list of the user's logins](RememberMe::logins), such as the name of the
    /// browser. A store keeps its first 128 bytes. Default: empty.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Logs the user in: sets the identity (which renews the session) as a fresh login, and the
    /// cookie, if the login is remembered. If it is not, the cookie of an earlier login is removed.
    ///
    /// A login that calls `Identity::login` alone is not fresh, and is not remembered.
    ///
    /// # Errors
    ///
    /// [`LoginError`]: [`UnknownUser`](LoginError::UnknownUser) if the user loader returned `None`,
    /// which is `403` as a response; [`Revoked`](LoginError::Revoked), which is `401`, if all logins of the
    /// user ended after the attempt was noted. (A revocation store of the session or of `RememberMe`
    /// detects that.) The request then logs no user in, and changes no cookie. A login fails
    /// in a request whose session was purged.
    pub async fn complete(self, remember: Remember) -> Result<(), LoginError> {
        let Self { req, context, user_id, stamp, session_generation, .. } = &self;
        let settings = &*context.remember.0;
        let lifetime = match remember {
            Remember::Default => Some(settings.lifetime),
            Remember::For(lifetime) if is_lifetime(lifetime) => Some(lifetime),
            Remember::For(lifetime) => return Err(LoginError::Lifetime(lifetime)),
            Remember::Never => None,
        };
        let stamp = stamp.as_ref().ok_or(LoginError::UnknownUser)?;
        let session = req.get_session();
        if session.status() == SessionStatus::Purged {
            // actix-session drops what a handler writes into it.
            return Err(LoginError::Session("it was purged in this request".to_owned()));
        }
        let begun = match lifetime {
            Some(lifetime) => Some(self.begin(stamp, lifetime).await?),
            None => None,
        };
        // After that: if all logins end at the same time, either that finds the token family, or this finds
        // the new generation.
        let is_overtaken = self.is_overtaken().await;
        if !matches!(is_overtaken, Ok(false)) {
            // No client has a token of the token family.
            if let (Some(store), Some((_, token))) = (&settings.family, &begun)
                && let Some((family, _)) = token.family()
            {
                store.revoke(settings.owner(user_id), family).await?;
            }
            is_overtaken?;
            return Err(LoginError::Revoked);
        }
        // The browser loses the cookies that it had, so their copies have to end too. Not before
        // the next login is certain.
        context.revoke(req.headers()).await?;
        let token = begun.as_ref().map(|(_, token)| token);
        let write = || {
            Identity::login(&req.extensions(), user_id.clone())
                .map_err(|error| error.to_string())?;
            context.fill(&session, user_id, stamp, *session_generation, token)?;
            set_fresh(req, user_id).map_err(|error| error.to_string())?;
            context.bind_client(req).map_err(|error| error.to_string())
        };
        write().map_err(|error| {
            // A part of the login may be in the session.
            session.purge();
            LoginError::Session(error)
        })?;
        context.user.replace(Some(user_id.clone()));
        context.change(match begun {
            Some((cookie, token)) => {
                context.logins.replace(Some(vec![token]));
                Change::Begin(cookie)
            }
            None => Change::Remove,
        });
        settings.events.emit(Event::Login { subject: user_id });
        Ok(())
    }

    /// Begins a remembered login, and returns its cookie.
    async fn begin(
        &self,
        stamp: &CredentialFingerprint,
        lifetime: Duration,
    ) -> Result<(HeaderValue, RememberToken), LoginError> {
        let (remember, user_id) = (&self.context.remember, &self.user_id);
        let settings = &*remember.0;
        let random = || RandomId::generate().ok_or(LoginError::NoRandomness);
        let expires =
            settings.now().unix_timestamp().saturating_add(lifetime.as_secs().cast_signed());
        let (id, first) = (random()?, random()?);
        let mut token = RememberToken::new(id, user_id.clone(), expires, self.generation, stamp);
        token.client = (settings.protection == SessionProtection::Strong)
            .then(|| settings.fingerprint.of(&self.req));
        let Some(store) = &settings.family else {
            let cookie = remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
            return Ok((cookie, token));
        };
        let token = token.in_token_family(first);
        let cookie = remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
        store
            .begin(
                NewTokenFamily::new(settings.owner(user_id), id, first, lifetime)
                    .label(&self.label),
            )
            .await?;
        Ok((cookie, token))
    }

    /// Whether all logins of the user have ended since the attempt was noted.
    async fn is_overtaken(&self) -> Result<bool, StoreError> {
        let by_now = self.context.session_generation(&self.user_id).await?;
        if by_now > self.session_generation {
            return Ok(true);
        }
        Ok(self.context.remember.0.generation(&self.user_id).await? > self.generation)
    }
}

impl fmt::Debug for PendingSessionLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSessionLogin")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Ties the session to a login, and to the remembered login of a token.
    pub(super) fn fill(
        &self,
        session: &Session,
        user: &str,
        stamp: &CredentialFingerprint,
        generation: Option<u64>,
        token: Option<&RememberToken>,
    ) -> Result<(), String> {
        if let (Some(generation), Some(sessions)) = (generation, &self.sessions) {
            let (id, expires) = (token.map(|token| token.id.clone()), token.map(|token| token.exp));
            let login = SessionLogin { subject: user.to_owned(), generation, id, expires };
            if !sessions.begin_login(session, &login).map_err(|error| error.to_string())? {
                return Err(
                    "the `subject_key` of the session is not the key of actix-identity".to_owned()
                );
            }
        }
        match self.remember.0.user_check {
            Some(_) => set_stamp(session, user, stamp).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Binds the session to the client, if sessions are protected.
    fn bind_client(&self, req: &HttpRequest) -> Result<(), SessionInsertError> {
        let settings = &*self.remember.0;
        if settings.protection == SessionProtection::Off {
            return Ok(());
        }
        client::bind(&req.get_session(), settings.fingerprint.of(req))
    }
}
