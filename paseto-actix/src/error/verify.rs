use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};

use super::problem;

/// Why a request was not let through.
///
/// [`kind`](Self::kind) is for code, `Display` is for the log (it may name the issuer's mistake in detail), and
/// [`error_response`](ResponseError::error_response) is for the client: the challenge of [RFC 6750] with a body that is
/// the same for every cause.
///
/// ```
/// use actix_web::{HttpResponse, ResponseError};
/// use paseto_actix::{PublicKey, SecretKey, Verifier, VerifyErrorKind};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .error_handler(|_req, error| match error.kind() {
///         VerifyErrorKind::MissingToken => HttpResponse::SeeOther().insert_header(("Location", "/login")).finish(),
///         _ => error.error_response(),
///     })
///     .build()?;
/// assert_eq!(verifier.verify_str("v4.public.").unwrap_err().kind(), VerifyErrorKind::Malformed);
/// # Ok(())
/// # }
/// ```
///
/// [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750#section-3
#[derive(Clone)]
pub struct VerifyError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: VerifyErrorKind,
    detail: Cow<'static, str>,
    kid: Option<String>,
    issuer: Option<String>,
    scopes: Vec<String>,
    max_age: Option<Duration>,
    realm: Option<Arc<str>>,
}

/// What kind of failure a [`VerifyError`] is.
///
/// ```
/// use paseto_actix::VerifyErrorKind;
///
/// fn advice(kind: VerifyErrorKind) -> &'static str {
///     match kind {
///         VerifyErrorKind::MissingToken => "log in",
///         VerifyErrorKind::Expired => "refresh the token",
///         VerifyErrorKind::StaleAuthentication => "log in again",
///         _ => "give up",
///     }
/// }
/// assert_eq!(advice(VerifyErrorKind::BadSignature), "give up");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// No token in the request: `401` with a bare challenge.
    MissingToken,
    /// Credentials that cannot be read, or more than one: `400`, `invalid_request`.
    InvalidRequest,
    /// Not a token, too long, or a payload or footer that breaks a rule of form: `401`, `invalid_token`.
    Malformed,
    /// A token of another version or purpose than `v4.public`: `401`, `invalid_token`.
    UnsupportedToken,
    /// The token names a key that nobody trusted, or no trusted key fits: `401`, `invalid_token`.
    UnknownKey,
    /// The signature is not that of the key: `401`, `invalid_token`.
    BadSignature,
    /// The key was not trusted for this issuer: `401`, `invalid_token`.
    UntrustedIssuer,
    /// `exp` has passed: `401`, `invalid_token`.
    Expired,
    /// `nbf` or `iat` is yet to come: `401`, `invalid_token`.
    NotYetValid,
    /// The token is meant for somebody else: `401`, `invalid_token`.
    WrongAudience,
    /// A registered claim is missing or has the wrong type: `401`, `invalid_token`.
    InvalidClaim,
    /// The token was revoked, or has no `jti` to ask by: `401`, `invalid_token`.
    Revoked,
    /// A check of the application's own refused the token: `401`, `invalid_token`.
    Refused,
    /// The payload does not fit the handler's type of claims: `401`, `invalid_token`.
    UnexpectedClaims,
    /// The login is longer ago than the handler allows: `401`, `invalid_token` with its own description.
    StaleAuthentication,
    /// A scope is missing: `403`, `insufficient_scope`.
    InsufficientScope,
    /// A check of the application's own forbids the request: `403`.
    Forbidden,
    /// A cookie's token on a request that another site may have made: `403`.
    CrossOrigin,
    /// A service that a check asked cannot answer: `503` with `Retry-After`.
    Unavailable,
    /// The application is set up wrongly: `500`.
    Misconfigured,
}

impl VerifyError {
    pub(crate) fn new(kind: VerifyErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: excerpt(detail.into()),
            kid: None,
            issuer: None,
            scopes: Vec::new(),
            max_age: None,
            realm: None,
        }))
    }

    /// The kind of failure, to decide by.
    #[must_use]
    pub fn kind(&self) -> VerifyErrorKind {
        self.0.kind
    }

    /// The status of the default response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        use VerifyErrorKind as Kind;
        match self.0.kind {
            Kind::InvalidRequest => StatusCode::BAD_REQUEST,
            Kind::InsufficientScope | Kind::Forbidden | Kind::CrossOrigin => StatusCode::FORBIDDEN,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The key id (`k4.pid`) in the token's footer, if it was read. It is what the client sent, true or not.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The token's `iss`, if it was read. It is what the client sent, true or not.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    pub(crate) fn with_kid(mut self, kid: Option<&str>) -> Self {
        self.0.kid = kid.map(|kid| excerpt(kid.to_owned().into()).into_owned());
        self
    }

    pub(crate) fn with_issuer(mut self, issuer: Option<&str>) -> Self {
        self.0.issuer = issuer.map(|issuer| excerpt(issuer.to_owned().into()).into_owned());
        self
    }

    pub(crate) fn with_scopes(mut self, scopes: Vec<String>) -> Self {
        self.0.scopes = scopes;
        self
    }

    pub(crate) fn with_max_age(mut self, max_age: Duration) -> Self {
        self.0.max_age = Some(max_age);
        self
    }

    pub(crate) fn with_realm(mut self, realm: &Arc<str>) -> Self {
        self.0.realm = Some(Arc::clone(realm));
        self
    }

    /// The challenge of RFC 6750, section 3; `None` where logging in would not help.
    fn challenge(&self) -> Option<String> {
        use VerifyErrorKind as Kind;
        let (code, description) = match self.0.kind {
            Kind::MissingToken => ("", ""),
            Kind::InvalidRequest => ("invalid_request", "the credentials are malformed or ambiguous"),
            Kind::InsufficientScope => ("insufficient_scope", "the token lacks a scope"),
            Kind::StaleAuthentication => ("invalid_token", "a more recent login is needed"),
            Kind::Forbidden | Kind::CrossOrigin | Kind::Unavailable | Kind::Misconfigured => return None,
            _ => ("invalid_token", "the token is not acceptable"),
        };
        let realm = self.0.realm.as_deref().unwrap_or(DEFAULT_REALM);
        let mut challenge = format!("Bearer realm=\"{realm}\"");
        if !code.is_empty() {
            challenge += &format!(", error=\"{code}\", error_description=\"{description}\"");
        }
        if !self.0.scopes.is_empty() {
            challenge += &format!(", scope=\"{}\"", self.0.scopes.join(" "));
        }
        if let Some(max_age) = self.0.max_age {
            challenge += &format!(", max_age={}", max_age.as_secs());
        }
        Some(challenge)
    }
}

/// A parser's message may quote what a client sent, all 8,192 bytes of it.
fn excerpt(mut text: Cow<'static, str>) -> Cow<'static, str> {
    const LONGEST: usize = 200;
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.to_mut().truncate(end);
    }
    text
}

/// RFC 6750 wants at least one parameter in a challenge; a realm is the one that says nothing about the token.
pub(crate) const DEFAULT_REALM: &str = "api";

impl ResponseError for VerifyError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = problem(self.status());
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge().and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.detail)
    }
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyError")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("kid", &self.0.kid)
            .field("issuer", &self.0.issuer)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for VerifyError {}

/// A check's "no": see [`VerifierBuilder::check`](crate::VerifierBuilder::check) and
/// [`PasetoRequired::check`](crate::PasetoRequired::check).
///
/// The reason goes to the log and never to the client.
///
/// ```
/// use paseto_actix::{Refusal, VerifiedToken};
///
/// fn staff_only(token: &VerifiedToken) -> Result<(), Refusal> {
///     match token.subject() {
///         Some(subject) if subject.starts_with("staff:") => Ok(()),
///         _ => Err(Refusal::forbidden("not one of the staff")),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    kind: VerifyErrorKind,
    reason: Cow<'static, str>,
}

impl Refusal {
    /// The token is not acceptable (any more): `401`, `invalid_token`.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Refused, reason: reason.into() }
    }

    /// The token is fine, what it asks for is not allowed: `403`.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Forbidden, reason: reason.into() }
    }

    /// The check could not be made, for example because a database is away: `503`.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: VerifyErrorKind::Unavailable, reason: reason.into() }
    }
}

impl From<Refusal> for VerifyError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind, refusal.reason)
    }
}
