//! A store of whatever type.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use time::OffsetDateTime;

use super::{RevocationError, RevocationQuery, Revocations};

#[derive(Clone)]
pub(crate) struct AnyRevocations(Arc<dyn Store>);

impl AnyRevocations {
    pub(crate) fn new(store: impl Revocations) -> Self {
        Self(Arc::new(store))
    }

    pub(crate) async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.0.revoke(issuer, token_id, until).await
    }

    #[cfg(feature = "session")]
    pub(crate) async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.0.revoke_subject(issuer, subject, until).await
    }

    #[cfg(feature = "session")]
    pub(crate) async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.0.generation(issuer, subject).await
    }

    pub(crate) async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.0.is_revoked(token).await
    }
}

/// [`Revocations`] without its types of futures.
trait Store: Send + Sync {
    fn revoke<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: OffsetDateTime,
    ) -> LocalBoxFuture<'a, Result<(), RevocationError>>;
    #[cfg(feature = "session")]
    fn revoke_subject<'a>(
        &'a self,
        issuer: &'a str,
        subject: &'a str,
        until: OffsetDateTime,
    ) -> LocalBoxFuture<'a, Result<u64, RevocationError>>;
    #[cfg(feature = "session")]
    fn generation<'a>(&'a self, issuer: &'a str, subject: &'a str) -> LocalBoxFuture<'a, Result<u64, RevocationError>>;
    fn is_revoked<'a>(&'a self, token: RevocationQuery<'a>) -> LocalBoxFuture<'a, Result<bool, RevocationError>>;
}

impl<S: Revocations> Store for S {
    fn revoke<'a>(
        &'a self,
        issuer: &'a str,
        token_id: &'a str,
        until: OffsetDateTime,
    ) -> LocalBoxFuture<'a, Result<(), RevocationError>> {
        Box::pin(Revocations::revoke(self, issuer, token_id, until))
    }

    #[cfg(feature = "session")]
    fn revoke_subject<'a>(
        &'a self,
        issuer: &'a str,
        subject: &'a str,
        until: OffsetDateTime,
    ) -> LocalBoxFuture<'a, Result<u64, RevocationError>> {
        Box::pin(Revocations::revoke_subject(self, issuer, subject, until))
    }

    #[cfg(feature = "session")]
    fn generation<'a>(&'a self, issuer: &'a str, subject: &'a str) -> LocalBoxFuture<'a, Result<u64, RevocationError>> {
        Box::pin(Revocations::generation(self, issuer, subject))
    }

    fn is_revoked<'a>(&'a self, token: RevocationQuery<'a>) -> LocalBoxFuture<'a, Result<bool, RevocationError>> {
        Box::pin(Revocations::is_revoked(self, token))
    }
}
