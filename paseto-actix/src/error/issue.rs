use std::error::Error;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use super::{problem, quote};

/// Why a token was not issued. Nothing was signed.
///
/// A handler can return it with `?`: the client gets a constant `500`, and the log gets the cause.
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
    /// The claims are not a map with strings as keys, but a list or a number, for example.
    #[error("expected claims that serialize as a struct or as a map with strings as keys")]
    NotAMap,

    /// The claims contain a claim that this crate writes.
    #[error("the Issuer writes the claim `{name}`, so the claims must not contain it: {instead}")]
    ReservedClaim {
        /// The registered claim's name.
        name: &'static str,
        /// How to set the claim.
        instead: &'static str,
    },

    /// The claims could not be serialized.
    #[error("the claims could not be serialized")]
    Serialize(#[source] Box<dyn Error + Send + Sync>),

    /// The footer is neither empty, nor opaque bytes, nor a flat map without `kid`, or is over 1,024 bytes.
    #[error("the footer cannot be used: {0}")]
    Footer(String),

    /// A scope that is not a scope-token of RFC 6749, section 3.3: visible ASCII without space, `"`
    /// and `\`.
    #[error("`scopes`: expected one scope (RFC 6749, section 3.3), without a blank, quote or backslash, found {}", quote(.0))]
    InvalidScope(String),

    /// An `acr` that is empty or has other characters than visible ASCII without space, `"` and
    /// `\`.
    #[error("`acr`: expected visible ASCII without space, quote and backslash, found {}", quote(.0))]
    InvalidAcr(String),

    /// A lifetime outside of 1 second to 100 years.
    #[error("`ttl`: expected 1 second to 100 years, found {} s", ttl.as_secs_f64())]
    Lifetime {
        /// The lifetime of the token.
        ttl: Duration,
    },

    /// A time that RFC 3339 cannot write.
    #[error("`{claim}`: expected a time in the years 0 to 9999")]
    InvalidTime {
        /// The name of the claim.
        claim: &'static str,
    },

    /// A lifetime beyond the issuer's [`max_ttl`](crate::Issuer::max_ttl): revocation records may end
    /// before the token.
    #[error(
        "`ttl`: expected at most {} s (`max_ttl` of the Issuer, by default the longer of its `ttl` and the \
         `access_ttl` of RefreshTokens), found {} s: lower `ttl`, or raise `max_ttl`",
        max_ttl.as_secs_f64(),
        ttl.as_secs_f64()
    )]
    BeyondMaxTtl {
        /// The lifetime of the token.
        ttl: Duration,
        /// The longest lifetime.
        max_ttl: Duration,
    },

    /// No signing key of this issuer has that id.
    #[error("the Issuer has no key with the id {}: call `.key(..)` or `.standby_key(..)` on its builder", quote(.0))]
    UnknownKey(String),

    /// The token would exceed a limit of each Verifier: 8,192 bytes, 256 keys, 16 levels.
    #[error("no Verifier would accept the token: {0}")]
    Unverifiable(String),

    /// A handler has an argument of the type [`Issuer`](crate::Issuer), and the application
    /// registers no Issuer.
    #[error("no Issuer in app data: register an Issuer with `App::app_data(issuer)`")]
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
        // The search for the Issuer has logged that there is none.
        if !matches!(self, Self::NoIssuer) {
            tracing::error!(reason = %self, cause = self.source().map(tracing::field::display), "token not issued");
        }
        problem(self.status_code())
    }
}
