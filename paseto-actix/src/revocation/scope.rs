//! Revocations of tokens in cookies, which have no issuer of their own.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::limits::RECORD_SLACK;

use super::{AnyRevocations, RevocationError, RevocationQuery};

/// The scope of a purpose, an application and a cookie. The ids of one scope never meet those of another.
/// A cookie's name has no slash, so two scopes are never the same text.
pub(crate) fn scope(purpose: &str, application: &str, cookie: &str) -> Arc<str> {
    format!("paseto-actix/{purpose}/{cookie}/{application}").into()
}

/// A store, and the scope of the ids that it is asked for.
#[derive(Clone)]
pub(crate) struct ScopedRevocations {
    store: AnyRevocations,
    scope: Arc<str>,
}

impl ScopedRevocations {
    pub(crate) fn new(store: AnyRevocations, scope: Arc<str>) -> Self {
        Self { store, scope }
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
