use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::Issuer;
use crate::app_data;
use crate::error::IssueError;

/// The nearest issuer in app data; without one, `500` and a log line that says so.
impl FromRequest for Issuer {
    type Error = IssueError;
    type Future = Ready<Result<Self, IssueError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(app_data::find::<Self>(req, "issuer").cloned().ok_or(IssueError::NoIssuer))
    }
}
