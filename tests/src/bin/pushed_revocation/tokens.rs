//! The tokens of a phase, and the times at which their revocations were confirmed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use paseto_actix::Issuer;
use paseto_actix_tests::random::Random;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::json;

pub(crate) struct Tokens {
    tokens: Vec<Token>,
    start: Instant,
    /// The number of tokens that clients use.
    used: AtomicUsize,
    requests: AtomicU64,
}

struct Token {
    text: String,
    /// Nanoseconds after the start, or 0.
    confirmed: AtomicU64,
}

/// Clients use the newest tokens, of which about a half is revoked.
const WINDOW: usize = 40;

impl Tokens {
    pub(crate) fn new(count: usize) -> Self {
        let issuer = Issuer::builder(ISSUER).key(keys::secret()).build().expect("an issuer");
        let token = |_| Token {
            text: issuer.issue(&json!({})).expect("a token"),
            confirmed: AtomicU64::new(0),
        };
        Self {
            tokens: (0..count + WINDOW).map(token).collect(),
            start: Instant::now(),
            used: AtomicUsize::new(WINDOW / 2),
            requests: AtomicU64::new(0),
        }
    }

    /// Lets the clients use another token. Returns `false` if there is none.
    pub(crate) fn next(&self) -> bool {
        self.used.fetch_add(1, Ordering::SeqCst) + 1 < self.tokens.len()
    }

    /// Returns the index of one of the newest tokens.
    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        let used = self.used.load(Ordering::SeqCst).min(self.tokens.len());
        used.saturating_sub(1 + random.below(WINDOW as u64) as usize)
    }

    pub(crate) fn text(&self, index: usize) -> &str {
        &self.tokens[index].text
    }

    pub(crate) fn confirm(&self, index: usize) {
        let nanos = self.start.elapsed().as_nanos() as u64;
        self.tokens[index].confirmed.store(nanos, Ordering::SeqCst);
    }

    /// Returns the time between the confirmation of the revocation and this moment, if the
    /// confirmation was before it.
    pub(crate) fn revoked_for(&self, index: usize, moment: Instant) -> Option<Duration> {
        let confirmed = self.tokens[index].confirmed.load(Ordering::SeqCst);
        let confirmed = (confirmed > 0).then(|| self.start + Duration::from_nanos(confirmed))?;
        moment.checked_duration_since(confirmed)
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
