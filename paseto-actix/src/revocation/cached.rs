use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, Revocations};
use crate::limits::LONGEST_LEEWAY;
use crate::{Clock, SystemClock};

/// Asks another store, and remembers for a while which tokens it said are not revoked. Clones share what they remember.
///
/// It spares a busy service the round trip of most requests. **The price is the lag: a token that another process revokes is
/// accepted here until the last answer is that old**, and while the store cannot answer, tokens of which it was asked within the lag
/// are still accepted. What is revoked through this store or its clones counts once the store has confirmed it. That a token is
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
    /// How often something was revoked through this, of the names that fall into each. An answer to what was asked before is none.
    revoked: [AtomicU64; BUCKETS],
    buckets: RandomState,
}

/// As many as that revoking one name seldom makes the store be asked for others.
const BUCKETS: usize = 1024;

#[derive(Clone)]
struct Answer {
    asked: OffsetDateTime,
    /// A clock that is set back makes no answer younger.
    asked_at: Instant,
    revoked: u64,
}

impl Answers {
    fn new(capacity: usize) -> Self {
        let revoked = std::array::from_fn(|_| AtomicU64::new(0));
        Self { good: Cache::new(capacity), revoked, buckets: RandomState::new() }
    }

    fn bucket(&self, issuer: &str, name: &str) -> &AtomicU64 {
        let hash = self.buckets.hash_one((issuer, name));
        &self.revoked[hash as usize % BUCKETS]
    }

    /// It grows whenever one of the names that the question is about was revoked.
    fn revoked(&self, token: &RevocationQuery<'_>) -> u64 {
        let subject = token.subject.map(|(subject, _)| subject);
        let names = [Some(token.token_id), token.session_id, subject].into_iter().flatten();
        names.fold(0, |sum: u64, name| sum.wrapping_add(self.bucket(token.issuer, name).load(Ordering::SeqCst)))
    }
}

/// Counts a revocation once the store was told, whatever it answered, and if nobody waited for the answer: it may have done what
/// it could not confirm.
struct Told<'a>(&'a AtomicU64);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Question = [u8; 32];

impl<S: Revocations> CachedRevocations<S> {
    /// A cache in front of this store, for 10,000 answers, each of which is used for this long. With a lag of zero, the store is
    /// asked each time. A lag of more than 5 minutes counts as 5 minutes: revocation records live that much longer than the
    /// tokens that they end.
    pub fn new(store: S, lag: Duration) -> Self {
        Self::with_capacity(store, lag, 10_000)
    }

    /// The same for so many answers. Each takes some 120 bytes.
    pub fn with_capacity(store: S, lag: Duration, answers: usize) -> Self {
        let lag = lag.min(LONGEST_LEEWAY);
        Self { store: Arc::new(store), lag, clock: Arc::new(SystemClock), answers: Arc::new(Answers::new(answers)) }
    }

    /// Where the time comes from. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn is_known_good(&self, question: &Question, now: OffsetDateTime, revoked: u64) -> bool {
        let is_young = |answer: &Answer| {
            let age = now - answer.asked;
            !age.is_negative() && age < self.lag && answer.asked_at.elapsed() < self.lag
        };
        self.answers.good.get(question).is_some_and(|answer| answer.revoked == revoked && is_young(&answer))
    }
}

impl<S: Revocations> Revocations for CachedRevocations<S> {
    async fn revoke(&self, issuer: &str, token_id: &str, until: OffsetDateTime) -> Result<(), RevocationError> {
        let _told = Told(self.answers.bucket(issuer, token_id));
        self.store.revoke(issuer, token_id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let _told = Told(self.answers.bucket(issuer, subject));
        self.store.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.store.generation(issuer, subject).await
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (question, asked, asked_at) = (question(&token), self.clock.now(), Instant::now());
        let revoked = self.answers.revoked(&token);
        if !token.uncached && self.is_known_good(&question, asked, revoked) {
            return Ok(false);
        }
        let is_revoked = self.store.is_revoked(token).await?;
        if is_revoked {
            self.answers.good.remove(&question);
        } else if !self.lag.is_zero() {
            self.answers.good.insert(question, Answer { asked, asked_at, revoked });
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
