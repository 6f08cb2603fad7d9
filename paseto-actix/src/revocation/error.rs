use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::error::problem;

/// The error of a revocation or of a [`RevocationStore`](super::RevocationStore).
///
/// As a response, it is `503` with `Retry-After` if a later attempt can succeed, `401` for
/// [`Revoked`](Self::Revoked), and `500` for a configuration error. The response does not contain
/// the reason. The log does, at `INFO` for [`Revoked`](Self::Revoked) and at `ERROR` otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// The store has reached its capacity.
    #[error("the revocation store is full: raise its capacity of {capacity} records")]
    Full {
        /// The maximum number of records.
        capacity: usize,
    },
    /// The token has no ID (`jti`), so it cannot be revoked alone.
    #[error("the token has no `jti`, so it cannot be revoked by its ID: issue tokens with a `jti`")]
    NoTokenId,
    /// The login that should stay valid is itself revoked, so it cannot revoke other logins.
    #[error("the login of this request was revoked and cannot revoke other logins: log in again")]
    Revoked,
    /// The session contains no user, so its other sessions are unknown.
    #[error("the session has no user under its subject key: check `.subject_key(..)`")]
    NoSubject,
    /// No revocation store is set.
    #[error("no revocation store is set: call `.revocation_store(..)`")]
    NoStore,
    /// The primary has stored the record, but too few replicas have confirmed it in time. A failover
    /// can lose the record. A repeated call can succeed.
    #[error(
        "expected {expected} replicas (`min_replicas`) to confirm the revocation, found {replicas}, and the \
         primary has stored it: check the replicas, and repeat the call"
    )]
    NotReplicated {
        /// The number of replicas that have confirmed the record.
        replicas: usize,
        /// The number of replicas that must confirm the record.
        expected: usize,
    },
    /// Any other failure, such as a timeout of the database.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl ResponseError for RevocationError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Full { .. } | Self::NotReplicated { .. } | Self::Other(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Revoked => StatusCode::UNAUTHORIZED,
            Self::NoTokenId | Self::NoSubject | Self::NoStore => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Revoked => tracing::info!(reason = %self, "rejected a logout"),
            Self::NoTokenId | Self::NoSubject | Self::NoStore => {
                tracing::error!(error = %self, "a revocation is not possible")
            }
            Self::Full { .. } | Self::NotReplicated { .. } | Self::Other(_) => {
                tracing::error!(error = %self, "the revocation store failed")
            }
        }
        problem(self.status_code())
    }
}
