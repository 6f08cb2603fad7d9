use std::fmt;
use std::future::{Ready, ready};

use actix_session::{Session, SessionExt};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::problem;
use crate::random::random_bits;

/// The name of the session entry with the secret.
const ENTRY: &str = "paseto_csrf";

type Secret = Zeroizing<[u8; 16]>;

/// A token for the forms of a session. The extractor stores a secret of 128 random bits in the
/// session, unless the session has it.
///
/// The token differs in each response, because it contains a random mask. So the compression of a
/// response does not reveal the secret ([BREACH]). All tokens of one session are valid until the
/// session ends, or until [`CsrfToken::reset`].
///
/// `Display` writes the token for a `<meta>` element or a script, which sends it as the header
/// [`CsrfToken::HEADER`]. [`CsrfToken::input`] returns the hidden field of a form. `Debug` does not
/// show the token.
///
/// The extractor changes the session, so a page with a form starts a session for each visitor.
///
/// # Errors
///
/// The extractor fails with `500` if the session cannot be changed, or if the operating system
/// returns no random bytes.
///
/// [BREACH]: https://www.breachattack.com/
#[derive(Clone)]
pub struct CsrfToken(Zeroizing<String>);

impl CsrfToken {
    /// The name of the form field: `csrf_token`.
    pub const FIELD: &'static str = "csrf_token";

    /// The name of the header: `X-CSRF-Token`.
    pub const HEADER: &'static str = "X-CSRF-Token";

    /// Returns a hidden `<input>` element with the token. It needs no escaping.
    #[must_use]
    pub fn input(&self) -> String {
        format!(r#"<input type="hidden" name="{}" value="{self}">"#, Self::FIELD)
    }

    /// Makes all tokens of the session invalid. Call it at a login, so that a token from before the
    /// login is not valid after it.
    pub fn reset(session: &Session) {
        session.remove(ENTRY);
    }

    /// Checks a token that a request contains.
    ///
    /// # Errors
    ///
    /// [`CsrfError::Missing`] without a token, and [`CsrfError::Mismatch`] if it is not a token of
    /// this session.
    pub(super) fn check(session: &Session, token: Option<&str>) -> Result<(), CsrfError> {
        let token = token.ok_or(CsrfError::Missing)?;
        let secret = stored(session).ok_or(CsrfError::Mismatch)?;
        let sent = unmasked(token).ok_or(CsrfError::Mismatch)?;
        if bool::from(secret.ct_eq(&*sent)) { Ok(()) } else { Err(CsrfError::Mismatch) }
    }

    fn of(session: &Session) -> Result<Self, CsrfError> {
        let secret = match stored(session) {
            Some(secret) => secret,
            None => {
                let secret = random()?;
                let text = Zeroizing::new(Base64UrlUnpadded::encode_string(&*secret));
                session.insert(ENTRY, &*text).map_err(|_| CsrfError::Session)?;
                secret
            }
        };
        let mask = random()?;
        let mut token = Zeroizing::new([0; 32]);
        token[..16].copy_from_slice(&*mask);
        token[16..].copy_from_slice(&*xor(&secret, &mask));
        Ok(Self(Zeroizing::new(Base64UrlUnpadded::encode_string(&*token))))
    }
}

/// Returns the secret of the session. An entry of another format counts as missing.
fn stored(session: &Session) -> Option<Secret> {
    let text = Zeroizing::new(session.get::<String>(ENTRY).ok()??);
    decoded(&text)
}

/// Returns the secret in a token.
fn unmasked(token: &str) -> Option<Secret> {
    let token: Zeroizing<[u8; 32]> = decoded(token)?;
    let (mask, masked) = token.split_at(16);
    Some(xor(masked.try_into().ok()?, mask.try_into().ok()?))
}

fn decoded<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    let decoded = Base64UrlUnpadded::decode(text, &mut *bytes).ok()?;
    (decoded.len() == N).then_some(())?;
    Some(bytes)
}

fn xor(a: &[u8; 16], b: &[u8; 16]) -> Secret {
    Zeroizing::new(std::array::from_fn(|index| a[index] ^ b[index]))
}

fn random() -> Result<Secret, CsrfError> {
    random_bits().map(Zeroizing::new).map_err(|_| CsrfError::NoRandomBytes)
}

impl FromRequest for CsrfToken {
    type Error = CsrfError;
    type Future = Ready<Result<Self, CsrfError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(&req.get_session()))
    }
}

impl fmt::Display for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken")
    }
}

/// Why a form was rejected, or why a page has no token.
///
/// As a response, a missing or wrong token is `403`, a body that is not a form is `400`, and other
/// errors are `500`. The response does not contain the reason. The log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrfError {
    /// The request has neither the field nor the header.
    #[error("the request has no CSRF token: add `csrf_token` to the form")]
    Missing,
    /// The token is not of this session, or the request contains several tokens. The session may
    /// have ended.
    #[error(
        "the CSRF token is not of this session: the session ended, or another site sent the form"
    )]
    Mismatch,
    /// The body is not a form of the type that the handler expects.
    #[error("the body is not the form that the handler expects")]
    InvalidForm,
    /// The session cannot store the secret.
    #[error("the session cannot store the CSRF secret")]
    Session,
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes")]
    NoRandomBytes,
}

impl ResponseError for CsrfError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Mismatch => StatusCode::FORBIDDEN,
            Self::InvalidForm => StatusCode::BAD_REQUEST,
            Self::Session | Self::NoRandomBytes => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Missing | Self::Mismatch => tracing::warn!(reason = %self, "rejected a form"),
            Self::InvalidForm => tracing::debug!(reason = %self, "rejected a form"),
            Self::Session | Self::NoRandomBytes => {
                tracing::error!(reason = %self, "a page has no CSRF token");
            }
        }
        problem(self.status_code())
    }
}
