mod middleware;

use std::fmt;
use std::future::{Ready, ready};

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};

use super::context::{Change, Context, set_stamp, user_of};
use super::restore::Outcome;
use super::{LoginError, RememberMe};
use crate::error::problem;
use crate::event::Event;
use crate::guard::PasetoRequestExt;
use crate::refresh::RefreshTokens;
use crate::revocation::RevocationError;
use crate::session::{PasetoSession, SessionCookie, SessionLogin};
use crate::token::VerifiedToken;
use crate::token_family::{LoginEntry, RandomId};

/// Sessions, identities and remembered logins in one middleware, in the only right order. It ends
/// logins everywhere.
///
/// | call | access and refresh tokens | sessions | remembered logins |
/// | --- | --- | --- | --- |
/// | [`RememberMe::logout`] | - | of this login | this one |
/// | [`logout_all`](Self::logout_all) | all of the user | all of the user | all of the user |
/// | [`logout_others`](Self::logout_others) | all others | all others | all others |
/// | [`logout_by_id`](Self::logout_by_id) | of that login | of that login | that one |
/// | a used cookie comes again | - | of that login | that one |
///
/// A session ends at its next request, on every server, with a [revocation
/// store](crate::session::PasetoSessionBuilder::revocation_store) of the `PasetoSession`. **Without one, sessions
/// end only by their limits** or by [`check_user`](crate::remember::RememberMeBuilder::check_user): the
/// session that a thief has restored with a copied cookie goes on.
///
/// Handlers get the layer as an argument:
///
/// ```
/// use actix_web::{App, HttpRequest, HttpResponse, web};
/// use paseto_actix::{LocalKey, LoginLayer, PasetoSession, RememberMe};
/// use paseto_actix::remember::{CredentialFingerprint, FreshLogin, Remember};
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
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
///
/// async fn change_password(logins: LoginLayer, req: HttpRequest, _: FreshLogin) -> actix_web::Result<HttpResponse> {
///     // ... store the new password ...
///     logins.logout_others(&req).await?;
///     Ok(HttpResponse::Ok().finish())
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let revocations = MemoryRevocationStore::new(100_000);
/// let session = PasetoSession::builder(LocalKey::generate()).revocation_store(revocations.clone()).build()?;
/// let remember = RememberMe::builder(LocalKey::generate())
///     .user_loader(async |id: String| (id == "ada").then(|| CredentialFingerprint::new("the hash of her password")))
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
    /// A layer of these sessions and remembered logins. Do not wrap them, or actix-identity's
    /// middleware, once more.
    ///
    /// Logs a warning if the session has no [revocation
    /// store](crate::session::PasetoSessionBuilder::revocation_store): open sessions then end only by their limits.
    #[must_use]
    pub fn new(session: PasetoSession, remember: RememberMe) -> Self {
        if !session.stores_revocations() {
            tracing::warn!(
                "the PasetoSession of a LoginLayer has no revocation store: logout_all, logout_others and logout_by_id \
                 do not end open sessions; call `.revocation_store(..)` on its builder"
            );
        }
        Self { session, remember, tokens: None }
    }

    /// Access and refresh tokens, which [`logout_all`](Self::logout_all) and
    /// [`logout_others`](Self::logout_others) end too. Their subjects are the users of the sessions.
    /// Default: none.
    #[must_use]
    pub fn refresh_tokens(mut self, tokens: RefreshTokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Ends all logins of a user: access tokens, refresh tokens, remembered logins and sessions, also
    /// the session of the handler that calls it. Call it after a password reset, and when an account
    /// closes.
    ///
    /// Each step runs even if another one fails. A step without a store is skipped: **without
    /// `.revocation_store(..)` on the session, this returns `Ok` and open sessions go on, also the caller's.**
    ///
    /// The cookies of this browser stay until its next request. To remove them at once, call
    /// [`RememberMe::logout`] too.
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if there is no store at all. Logins may go on then.
    pub async fn logout_all(&self, user_id: &str) -> Result<(), LoginError> {
        let tokens = self.end_tokens(user_id, None).await;
        let [remembered, sessions] = self.end_browsers(user_id).await;
        combine([tokens, remembered, sessions])
    }

    /// Ends all remembered logins and sessions of a user.
    async fn end_browsers(&self, user_id: &str) -> [Result<(), LoginError>; 2] {
        // Before the remembered logins, because a login that begins at the same time reads the
        // generation of the sessions after it has begun its token family. After them, because a remembered
        // login may begin a session until it has ended.
        let before = self.session.logout_all(user_id).await;
        let remembered = self.remember.logout_all(user_id).await;
        let sessions = before.and(self.session.logout_all(user_id).await);
        [remembered, sessions.map_err(LoginError::from)]
    }

    /// Ends all logins of the request's user, except the login of the request: after the user has
    /// changed the password, or for a button "log out all other devices".
    ///
    /// The login of the request is its session with its remembered login, or the login of its
    /// access token. The session is renewed, so copies of its old cookie end too. If the password
    /// changed, store it first: the browser gets a remember-me cookie with the new credentials.
    ///
    /// # Errors
    ///
    /// [`LoginError::NotLoggedIn`] if the request has neither a user nor an access token of a login;
    /// [`RevocationError::Revoked`] if the login of the request has ended in a parallel request;
    /// another error if a store, the user loader or the session fails, or if there is no store at all.
    /// Logins may go on then.
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
            // First, because a login that has ended must not end others.
            let tokens = self.end_tokens(&user, except).await;
            if let Err(LoginError::Revocation(RevocationError::Revoked)) = tokens {
                return tokens;
            }
            let [remembered, sessions] = self.end_browsers(&user).await;
            return combine([tokens, remembered, sessions]);
        }
        let cookie = SessionCookie::of(req).ok_or(LoginError::NoMiddleware)?;
        // Before and after the remembered logins, for the reasons in `end_browsers`. First of all,
        // because a login that has ended must not end others.
        let before = cookie.logout_others().await;
        if let Err(RevocationError::Revoked) = before {
            return Err(RevocationError::Revoked.into());
        }
        let tokens = self.end_tokens(&user, except).await;
        let remembered = context.logout_others(req, &user).await;
        let sessions = before.and(cookie.logout_others().await).map_err(LoginError::from);
        // Copies of this session's cookie end too.
        req.get_session().renew();
        combine([tokens, remembered, sessions])
    }

    async fn end_tokens(
        &self,
        user: &str,
        except: Option<(RandomId, u64)>,
    ) -> Result<(), LoginError> {
        match &self.tokens {
            Some(tokens) => Ok(tokens.end_all_except(user, except).await?),
            None => Err(RevocationError::NoStore.into()),
        }
    }

    /// Ends one login of a user, by its id from [`logins`](Self::logins). An id of no login of this
    /// user changes nothing, so a handler can take it from a form.
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if there is no token family store. The login may go on then.
    pub async fn logout_by_id(&self, user_id: &str, login: RandomId) -> Result<(), LoginError> {
        if let Some(tokens) = &self.tokens {
            tokens.logout_by_id(user_id, login).await?;
        }
        let known =
            self.remember.logins(user_id).await?.into_iter().find(|known| known.id == login);
        let Some(known) = known else { return Ok(()) };
        let (settings, id) = (&*self.remember.0, login.to_string());
        // The sessions first: if this fails, the login is still listed and can be ended again.
        self.session.logout_by_id(&id).await?;
        settings.end(user_id, &id, known.expires.unix_timestamp()).await?;
        settings.events.emit(Event::Logout { subject: Some(user_id) });
        Ok(())
    }

    /// The remembered logins of a user, and the logins of refresh tokens, the newest first. A login
    /// with `Remember::Never` is not listed: only `logout_others` and `logout_all` end it from elsewhere.
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

/// The first failure of the steps. A step without a store is skipped, but not all of them.
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
    /// Ends all remembered logins of the user except that of the request, which gets the new
    /// credentials and the new generation.
    async fn logout_others(&self, req: &HttpRequest, user: &str) -> Result<(), LoginError> {
        let settings = &*self.remember.0;
        let login = SessionLogin::of(&req.get_session(), user).and_then(|login| login.id);
        let token = self.token_of(req.headers(), user, login.as_deref());
        settings.logout_all(user, token.as_ref()).await?;
        let stamp = settings.user_loader.load(user).await.map_err(LoginError::UserLoader)?;
        let stamp = stamp.ok_or(LoginError::UnknownUser)?;
        if let Some(check) = &settings.user_check {
            set_stamp(&req.get_session(), user, &stamp)
                .map_err(|error| LoginError::Session(error.to_string()))?;
            check.insert(user, settings.now(), Some(stamp.clone()));
        }
        let Some(token) = token else { return Ok(()) };
        // A parallel request may have rotated it, and an older token would be taken for a copy.
        let token = match self.rotate(&token).await? {
            Outcome::Replaced(next) => next,
            Outcome::Unchanged => token,
            Outcome::NotInFamily | Outcome::Unknown | Outcome::Reused => {
                self.change(Change::Remove);
                return Ok(());
            }
        };
        let token = token.renewed(&stamp, settings.generation(user).await?);
        let begins = matches!(*self.cookie.borrow(), Change::Begin(_));
        let cookie = self.remember.set_cookie(&token).ok_or(LoginError::TooLong)?;
        self.replace(&token);
        self.change(if begins { Change::Begin(cookie) } else { Change::Set(cookie) });
        Ok(())
    }
}

/// The layer around the handler. Without one, the response is `500`.
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
