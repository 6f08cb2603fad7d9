//! The largest session: browsers discard larger cookies without an error.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, ResponseError};

use crate::cookie::MAX_COOKIE_LEN;

/// The longest token of a [`PasetoSessionStore`](super::PasetoSessionStore), which does not know
/// its cookie. It leaves 256 bytes for the name and the attributes, and room for the encryption of
/// actix-session (`CookieContentSecurity::Private`), which is longer than a signature.
pub(super) const MAX_STORE_TOKEN_LEN: usize = longest_in_private_cookie(MAX_COOKIE_LEN - 256);

const fn longest_in_private_cookie(room: usize) -> usize {
    let mut token = room;
    while private_len(token) > room {
        token -= 1;
    }
    token
}

/// The length of a token in a private cookie of actix-session: base64 of a nonce, the token and a
/// tag. Percent-encoding takes three characters for a slash. One in 64 characters is a slash, and
/// this leaves room for ten standard deviations more.
const fn private_len(token: usize) -> usize {
    let characters = (12 + token + 16).div_ceil(3) * 4;
    let slashes = characters / 64 + 10 * (characters / 64).isqrt() + 2;
    characters + 2 * slashes
}

/// A session is larger than a cookie may be. The response is `507`, and the client keeps the cookie
/// that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the encrypted session has {size} bytes, and the limit is {limit}: store less in it, or an id instead"
)]
pub struct SessionTooLarge {
    pub(super) size: usize,
    pub(super) limit: usize,
}

impl SessionTooLarge {
    /// The size of the encrypted session, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The largest size, in bytes.
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
