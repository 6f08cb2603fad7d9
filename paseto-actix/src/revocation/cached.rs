use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{RevocationError, RevocationQuery, Revocations};
use crate::{Clock, SystemClock};

/// Asks another store, and remembers for a while which tokens it said are not revoked. Clones share what they remember.
///
/// It spares a busy service the round trip of most requests. **The price is the lag: a token that another process revokes is
/// accepted here until the last answer is that old**, and while the store cannot answer, tokens of which it was asked within the lag
/// are still accepted. What is revoked through this store or its clones counts from the next request on. That a token is
/// revoked, or that the store failed, is not remembered.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::{CachedRevocations, MemoryRevocations, SecretKey, Verifier};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let store = MemoryRevocations::new(100_000); // in earnest: RedisRevocations
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .revocations(CachedRevocations::new(store, Duration::from_secs(2)))
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
pub struct CachedRevocations<S> {
    store: Arc<S>,
    lag: Duration,
    clock: Arc<dyn Clock>,
    answers: Arc<Answers>,
}

struct Answers {
    good: Cache<Question, Answer>,
    /// How often something was revoked through this. An answer to what was asked before is none.
    revoked: AtomicU64,
}

#[derive(Clone)]
struct Answer {
    asked: OffsetDateTime,
    revoked: u64,
}

type Question = [u8; 32];

impl<S: Revocations> CachedRevocations<S> {
    /// A cache in front of this store, for 10,000 answers, each of which is good for this long after its question was asked. With
    /// a lag of zero, the store is asked each time.
    pub fn new(store: S, lag: Duration) -> Self {
        let answers = Answers { good: Cache::new(10_000), revoked: AtomicU64::new(0) };
        Self { store: Arc::new(store), lag, clock: Arc::new(SystemClock), answers: Arc::new(answers) }
    }

    /// How many answers are remembered. Each takes some 120 bytes. Default: 10,000.
    #[must_use]
    pub fn capacity(mut self, answers: usize) -> Self {
        self.answers = Arc::new(Answers { good: Cache::new(answers), revoked: AtomicU64::new(0) });
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// To be called once the store has been told, whatever it answered: it may have done what it could not confirm.
    fn forget(&self) {
        self.answers.revoked.fetch_add(1, Ordering::SeqCst);
    }

    fn is_known_good(&self, question: &Question, now: OffsetDateTime, revoked: u64) -> bool {
        // A clock that was set back makes an answer no younger.
        let is_young = |answer: &Answer| {
            let age = now - answer.asked;
            !age.is_negative() && age < self.lag
        };
        self.answers.good.get(question).is_some_and(|answer| answer.revoked == revoked && is_young(&answer))
    }
}

impl<S: Revocations> Revocations for CachedRevocations<S> {
    async fn revoke(&self, issuer: &str, token_id: &str, until: OffsetDateTime) -> Result<(), RevocationError> {
        let outcome = self.store.revoke(issuer, token_id, until).await;
        self.forget();
        outcome
    }

    async fn revoke_subject(&self, issuer: &str, subject: &str, until: OffsetDateTime) -> Result<u64, RevocationError> {
        let outcome = self.store.revoke_subject(issuer, subject, until).await;
        self.forget();
        outcome
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (question, asked) = (question(&token), self.clock.now());
        let revoked = self.answers.revoked.load(Ordering::SeqCst);
        if self.is_known_good(&question, asked, revoked) {
            return Ok(false);
        }
        let is_revoked = self.store.is_revoked(token).await?;
        if !is_revoked && !self.lag.is_zero() {
            self.answers.good.insert(question, Answer { asked, revoked });
        }
        Ok(is_revoked)
    }
}

/// Of one length, and without any name in it.
fn question(token: &RevocationQuery<'_>) -> Question {
    let (subject, generation) = token.subject.unzip();
    let mut hash = Sha256::new();
    for name in [Some(token.issuer), Some(token.token_id), token.session_id, subject] {
        hash.update([u8::from(name.is_some())]);
        let name = name.unwrap_or_default();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
    }
    hash.update(generation.unwrap_or_default().to_le_bytes());
    hash.finalize().into()
}

impl<S> Clone for CachedRevocations<S> {
    fn clone(&self) -> Self {
        let (store, clock, answers) = (Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.answers));
        Self { store, lag: self.lag, clock, answers }
    }
}

impl<S: fmt::Debug> fmt::Debug for CachedRevocations<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedRevocations").field("store", &self.store).field("lag", &self.lag).finish_non_exhaustive()
    }
}
