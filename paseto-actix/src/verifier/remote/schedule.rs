//! The times of the fetches of one issuer.

use std::time::Duration;

use time::OffsetDateTime;

use crate::key_set::FetchReason;
use crate::random::random_bits;

/// A token with an unknown key starts a fetch only if no fetch started in this time.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(30);
const MIN_REFRESH: Duration = Duration::from_secs(60);
const MAX_REFRESH: Duration = Duration::from_secs(24 * 60 * 60);
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The clock was set back if it is further behind. Clocks that are adjusted move back less.
const MAX_STEP_BACK: Duration = Duration::from_secs(1);
/// The maximum time between the end of the timeout of a fetch and its completion.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// When the keys of one issuer are fetched, and how long they are used.
#[derive(Debug)]
pub(super) struct Schedule {
    phase: Phase,
    /// The latest time of the clock.
    seen: OffsetDateTime,
    /// The start of the last fetch.
    started: Option<OffsetDateTime>,
    /// The time of the next regular fetch.
    next: OffsetDateTime,
    succeeded: Option<OffsetDateTime>,
    /// The time until which the keys are used. `None` if the issuer has no usable keys.
    stale_at: Option<OffsetDateTime>,
    /// The number of failures since the last success.
    failures: u32,
    /// The cause of the last failure since the last success.
    last_error: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// The thread must fetch.
    Requested(FetchReason),
    Fetching,
    /// The thread ends. The issuer or the verifier was removed.
    Closed,
}

impl Schedule {
    /// The first fetch is requested.
    pub(super) fn new(now: OffsetDateTime) -> Self {
        Self {
            phase: Phase::Requested(FetchReason::Due),
            seen: now,
            started: None,
            next: now,
            succeeded: None,
            stale_at: None,
            failures: 0,
            last_error: None,
        }
    }

    /// Returns the time from which on [`request_if_due`](Self::request_if_due) or
    /// [`expire_if_stale`](Self::expire_if_stale) has an effect.
    pub(super) fn deadline(&self) -> Option<OffsetDateTime> {
        let next = (self.phase == Phase::Idle).then_some(self.next);
        next.into_iter().chain(self.stale_at).min()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Ends all fetches. The issuer has no usable keys.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.stale_at = None;
    }

    pub(super) fn is_usable(&self) -> bool {
        self.stale_at.is_some()
    }

    /// Returns the latest time of the clock.
    pub(super) fn seen(&self) -> OffsetDateTime {
        self.seen
    }

    pub(super) fn last_success(&self) -> Option<OffsetDateTime> {
        self.succeeded
    }

    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Compares the clock with its latest time. If it was set back, the next fetch is due at once,
    /// and the same time is left until the keys are too old. A change of the clock between two
    /// calls counts from the first of them. The thread calls this function at least once a minute.
    fn observe(&mut self, now: OffsetDateTime) {
        let step_back = self.seen - now;
        if step_back <= MAX_STEP_BACK {
            self.seen = self.seen.max(now);
            return;
        }
        self.seen = now;
        self.next = now;
        let shift = |time: Option<OffsetDateTime>| time.map(|time| time.saturating_sub(step_back));
        (self.started, self.stale_at) = (shift(self.started), shift(self.stale_at));
    }

    /// Requests the regular fetch if it is due. Returns whether this call requested it.
    pub(super) fn request_if_due(&mut self, now: OffsetDateTime) -> bool {
        self.observe(now);
        let is_new = self.is_idle() && now >= self.next;
        if is_new {
            self.phase = Phase::Requested(FetchReason::Due);
        }
        is_new
    }

    /// Requests a fetch for an unknown key. Returns whether the token can wait for a fetch.
    pub(super) fn request_for_unknown_key(
        &mut self,
        now: OffsetDateTime,
        timeout: Duration,
    ) -> bool {
        self.observe(now);
        match self.phase {
            Phase::Closed => false,
            Phase::Requested(_) => true,
            // Do not wait for a closure that blocks.
            Phase::Fetching => !self.started_before(now, timeout + GRACE),
            Phase::Idle if self.is_usable() && self.started_before(now, UNKNOWN_KEY_INTERVAL) => {
                self.phase = Phase::Requested(FetchReason::UnknownKey);
                true
            }
            Phase::Idle => self.request_if_due(now),
        }
    }

    /// Returns whether the last fetch started at least this long ago.
    fn started_before(&self, now: OffsetDateTime, interval: Duration) -> bool {
        self.started.is_none_or(|started| now - started >= interval)
    }

    /// Starts the requested fetch. Returns `None` if no fetch is requested.
    pub(super) fn start(&mut self, now: OffsetDateTime) -> Option<FetchReason> {
        let Phase::Requested(reason) = self.phase else { return None };
        self.phase = Phase::Fetching;
        self.started = Some(now);
        Some(reason)
    }

    /// Completes a fetch that returned keys.
    pub(super) fn succeed(
        &mut self,
        now: OffsetDateTime,
        max_age: Duration,
        max_staleness: time::Duration,
    ) {
        self.observe(now);
        let half = max_staleness.unsigned_abs() / 2;
        // A fetch that fails must have time for a retry before the keys are too old.
        let refresh = max_age.clamp(MIN_REFRESH, MAX_REFRESH).min(half.max(MIN_REFRESH));
        self.phase = Phase::Idle;
        self.next = now + (refresh - refresh.mul_f64(jitter(0.1)));
        self.succeeded = Some(now);
        self.stale_at = Some(now + max_staleness);
        self.failures = 0;
        self.last_error = None;
    }

    /// Completes a fetch that failed. Returns the time until the next one.
    pub(super) fn fail(&mut self, now: OffsetDateTime, error: String) -> Duration {
        self.observe(now);
        let backoff = (MIN_BACKOFF * 2_u32.pow(self.failures.min(5))).min(MAX_BACKOFF);
        let delay = backoff - backoff.mul_f64(jitter(0.5));
        self.phase = Phase::Idle;
        self.next = now + delay;
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
        delay
    }

    /// Completes a fetch whose completion was interrupted.
    pub(super) fn fail_if_fetching(&mut self, error: &str) {
        if self.phase == Phase::Fetching {
            self.fail(self.seen, error.to_owned());
        }
    }

    /// Makes the keys unusable if they are too old. Returns whether this call did it.
    pub(super) fn expire_if_stale(&mut self, now: OffsetDateTime) -> bool {
        self.observe(now);
        let is_stale = self.stale_at.is_some_and(|stale_at| now >= stale_at);
        if is_stale {
            self.stale_at = None;
        }
        is_stale
    }

    /// Returns the time until the next regular fetch.
    pub(super) fn until_next(&self, now: OffsetDateTime) -> Duration {
        (self.next - now).try_into().unwrap_or_default()
    }

    /// Returns the seconds until the next fetch, 1 to 30.
    pub(super) fn retry_after(&self, now: OffsetDateTime) -> u64 {
        if !self.is_idle() {
            return 1;
        }
        let until = self.until_next(now);
        let seconds = until.as_secs().saturating_add(u64::from(until.subsec_nanos() > 0));
        seconds.clamp(1, MAX_BACKOFF.as_secs())
    }
}

/// Returns a random fraction from 0 to this maximum, so that many verifiers do not fetch at the
/// same time.
fn jitter(max: f64) -> f64 {
    let random = random_bits().map_or(0, |bits| u16::from_le_bytes([bits[0], bits[1]]));
    f64::from(random) / f64::from(u16::MAX) * max
}

#[cfg(test)]
mod tests;
