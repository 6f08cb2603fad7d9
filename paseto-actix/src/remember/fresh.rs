use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};

use super::context::{Context, is_fresh, user_of};
use super::{RememberMe, ResponseFn};
use crate::error::problem;

/// The kind of login of a request. [`RememberMe::freshness`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No user is logged in.
    Anonymous,
    /// The user is logged in, but not freshly. A remember-me cookie started the session, or the
    /// application called `Identity::login` directly.
    Remembered,
    /// The user logged in with [`RememberMe::login`] in this session, or confirmed the password
    /// with [`RememberMe::confirm_login`].
    Fresh,
}

impl RememberMe {
    /// Returns whether a user is logged in, and whether the login is fresh.
    #[must_use]
    pub fn freshness(req: &HttpRequest) -> Freshness {
        match Context::of(req).and_then(|_| user_of(req)) {
            None => Freshness::Anonymous,
            Some(user) if is_fresh(req, &user) => Freshness::Fresh,
            Some(_) => Freshness::Remembered,
        }
    }
}

/// The request is from another origin, and the session is not protected against that.
pub(crate) struct CrossOriginLogin;

/// For the current user of a request.
impl RememberMe {
    /// Returns the ID of the logged-in user. Returns `None` outside of a `RememberMe`.
    ///
    /// A `PasetoSession` has already rejected requests of other origins. Another session middleware
    /// has not, so the rules of the remember-me cookie apply.
    pub(crate) fn login_of_request(
        req: &HttpRequest,
    ) -> Option<Result<Option<String>, CrossOriginLogin>> {
        let context = req.extensions().get::<Rc<Context>>().cloned()?;
        let user = user_of(req);
        let is_protected = user.is_none()
            || context.sessions.is_some()
            || context.remember.0.cross_origin.allows(req);
        Some(if is_protected { Ok(user) } else { Err(CrossOriginLogin) })
    }

    /// Returns the response to a request without a login. Returns `None` outside of a `RememberMe`.
    pub(crate) fn response_without_login(req: &HttpRequest) -> Option<HttpResponse> {
        let context = req.extensions().get::<Rc<Context>>().cloned()?;
        Some((context.remember.0.not_logged_in)(req))
    }
}

/// Extracts the logged-in user, with a fresh login or not.
///
/// Without a logged-in user, the response is that of
/// [`not_logged_in`](super::RememberMeBuilder::not_logged_in). Default: `401`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    id: String,
}

impl LoggedIn {
    /// Returns the ID of the user.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Extracts the user of a [fresh](Freshness::Fresh) login. Use it for sensitive handlers, such as a
/// password change.
///
/// Without a logged-in user, the response is that of
/// [`not_logged_in`](super::RememberMeBuilder::not_logged_in) (default: `401`). Without a fresh
/// login, it is that of [`not_fresh`](super::RememberMeBuilder::not_fresh) (default: `403`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshLogin {
    id: String,
}

impl FreshLogin {
    /// Returns the ID of the user.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl FromRequest for LoggedIn {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(user(req).map(|(id, _)| Self { id }))
    }
}

impl FromRequest for FreshLogin {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(user(req).and_then(|(id, context)| {
            if is_fresh(req, &id) {
                Ok(Self { id })
            } else {
                Err(rejection(req, &context.remember.0.not_fresh))
            }
        }))
    }
}

fn user(req: &HttpRequest) -> Result<(String, Rc<Context>), Error> {
    let context = Context::of(req).ok_or_else(|| {
        InternalError::from_response("no RememberMe around this handler: call `App::wrap(LoginLayer::new(session, remember))`", problem(StatusCode::INTERNAL_SERVER_ERROR))
    })?;
    match user_of(req) {
        Some(user) => Ok((user, context)),
        None => Err(rejection(req, &context.remember.0.not_logged_in)),
    }
}

fn rejection(req: &HttpRequest, respond: &ResponseFn) -> Error {
    InternalError::from_response("a login is required", respond(req)).into()
}
