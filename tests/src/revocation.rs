//! A revocation store that fails on demand, and the response to its failures.

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, SET_COOKIE};
use paseto_actix::Issuer;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::testing::{FailingStore, Page};
use serde_json::json;

use crate::clock::TestClock;

/// A store in memory that fails on demand.
pub type FailingRevocations = FailingStore<MemoryRevocationStore>;

/// Returns a working store with this capacity.
pub fn failing_revocations(clock: &TestClock, capacity: usize) -> FailingRevocations {
    FailingStore::new(MemoryRevocationStore::new(capacity).clock(clock.clone()))
}

/// Asserts that a response is `503` for an unavailable store and changes no cookie.
#[track_caller]
pub fn assert_unavailable(response: &Page, case: &str) {
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{case}");
    assert_eq!(response.headers.get(RETRY_AFTER).expect("a header"), "1", "{case}");
    assert!(!response.headers.contains_key(SET_COOKIE), "{case}: {:?}", response.headers);
}

/// Issues a token with this subject and generation and without other claims.
pub fn token(issuer: &Issuer, subject: &str, generation: u64) -> String {
    issuer.token(&json!({})).subject(subject).generation(generation).issue().expect("a token")
}
