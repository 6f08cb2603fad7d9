//! Revocations of tokens in cookies, which have no issuer of their own.

use time::OffsetDateTime;

use crate::limits::RECORD_SLACK;

use super::{AnyRevocations, RevocationError, RevocationQuery};

/// A store, and whose ids are asked of it.
#[derive(Clone)]
pub(crate) struct ScopedRevocations {
    store: AnyRevocations,
    scope: String,
}

impl ScopedRevocations {
    /// Ids of one purpose, application and cookie never meet those of another. No cookie's name has a slash in it, so the text
    /// cannot be read in two ways.
    pub(crate) fn new(store: AnyRevocations, purpose: &str, application: &str, cookie: &str) -> Self {
        Self { store, scope: format!("paseto-actix/{purpose}/{cookie}/{application}") }
    }

    /// Revokes an id. `end` is the second in which its session or login expires. The record lives longer,
    /// because clocks differ, and because a cookie may expire while its request is served.
    pub(crate) async fn revoke(&self, id: &str, end: i64) -> Result<(), RevocationError> {
        // A limit beyond all years that can be written is kept for as long as there are any.
        let until = OffsetDateTime::from_unix_timestamp(end).unwrap_or(time::PrimitiveDateTime::MAX.assume_utc());
        self.store.revoke(&self.scope, id, until.saturating_add(RECORD_SLACK)).await
    }

    pub(crate) async fn is_revoked(&self, id: &str) -> Result<bool, RevocationError> {
        self.store.is_revoked(RevocationQuery::new(&self.scope, id)).await
    }
}
