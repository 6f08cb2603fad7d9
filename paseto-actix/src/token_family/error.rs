use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::error::problem;

/// The error of a [`TokenFamilyStore`](super::TokenFamilyStore).
///
/// As a response, it is `503` with `Retry-After`. The response does not contain the reason. The log
/// does, at `ERROR`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFamilyError {
    /// The store has reached its capacity.
    #[error("the token family store is full: raise its capacity of {capacity} token families")]
    Full {
        /// The maximum number of token families.
        capacity: usize,
    },
    /// The primary has stored the change, but too few replicas have confirmed it in time. A failover
    /// can lose the change. A repeated call can succeed.
    #[error(
        "expected {expected} replicas (`min_replicas`) to confirm the change, found {replicas}, and the \
         primary has stored it: check the replicas, and repeat the call"
    )]
    NotReplicated {
        /// The number of replicas that have confirmed the change.
        replicas: usize,
        /// The number of replicas that must confirm the change.
        expected: usize,
    },
    /// Any other failure, such as a timeout of the database.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl ResponseError for TokenFamilyError {
    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self, "the token family store failed");
        problem(self.status_code())
    }
}
