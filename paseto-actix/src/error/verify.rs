use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use super::VerifyErrorKind as Kind;
use super::{on_one_line, problem};

/// Why a request was rejected.
///
/// [`kind`](Self::kind) is for code. `Display` is for the log: it names the cause in detail.
/// [`error_response`](ResponseError::error_response) is for the client: the challenge of [RFC
/// 6750], and a body that is the same for each cause of a status.
///
/// # Errors in the format of your application
///
/// [`respond_json`](Self::respond_json) keeps the status and the headers, and takes your body.
///
/// ```
/// use actix_web::{HttpResponse, ResponseError};
/// use paseto_actix::{SecretKey, Verifier};
/// use paseto_actix::error::VerifyErrorKind;
/// use serde_json::json;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .error_handler(|_req, error| match error.kind() {
///         VerifyErrorKind::MissingToken => HttpResponse::SeeOther().insert_header(("Location", "/login")).finish(),
///         VerifyErrorKind::InsufficientScope => {
///             error.respond_json(&json!({ "error": "forbidden", "missing": error.missing_scopes() }))
///         }
///         _ => error.respond_json(&json!({ "error": error.status().canonical_reason() })),
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
    kind: Kind,
    detail: Cow<'static, str>,
    kid: Option<String>,
    issuer: Option<String>,
    needed_scopes: Vec<String>,
    missing_scopes: Vec<String>,
    max_age: Option<Duration>,
    acr_values: Vec<String>,
    parameters: Option<Arc<ChallengeParameters>>,
}

/// The parameters that a Verifier adds to each challenge.
#[derive(Debug)]
pub(crate) struct ChallengeParameters {
    pub(crate) realm: String,
    /// The URL of the metadata of the protected resource: RFC 9728, section 5.1.
    pub(crate) resource_metadata: Option<String>,
}

/// RFC 6750 requires a parameter in each challenge.
pub(crate) const DEFAULT_REALM: &str = "api";

impl VerifyError {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: truncate(on_one_line(detail.into())),
            kid: None,
            issuer: None,
            needed_scopes: Vec::new(),
            missing_scopes: Vec::new(),
            max_age: None,
            acr_values: Vec::new(),
            parameters: None,
        }))
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The status of the default response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// The key id (`k4.pid`) in the footer of the token, if it was read. Unless the signature was
    /// verified, it is only what the client sent.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The `iss` of the token, if it was read. Unless the signature was verified, it is only what
    /// the client sent.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// The scopes that the token lacks, for [`InsufficientScope`](Kind::InsufficientScope). Of
    /// `any_scope`, one of them is enough.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        &self.0.missing_scopes
    }

    /// The scopes in the challenge, for [`InsufficientScope`](Kind::InsufficientScope): all scopes
    /// that the handler requires.
    #[must_use]
    pub fn needed_scopes(&self) -> &[String] {
        &self.0.needed_scopes
    }

    /// The `acr_values` in the challenge, for
    /// [`InsufficientUserAuthentication`](Kind::InsufficientUserAuthentication): the login has to
    /// be of one of these classes. Empty if the handler requires none.
    #[must_use]
    pub fn acr_values(&self) -> &[String] {
        &self.0.acr_values
    }

    /// The `max_age` in the challenge, for
    /// [`InsufficientUserAuthentication`](Kind::InsufficientUserAuthentication): the login has to
    /// be at most this long ago.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.0.max_age
    }

    /// The value of `WWW-Authenticate` ([RFC 6750, section 3]) in the default response. `None` for
    /// `403` other than [`InsufficientScope`](Kind::InsufficientScope), `500` and `503`.
    ///
    /// ```
    /// use paseto_actix::{SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder().trust("https://issuer.example", SecretKey::generate().public_key()).build()?;
    /// let challenge = verifier.verify_str("v4.public.").unwrap_err().challenge().unwrap();
    /// assert_eq!(
    ///     challenge,
    ///     r#"Bearer realm="api", error="invalid_token", error_description="the token is not acceptable""#
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [RFC 6750, section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        let (code, description) = self.0.kind.challenge()?;
        let parameters = self.0.parameters.as_deref();
        let realm = parameters.map_or(DEFAULT_REALM, |parameters| &parameters.realm);
        let mut challenge = format!("Bearer realm=\"{realm}\"");
        let mut add = |name: &str, value: &dyn fmt::Display| {
            write!(challenge, ", {name}=\"{value}\"").expect("a String accepts each text");
        };
        if !code.is_empty() {
            add("error", &code);
            add("error_description", &description);
        }
        if !self.0.needed_scopes.is_empty() {
            add("scope", &self.0.needed_scopes.join(" "));
        }
        if let Some(max_age) = self.0.max_age {
            add("max_age", &max_age.as_secs());
        }
        if !self.0.acr_values.is_empty() {
            add("acr_values", &self.0.acr_values.join(" "));
        }
        if let Some(url) = parameters.and_then(|parameters| parameters.resource_metadata.as_ref()) {
            add("resource_metadata", url);
        }
        HeaderValue::try_from(challenge).ok()
    }

    /// A response with this body as JSON, and with the status, the challenge and the `Retry-After`
    /// of the default response. A body that cannot be serialized is a `500`.
    ///
    /// The body must not depend on the cause of an
    /// [`invalid_token`](https://www.rfc-editor.org/rfc/rfc6750#section-3.1): a client that sends
    /// forged tokens would learn which check rejected them.
    pub fn respond_json(&self, body: &impl Serialize) -> HttpResponse {
        match serde_json::to_vec(body) {
            Ok(body) => {
                let mut response = ResponseError::error_response(self).set_body(BoxBody::new(body));
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                tracing::error!(%error, "the body of an error could not be serialized");
                problem(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = truncate(on_one_line(detail.into()));
        self
    }

    pub(crate) fn with_kid(mut self, kid: Option<&str>) -> Self {
        self.0.kid = kid.map(|kid| truncate(kid.to_owned().into()).into_owned());
        self
    }

    pub(crate) fn with_issuer(mut self, issuer: Option<&str>) -> Self {
        self.0.issuer = issuer.map(|issuer| truncate(issuer.to_owned().into()).into_owned());
        self
    }

    /// `needed`: the scopes in the challenge. `missing`: those that the token lacks.
    pub(crate) fn with_scopes(mut self, needed: Vec<String>, missing: Vec<String>) -> Self {
        (self.0.needed_scopes, self.0.missing_scopes) = (needed, missing);
        self
    }

    pub(crate) fn with_max_age(mut self, max_age: Duration) -> Self {
        self.0.max_age = Some(max_age);
        self
    }

    pub(crate) fn with_acr_values(mut self, acr_values: Vec<String>) -> Self {
        self.0.acr_values = acr_values;
        self
    }

    pub(crate) fn with_parameters(mut self, parameters: &Arc<ChallengeParameters>) -> Self {
        self.0.parameters = Some(Arc::clone(parameters));
        self
    }
}

/// Bounds a text that may quote up to 8,192 bytes of the client.
fn truncate(mut text: Cow<'static, str>) -> Cow<'static, str> {
    const LONGEST: usize = 500;
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.to_mut().truncate(end);
    }
    text
}

impl ResponseError for VerifyError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = problem(self.status());
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.detail)
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
