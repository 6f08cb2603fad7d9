//! A revocation store that fails on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, SET_COOKIE};
use paseto_actix::Issuer;
use paseto_actix::revocation::{
    ExceptedLogin, MemoryRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use serde_json::json;
use time::OffsetDateTime;

use crate::app::TestResponse;
use crate::clock::TestClock;

/// A store in memory. While it is down, each call fails. Clones share the store.
#[derive(Clone, Debug)]
pub struct FailingStore {
    store: MemoryRevocationStore,
    down: Arc<AtomicBool>,
}

impl FailingStore {
    /// Returns a working store with this capacity.
    pub fn new(clock: &TestClock, capacity: usize) -> Self {
        Self {
            store: MemoryRevocationStore::new(capacity).clock(clock.clone()),
            down: Arc::default(),
        }
    }

    /// Takes the store down, or up again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Returns the number of records.
    pub fn count(&self) -> usize {
        self.store.len()
    }

    fn store(&self) -> Result<&MemoryRevocationStore, RevocationError> {
        if self.down.load(Ordering::SeqCst) {
            Err(RevocationError::Other("down".into()))
        } else {
            Ok(&self.store)
        }
    }
}

impl RevocationStore for FailingStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.store()?.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.store()?.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store()?.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.store()?.is_revoked(query).await
    }
}

/// Asserts that a response is `503` for an unavailable store and changes no cookie.
#[track_caller]
pub fn assert_unavailable(response: &TestResponse, case: &str) {
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{case}");
    assert_eq!(response.headers.get(RETRY_AFTER).expect("a header"), "1", "{case}");
    assert!(!response.headers.contains_key(SET_COOKIE), "{case}: {:?}", response.headers);
}

/// Issues a token with this subject and generation and without other claims.
pub fn token(issuer: &Issuer, subject: &str, generation: u64) -> String {
    issuer.token(&json!({})).subject(subject).generation(generation).issue().expect("a token")
}
