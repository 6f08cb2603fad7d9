//! Namespaces in the stores. Tokens in cookies have no issuer, so the stores use a namespace in
//! place of the issuer.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{AnyRevocationStore, ExceptedLogin, RevocationError, RevocationQuery};
use crate::limits::RECORD_SLACK;

/// Returns the namespace of a kind of token, an application, and a cookie or issuer name. Different inputs
/// have different namespaces, because the length of the name separates the parts.
pub(crate) fn namespace(kind: &str, application: &str, name: &str) -> Arc<str> {
    format!("paseto-actix/{kind}/{}/{name}/{application}", name.len()).into()
}

/// A revocation store that stores all records under one namespace.
///
/// A record outlives its token by [`RECORD_SLACK`], because clocks differ and because a cookie may
/// expire while its request is handled.
#[derive(Clone)]
pub(crate) struct NamespacedRevocationStore {
    store: Arc<dyn AnyRevocationStore>,
    namespace: Arc<str>,
}

impl NamespacedRevocationStore {
    pub(crate) fn new(store: Arc<dyn AnyRevocationStore>, namespace: Arc<str>) -> Self {
        Self { store, namespace }
    }

    /// Revokes a session or a login by its ID. `expiry` is its expiry in Unix seconds.
    pub(crate) async fn revoke(&self, id: &str, expiry: i64) -> Result<(), RevocationError> {
        self.store.revoke(&self.namespace, id, until(expiry)).await
    }

    /// Revokes all logins of a subject, except the login `except`, and returns the new generation.
    /// `last_expiry` is the latest expiry of these logins in Unix seconds.
    pub(crate) async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        last_expiry: i64,
    ) -> Result<u64, RevocationError> {
        self.store.revoke_subject(&self.namespace, subject, except, until(last_expiry)).await
    }

    pub(crate) async fn generation(&self, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(&self.namespace, subject).await
    }

    /// Returns whether a session is revoked, by its ID, the ID of its login or its subject.
    pub(crate) async fn is_revoked(
        &self,
        id: &str,
        login: Option<&str>,
        subject: Option<(&str, u64)>,
    ) -> Result<bool, RevocationError> {
        self.store.is_revoked(RevocationQuery { subject, ..self.query(id).of_session(login) }).await
    }

    /// Returns whether a remembered login is revoked, by its ID or its subject. The query bypasses
    /// caches, because the new session lives longer than a cached result.
    #[cfg(feature = "remember")]
    pub(crate) async fn is_login_revoked(
        &self,
        id: &str,
        subject: (&str, u64),
    ) -> Result<bool, RevocationError> {
        let query = self.query(id).uncached();
        self.store.is_revoked(RevocationQuery { subject: Some(subject), ..query }).await
    }

    fn query<'q>(&'q self, id: &'q str) -> RevocationQuery<'q> {
        RevocationQuery::new(&self.namespace, id)
    }
}

/// Returns the expiry of a record. A timestamp without a date counts as the last date.
fn until(expiry: i64) -> OffsetDateTime {
    let expiry = OffsetDateTime::from_unix_timestamp(expiry)
        .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc());
    expiry.saturating_add(RECORD_SLACK)
}
