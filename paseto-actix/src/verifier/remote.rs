//! The keys of remote issuers: when they are fetched, and how long they are used.
//!
//! Each remote issuer has a thread. The thread, and requests that need a key, share [`Schedule`]s.
//! All decisions use the clock of the verifier. The thread waits in real time, so requests also
//! wake it when a fetch is due: a suspended machine does not count the time of a wait.

mod awaited_key;
mod refresh;
mod schedule;
mod status;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;

pub(crate) use awaited_key::AwaitedKey;
use schedule::Schedule;
pub use status::KeySetStatus;

use super::Verifier;
use super::trusted_keys::check_name;
use super::verify::Failure;
use crate::clock::{Clock, first_second_after};
use crate::error::{ConfigError, VerifyError, VerifyErrorKind as Kind, quote};
use crate::key_set::{Fetch, FetchLimits, KeySetSource};

/// The maximum number of requests that wait for the fetch of one issuer.
const MAX_WAITING: usize = 1024;

/// The remote issuers of a verifier. Dropping the value ends the threads.
pub(super) struct RemoteIssuers(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    issuers: Vec<RemoteIssuer>,
    positions: HashMap<String, usize>,
    /// One schedule per issuer, in the same order.
    schedules: Mutex<Vec<Schedule>>,
    /// The Unix time in seconds at which a fetch is due or keys become too old.
    deadline: AtomicI64,
    /// A Unix time in seconds. The clock was set back if it is before this time.
    earliest: AtomicI64,
}

struct RemoteIssuer {
    name: String,
    limits: FetchLimits,
    /// Wakes the thread.
    wake: Condvar,
    /// Counts completed fetches, and wakes requests that wait for one.
    completed: watch::Sender<u64>,
}

impl RemoteIssuers {
    /// Also returns the functions that fetch the keys. Returns `None` without sources.
    pub(super) fn new(
        sources: Vec<(String, KeySetSource)>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<(Self, Vec<Fetch>)>, ConfigError> {
        if sources.is_empty() {
            return Ok(None);
        }
        let (mut issuers, mut positions, mut fetches) = (Vec::new(), HashMap::new(), Vec::new());
        for (name, source) in sources {
            check_name(&name)?;
            let (fetch, limits) = source.into_fetch(&name)?;
            if positions.insert(name.clone(), issuers.len()).is_some() {
                let problem = format!("issuer {} has two sources: remove one", quote(&name));
                return Err(ConfigError::setting("remote_keys", problem));
            }
            let (wake, completed) = (Condvar::new(), watch::Sender::new(0));
            issuers.push(RemoteIssuer { name, limits, wake, completed });
            fetches.push(fetch);
        }
        let now = clock.now();
        let schedules = Mutex::new(issuers.iter().map(|_| Schedule::new(now)).collect());
        // The first fetches are already requested, so nothing is due.
        let (deadline, earliest) = (AtomicI64::new(i64::MAX), AtomicI64::new(i64::MIN));
        let shared = Shared { clock, issuers, positions, schedules, deadline, earliest };
        Ok(Some((Self(Arc::new(shared)), fetches)))
    }

    /// Returns the position of the issuer, also after its removal.
    pub(super) fn position(&self, issuer: &str) -> Option<usize> {
        self.0.positions.get(issuer).copied()
    }

    /// Returns whether the issuer is remote and was not removed.
    pub(super) fn contains(&self, issuer: &str) -> bool {
        self.position(issuer).is_some_and(|position| !self.0.lock()[position].is_closed())
    }
}

impl Drop for RemoteIssuers {
    fn drop(&mut self) {
        self.0.lock().iter_mut().for_each(Schedule::close);
        self.0.issuers.iter().for_each(|issuer| issuer.wake.notify_one());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Schedule>> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Call this function after each change of a schedule.
    fn update_deadline(&self, schedules: &[Schedule]) {
        let first = schedules.iter().filter_map(Schedule::deadline).min();
        let seconds = first.map_or(i64::MAX, first_second_after);
        self.deadline.store(seconds, Ordering::Relaxed);
        let seen = schedules.iter().map(Schedule::seen).min();
        let seconds = seen.map_or(i64::MIN, |seen| seen.unix_timestamp() - 1);
        self.earliest.store(seconds, Ordering::Relaxed);
    }
}

impl Verifier {
    /// Starts fetches that are due, and removes keys that are too old. Call this function before
    /// each use of keys or cached tokens.
    pub(super) fn refresh_remote_keys(&self, now: OffsetDateTime) {
        let Some(RemoteIssuers(shared)) = &self.0.remote else { return };
        let now = now.unix_timestamp();
        if now >= shared.deadline.load(Ordering::Relaxed)
            || now < shared.earliest.load(Ordering::Relaxed)
        {
            self.meet_deadline(shared);
        }
    }

    #[cold]
    fn meet_deadline(&self, shared: &Shared) {
        let mut stale = Vec::new();
        let mut schedules = shared.lock();
        // Read the clock under the lock, so that no schedule has a later time.
        let now = self.now();
        for (issuer, schedule) in shared.issuers.iter().zip(&mut *schedules) {
            if schedule.request_if_due(now) {
                issuer.wake.notify_one();
            }
            if schedule.expire_if_stale(now) {
                let removed = self.0.keys.remove(|signer| *signer.issuer == *issuer.name);
                stale.push((issuer, removed));
            }
        }
        shared.update_deadline(&schedules);
        drop(schedules);
        for (RemoteIssuer { name, limits, .. }, removed) in stale {
            let max_staleness = limits.max_staleness.as_seconds_f64();
            tracing::error!(
                issuer = name,
                "the keys of a remote issuer are not used: the last successful fetch was {max_staleness} s ago"
            );
            self.report_removed(name, &removed);
        }
    }

    /// Stops the fetches of the issuer. Returns whether it was remote.
    pub(super) fn close_remote(&self, issuer: &str) -> bool {
        let Some(RemoteIssuers(shared)) = &self.0.remote else { return false };
        let Some(position) = shared.positions.get(issuer).copied() else { return false };
        let mut schedules = shared.lock();
        if schedules[position].is_closed() {
            return false;
        }
        schedules[position].close();
        shared.update_deadline(&schedules);
        shared.issuers[position].wake.notify_one();
        shared.issuers[position].completed.send_modify(|completed| *completed += 1);
        true
    }

    /// Handles a rejected token. If it may have a new key of a remote issuer, starts a fetch,
    /// unless the last fetch started less than 30 seconds ago. Returns the key to wait for, or the
    /// error to respond with. Returns `None` if the keys changed during the verification: verify
    /// the token again.
    ///
    /// At most one fetch runs at a time, so clients without a valid token cannot cause more than
    /// one fetch in 30 seconds.
    pub(super) fn await_key(
        &self,
        token: &str,
        failure: Failure,
    ) -> Result<Option<AwaitedKey>, VerifyError> {
        let Some((shared, position)) = self.remote_issuer(&failure) else {
            return Err(failure.error);
        };
        let issuer = &shared.issuers[position];
        let mut schedules = shared.lock();
        let schedule = &mut schedules[position];
        let was_idle = schedule.is_idle();
        let can_wait = schedule.request_for_unknown_key(self.now(), issuer.limits.timeout);
        if was_idle {
            issuer.wake.notify_one();
            shared.update_deadline(&schedules);
        }
        if !can_wait {
            drop(schedules);
            // A fetch that completed before the lock was taken has changed the keys.
            let has_new_keys = failure
                .remote
                .as_ref()
                .is_some_and(|unknown| !Arc::ptr_eq(&unknown.keys, &self.0.keys.current()));
            return if has_new_keys { Ok(None) } else { Err(self.without_key(failure)) };
        }
        if issuer.completed.receiver_count() >= MAX_WAITING {
            drop(schedules);
            let cause = format!("{MAX_WAITING} requests wait for a fetch");
            return Err(unavailable(&failure.error, &issuer.name, &cause, 1));
        }
        // Subscribe before the fetch can complete.
        let completed = issuer.completed.subscribe();
        drop(schedules);
        let limit = issuer.limits.timeout;
        Ok(Some(AwaitedKey::new(self.clone(), token, failure, completed, limit)))
    }

    /// Returns the error for a rejected token, without a fetch. It is [`Kind::Unavailable`] if the
    /// issuer is remote and has no usable keys.
    pub(super) fn without_key(&self, failure: Failure) -> VerifyError {
        let Some((shared, position)) = self.remote_issuer(&failure) else { return failure.error };
        let schedules = shared.lock();
        let schedule = &schedules[position];
        if schedule.is_usable() || schedule.is_closed() {
            return failure.error;
        }
        let retry_after = schedule.retry_after(self.now());
        let cause = schedule.last_error().unwrap_or("the first fetch has not completed");
        unavailable(&failure.error, &shared.issuers[position].name, cause, retry_after)
    }

    fn remote_issuer(&self, failure: &Failure) -> Option<(&Arc<Shared>, usize)> {
        Some((&self.0.remote.as_ref()?.0, failure.remote.as_ref()?.position))
    }
}

fn unavailable(error: &VerifyError, issuer: &str, cause: &str, retry_after: u64) -> VerifyError {
    let detail = format!("the keys of issuer {} are not available: {cause}", quote(issuer));
    VerifyError::new(Kind::Unavailable, detail)
        .with_kid(error.kid())
        .with_issuer(error.issuer())
        .with_retry_after(Duration::from_secs(retry_after))
}
