use std::{error::Error, time::Duration};

use actix_web::{HttpResponse, ResponseError, http::StatusCode};

use super::problem;

/// Why a token was not issued. Nothing has been signed.
///
/// It may leave a handler through `?`: the client gets a constant `500`, the log gets the cause.
///
/// ```
/// use paseto_actix::{IssueError, Issuer, SecretKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
/// let error = issuer.issue(&serde_json::json!({ "exp": "never" })).unwrap_err();
/// assert!(matches!(error, IssueError::ReservedClaim { name: "exp", .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The claims are no map with text keys, but a list, a number, or the like.
    #[error("the claims must be a struct or a map with text keys")]
    NotAMap,

    /// The claims name a claim that this crate writes itself.
    #[error("the claim `{name}` is reserved: {instead}")]
    ReservedClaim {
        /// The registered claim's name.
        name: &'static str,
        /// How to set it.
        instead: &'static str,
    },

    /// The claims could not be serialized.
    #[error("the claims could not be serialized")]
    Serialize(#[source] Box<dyn Error + Send + Sync>),

    /// The footer is neither empty, nor opaque bytes, nor a flat map without `kid`, or is over 1,024 bytes.
    #[error("the footer cannot be used: {0}")]
    Footer(String),

    /// A scope that is no scope-token of RFC 6749, section 3.3 (visible ASCII without space, `"` and `\`).
    #[error("{0:?} is not one scope (a scope-token of RFC 6749 has no space, quote or backslash)")]
    InvalidScope(String),

    /// A lifetime outside of 1 second to 100 years.
    #[error("the lifetime of a token is 1 second to 100 years")]
    Lifetime,

    /// A lifetime beyond the issuer's [`max_ttl`](crate::Issuer::max_ttl): revocation records may end
    /// before the token.
    #[error(
        "the `ttl` of the token is {} s, and `max_ttl` of the issuer is {} s (without that setting, the longer of \
         its `ttl` and the `access_ttl` of RefreshTokens): lower the `ttl`, or set `IssuerBuilder::max_ttl`",
        ttl.as_secs_f64(),
        max_ttl.as_secs_f64()
    )]
    BeyondMaxTtl {
        /// The lifetime of the token.
        ttl: Duration,
        /// The longest lifetime.
        max_ttl: Duration,
    },

    /// No signing key of this issuer has that id.
    #[error("no signing key has the id {0:?}")]
    UnknownKey(String),

    /// The token would break a limit that every verifier of this crate keeps: 8,192 bytes, 256 keys, 16 levels.
    #[error("no verifier would take this token: {0}")]
    Unverifiable(String),

    /// A handler asked for an [`Issuer`](crate::Issuer), and none is registered.
    #[error("no Issuer in app data: register one with `App::app_data(issuer)`")]
    NoIssuer,

    /// The system's source of randomness, or the signature itself, failed.
    #[error("signing failed")]
    Signing,
}

impl ResponseError for IssueError {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        // Whoever looked for the issuer has said already that there is none.
        if !matches!(self, Self::NoIssuer) {
            tracing::error!(reason = %self, cause = self.source().map(tracing::field::display), "token not issued");
        }
        problem(self.status_code())
    }
}
