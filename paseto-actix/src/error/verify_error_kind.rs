use std::fmt;

use actix_web::http::StatusCode;

/// The kind of a [`VerifyError`](super::VerifyError).
///
/// ```
/// use paseto_actix::error::VerifyErrorKind;
///
/// fn advice(kind: VerifyErrorKind) -> &'static str {
///     match kind {
///         VerifyErrorKind::MissingToken => "log in",
///         VerifyErrorKind::Expired => "refresh the token",
///         VerifyErrorKind::InsufficientUserAuthentication => "log in again",
///         _ => "give up",
///     }
/// }
/// assert_eq!(advice(VerifyErrorKind::BadSignature), "give up");
/// assert_eq!(VerifyErrorKind::BadSignature.as_str(), "bad_signature");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The request does not have a token: `401` and a challenge without an error code.
    MissingToken,
    /// The credentials are malformed, or the request has several tokens: `400`, `invalid_request`.
    InvalidRequest,
    /// The string is not a token or is too long, or the payload or the footer is malformed. A
    /// registered claim of a wrong type is malformed. `401`, `invalid_token`.
    Malformed,
    /// The token has another version or purpose than `v4.public`: `401`, `invalid_token`.
    UnsupportedToken,
    /// The verifier does not trust a key with the key ID in the footer, or the signature does not
    /// match a key of the issuer: `401`, `invalid_token`.
    UnknownKey,
    /// The signature does not match the key in the footer: `401`, `invalid_token`.
    BadSignature,
    /// The verifier does not trust the issuer, or trusts the key for another issuer: `401`,
    /// `invalid_token`.
    UntrustedIssuer,
    /// The time in `exp` has passed: `401`, `invalid_token`.
    Expired,
    /// The time in `nbf` or `iat` is in the future: `401`, `invalid_token`.
    NotYetValid,
    /// The token is for another audience: `401`, `invalid_token`.
    WrongAudience,
    /// The token lacks a required claim: `401`, `invalid_token`. A verifier requires `iss`, `exp`
    /// (unless the builder [accepts tokens without
    /// expiry](crate::verifier::VerifierBuilder::dangerously_accept_tokens_without_expiry)) and
    /// `jti` (if the verifier has a revocation store).
    MissingClaim,
    /// The token was revoked: `401`, `invalid_token`.
    Revoked,
    /// A check of the application rejected the token: `401`, `invalid_token`.
    Rejected,
    /// The payload does not match the claims type of the handler: `401`, `invalid_token`.
    UnexpectedClaims,
    /// The login is too old, or its `acr` is not one that the handler requires: `401`,
    /// `insufficient_user_authentication` ([RFC 9470, section 3]).
    ///
    /// [RFC 9470, section 3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
    InsufficientUserAuthentication,
    /// The token lacks a scope: `403`, `insufficient_scope`.
    InsufficientScope,
    /// A check of the application forbids the request: `403`.
    Forbidden,
    /// The token is in a cookie, and another site may have sent the request: `403`.
    CrossOrigin,
    /// A service that a check needs is unavailable: `503` with `Retry-After`.
    Unavailable,
    /// The application is configured incorrectly: `500`.
    Misconfigured,
}

impl VerifyErrorKind {
    /// Returns a name for metrics, logs and error bodies. The names are stable across releases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::InvalidRequest => "invalid_request",
            Self::Malformed => "malformed",
            Self::UnsupportedToken => "unsupported_token",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::UntrustedIssuer => "untrusted_issuer",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::MissingClaim => "missing_claim",
            Self::Revoked => "revoked",
            Self::Rejected => "rejected",
            Self::UnexpectedClaims => "unexpected_claims",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InsufficientScope => "insufficient_scope",
            Self::Forbidden => "forbidden",
            Self::CrossOrigin => "cross_origin",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
        }
    }

    /// Returns the status of the default response.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InsufficientScope | Self::Forbidden | Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Returns the error code and the description for the challenge. They are the same for each
    /// cause of a status, except where the client can act on the difference. Both are empty for a
    /// request without a token (RFC 6750, section 3.1). Returns `None` if another token would not
    /// help.
    pub(super) const fn challenge(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::MissingToken => ("", ""),
            Self::InvalidRequest => {
                ("invalid_request", "the credentials are malformed or ambiguous")
            }
            Self::InsufficientScope => ("insufficient_scope", "the token lacks a scope"),
            Self::InsufficientUserAuthentication => {
                ("insufficient_user_authentication", "a more recent or stronger login is needed")
            }
            Self::Forbidden | Self::CrossOrigin | Self::Unavailable | Self::Misconfigured => {
                return None;
            }
            _ => ("invalid_token", "the token is not acceptable"),
        })
    }
}

impl fmt::Display for VerifyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
