use std::{
    cell::Cell,
    fmt,
    future::{Ready, ready},
    rc::Rc,
};

use actix_session::{Session, SessionExt};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, dev::Payload, error::InternalError, http::StatusCode};

use super::payload;
use crate::error::problem;

/// The state of a request in its extensions. A request has one session, so it has one of these.
pub(super) struct RequestState {
    /// The longest token that fits into the cookie.
    pub(super) max_len: usize,
    /// Whether the cookie outlives the browser, if the session or the handler has its own choice.
    pub(super) persistent: Cell<Option<bool>>,
}

/// The cookie of the request's session, as an extractor: its size, and how long the browser keeps
/// it.
///
/// A handler can check the size before it responds. Browsers discard larger cookies without an
/// error, so [`PasetoSession`](super::PasetoSession) answers `507` instead:
///
/// ```
/// use actix_session::Session;
/// use actix_web::{HttpResponse, Responder, web};
/// use paseto_actix::SessionCookie;
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
/// use paseto_actix::SessionCookie;
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
    /// Whether the cookie of the session, as it is now, is small enough for browsers.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.size() <= self.limit()
    }

    /// The size of the encrypted session, as it is now, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        payload::encrypted_len(&self.session.entries(), self.state.persistent.get())
    }

    /// The largest size in bytes: 4,096 minus the length of the cookie's name and attributes. The
    /// size is that of the encrypted text, so about 2,800 bytes of JSON fit.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.state.max_len
    }

    /// Chooses whether the cookie of this session outlives the browser. It replaces the default
    /// from [`persistent`](super::PasetoSessionBuilder::persistent). `renew` keeps the choice, and
    /// `purge` removes it.
    pub fn set_persistent(&self, persistent: bool) {
        self.state.persistent.set(Some(persistent));
    }
}

/// The cookie of the [`PasetoSession`](super::PasetoSession) around the handler. Without one, the
/// response is `500`.
impl FromRequest for SessionCookie {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = req.extensions().get::<Rc<RequestState>>().cloned();
        if let Some(state) = state {
            return ready(Ok(Self { state, session: req.get_session() }));
        }
        let problem_text = "SessionCookie needs a PasetoSession around the handler: call `App::wrap(session)`";
        tracing::error!("{problem_text}");
        ready(Err(InternalError::from_response(problem_text, problem(StatusCode::INTERNAL_SERVER_ERROR)).into()))
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie").field("limit", &self.limit()).finish_non_exhaustive()
    }
}
