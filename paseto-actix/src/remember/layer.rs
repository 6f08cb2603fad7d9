mod middleware;

use std::fmt;
use std::future::{Ready, ready};

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};

use super::context::{Change, Context, set_credentials, user_of};
use super::restore::RestoreOutcome;
use super::{LoginError, RememberMe};
use crate::error::problem;
use crate::event::Event;
use crate::guard::PasetoRequestExt;
use crate::refresh::RefreshTokens;
use crate::revocation::RevocationError;
use crate::session::{PasetoSession, SessionCookie, SessionLogin};
use crate::token::VerifiedToken;
use crate::token_family::{LoginEntry, RandomId};

/// A middleware that combines sessions, identities and remembered logins in the right order, and
/// revokes logins in all of them.
///
/// | call or event | access and refresh tokens | sessions | remembered logins |
/// | --- | --- | --- | --- |
/// | [`RememberMe::logout`] | none | of this login | this login |
/// | [`logout_all`](Self::logout_all) | all of the user | all of the user | all of the user |
/// | [`logout_others`](Self::logout_others) in a browser | all others, if the request also has an access token of a login; otherwise all | of all other logins | all other logins |
/// | [`logout_others`](Self::logout_others) with an access token | all others | all of the user | all of the user |
/// | [`logout_by_id`](Self::logout_by_id) | of that login | of that login | that login |
/// | reuse of a remember-me cookie | none | of that login | that login |
///
/// A revoked session is rejected at its next request, on every server. This requires a
/// [`revocation_store`](crate::session::PasetoSessionBuilder::revocation_store) of the
/// `PasetoSession`. **Without a revocation store, sessions expire only after their timeouts** or
/// are rejected by [`check_user`](crate::remember::RememberMeBuilder::check_user). A session that
/// an attacker started with a copied cookie then stays valid.
///
/// Handlers get the layer as an extractor:
///
/// ```
/// use actix_web::{App, HttpRequest, HttpResponse, web};
/// use paseto_actix::remember::{CredentialFingerprint, FreshLogin, Remember};
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::session::SessionCookie;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
/// use paseto_actix::{LocalKey, LoginLayer, PasetoSession, RememberMe};
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
///
/// async fn change_password(
///     logins: LoginLayer,
///     session: SessionCookie,
///     req: HttpRequest,
///     _: FreshLogin,
/// ) -> actix_web::Result<HttpResponse> {
///     // The body can have arrived after a logout.
///     session.check_revocation().await?;
///     // ... store the new password ...
///     logins.logout_others(&req).await?;
///     Ok(HttpResponse::Ok().finish())
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let revocations = MemoryRevocationStore::new(100_000);
/// let session = PasetoSession::builder(LocalKey::generate())
///     .revocation_store(revocations.clone())
///     .build()?;
/// let remember = RememberMe::builder(LocalKey::generate())
///     .credential_loader(async |id: String| {
///         (id == "ada").then(|| CredentialFingerprint::new("the hash of her password"))
///     })
///     .token_family_store(MemoryTokenFamilyStore::new(100_000))
///     .revocation_store(revocations)
///     .build()?;
/// let app = App::new()
///     .wrap(LoginLayer::new(session, remember))
///     .route("/login", web::post().to(login))
///     .route("/password", web::post().to(change_password));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LoginLayer {
    session: PasetoSession,
    remember: RememberMe,
    tokens: Option<RefreshTokens>,
}

impl LoginLayer {
    /// Creates a layer of these two middlewares. Do not register them or the middleware of
    /// actix-identity a second time.
    ///
    /// Logs a warning if the session has no
    /// [`revocation_store`](crate::session::PasetoSessionBuilder::revocation_store), because
    /// existing sessions then stay valid until their timeouts.
    #[must_use]
    pub fn new(session: PasetoSession, remember: RememberMe) -> Self {
        if !session.has_revocation_store() {
            tracing::warn!(
                "the PasetoSession of a LoginLayer has no revocation store: logout_all, logout_others and logout_by_id \
                 do not revoke existing sessions; call `.revocation_store(..)` on its builder"
            );
        }
        Self { session, remember, tokens: None }
    }

    /// Adds access and refresh tokens, which the logouts of this layer then revoke too. Their
    /// subjects must be the user IDs of the sessions. Default: no tokens.
    #[must_use]
    pub fn refresh_tokens(mut self, tokens: RefreshTokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Revokes all logins of a user: access tokens, refresh tokens, remembered logins and sessions,
    /// including the session of the current request. Call it after a password reset and when an
    /// account is closed.
    ///
    /// Each step runs even if another step fails. A step without a store is skipped. **Without
    /// `.revocation_store(..)` on the session, existing sessions stay valid, including the current
    /// one, and this method still returns `Ok` if another store is set.**
    ///
    /// The cookies of this browser are removed at its next request. To remove them now, also call
    /// [`RememberMe::logout`].
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if no store is set. Logins may then still be valid.
    pub async fn logout_all(&self, user_id: &str) -> Result<(), LoginError> {
        let tokens = self.logout_tokens(user_id, None).await;
        let [remembered, sessions] = self.logout_browsers(user_id).await;
        combine([tokens, remembered, sessions])
    }

    /// Revokes all remembered logins and sessions of a user.
    async fn logout_browsers(&self, user_id: &str) -> [Result<(), LoginError>; 2] {
        // Revoke the sessions before the remembered logins, because a parallel login creates its
        // token family and then reads the generation of the sessions. Revoke them again after the
        // remembered logins, because a remembered login can start a session until it is revoked.
        let before = self.session.logout_all(user_id).await;
        let remembered = self.remember.logout_all(user_id).await;
        let sessions = before.and(self.session.logout_all(user_id).await);
        [remembered, sessions.map_err(LoginError::from)]
    }

    /// Revokes all logins of the request's user, except the login of the request. Call it after a
    /// password change, or for a button "log out all other devices".
    ///
    /// The login of the request is its session with its remembered login, or the login of its
    /// access token. The session is renewed, so copies of its old cookie become invalid. After a
    /// password change, store the new password first, because this method sets a remember-me cookie
    /// with the new credentials.
    ///
    /// # Errors
    ///
    /// [`LoginError::NotLoggedIn`] if the request has neither a logged-in user nor an access token
    /// of a login. [`RevocationError::Revoked`] if a parallel request has revoked the login of the
    /// request. Another error if a store, the credential loader or the session fails, or if no
    /// store is set. Logins may then still be valid.
    pub async fn logout_others(&self, req: &HttpRequest) -> Result<(), LoginError> {
        let context = Context::of(req).ok_or(LoginError::NoMiddleware)?;
        let token = req.current_paseto();
        let by_token = self
            .tokens
            .as_ref()
            .zip(token.as_ref())
            .and_then(|(tokens, token)| tokens.login_of(token));
        let user = match (user_of(req), by_token) {
            (Some(user), _) => user,
            (None, Some((subject, _))) => subject.to_owned(),
            (None, None) => return Err(LoginError::NotLoggedIn),
        };
        let of_token = by_token.filter(|(subject, _)| *subject == user).map(|(_, family)| family);
        let except = of_token.zip(token.as_ref().map(VerifiedToken::generation));
        if user_of(req).is_none() {
            // Check the token's login first, because a revoked login must not revoke others.
            let tokens = self.logout_tokens(&user, except).await;
            if let Err(LoginError::Revocation(RevocationError::Revoked)) = tokens {
                return tokens;
            }
            let [remembered, sessions] = self.logout_browsers(&user).await;
            return combine([tokens, remembered, sessions]);
        }
        let cookie = SessionCookie::of(req).ok_or(LoginError::NoMiddleware)?;
        // Revoke the sessions before and after the remembered logins, for the reasons in
        // `logout_browsers`. Do it first, because a revoked login must not revoke others.
        let before = cookie.logout_others().await;
        if let Err(RevocationError::Revoked) = before {
            return Err(RevocationError::Revoked.into());
        }
        let tokens = self.logout_tokens(&user, except).await;
        let remembered = context.logout_others(req, &user).await;
        let sessions = before.and(cookie.logout_others().await).map_err(LoginError::from);
        // Invalidate copies of the old session cookie.
        req.get_session().renew();
        combine([tokens, remembered, sessions])
    }

    async fn logout_tokens(
        &self,
        user: &str,
        except: Option<(RandomId, u64)>,
    ) -> Result<(), LoginError> {
        match &self.tokens {
            Some(tokens) => Ok(tokens.logout_all_except(user, except).await?),
            None => Err(RevocationError::NoStore.into()),
        }
    }

    /// Revokes one login of a user by its ID from [`logins`](Self::logins).
    ///
    /// An ID that does not belong to a login of this user is ignored, so a handler can pass an ID
    /// from a form.
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if `RememberMe` has no token family store. The login may
    /// then still be valid.
    pub async fn logout_by_id(&self, user_id: &str, login: RandomId) -> Result<(), LoginError> {
        if let Some(tokens) = &self.tokens {
            tokens.logout_by_id(user_id, login).await?;
        }
        let known =
            self.remember.logins(user_id).await?.into_iter().find(|known| known.id == login);
        let Some(known) = known else { return Ok(()) };
        let (settings, id) = (&*self.remember.0, login.to_string());
        // The sessions first. If this step fails, the login is still listed, so that the user can
        // try again.
        self.session.logout_by_id(&id).await?;
        settings.revoke(user_id, &id, known.expires.unix_timestamp()).await?;
        settings.events.emit(Event::Logout { subject: Some(user_id) });
        Ok(())
    }

    /// Returns the remembered logins of a user and the logins of refresh tokens, the newest first.
    ///
    /// A login with `Remember::Never` is not in the list. From another browser, only
    /// [`logout_others`](Self::logout_others) and [`logout_all`](Self::logout_all) can revoke it.
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if `RememberMe` has no token family store.
    pub async fn logins(&self, user_id: &str) -> Result<Vec<LoginEntry>, LoginError> {
        let mut logins = self.remember.logins(user_id).await?;
        if let Some(tokens) = &self.tokens {
            logins.extend(tokens.logins(user_id).await?);
        }
        logins.sort_by_key(|login| std::cmp::Reverse(login.created));
        Ok(logins)
    }
}

/// Returns the first error of the steps. Ignores steps without a store, unless no step has a store.
fn combine(steps: [Result<(), LoginError>; 3]) -> Result<(), LoginError> {
    let no_store = || LoginError::from(RevocationError::NoStore);
    let mut result = Err(no_store());
    for step in steps {
        match step {
            Err(LoginError::Revocation(RevocationError::NoStore)) => (),
            step => {
                step?;
                result = Ok(());
            }
        }
    }
    result
}

impl Context {
    /// Revokes all remembered logins of the user, except the login of the request. Its token gets
    /// the new credentials and the new generation.
    async fn logout_others(&self, req: &HttpRequest, user: &str) -> Result<(), LoginError> {
        let settings = &*self.remember.0;
        let login = SessionLogin::of(&req.get_session(), user).and_then(|login| login.id);
        let token = self.token_of(req.headers(), user, login.as_deref());
        settings.logout_all(user, token.as_ref()).await?;
        let credentials =
            settings.credential_loader.load(user).await.map_err(LoginError::CredentialLoader)?;
        let credentials = credentials.ok_or(LoginError::UnknownUser)?;
        if let Some(check) = &settings.user_check {
            set_credentials(&req.get_session(), user, &credentials)
                .map_err(|error| LoginError::Session(error.to_string()))?;
            check.insert(user, settings.now(), Some(credentials.clone()));
        }
        let Some(token) = token else { return Ok(()) };
        // Rotate the token, because a parallel request may have used it, and the browser needs the
        // current token of the family.
        let token = match self.rotate(&token).await? {
            RestoreOutcome::Replaced(next) => next,
            RestoreOutcome::Unchanged => token,
            RestoreOutcome::NotInFamily | RestoreOutcome::Unknown | RestoreOutcome::Reused => {
                self.change(Change::Remove);
                return Ok(());
            }
        };
        let token = token.renewed(&credentials, settings.generation(user).await?);
        let is_new = matches!(*self.cookie.borrow(), Change::New(_));
        let cookie = self.remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
        self.replace(&token);
        self.change(if is_new { Change::New(cookie) } else { Change::Set(cookie) });
        Ok(())
    }
}

/// Extracts the layer around the handler. Without a layer, the response is `500`.
impl FromRequest for LoginLayer {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let layer = req.extensions().get::<Self>().cloned();
        ready(layer.ok_or_else(|| {
            let reason = "no LoginLayer around this handler: call `App::wrap(LoginLayer::new(session, remember))`";
            tracing::error!("{reason}");
            InternalError::from_response(reason, problem(StatusCode::INTERNAL_SERVER_ERROR)).into()
        }))
    }
}

impl fmt::Debug for LoginLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginLayer")
            .field("session", &self.session)
            .field("remember", &self.remember)
            .field("tokens", &self.tokens)
            .finish()
    }
}
