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
use super::login::SessionLogin;
use super::{PasetoSession, payload};
use crate::error::problem;
use crate::revocation::{ExceptedLogin, RevocationError};

/// The state of a request in its extensions. A request has one session, so it has one of these.
pub(crate) struct RequestState {
    session: PasetoSession,
    /// Whether the cookie outlives the browser, if the session or the handler has its own choice.
    pub(super) persistent: Cell<Option<bool>>,
    /// The session that was loaded.
    pub(super) loaded: RefCell<Option<Rc<DecryptedSession>>>,
    /// The login that a handler has noted before it checked the password.
    pub(super) attempt: RefCell<Option<SessionLogin>>,
    /// Whether a user has logged in during the request, with credentials or by a cookie.
    pub(super) is_new_login: Cell<bool>,
}

impl RequestState {
    pub(super) fn new(session: PasetoSession) -> Self {
        Self {
            session,
            persistent: Cell::default(),
            loaded: RefCell::default(),
            attempt: RefCell::default(),
            is_new_login: Cell::default(),
        }
    }

    /// The longest token that fits into the cookie.
    fn max_len(&self) -> usize {
        self.session.0.tokens.max_len
    }
}

/// For remembered logins, whose logins have sessions.
#[cfg(feature = "remember")]
impl RequestState {
    pub(crate) fn of(req: &impl HttpMessage) -> Option<Rc<Self>> {
        req.extensions().get::<Rc<Self>>().cloned()
    }

    /// The generation of a subject, if ends of sessions are stored.
    pub(crate) async fn generation(&self, subject: &str) -> Result<Option<u64>, RevocationError> {
        self.session.0.tokens.generation(subject).await
    }

    /// The user's login with which the request began.
    pub(crate) fn login_of(&self, subject: &str) -> Option<SessionLogin> {
        let loaded = self.loaded.borrow();
        loaded.as_ref()?.login.clone().filter(|login| login.subject == subject)
    }

    /// Notes a login of this request. Returns `false` if the session has its user under another key.
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

    /// Ends all sessions of a login.
    pub(crate) async fn logout_by_id(&self, login: &str) -> Result<(), RevocationError> {
        self.session.logout_by_id(login).await
    }
}

/// The request's session as an extractor: the size and the persistence of its cookie, noted logins,
/// and the end of other sessions.
///
/// A handler can check the size before it responds. Browsers discard larger cookies without an
/// error, so [`PasetoSession`](super::PasetoSession) answers `507` instead:
///
/// ```
/// use actix_session::Session;
/// use actix_web::{HttpResponse, Responder, web};
/// use paseto_actix::session::SessionCookie;
///
/// async fn add(session: Session, cookie: SessionCookie, item: String) -> actix_web::Result<HttpResponse> {
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
/// A login that survives a restart of the browser. The idle limit still applies: with the default,
/// the session expires 30 minutes after its last use. For logins of weeks, use `RememberMe`.
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
///     // A checkbox: browsers send `on`, or leave the field out.
///     keep_me_logged_in: Option<String>,
/// }
///
/// async fn login(session: Session, cookie: SessionCookie, form: web::Form<Form>) -> actix_web::Result<impl Responder> {
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
    pub(crate) fn of(req: &HttpRequest) -> Option<Self> {
        let state = req.extensions().get::<Rc<RequestState>>().cloned()?;
        Some(Self { state, session: req.get_session() })
    }

    /// Whether the cookie of the session, as it is now, is small enough for browsers.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.size() <= self.limit()
    }

    /// The size of the encrypted session, as it is now, in bytes. With a revocation store, a login of
    /// this request adds about 150 bytes when the session is saved.
    #[must_use]
    pub fn size(&self) -> usize {
        payload::encrypted_len(&self.session.entries(), self.state.persistent.get())
    }

    /// The largest size in bytes: 4,096 minus the length of the cookie's name and attributes. The
    /// size is that of the encrypted text, so about 2,800 bytes of JSON fit.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.state.max_len()
    }

    /// Chooses whether the cookie of this session outlives the browser. It replaces the default
    /// from [`persistent`](super::PasetoSessionBuilder::persistent). `renew` keeps the choice, and
    /// `purge` removes it.
    pub fn set_persistent(&self, persistent: bool) {
        self.state.persistent.set(Some(persistent));
    }

    /// Notes that a user is about to log in. Call it before the application checks the password, if
    /// the handler then sets the user itself, for example with `Identity::login`. Then a session that
    /// begins with the old password does not outlive a password change that happens at the same time
    /// and [ends all sessions](super::PasetoSession::logout_all). `RememberMe::start_login` does the same.
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
    /// [`RevocationError`] if the store fails. Without a store there is nothing to note.
    pub async fn start_login(&self, subject: &str) -> Result<(), RevocationError> {
        let generation = self.state.session.0.tokens.generation(subject).await?;
        let login = generation.map(|generation| SessionLogin {
            subject: subject.to_owned(),
            generation,
            id: None,
            expires: None,
        });
        self.state.attempt.replace(login);
        Ok(())
    }

    /// Ends all sessions of the user, except those of this login, from the next request on: after a
    /// password change. Call `Session::renew` too, which ends copies of the cookie of this session. To
    /// end remembered logins and tokens too, use
    /// [`LoginLayer::logout_others`](crate::LoginLayer::logout_others).
    ///
    /// # Errors
    ///
    /// [`RevocationError::NoStore`] without a [revocation
    /// store](super::PasetoSessionBuilder::revocation_store); [`RevocationError::NoSubject`] if the session
    /// has no user under its [subject key](super::PasetoSessionBuilder::subject_key);
    /// [`RevocationError::Revoked`] if this session has ended in a parallel request; another error if the
    /// store fails. Sessions go on then.
    pub async fn logout_others(&self) -> Result<(), RevocationError> {
        let tokens = &self.state.session.0.tokens;
        if tokens.revocations.is_none() {
            return Err(RevocationError::NoStore);
        }
        let login =
            tokens.login_of_state(&self.session.entries()).ok_or(RevocationError::NoSubject)?;
        let loaded = self.state.loaded.borrow().clone();
        let is_new = self.state.is_new_login.get();
        if let Some(loaded) = loaded.as_ref().filter(|_| !is_new)
            && tokens.is_revoked(loaded).await?
        {
            return Err(RevocationError::Revoked);
        }
        let session_id = loaded.as_ref().map(|session| session.head.id.as_str());
        let except =
            login.id.as_deref().or(session_id).map(|id| ExceptedLogin::new(id, login.generation));
        let generation = tokens.revoke_subject(&login.subject, except).await?;
        // This session gets the new generation, because it may get a new id in this request.
        let login = SessionLogin { generation, ..login };
        login.write(&self.session).map_err(|error| RevocationError::Other(error.to_string().into()))
    }
}

/// The cookie of the [`PasetoSession`](super::PasetoSession) around the handler. Without one, the
/// response is `500`.
impl FromRequest for SessionCookie {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(req).ok_or_else(|| {
            let reason =
                "SessionCookie needs a PasetoSession around the handler: call `App::wrap(session)`";
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
