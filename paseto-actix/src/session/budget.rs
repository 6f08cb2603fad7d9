//! How large a session may be: browsers drop a larger cookie without a word.

use std::future::{Ready, ready};

use actix_session::{Session, config::CookieContentSecurity};
use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    cookie::Cookie,
    dev::Payload,
    error::InternalError,
    http::{StatusCode, header::CONTENT_TYPE},
};

use super::envelope;
use crate::{cookie::MAX_COOKIE_LEN, token::sealed_len};

/// actix-session's own limit.
const MAX_SESSION_KEY_LEN: usize = 4064;
/// Room for the attributes of whatever cookie a [`PasetoSessionStore`](super::PasetoSessionStore) is put in by itself.
pub(super) const STORE_ALONE: CookieShape = CookieShape { around_value: 256, wrapping: CookieContentSecurity::Private };

/// What is around a token in a cookie.
#[derive(Clone, Copy, Debug)]
pub(super) struct CookieShape {
    /// The name, the equals sign and the attributes.
    around_value: usize,
    wrapping: CookieContentSecurity,
}

impl CookieShape {
    /// The shape of a cookie with this name and these attributes.
    pub(super) fn of(cookie: &Cookie<'_>, wrapping: CookieContentSecurity) -> Self {
        Self { around_value: cookie.encoded().to_string().len(), wrapping }
    }

    /// The longest token that is sure to fit.
    pub(super) fn max_token_len(&self) -> usize {
        let room = MAX_COOKIE_LEN.saturating_sub(self.around_value);
        (0..=MAX_SESSION_KEY_LEN).rev().find(|length| wrapped_len(self.wrapping, *length) <= room).unwrap_or(0)
    }
}

/// How long a token of this length becomes in actix-session's wrapping, percent-encoding included, which takes three
/// characters for each `/` and `=`.
fn wrapped_len(wrapping: CookieContentSecurity, token: usize) -> usize {
    match wrapping {
        // A base64 of 32 bytes before the token, all of it slashes at the worst.
        CookieContentSecurity::Signed => token + 3 * 44,
        // Base64 of a nonce, the token and a tag. One in 64 characters is a slash, and ten standard deviations more than
        // that are none that anybody will see.
        CookieContentSecurity::Private => {
            let characters = (12 + token + 16).div_ceil(3) * 4;
            let slashes = characters / 64 + 10 * (characters / 64).isqrt() + 2;
            characters + 2 * slashes
        }
    }
}

/// How much a session may hold, as an extractor for handlers that want to know before they answer.
///
/// ```
/// use actix_session::Session;
/// use actix_web::{HttpResponse, Responder, web};
/// use paseto_actix::SessionBudget;
///
/// async fn add(session: Session, budget: SessionBudget, item: String) -> actix_web::Result<HttpResponse> {
///     let mut cart: Vec<String> = session.get("cart")?.unwrap_or_default();
///     cart.push(item);
///     session.insert("cart", &cart)?;
///     if !budget.fits(&session) {
///         cart.pop();
///         session.insert("cart", &cart)?;
///         return Ok(HttpResponse::InsufficientStorage().body("the cart is full"));
///     }
///     Ok(HttpResponse::Ok().finish())
/// }
/// # web::to(add);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SessionBudget {
    max_token_len: usize,
}

impl SessionBudget {
    pub(super) fn new(max_token_len: usize) -> Self {
        Self { max_token_len }
    }

    /// Whether the session can be kept as it is now.
    #[must_use]
    pub fn fits(&self, session: &Session) -> bool {
        self.used(session) <= self.limit()
    }

    /// How many bytes the session takes when sealed.
    #[must_use]
    pub fn used(&self, session: &Session) -> usize {
        envelope::len(&session.entries()).map_or(usize::MAX, sealed_len)
    }

    /// How many bytes a session may take when sealed: what the cookie's name, attributes and wrapping leave of 4,096.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.max_token_len
    }
}

/// The budget of the nearest [`PasetoSession`](super::PasetoSession); `500` without one.
impl FromRequest for SessionBudget {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let budget = req.extensions().get::<Self>().copied();
        ready(budget.ok_or_else(|| {
            tracing::error!("no PasetoSession around this handler: call `App::wrap(session)`");
            InternalError::from_response(
                "no PasetoSession around this handler",
                crate::error::problem(StatusCode::INTERNAL_SERVER_ERROR),
            )
            .into()
        }))
    }
}

/// A session that is too large to be kept. The client is told so, and keeps the cookie that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session of {size} bytes when sealed, the limit is {limit}")]
pub struct SessionTooLarge {
    pub(super) size: usize,
    pub(super) limit: usize,
}

impl SessionTooLarge {
    /// How many bytes the session would have taken when sealed.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many it may take.
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
            .body(r#"{"type":"about:blank","title":"Insufficient Storage","status":507,"detail":"the session is too large to be kept; nothing of it was changed"}"#)
    }
}
