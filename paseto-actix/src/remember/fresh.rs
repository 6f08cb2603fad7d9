use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpRequest};

use super::RememberMe;
use super::context::{Context, is_fresh, user_of};
use super::settings::ResponseFn;
use crate::error::problem;

/// How a user came to be logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nobody is logged in.
    Anonymous,
    /// By a remember-me cookie, in this session or when it began.
    Remembered,
    /// By [`RememberMe::login`], in this session.
    Fresh,
}

impl RememberMe {
    /// How the user of a request came to be logged in.
    #[must_use]
    pub fn freshness(req: &HttpRequest) -> Freshness {
        match Context::of(req).and_then(|_| user_of(req)) {
            None => Freshness::Anonymous,
            Some(user) if is_fresh(req, &user) => Freshness::Fresh,
            Some(_) => Freshness::Remembered,
        }
    }
}

/// A user who is logged in, by whatever means, as an extractor. Others get what
/// [`not_logged_in`](super::RememberMeBuilder::not_logged_in) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    id: String,
}

impl LoggedIn {
    /// The user's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A user who has logged in within this session, as an extractor for what a cookie on a shared
/// computer is not enough for.
///
/// Who was remembered gets what [`not_fresh`](super::RememberMeBuilder::not_fresh) says, who is not
/// logged in what [`not_logged_in`](super::RememberMeBuilder::not_logged_in) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshLogin {
    id: String,
}

impl FreshLogin {
    /// The user's id.
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
                Err(refusal(req, &context.remember.0.not_fresh))
            }
        }))
    }
}

fn user(req: &HttpRequest) -> Result<(String, std::rc::Rc<Context>), Error> {
    let context = Context::of(req).ok_or_else(|| {
        InternalError::from_response("no RememberMe", problem(StatusCode::INTERNAL_SERVER_ERROR))
    })?;
    match user_of(req) {
        Some(user) => Ok((user, context)),
        None => Err(refusal(req, &context.remember.0.not_logged_in)),
    }
}

fn refusal(req: &HttpRequest, answer: &ResponseFn) -> Error {
    InternalError::from_response("a login is wanted", answer(req)).into()
}
