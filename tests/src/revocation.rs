//! Revocation stores that fail when they are told to.

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

/// A store in memory. While it is down it answers nothing, as one on a server that is. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Failing {
    store: MemoryRevocationStore,
    down: Arc<AtomicBool>,
}

impl Failing {
    /// One that works for now, with room for so many records.
    pub fn new(clock: &TestClock, capacity: usize) -> Self {
        Self {
            store: MemoryRevocationStore::new(capacity).clock(clock.clone()),
            down: Arc::default(),
        }
    }

    /// Takes it down, or up again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// How many records it holds.
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

impl RevocationStore for Failing {
    async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.store()?.revoke(issuer, token_id, until).await
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

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.store()?.is_revoked(token).await
    }
}

/// Asserts that a response says that a store is down, and changes no cookie.
#[track_caller]
pub fn assert_unavailable(answer: &TestResponse, case: &str) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{case}");
    assert_eq!(answer.headers.get(RETRY_AFTER).expect("a header"), "1", "{case}");
    assert!(!answer.headers.contains_key(SET_COOKIE), "{case}: {:?}", answer.headers);
}

/// A token of this subject and generation, without other claims.
pub fn token(issuer: &Issuer, subject: &str, generation: u64) -> String {
    issuer.token(&json!({})).subject(subject).generation(generation).issue().expect("a token")
}
