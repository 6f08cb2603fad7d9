//! Revokes tokens before they expire: [`RevocationStore`], and stores in memory, on SQLite and on
//! Redis.

mod cached;
mod error;
mod memory;
#[cfg(feature = "session")]
mod namespace;
#[cfg(feature = "redis")]
mod pushed;
#[cfg(feature = "redis")]
mod redis;
mod results;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::future::Future;

use time::OffsetDateTime;

use crate::erased::erase;
use crate::records::{RecordId, RecordNames};

pub use cached::CachedRevocationStore;
pub use error::RevocationError;
pub use memory::MemoryRevocationStore;
#[cfg(feature = "session")]
pub(crate) use namespace::{NamespacedRevocationStore, namespace};
#[cfg(feature = "redis")]
pub use pushed::{PushedRevocationStatus, PushedRevocationStore};
#[cfg(feature = "redis")]
pub use redis::RedisRevocationStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteRevocationStore;

/// Stores which tokens are revoked, for
/// [`VerifierBuilder::revocation_store`](crate::verifier::VerifierBuilder::revocation_store),
/// sessions, remembered logins and refresh tokens.
///
/// A record revokes:
///
/// - one token, by its issuer and its ID (`jti`),
/// - all tokens of one login, by the issuer and the session ID (`sid`), or
/// - all tokens of one subject, by their generation.
///
/// # Generations
///
/// A generation is a number that increases when all tokens of a subject are revoked. Each token
/// contains the generation of its subject at the time of issue
/// ([`TokenBuilder::generation`](crate::issuer::TokenBuilder::generation)). A token with an earlier
/// generation is revoked. A token without a generation counts as generation 0, so any record of its
/// subject revokes it. A comparison of issue times would also revoke a login in the same second as
/// the revocation. Generations do not.
///
/// # Stores
///
/// [`MemoryRevocationStore`] is for a single process and loses the records when the process exits.
/// `SqliteRevocationStore` (feature `sqlite`) is for the processes of one machine, and
/// `RedisRevocationStore` (feature `redis`) for several machines. If a store fails, the request is
/// rejected with `503`.
///
/// Each record has an expiry, `until`. **A store applies the record up to and including `until`,
/// and for at most 5 seconds after it**, because Redis counts whole seconds. After that,
/// `is_revoked` and `generation` ignore the record, even if the store has not removed it.
///
/// [`conformance::revocation_store`](crate::conformance::revocation_store) (feature `conformance`)
/// tests your own store:
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[actix_web::main]
/// # async fn main() {
/// use paseto_actix::conformance;
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::time::OffsetDateTime;
///
/// let store = MemoryRevocationStore::new(1000); // or your store
/// conformance::revocation_store(&store, OffsetDateTime::now_utc()).await;
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
///
/// # Example
///
/// ```
/// use paseto_actix::error::VerifyErrorKind;
/// use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
/// use paseto_actix::{Issuer, SecretKey, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let revocations = MemoryRevocationStore::new(100_000);
/// let issuer = Issuer::builder("https://issuer.example").key(key.clone()).build()?;
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", key.public_key())
///     .revocation_store(revocations.clone())
///     .build()?;
///
/// let generation = revocations.generation("https://issuer.example", "ada").await?;
/// let token =
///     issuer.token(&serde_json::json!({})).subject("ada").generation(generation).issue()?;
/// let verified = verifier.verify_str_async(&token).await?;
///
/// // Revoke one token:
/// verifier.revoke(&verified).await?;
/// assert_eq!(
///     verifier.verify_str_async(&token).await.unwrap_err().kind(),
///     VerifyErrorKind::Revoked
/// );
///
/// // Revoke all tokens of the subject. The record must outlive the last token and its leeway:
/// let until = verified.expires_at().unwrap() + paseto_actix::time::Duration::minutes(6);
/// revocations.revoke_subject("https://issuer.example", "ada", None, until).await?;
/// # Ok(())
/// # }
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// Revokes one token by its ID (`jti`), or all tokens of a login by their session ID (`sid`).
    /// Both kinds of IDs share one set of records, so `id` can be either.
    ///
    /// `until` is the expiry of the record. It is `exp` plus the leeway, because verifiers reject
    /// the token after that. A later call never shortens the record.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store cannot store the record. The token is still valid then. A
    /// store never removes another record to make room. [`RevocationError::NotReplicated`] if the
    /// record is stored, but a failover can lose it. A repeated call can succeed.
    fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> impl Future<Output = Result<(), RevocationError>>;

    /// Starts a new generation of a subject, and returns it. This revokes all tokens of earlier
    /// generations, except the tokens whose `sid` or `jti` is the ID of `except`. The next call
    /// replaces the exception.
    ///
    /// In the same atomic step, the store checks that its record of the subject does not revoke
    /// `except` already. Otherwise a request that started before a logout of all logins could
    /// revoke the logins after it and keep its own.
    ///
    /// `until` is the expiry of the record. It is the latest `exp` of all tokens issued until now,
    /// plus the leeway of at most 5 minutes. The latest `exp` is at most
    /// [`Issuer::max_ttl`](crate::Issuer::max_ttl) from now. If a deployment lowers a lifetime,
    /// keep `max_ttl` at the old value until the old tokens have expired. A later call never
    /// shortens the record.
    ///
    /// A generation must be greater than all earlier generations of the subject, even if the store
    /// has removed their records. So it is the maximum of the time in microseconds and the last
    /// generation plus one.
    ///
    /// # Errors
    ///
    /// [`RevocationError::Revoked`] if the record of the subject revokes `except`. The store then
    /// changes nothing. [`RevocationError::NotReplicated`] if the record is stored, but a failover
    /// can lose it. Another error if the store cannot store the record. The tokens are still valid
    /// then.
    fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> impl Future<Output = Result<u64, RevocationError>>;

    /// Returns the generation for new tokens of a subject: 0 if the subject has no record, or if
    /// its record has expired.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store fails.
    fn generation(
        &self,
        issuer: &str,
        subject: &str,
    ) -> impl Future<Output = Result<u64, RevocationError>>;

    /// Returns whether a token is revoked, by its ID, its session ID or its generation.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store fails.
    fn is_revoked(
        &self,
        query: RevocationQuery<'_>,
    ) -> impl Future<Output = Result<bool, RevocationError>>;
}

/// A query to [`RevocationStore::is_revoked`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RevocationQuery<'a> {
    /// The issuer of the token (`iss`).
    pub issuer: &'a str,
    /// The ID of the token (`jti`).
    pub token_id: &'a str,
    /// The session ID of the token (`sid`).
    pub session_id: Option<&'a str>,
    /// The subject of the token (`sub`) and the generation of the token, which is 0 if the token
    /// has none.
    pub subject: Option<(&'a str, u64)>,
    /// Whether caches must pass the query to the store. Set if a login with a longer lifetime
    /// depends on the result.
    pub uncached: bool,
}

impl<'a> RevocationQuery<'a> {
    /// Creates a query for a token, for tests of a store.
    #[must_use]
    pub fn new(issuer: &'a str, token_id: &'a str) -> Self {
        Self { issuer, token_id, session_id: None, subject: None, uncached: false }
    }

    /// Sets the session ID (`sid`). Default: `None`.
    #[must_use]
    pub fn of_session(mut self, session_id: Option<&'a str>) -> Self {
        self.session_id = session_id;
        self
    }

    /// Requires that caches pass the query to the store. Default: caches may respond.
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.uncached = true;
        self
    }

    /// Sets the subject (`sub`) and the generation of the token. Default: no subject.
    #[must_use]
    pub fn of_subject(mut self, subject: Option<&'a str>, generation: u64) -> Self {
        self.subject = subject.map(|subject| (subject, generation));
        self
    }

    /// Returns the IDs of the records of the token, the session and the subject.
    fn record_ids(&self, names: &RecordNames) -> ([Option<RecordId>; 2], Option<(RecordId, u64)>) {
        let ids = [Some(self.token_id), self.session_id];
        let subject = self
            .subject
            .map(|(subject, generation)| (names.subject(self.issuer, subject), generation));
        (ids.map(|id| id.map(|id| names.token(self.issuer, id))), subject)
    }
}

/// The login that a new generation of its subject does not revoke. See
/// [`RevocationStore::revoke_subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExceptedLogin<'a> {
    /// The `sid` of the tokens of the login, or the `jti` of one token.
    pub id: &'a str,
    /// The generation of the tokens of the login.
    pub generation: u64,
}

impl<'a> ExceptedLogin<'a> {
    /// Creates an exception, for tests of a store.
    #[must_use]
    pub fn new(id: &'a str, generation: u64) -> Self {
        Self { id, generation }
    }
}

erase! {
    AnyRevocationStore: RevocationStore {
        fn revoke(issuer: &'a str, id: &'a str, until: OffsetDateTime) -> Result<(), RevocationError>;
        #[cfg(feature = "session")]
        fn revoke_subject(issuer: &'a str, subject: &'a str, except: Option<ExceptedLogin<'a>>, until: OffsetDateTime)
            -> Result<u64, RevocationError>;
        #[cfg(feature = "session")]
        fn generation(issuer: &'a str, subject: &'a str) -> Result<u64, RevocationError>;
        fn is_revoked(query: RevocationQuery<'a>) -> Result<bool, RevocationError>;
    }
}

/// Returns the minimum generation of a new revocation: the time in microseconds. JSON numbers
/// represent it exactly until the year 2255.
fn generation_at(now: OffsetDateTime) -> u64 {
    u64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or_default()
}
