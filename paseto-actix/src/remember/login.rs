use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use actix_identity::{Identity, IdentityExt};
use actix_session::{Session, SessionExt, SessionInsertError, SessionStatus};
use actix_web::http::header::HeaderValue;
use actix_web::{HttpMessage, HttpRequest};

use super::context::{Change, Context, StoreError, set_credentials, set_fresh, user_of};
use super::token::RememberToken;
use super::user::CredentialFingerprint;
use super::{LIFETIMES, LoginError, RememberMe, SessionProtection, client};
use crate::event::Event;
use crate::session::SessionLogin;
use crate::token_family::{NewTokenFamily, RandomId};

/// Whether and for how long a login is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remember {
    /// For the [`lifetime`](super::RememberMeBuilder::lifetime) of the builder.
    Default,
    /// For this duration: 1 second to 365 days.
    For(Duration),
    /// Not remembered. The login expires with the session.
    Never,
}

/// A login that was started before the password check. [`RememberMe::start_login`] returns it.
#[must_use = "call `.complete(..)` to log the user in"]
pub struct PendingSessionLogin {
    req: HttpRequest,
    context: Rc<Context>,
    user_id: String,
    credentials: Option<CredentialFingerprint>,
    /// The generation of the session, if the sessions have a revocation store.
    session_generation: Option<u64>,
    /// The generation of the remembered login.
    generation: u64,
    label: String,
}

impl RememberMe {
    /// Starts a login before the application checks the password. Call
    /// [`complete`](PendingSessionLogin::complete) after the check.
    ///
    /// If a parallel request changes the password and calls
    /// [`logout_all`](super::LoginLayer::logout_all), `complete` rejects the login with the old
    /// password.
    ///
    /// Returns `Ok` for an unknown user, so that the response does not reveal which users exist.
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
    ///     let pending = RememberMe::start_login(&req, &form.user).await?;
    ///     if !is_right(&form.user, &form.password) {
    ///         return Ok(HttpResponse::Unauthorized().finish());
    ///     }
    ///     pending.complete(Remember::Default).await?;
    ///     Ok(HttpResponse::Ok().finish())
    /// }
    /// # web::to(login);
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoginError`] if the handler is not wrapped in a [`RememberMe`], or if a store or the user
    /// loader fails.
    pub async fn start_login(
        req: &HttpRequest,
        user_id: impl Into<String>,
    ) -> Result<PendingSessionLogin, LoginError> {
        let (context, user_id) =
            (Context::of(req).ok_or(LoginError::NoMiddleware)?, user_id.into());
        let settings = &*context.remember.0;
        // Read the generations before the credentials. If the password changes in between, the
        // login is then rejected because of its outdated generation.
        let session_generation = context.session_generation(&user_id).await?;
        let generation = settings.generation(&user_id).await?;
        let credentials = settings
            .credential_loader
            .load(&user_id)
            .await
            .map_err(LoginError::CredentialLoader)?;
        let (req, label) = (req.clone(), String::new());
        Ok(PendingSessionLogin {
            req,
            context,
            user_id,
            credentials,
            session_generation,
            generation,
            label,
        })
    }

    /// Logs a user in after the application has checked the credentials. It calls
    /// [`start_login`](Self::start_login) and [`PendingSessionLogin::complete`].
    ///
    /// If the password changes during the login, the login with the old password can survive the
    /// change. To prevent this, call `start_login` before the password check.
    ///
    /// # Errors
    ///
    /// The errors of [`start_login`](Self::start_login) and [`PendingSessionLogin::complete`].
    pub async fn login(
        req: &HttpRequest,
        user_id: impl Into<String>,
        remember: Remember,
    ) -> Result<(), LoginError> {
        Self::start_login(req, user_id).await?.complete(remember).await
    }

    /// Logs the user out, and revokes the remembered login and its sessions in the stores.
    ///
    /// `Identity::logout` and `Session::purge` have the same effect inside of this middleware.
    pub fn logout(req: &HttpRequest) {
        let Some(context) = Context::of(req) else { return };
        if let Ok(identity) = req.get_identity() {
            identity.logout();
        }
        context.change(Change::Remove);
    }

    /// Returns the ID of the request's login, to mark it in the list of [`logins`](Self::logins).
    /// Returns `None` if the login is not remembered.
    #[must_use]
    pub fn current_login(req: &HttpRequest) -> Option<RandomId> {
        let context = Context::of(req)?;
        let user = user_of(req)?;
        let of_session = SessionLogin::of(&req.get_session(), &user).and_then(|login| login.id);
        let of_cookie =
            || context.presented(req.headers()).into_iter().find(|(token, _)| token.sub == user);
        of_session.or_else(|| of_cookie().map(|(token, _)| token.id))?.parse().ok()
    }

    /// Makes the login of this user fresh, and renews the session. Call it after the user has
    /// entered the password again.
    ///
    /// # Errors
    ///
    /// [`LoginError::NotLoggedIn`] if no user or another user is logged in, because the password of
    /// one user must not make the login of another user fresh.
    pub fn confirm_login(req: &HttpRequest, user_id: &str) -> Result<(), LoginError> {
        let context = Context::of(req).ok_or(LoginError::NoMiddleware)?;
        let user = user_of(req).filter(|user| user == user_id).ok_or(LoginError::NotLoggedIn)?;
        let failed = |error: SessionInsertError| LoginError::Session(error.to_string());
        set_fresh(req, &user).map_err(failed)?;
        // Bind the session to the client that sent the password.
        context.bind_client(req).map_err(failed)?;
        req.get_session().renew();
        Ok(())
    }
}

impl PendingSessionLogin {
    /// Sets the label in the [list of the user's logins](RememberMe::logins), such as the name of
    /// the browser. The store truncates it to 128 bytes. Default: empty.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Logs the user in. Sets the identity, renews the session, and marks the login as fresh. Sets
    /// the remember-me cookie, or removes the cookie of an earlier login with [`Remember::Never`].
    ///
    /// A call of `Identity::login` alone neither marks the login as fresh nor sets the cookie.
    ///
    /// # Errors
    ///
    /// After these errors, the user is not logged in, and the remember-me cookie is unchanged:
    ///
    /// - [`UnknownUser`](LoginError::UnknownUser) (`403`) if the credential loader returned `None`.
    /// - [`Revoked`](LoginError::Revoked) (`401`) if all logins of the user were revoked after
    ///   [`start_login`](RememberMe::start_login). A revocation store of the session or of
    ///   `RememberMe` is required to detect this.
    /// - [`Lifetime`](LoginError::Lifetime) if the duration of [`Remember::For`] is out of range.
    /// - [`Session`](LoginError::Session) if the session was purged in this request.
    /// - Another [`LoginError`] if a store fails, if the user ID is too long, or if the session
    ///   cannot be written. The session is then purged if it was partly written.
    pub async fn complete(self, remember: Remember) -> Result<(), LoginError> {
        let Self { req, context, user_id, credentials, session_generation, .. } = &self;
        let settings = &*context.remember.0;
        let lifetime = match remember {
            Remember::Default => Some(settings.lifetime),
            Remember::For(lifetime) if LIFETIMES.contains(&lifetime) => Some(lifetime),
            Remember::For(lifetime) => return Err(LoginError::Lifetime(lifetime)),
            Remember::Never => None,
        };
        let credentials = credentials.as_ref().ok_or(LoginError::UnknownUser)?;
        let session = req.get_session();
        if session.status() == SessionStatus::Purged {
            // actix-session discards changes of a purged session.
            return Err(LoginError::Session("it was purged in this request".to_owned()));
        }
        let remembered = match lifetime {
            Some(lifetime) => Some(self.create_login(credentials, lifetime).await?),
            None => None,
        };
        // Check the generations after storing the family. A parallel `logout_all` either revokes
        // the new family or changes a generation that is read here.
        let is_revoked = self.is_revoked().await;
        if !matches!(is_revoked, Ok(false)) {
            // No client has a token of this family, so it can be removed.
            if let (Some(store), Some((_, token))) = (&settings.families, &remembered)
                && let Some((family, _)) = token.family()
            {
                store.revoke(settings.owner(user_id), family).await?;
            }
            is_revoked?;
            return Err(LoginError::Revoked);
        }
        // The new login replaces the earlier cookies of this browser, so revoke their logins. Do
        // this only after the checks of the new login.
        context.revoke(req.headers()).await?;
        let token = remembered.as_ref().map(|(_, token)| token);
        let write = || {
            Identity::login(&req.extensions(), user_id.clone())
                .map_err(|error| error.to_string())?;
            context.write_login(&session, user_id, credentials, *session_generation, token)?;
            set_fresh(req, user_id).map_err(|error| error.to_string())?;
            context.bind_client(req).map_err(|error| error.to_string())
        };
        write().map_err(|error| {
            // Remove a partly written login.
            session.purge();
            LoginError::Session(error)
        })?;
        context.user.replace(Some(user_id.clone()));
        context.change(match remembered {
            Some((cookie, token)) => {
                context.logins.replace(Some(vec![token]));
                Change::New(cookie)
            }
            None => Change::Remove,
        });
        settings.events.emit(Event::Login { subject: user_id });
        Ok(())
    }

    /// Creates a remembered login. Returns its cookie and its token.
    async fn create_login(
        &self,
        credentials: &CredentialFingerprint,
        lifetime: Duration,
    ) -> Result<(HeaderValue, RememberToken), LoginError> {
        let (remember, user_id) = (&self.context.remember, &self.user_id);
        let settings = &*remember.0;
        let random = || RandomId::generate().ok_or(LoginError::NoRandomBytes);
        // A retired key must decrypt the cookie until the login expires.
        settings.keys.keep_for(lifetime);
        let expires =
            settings.now().unix_timestamp().saturating_add(lifetime.as_secs().cast_signed());
        let (id, first) = (random()?, random()?);
        let mut token =
            RememberToken::new(id, user_id.clone(), expires, self.generation, credentials);
        token.client = (settings.protection == SessionProtection::Strong)
            .then(|| settings.client_fingerprint.of(&self.req));
        let Some(store) = &settings.families else {
            let cookie = remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
            return Ok((cookie, token));
        };
        let token = token.in_token_family(first);
        let cookie = remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
        store
            .create(
                NewTokenFamily::new(settings.owner(user_id), id, first, lifetime)
                    .label(&self.label),
            )
            .await?;
        Ok((cookie, token))
    }

    /// Returns whether all logins of the user were revoked after `start_login`.
    async fn is_revoked(&self) -> Result<bool, StoreError> {
        let current = self.context.session_generation(&self.user_id).await?;
        if current > self.session_generation {
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
    /// Writes the login data to the session: the user, the generation, the remembered login of a
    /// token, and the credential fingerprint.
    pub(super) fn write_login(
        &self,
        session: &Session,
        user: &str,
        credentials: &CredentialFingerprint,
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
            Some(_) => {
                set_credentials(session, user, credentials).map_err(|error| error.to_string())
            }
            None => Ok(()),
        }
    }

    /// Binds the session to the client, if session protection is on.
    fn bind_client(&self, req: &HttpRequest) -> Result<(), SessionInsertError> {
        let settings = &*self.remember.0;
        if settings.protection == SessionProtection::Off {
            return Ok(());
        }
        client::bind(&req.get_session(), settings.client_fingerprint.of(req))
    }
}
