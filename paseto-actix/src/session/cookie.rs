use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;

#[cfg(feature = "remember")]
use actix_session::SessionInsertError;
use actix_session::{Session, SessionExt};
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};

use super::decrypted_cache::DecryptedSession;
use super::login::{SessionLogin, subject_of};
use super::{PasetoSession, payload};
use crate::error::problem;
use crate::revocation::{ExceptedLogin, RevocationError};

/// The session state of a request, stored in the extensions of the request.
pub(crate) struct RequestState {
    session: PasetoSession,
    /// Whether the cookie has `Max-Age`, so that it is kept after the browser is closed. `None`
    /// means the setting of the middleware.
    pub(super) persistent: Cell<Option<bool>>,
    /// The session at the start of the request.
    pub(super) loaded: RefCell<Option<Rc<DecryptedSession>>>,
    /// The login that a handler started before it checked the password.
    pub(super) started_login: RefCell<Option<SessionLogin>>,
    /// Whether a user has logged in during this request, with credentials or with a remember-me
    /// cookie.
    pub(super) is_new_login: Cell<bool>,
}

impl RequestState {
    pub(super) fn new(session: PasetoSession) -> Self {
        Self {
            session,
            persistent: Cell::default(),
            loaded: RefCell::default(),
            started_login: RefCell::default(),
            is_new_login: Cell::default(),
        }
    }

    /// Returns the state of a request. Returns `None` outside of a `PasetoSession`.
    pub(crate) fn of(req: &impl HttpMessage) -> Option<Rc<Self>> {
        req.extensions().get::<Rc<Self>>().cloned()
    }

    /// Returns the user of the session, from its subject key.
    pub(crate) fn subject(&self, session: &Session) -> Option<String> {
        subject_of(session.entries().get(&*self.session.0.tokens.subject_key)?)
    }

    /// Returns the maximum length of the encrypted session.
    fn max_len(&self) -> usize {
        self.session.0.tokens.max_len
    }
}

/// For remembered logins.
#[cfg(feature = "remember")]
impl RequestState {
    /// Returns the middleware of the session.
    #[cfg(feature = "testing")]
    pub(crate) fn middleware(&self) -> &PasetoSession {
        &self.session
    }

    /// Returns the generation of a subject. Returns `None` without a revocation store.
    pub(crate) async fn generation(&self, subject: &str) -> Result<Option<u64>, RevocationError> {
        self.session.0.tokens.generation(subject).await
    }

    /// Returns the login of the session at the start of the request, if it belongs to this subject.
    pub(crate) fn login_of(&self, subject: &str) -> Option<SessionLogin> {
        let loaded = self.loaded.borrow();
        loaded.as_ref()?.login.clone().filter(|login| login.subject == subject)
    }

    /// Writes a login of this request to the session. Returns `false` if the session has its user
    /// under another subject key.
    pub(crate) fn begin_login(
        &self,
        session: &Session,
        login: &SessionLogin,
    ) -> Result<bool, SessionInsertError> {
        self.is_new_login.set(true);
        login.write(session)?;
        let tokens = &self.session.0.tokens;
        Ok(tokens.login_of_state(&session.entries()).as_ref() == Some(login))
    }

    /// Revokes all sessions of a login. Does nothing without a revocation store.
    pub(crate) async fn logout_by_id(&self, login: &str) -> Result<(), RevocationError> {
        self.session.logout_by_id(login).await
    }
}

/// Extracts the cookie of the current session. It checks the size, sets the persistence, starts a
/// login, and revokes the other sessions of the user.
///
/// Browsers discard large cookies without an error, so [`PasetoSession`](super::PasetoSession)
/// responds with `507` if the session is too large. A handler can check the size first:
///
/// ```
/// use actix_session::Session;
/// use actix_web::{HttpResponse, Responder, web};
/// use paseto_actix::session::SessionCookie;
///
/// async fn add(
///     session: Session,
///     cookie: SessionCookie,
///     item: String,
/// ) -> actix_web::Result<HttpResponse> {
///     let mut cart: Vec<String> = session.get("cart")?.unwrap_or_default();
///     cart.push(item);
///     session.insert("cart", &cart)?;
///     if !cookie.fits() {
///         cart.pop();
///         session.insert("cart", &cart)?;
///         return Ok(HttpResponse::InsufficientStorage().body("the cart is full"));
///     }
///     Ok(HttpResponse::Ok().finish())
/// }
/// # web::to(add);
/// ```
///
/// A handler can make one session persistent, so that its cookie is kept after the browser is
/// closed. The timeouts still apply. Default: the session expires 30 minutes after its last use.
/// For logins of days or weeks, use [`RememberMe`](crate::RememberMe).
///
/// ```
/// use actix_session::Session;
/// use actix_web::{Responder, web};
/// use paseto_actix::session::SessionCookie;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Form {
///     user: String,
///     // Browsers send `on` for a ticked checkbox, and omit the field otherwise.
///     keep_me_logged_in: Option<String>,
/// }
///
/// async fn login(
///     session: Session,
///     cookie: SessionCookie,
///     form: web::Form<Form>,
/// ) -> actix_web::Result<impl Responder> {
///     // ... check the password ...
///     session.renew();
///     session.insert("user", &form.user)?;
///     cookie.set_persistent(form.keep_me_logged_in.is_some());
///     Ok("welcome")
/// }
/// # web::to(login);
/// ```
#[derive(Clone)]
pub struct SessionCookie {
    state: Rc<RequestState>,
    session: Session,
}

impl SessionCookie {
    /// Returns the cookie of a request. Returns `None` outside of a `PasetoSession`.
    pub(crate) fn of(req: &HttpRequest) -> Option<Self> {
        let state = req.extensions().get::<Rc<RequestState>>().cloned()?;
        Some(Self { state, session: req.get_session() })
    }

    /// Returns whether the current content of the session fits into the cookie.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.size() <= self.limit()
    }

    /// Returns the size of the encrypted session with its current content, in bytes. With a
    /// revocation store, a login in this request adds about 150 bytes when the session is saved.
    #[must_use]
    pub fn size(&self) -> usize {
        payload::encrypted_len(&self.session.entries(), self.state.persistent.get())
    }

    /// Returns the maximum size of the encrypted session in bytes. It is 4,096 minus the length of
    /// the name and the attributes of the cookie. About 2,800 bytes of JSON fit.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.state.max_len()
    }

    /// Sets whether the browser keeps the cookie of this session when it is closed. Default: the
    /// setting [`persistent`](super::PasetoSessionBuilder::persistent). `renew` keeps the value,
    /// and `purge` removes it.
    pub fn set_persistent(&self, persistent: bool) {
        self.state.persistent.set(Some(persistent));
    }

    /// Starts a login. Call it before the handler checks the password.
    ///
    /// It reads the generation of the user from the revocation store. If the password is changed at
    /// the same time and [`logout_all`](super::PasetoSession::logout_all) is called, a session that
    /// was started with the old password is then revoked.
    ///
    /// Handlers that set the user themselves, for example with `Identity::login`, need this call.
    /// [`RememberMe::start_login`](crate::RememberMe::start_login) does the same for remembered
    /// logins.
    ///
    /// ```
    /// use actix_session::Session;
    /// use actix_web::{HttpResponse, web};
    /// use paseto_actix::session::SessionCookie;
    ///
    /// # fn is_right(_: &str, _: &str) -> bool { true }
    /// # #[derive(serde::Deserialize)]
    /// # struct Form { user: String, password: String }
    /// async fn login(
    ///     session: Session,
    ///     cookie: SessionCookie,
    ///     form: web::Form<Form>,
    /// ) -> actix_web::Result<HttpResponse> {
    ///     cookie.start_login(&form.user).await?;
    ///     if !is_right(&form.user, &form.password) {
    ///         return Ok(HttpResponse::Unauthorized().finish());
    ///     }
    ///     session.renew();
    ///     session.insert("user", &form.user)?; // `PasetoSessionBuilder::subject_key("user")`
    ///     Ok(HttpResponse::Ok().finish())
    /// }
    /// # web::to(login);
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store fails. Without a revocation store, the call does nothing.
    pub async fn start_login(&self, subject: &str) -> Result<(), RevocationError> {
        let generation = self.state.session.0.tokens.generation(subject).await?;
        let login = generation.map(|generation| SessionLogin {
            subject: subject.to_owned(),
            generation,
            id: None,
            expires: None,
        });
        self.state.started_login.replace(login);
        Ok(())
    }

    /// Rejects a session that was revoked after the request began.
    ///
    /// The middleware checks the session before the body arrives, and the client chooses how slowly
    /// it sends the body. So a client with a stolen session could begin a request, wait for the
    /// logout, and then complete the request. Call this method after the body was read, before an
    /// action that outlives the session, such as a change of the password.
    ///
    /// Without a revocation store, or if the session is new, the call does nothing.
    ///
    /// ```
    /// use actix_web::{HttpResponse, web};
    /// use paseto_actix::session::SessionCookie;
    ///
    /// # #[derive(serde::Deserialize)]
    /// # struct Form { password: String }
    /// # async fn store_password(_: &str) {}
    /// async fn change_password(
    ///     cookie: SessionCookie,
    ///     form: web::Form<Form>,
    /// ) -> actix_web::Result<HttpResponse> {
    ///     cookie.check_revocation().await?;
    ///     store_password(&form.password).await;
    ///     cookie.logout_others().await?;
    ///     Ok(HttpResponse::NoContent().finish())
    /// }
    /// # web::to(change_password);
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevocationError::Revoked`] (`401`) if the session was revoked. Another error if the store
    /// fails.
    pub async fn check_revocation(&self) -> Result<(), RevocationError> {
        let loaded = self.state.loaded.borrow().clone();
        let is_new = self.state.is_new_login.get();
        match loaded.filter(|_| !is_new) {
            Some(loaded) if self.state.session.0.tokens.is_revoked(&loaded).await? => {
                Err(RevocationError::Revoked)
            }
            _ => Ok(()),
        }
    }

    /// Revokes all sessions of the user except the sessions of this login, for example after a
    /// password change. It takes effect with the next request of each session.
    ///
    /// Call `Session::renew` too, to revoke copies of the cookie of this session. To revoke
    /// remembered logins and tokens too, call
    /// [`LoginLayer::logout_others`](crate::LoginLayer::logout_others).
    ///
    /// # Errors
    ///
    /// - [`RevocationError::NoStore`] if no [revocation
    ///   store](super::PasetoSessionBuilder::revocation_store) is set.
    /// - [`RevocationError::NoSubject`] if the session has no user under its [subject
    ///   key](super::PasetoSessionBuilder::subject_key).
    /// - [`RevocationError::Revoked`] if a parallel request has revoked this session.
    /// - Another error if the store fails. The other sessions may then still be valid.
    pub async fn logout_others(&self) -> Result<(), RevocationError> {
        let tokens = &self.state.session.0.tokens;
        if tokens.revocation_store.is_none() {
            return Err(RevocationError::NoStore);
        }
        let login =
            tokens.login_of_state(&self.session.entries()).ok_or(RevocationError::NoSubject)?;
        self.check_revocation().await?;
        let loaded = self.state.loaded.borrow().clone();
        let session_id = loaded.as_ref().map(|session| session.head.id.as_str());
        let except =
            login.id.as_deref().or(session_id).map(|id| ExceptedLogin::new(id, login.generation));
        let generation = tokens.revoke_subject(&login.subject, except).await?;
        // The exception can name the ID of this session, which changes if the handler calls
        // `renew`. The new generation keeps the session valid.
        let login = SessionLogin { generation, ..login };
        login.write(&self.session).map_err(|error| RevocationError::Other(error.to_string().into()))
    }
}

/// Extracts the cookie of the [`PasetoSession`](super::PasetoSession) around the handler. If the
/// handler is not inside a `PasetoSession`, the response is `500`.
impl FromRequest for SessionCookie {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(req).ok_or_else(|| {
            let reason =
                "no PasetoSession around a handler with a SessionCookie: call `App::wrap(session)`";
            tracing::error!("{reason}");
            InternalError::from_response(reason, problem(StatusCode::INTERNAL_SERVER_ERROR)).into()
        }))
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie").field("limit", &self.limit()).finish_non_exhaustive()
    }
}
