use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::Issuer;
use crate::app_data;
use crate::error::IssueError;

/// Extracts the nearest `Issuer` in app data. Without one, the response is `500` and the log
/// contains the cause.
impl FromRequest for Issuer {
    type Error = IssueError;
    type Future = Ready<Result<Self, IssueError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(app_data::find::<Self>(req, "issuer").cloned().ok_or(IssueError::NoIssuer))
    }
}
