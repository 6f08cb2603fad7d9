use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, ResponseError};

/// Error of a session that is too large for a cookie. Browsers discard larger cookies without an
/// error.
///
/// The response is `507`, and the client keeps its previous cookie. To check the size before the
/// response, use [`SessionCookie`](super::SessionCookie).
///
/// `save` and `update` of [`PasetoSessionStore`](super::PasetoSessionStore) return this error in
/// `SaveError::Other` and `UpdateError::Other` of actix-session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the encrypted session has {size} bytes, but the limit of its cookie is {limit}: store less data in the session, \
     or only an ID"
)]
pub struct SessionTooLarge {
    pub(super) size: usize,
    pub(super) limit: usize,
}

impl SessionTooLarge {
    /// Returns the size of the encrypted session in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the maximum size in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl ResponseError for SessionTooLarge {
    fn status_code(&self) -> StatusCode {
        StatusCode::INSUFFICIENT_STORAGE
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code())
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .body(r#"{"type":"about:blank","title":"Insufficient Storage","status":507,"detail":"the session is too large for a cookie, and was not changed"}"#)
    }
}
