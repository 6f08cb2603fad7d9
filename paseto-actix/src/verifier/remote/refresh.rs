//! The thread that fetches the keys of one issuer.

use std::panic;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::super::change_keys::checked;
use super::super::trusted_keys::Origin;
use super::super::{Inner, Verifier};
use super::{RemoteIssuers, Shared};
use crate::error::{ConfigError, on_one_line};
use crate::key_set::{Fetch, FetchReason, Fetched};

/// The thread compares the clock with the schedule at least this often, because the system does not
/// count the time of a suspended machine.
const MAX_WAIT: Duration = Duration::from_secs(60);
const MIN_WAIT: Duration = Duration::from_millis(100);

impl RemoteIssuers {
    /// Starts the threads. They end when the last clone of the verifier is dropped.
    pub(in super::super) fn start(
        &self,
        verifier: &Arc<Inner>,
        fetches: Vec<Fetch>,
    ) -> Result<(), ConfigError> {
        for (position, fetch) in fetches.into_iter().enumerate() {
            let (verifier, shared) = (Arc::downgrade(verifier), Arc::clone(&self.0));
            let run = move || run(&verifier, &shared, position, fetch);
            thread::Builder::new().name("paseto-key-set".to_owned()).spawn(run).map_err(
                |error| {
                    let problem = format!("could not start the thread that fetches keys: {error}");
                    ConfigError::setting("remote_keys", problem)
                },
            )?;
        }
        Ok(())
    }
}

fn run(verifier: &Weak<Inner>, shared: &Shared, position: usize, mut fetch: Fetch) {
    while let Some(reason) = wait(shared, position) {
        let fetched = fetch.run(reason);
        let Some(inner) = verifier.upgrade() else { return };
        let verifier = Verifier(inner);
        // The event hook of the application may panic. The next fetch must still run.
        let complete = AssertUnwindSafe(|| verifier.complete_fetch(shared, position, fetched));
        if panic::catch_unwind(complete).is_err() {
            let mut schedules = shared.lock();
            schedules[position].fail_if_fetching("a panic");
            shared.update_deadline(&schedules);
            drop(schedules);
            tracing::error!("the event hook panicked");
        }
    }
}

/// Waits until a fetch is requested or due, and starts it. Returns `None` if the issuer or the
/// verifier was removed.
fn wait(shared: &Shared, position: usize) -> Option<FetchReason> {
    let mut schedules = shared.lock();
    loop {
        let schedule = &mut schedules[position];
        if schedule.is_closed() {
            return None;
        }
        // Read the clock under the lock, so that no schedule has a later time.
        let now = shared.clock.now();
        schedule.request_if_due(now);
        let started = schedule.start(now);
        let timeout = schedule.until_next(now).clamp(MIN_WAIT, MAX_WAIT);
        shared.update_deadline(&schedules);
        if started.is_some() {
            return started;
        }
        let wake = &shared.issuers[position].wake;
        let woken = wake.wait_timeout(schedules, timeout);
        (schedules, _) = woken.unwrap_or_else(PoisonError::into_inner);
    }
}

impl Verifier {
    /// Replaces the keys of the issuer, or keeps them after a failure.
    fn complete_fetch(&self, shared: &Shared, position: usize, fetched: Result<Fetched, String>) {
        let issuer = &shared.issuers[position];
        let max_staleness = issuer.limits.max_staleness;
        // Check the keys outside of the lock.
        let fetched = fetched.and_then(|Fetched { keys, max_age }| {
            let keys = checked(&issuer.name, keys.keys().iter().cloned(), Origin::Followed);
            keys.map(|keys| (keys, max_age)).map_err(|error| error.to_string())
        });
        let mut schedules = shared.lock();
        let schedule = &mut schedules[position];
        if schedule.is_closed() {
            return;
        }
        let now = shared.clock.now();
        // The lock keeps a request from removing the new keys as too old.
        let outcome = fetched.and_then(|(keys, max_age)| {
            let changes = self.0.keys.replace(&issuer.name, keys);
            let changes = changes.map_err(|error| error.to_string())?;
            schedule.succeed(now, max_age, max_staleness);
            Ok(changes)
        });
        let outcome = outcome.map_err(|problem| {
            let problem = on_one_line(problem.into()).into_owned();
            let delay = schedule.fail(now, problem.clone());
            (problem, delay)
        });
        shared.update_deadline(&schedules);
        // Under the lock, so that a request cannot start to wait for the next fetch before.
        issuer.completed.send_modify(|completed| *completed += 1);
        drop(schedules);
        match outcome {
            Ok(changes) => {
                tracing::debug!(issuer = issuer.name, "fetched the keys of a remote issuer");
                self.report(&issuer.name, &changes);
            }
            Err((problem, delay)) => {
                tracing::error!(
                    issuer = issuer.name,
                    problem,
                    retry_after = format_args!("{} s", delay.as_secs().max(1)),
                    "fetching the keys of a remote issuer failed"
                );
            }
        }
    }
}
