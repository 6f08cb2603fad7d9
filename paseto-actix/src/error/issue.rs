use std::error::Error;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use super::{problem, quote};

/// Why a token was not issued.
///
/// A handler can return it with `?`. The client gets a constant `500`, and the log contains the
/// cause.
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
    /// The claims do not serialize as a map with string keys, but as a list or a number, for
    /// example.
    #[error("expected claims that serialize as a struct or as a map with strings as keys")]
    NotAMap,

    /// The claims contain a claim that the issuer writes.
    #[error("the Issuer writes the claim `{name}`, so the claims must not contain it: {instead}")]
    ReservedClaim {
        /// The name of the registered claim.
        name: &'static str,
        /// How to set the claim.
        instead: &'static str,
    },

    /// Serializing the claims failed.
    #[error("serializing the claims failed")]
    Serialize(#[source] Box<dyn Error + Send + Sync>),

    /// The footer is longer than 1,024 bytes, is a map that is not flat, or contains a `kid`.
    #[error("invalid footer: {0}")]
    Footer(String),

    /// A scope is not a scope-token of RFC 6749, section 3.3: visible ASCII without space, `"` and
    /// `\`.
    #[error("`scopes`: expected one scope (RFC 6749, section 3.3) without space, quote and backslash, found {}", quote(.0))]
    InvalidScope(String),

    /// An `acr` is empty or contains other characters than visible ASCII without space, `"` and
    /// `\`.
    #[error("`acr`: expected visible ASCII without space, quote and backslash, found {}", quote(.0))]
    InvalidAcr(String),

    /// A lifetime is not in the range of 1 second to 100 years.
    #[error("`ttl`: expected 1 second to 100 years, found {} s", ttl.as_secs_f64())]
    Lifetime {
        /// The lifetime of the token.
        ttl: Duration,
    },

    /// RFC 3339 cannot represent a time.
    #[error("`{claim}`: expected a time in the years 0 to 9999")]
    InvalidTime {
        /// The name of the claim.
        claim: &'static str,
    },

    /// A lifetime exceeds [`max_ttl`](crate::Issuer::max_ttl) of the issuer, so a revocation record
    /// could expire before the token.
    #[error(
        "`ttl`: expected at most {} s (`max_ttl` of the Issuer, by default the longer of its `ttl` and the \
         `access_ttl` of RefreshTokens), found {} s: lower `ttl`, or raise `max_ttl`",
        max_ttl.as_secs_f64(),
        ttl.as_secs_f64()
    )]
    BeyondMaxTtl {
        /// The lifetime of the token.
        ttl: Duration,
        /// The maximum lifetime.
        max_ttl: Duration,
    },

    /// The issuer does not have a key with this key ID, or the key is retired.
    #[error("no active or announced key has the ID {}: call `.announce(..)` on the Issuer", quote(.0))]
    UnknownKey(String),

    /// The token would exceed a limit of each verifier: 8,192 bytes, 256 map keys, 16 levels.
    #[error("each Verifier would reject the token: {0}")]
    Unverifiable(String),

    /// A handler has an argument of the type [`Issuer`](crate::Issuer), but app data does not
    /// contain an issuer.
    #[error("no Issuer in app data: register an Issuer with `App::app_data(issuer)`")]
    NoIssuer,

    /// The operating system returned no random bytes for the `jti`.
    #[error("the operating system returned no random bytes")]
    NoRandomBytes,

    /// The signature failed.
    #[error("signing failed")]
    Signing,
}

impl ResponseError for IssueError {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        // The extractor has already logged that the issuer is missing.
        if !matches!(self, Self::NoIssuer) {
            tracing::error!(reason = %self, cause = self.source().map(tracing::field::display), "token not issued");
        }
        problem(self.status_code())
    }
}
