use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::Verifier;
use crate::{VerifyError, VerifyErrorKind, app_data};

/// The nearest verifier in app data, to revoke a token with, or to change whose are trusted; without one, `500` and a log line
/// that says so. It verifies nothing: that is for `#[paseto_required]` and [`Paseto`](crate::Paseto).
impl FromRequest for Verifier {
    type Error = VerifyError;
    type Future = Ready<Result<Self, VerifyError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || VerifyError::new(VerifyErrorKind::Misconfigured, "no Verifier in app data");
        ready(app_data::find::<Self>(req, "verifier").cloned().ok_or_else(missing))
    }
}
