use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::header::HeaderValue;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use super::VerifyErrorKind as Kind;
use super::{on_one_line, problem};

/// Why a request was rejected.
///
/// - [`kind`](Self::kind) is for code.
/// - `Display` is for the log. It contains the cause in detail.
/// - [`error_response`](ResponseError::error_response) is for the client. It contains the challenge
///   of [RFC 6750] and a body that is the same for each cause of a status.
///
/// # Errors in the format of your application
///
/// [`respond_json`](Self::respond_json) replaces the body and keeps the status and the headers.
///
/// ```
/// use actix_web::{HttpResponse, ResponseError};
/// use paseto_actix::error::VerifyErrorKind;
/// use paseto_actix::{SecretKey, Verifier};
/// use serde_json::json;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .error_handler(|_req, error| match error.kind() {
///         VerifyErrorKind::MissingToken => {
///             HttpResponse::SeeOther().insert_header(("Location", "/login")).finish()
///         }
///         VerifyErrorKind::InsufficientScope => error
///             .respond_json(&json!({ "error": "forbidden", "missing": error.missing_scopes() })),
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
    required_scopes: Vec<String>,
    missing_scopes: Vec<String>,
    max_age: Option<Duration>,
    acr_values: Vec<String>,
    /// The time until the next fetch, if the keys of the issuer are missing.
    retry_after: Option<Duration>,
    parameters: Option<Arc<ChallengeParameters>>,
}

/// The parameters that a verifier adds to each challenge.
#[derive(Debug)]
pub(crate) struct ChallengeParameters {
    pub(crate) realm: String,
    /// The URL of the metadata of the protected resource (RFC 9728, section 5.1).
    pub(crate) resource_metadata: Option<String>,
}

/// A challenge requires at least one parameter (RFC 6750, section 3).
pub(crate) const DEFAULT_REALM: &str = "api";
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

impl VerifyError {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: truncate(on_one_line(detail.into())),
            kid: None,
            issuer: None,
            required_scopes: Vec::new(),
            missing_scopes: Vec::new(),
            max_age: None,
            acr_values: Vec::new(),
            retry_after: None,
            parameters: None,
        }))
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the status of the default response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// Returns the key ID (`k4.pid`) in the footer of the token, if the footer was read. Do not
    /// trust the value: the signature may not be verified.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// Returns the `iss` of the token, if it was read. Do not trust the value: the signature may
    /// not be verified.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// Returns the scopes that the token lacks, for [`InsufficientScope`](Kind::InsufficientScope).
    /// Of the scopes of `any_scope`, one is sufficient.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        &self.0.missing_scopes
    }

    /// Returns the scopes in the challenge, for [`InsufficientScope`](Kind::InsufficientScope): all
    /// scopes that the handler requires.
    #[must_use]
    pub fn required_scopes(&self) -> &[String] {
        &self.0.required_scopes
    }

    /// Returns the `acr_values` in the challenge, for
    /// [`InsufficientUserAuthentication`](Kind::InsufficientUserAuthentication). The login must
    /// have one of these values of the authentication context class (`acr`). The list is empty if
    /// the handler does not require an `acr`.
    #[must_use]
    pub fn acr_values(&self) -> &[String] {
        &self.0.acr_values
    }

    /// Returns the `max_age` in the challenge, for
    /// [`InsufficientUserAuthentication`](Kind::InsufficientUserAuthentication): the maximum age of
    /// the login.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.0.max_age
    }

    /// Returns the value of `Retry-After` in the default response, in whole seconds. Returns `None`
    /// if the status is not `503`. Default for `503`: 1 second.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let is_unavailable = self.status() == StatusCode::SERVICE_UNAVAILABLE;
        is_unavailable.then(|| self.0.retry_after.unwrap_or(DEFAULT_RETRY_AFTER))
    }

    /// Returns the value of `WWW-Authenticate` ([RFC 6750, section 3]) in the default response.
    /// Returns `None` for `500`, `503`, and `403` other than
    /// [`InsufficientScope`](Kind::InsufficientScope).
    ///
    /// ```
    /// use paseto_actix::{SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .trust("https://issuer.example", SecretKey::generate().public_key())
    ///     .build()?;
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
            write!(challenge, ", {name}=\"{value}\"").expect("writing to a String does not fail");
        };
        if !code.is_empty() {
            add("error", &code);
            add("error_description", &description);
        }
        if !self.0.required_scopes.is_empty() {
            add("scope", &self.0.required_scopes.join(" "));
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

    /// Returns a response with this body as JSON, and with the status, the challenge and the
    /// `Retry-After` of the default response. If the body cannot be serialized, the response is
    /// `500`.
    ///
    /// The body must not depend on the cause of an
    /// [`invalid_token`](https://www.rfc-editor.org/rfc/rfc6750#section-3.1). Otherwise a client
    /// that sends forged tokens learns which check rejected them.
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
                tracing::error!(%error, "serializing the body of an error response failed");
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

    /// `needed` contains the scopes in the challenge. `missing` contains the scopes that the token
    /// lacks.
    pub(crate) fn with_scopes(mut self, needed: Vec<String>, missing: Vec<String>) -> Self {
        (self.0.required_scopes, self.0.missing_scopes) = (needed, missing);
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

    /// Sets the time until the next fetch of the keys of an issuer, in whole seconds.
    #[cfg(feature = "remote-keys")]
    pub(crate) fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.0.retry_after = Some(retry_after);
        self
    }

    /// Returns whether the keys of the issuer are missing, so that a client without a valid token
    /// can cause the error.
    pub(crate) fn is_without_keys(&self) -> bool {
        self.0.retry_after.is_some()
    }

    pub(crate) fn with_parameters(mut self, parameters: &Arc<ChallengeParameters>) -> Self {
        self.0.parameters = Some(Arc::clone(parameters));
        self
    }
}

/// Limits a string that may quote up to 8,192 bytes from the client.
fn truncate(mut text: Cow<'static, str>) -> Cow<'static, str> {
    const MAX_CHARS: usize = 500;
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
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
        if let Some(retry_after) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after.as_secs().into());
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
