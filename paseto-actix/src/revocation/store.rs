use std::future::Future;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use time::OffsetDateTime;

use crate::erased::erase;
use crate::error::problem;

/// Remembers which tokens have ended before their time, for
/// [`VerifierBuilder::revocations`](crate::verifier::VerifierBuilder::revocation_store).
///
/// One token is revoked by its issuer and its id (`jti`), the tokens of one login by its session id (`sid`). All tokens of a subject
/// are revoked by their generation: each token carries the one that was the subject's when it was issued
/// ([`TokenBuilder::generation`](crate::issuer::TokenBuilder::generation)), and revoking makes that one too old. So a login in the very
/// second of the revocation is not hit by it, as it would be if times of issue were compared. A token that carries none is of
/// generation 0: once its subject was revoked, it is too old, whenever it was issued.
///
/// [`MemoryRevocationStore`](super::MemoryRevocationStore) is the one for a single process, `RedisRevocationStore` (feature `redis`) the one
/// for several. A store that cannot answer fails, and the request is answered `503`: no token is accepted unasked.
///
/// Each record ends at `until`. **A store applies the record up to and including `until`, and for at
/// most 5 seconds after it**, because Redis counts whole seconds. After that, `is_revoked` and
/// `generation` ignore the record, even if the store has not removed it.
///
/// For a store of your own, [`conformance::revocation_store`](crate::conformance::revocation_store) (feature `conformance`) is the test
/// that it keeps these rules:
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[actix_web::main]
/// # async fn main() {
/// use paseto_actix::conformance;
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::time::OffsetDateTime;
///
/// let store = MemoryRevocationStore::new(1000); // or yours
/// conformance::revocation_store(&store, OffsetDateTime::now_utc()).await;
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
///
/// ```
/// use paseto_actix::{Issuer, SecretKey, Verifier};
/// use paseto_actix::error::VerifyErrorKind;
/// use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
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
/// let token = issuer.token(&serde_json::json!({})).subject("ada").generation(generation).issue()?;
/// let verified = verifier.verify_str_async(&token).await?;
///
/// // Logged out, here:
/// verifier.revoke(&verified).await?;
/// assert_eq!(verifier.verify_str_async(&token).await.unwrap_err().kind(), VerifyErrorKind::Revoked);
///
/// // Logged out everywhere. The record lives as long as the longest-lived token, and the longest leeway:
/// let until = verified.expires_at().unwrap() + paseto_actix::time::Duration::minutes(6);
/// revocations.revoke_subject("https://issuer.example", "ada", None, until).await?;
/// # Ok(())
/// # }
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// Revokes one token by its id (`jti`), or all tokens of a login by their session id (`sid`): one set of names answers for both.
    /// The record ends when no verifier accepts the token: `until` is its `exp` and the leeway. A later
    /// call never shortens the record.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if it could not be kept: the token is still good then. Never is another record dropped for it.
    fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> impl Future<Output = Result<(), RevocationError>>;

    /// Begins a new generation of a subject, and returns it. All tokens of earlier generations are
    /// revoked, except those of one login: tokens whose `sid` or `jti` is the id of `except`. The next
    /// call replaces the exception.
    ///
    /// In one step with that, the store checks that its record of the subject does not revoke `except`
    /// already. Otherwise a request that began before the end of all logins could end the logins that
    /// began after it, and spare its own.
    ///
    /// The record ends when no verifier accepts a token that was issued before: `until` is the latest
    /// `exp` and the leeway, which is 5 minutes at most. A later call never shortens the record. The
    /// latest `exp` is at most [`Issuer::max_ttl`](crate::Issuer::max_ttl) from now. If a deployment
    /// lowers a lifetime, `max_ttl` has to stay at the old value until the old tokens have expired.
    ///
    /// A generation must be greater than all earlier ones, even if the store has removed their
    /// records: it is the time in microseconds, or the last generation plus one, whichever is
    /// greater.
    ///
    /// # Errors
    ///
    /// [`RevocationError::Revoked`] if an earlier generation revokes `except`: the store changes nothing
    /// then. Another error if the store cannot keep the record: the tokens are still valid then.
    fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> impl Future<Output = Result<u64, RevocationError>>;

    /// The generation that tokens of a subject are to be issued under: 0 if no record of the subject is in force.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store cannot say.
    fn generation(
        &self,
        issuer: &str,
        subject: &str,
    ) -> impl Future<Output = Result<u64, RevocationError>>;

    /// Whether a token is revoked, by its id or by its generation.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store cannot say.
    fn is_revoked(
        &self,
        token: RevocationQuery<'_>,
    ) -> impl Future<Output = Result<bool, RevocationError>>;
}

/// What a store is asked about a token.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RevocationQuery<'a> {
    /// Who issued it (`iss`).
    pub issuer: &'a str,
    /// Its id (`jti`).
    pub token_id: &'a str,
    /// The login that it is of (`sid`), whose revocation is that of all its tokens.
    pub session_id: Option<&'a str>,
    /// Whom it speaks of (`sub`), and the generation that it was issued under; 0 if it carries none.
    pub subject: Option<(&'a str, u64)>,
    /// Whether the answer must not come from a cache, because a longer-lived login depends on it.
    pub uncached: bool,
}

impl<'a> RevocationQuery<'a> {
    /// A query, to try a store with.
    #[must_use]
    pub fn new(issuer: &'a str, token_id: &'a str) -> Self {
        Self { issuer, token_id, session_id: None, subject: None, uncached: false }
    }

    /// The same of a token of this login.
    #[must_use]
    pub fn of_session(mut self, session_id: Option<&'a str>) -> Self {
        self.session_id = session_id;
        self
    }

    /// The same query, which a cache passes on.
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.uncached = true;
        self
    }

    /// The same of a token of this subject, issued under this generation.
    #[must_use]
    pub fn of_subject(mut self, subject: Option<&'a str>, generation: u64) -> Self {
        self.subject = subject.map(|subject| (subject, generation));
        self
    }
}

erase! {
    AnyRevocationStore: RevocationStore {
        fn revoke(issuer: &'a str, token_id: &'a str, until: OffsetDateTime) -> Result<(), RevocationError>;
        #[cfg(feature = "session")]
        fn revoke_subject(issuer: &'a str, subject: &'a str, except: Option<ExceptedLogin<'a>>, until: OffsetDateTime)
            -> Result<u64, RevocationError>;
        #[cfg(feature = "session")]
        fn generation(issuer: &'a str, subject: &'a str) -> Result<u64, RevocationError>;
        fn is_revoked(token: RevocationQuery<'a>) -> Result<bool, RevocationError>;
    }
}

/// The login that a new generation of its subject does not revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExceptedLogin<'a> {
    /// The `sid` of its tokens, or the `jti` of one.
    pub id: &'a str,
    /// The generation of its tokens.
    pub generation: u64,
}

impl<'a> ExceptedLogin<'a> {
    /// An exception, for tests of a store.
    #[must_use]
    pub fn new(id: &'a str, generation: u64) -> Self {
        Self { id, generation }
    }
}

/// A failure of a store, or a request that it cannot fulfil.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// It holds as many records as it may.
    #[error("the store holds {capacity} records, which is all it may")]
    Full {
        /// How many it may hold.
        capacity: usize,
    },
    /// The token has no id (`jti`) to revoke it by.
    #[error("a token without `jti` cannot be revoked by itself")]
    NoTokenId,
    /// The login that should be spared has ended itself.
    #[error("the login that ends all others has ended itself: log in again")]
    Revoked,
    /// The session has no user, so there are no other sessions of the user.
    #[error("the session has no user under its subject key: check `.subject_key(..)`")]
    NoSubject,
    /// No store was set.
    #[error("no revocations are kept: call `.revocation_store(..)`")]
    NoStore,
    /// Anything else, such as an engine that does not answer.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// What cannot be kept now is `503` with `Retry-After`; what never can, `500`. The log has the reason.
impl ResponseError for RevocationError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Full { .. } | Self::Other(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Revoked => StatusCode::UNAUTHORIZED,
            Self::NoTokenId | Self::NoSubject | Self::NoStore => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self, "the revocation store failed");
        problem(self.status_code())
    }
}

/// What a record that others can see is kept under: of one length whatever names are, and without any name in it.
#[cfg(feature = "redis")]
pub(super) type RecordId = [u8; 16];

#[cfg(feature = "redis")]
pub(super) fn token_record(issuer: &str, token_id: &str) -> RecordId {
    record("token", issuer, token_id)
}

#[cfg(feature = "redis")]
pub(super) fn subject_record(issuer: &str, subject: &str) -> RecordId {
    record("subject", issuer, subject)
}

#[cfg(feature = "redis")]
fn record(kind: &str, issuer: &str, name: &str) -> RecordId {
    use sha2::{Digest, Sha256};

    let mut hash = Sha256::new();
    for piece in [kind, issuer, name] {
        hash.update((piece.len() as u64).to_le_bytes());
        hash.update(piece);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}

/// The least generation at a time: microseconds, which JSON's numbers hold exactly until the year 2255.
pub(super) fn generation_at(now: OffsetDateTime) -> u64 {
    u64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or_default()
}
