//! RevocationStore of tokens in cookies, which have no issuer of their own.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::durations::RECORD_SLACK;

use super::{AnyRevocationStore, ExceptedLogin, RevocationError, RevocationQuery};

/// The scope of a purpose, an application, and a cookie or an issuer. The ids of one scope never
/// meet those of another: the length keeps the parts apart.
pub(crate) fn scope(purpose: &str, application: &str, name: &str) -> Arc<str> {
    format!("paseto-actix/{purpose}/{}/{name}/{application}", name.len()).into()
}

/// A store, and the scope of the names that it gets.
///
/// A record lives longer than its end, because clocks differ, and because a cookie may expire while
/// its request is served.
#[derive(Clone)]
pub(crate) struct ScopedRevocationStore {
    store: Arc<dyn AnyRevocationStore>,
    scope: Arc<str>,
}

impl ScopedRevocationStore {
    pub(crate) fn new(store: Arc<dyn AnyRevocationStore>, scope: Arc<str>) -> Self {
        Self { store, scope }
    }

    /// Revokes an id. `end` is the second in which its session or login expires.
    pub(crate) async fn revoke(&self, id: &str, end: i64) -> Result<(), RevocationError> {
        self.store.revoke(&self.scope, id, until(end)).await
    }

    /// Revokes all logins of a subject, except the one with this id, and returns the new generation.
    /// `end` is the second in which the last of them expires.
    pub(crate) async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        end: i64,
    ) -> Result<u64, RevocationError> {
        self.store.revoke_subject(&self.scope, subject, except, until(end)).await
    }

    pub(crate) async fn generation(&self, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(&self.scope, subject).await
    }

    /// Whether a session is revoked, by its id, by the id of its login, or by its subject.
    pub(crate) async fn is_revoked(
        &self,
        id: &str,
        login: Option<&str>,
        subject: Option<(&str, u64)>,
    ) -> Result<bool, RevocationError> {
        self.store.is_revoked(RevocationQuery { subject, ..self.query(id).of_session(login) }).await
    }

    /// The same of a remembered login. No cache answers, because a session begins that outlives the
    /// lag of the cache.
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
        RevocationQuery::new(&self.scope, id)
    }
}

/// The end of a record.
fn until(end: i64) -> OffsetDateTime {
    // Some seconds have no date, so the last date is their limit.
    let end = OffsetDateTime::from_unix_timestamp(end)
        .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc());
    end.saturating_add(RECORD_SLACK)
}
