//! The time and the failure of each call of a store.

use std::collections::BTreeMap;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use paseto_actix::revocation::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use paseto_actix::time::OffsetDateTime;
use paseto_actix::token_family::{
    FamilyOwner, LoginEntry, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};
use paseto_actix_tests::histogram::Histogram;
use paseto_actix_tests::patience::{MAX_RESPONSE_TIME, time_waited_for_cpu};

/// The number of late calls that are printed.
const MAX_PRINTED: u64 = 20;

/// The figures of all calls.
#[derive(Default)]
pub(crate) struct Watch {
    reads: Times,
    writes: Times,
    failures: AtomicU64,
    not_replicated: AtomicU64,
    late: AtomicU64,
    late_for_cpu: AtomicU64,
    last: Mutex<LastFailures>,
    /// The errors since [`Watch::take_errors`], with their number and the time of the last one.
    errors: Mutex<BTreeMap<String, (u64, Instant)>>,
}

struct Times(Mutex<Histogram>);

impl Default for Times {
    fn default() -> Self {
        Self(Mutex::new(Histogram::new(2 * MAX_RESPONSE_TIME)))
    }
}

/// When the last call failed.
#[derive(Clone, Copy, Default)]
pub(crate) struct LastFailures {
    pub(crate) read: Option<Instant>,
    /// Of a write that failed for another reason than the next one.
    pub(crate) write: Option<Instant>,
    /// Of a write that too few replicas confirmed.
    pub(crate) not_replicated: Option<Instant>,
}

enum Failure {
    /// The response is no failure of the store.
    None,
    NotReplicated,
    Other(String),
}

impl Watch {
    /// Returns the number of calls that failed, and of writes that too few replicas confirmed.
    pub(crate) fn failures(&self) -> (u64, u64) {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        (load(&self.failures), load(&self.not_replicated))
    }

    pub(crate) fn last_failures(&self) -> LastFailures {
        *lock(&self.last)
    }

    /// Returns the errors since the last call, with their number and the time of the last one.
    pub(crate) fn take_errors(&self) -> BTreeMap<String, (u64, Instant)> {
        mem::take(&mut *lock(&self.errors))
    }

    async fn time<T, E>(
        &self,
        times: &Times,
        failure_of: fn(&E) -> Failure,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let (start, waited_before) = (Instant::now(), time_waited_for_cpu());
        let result = call.await;
        let time = start.elapsed();
        lock(&times.0).record(time);
        let failure = result.as_ref().err().map_or(Failure::None, failure_of);
        if time > MAX_RESPONSE_TIME {
            let waited = time_waited_for_cpu().saturating_sub(waited_before);
            let is_late = time.saturating_sub(waited) > MAX_RESPONSE_TIME;
            let count = if is_late { &self.late } else { &self.late_for_cpu };
            if count.fetch_add(1, Ordering::Relaxed) < MAX_PRINTED && is_late {
                eprintln!("fault: a call took {time:?}, of which {waited:?} waiting for a CPU");
            }
        }
        match failure {
            Failure::None => (),
            Failure::NotReplicated => {
                self.not_replicated.fetch_add(1, Ordering::Relaxed);
                lock(&self.last).not_replicated = Some(Instant::now());
            }
            Failure::Other(text) => {
                let now = Instant::now();
                self.failures.fetch_add(1, Ordering::Relaxed);
                let mut last = lock(&self.last);
                let is_read = ptr::eq(times, &self.reads);
                *(if is_read { &mut last.read } else { &mut last.write }) = Some(now);
                drop(last);
                let mut errors = lock(&self.errors);
                let (count, last) = errors.entry(text).or_insert((0, now));
                (*count, *last) = (*count + 1, now);
            }
        }
        result
    }

    /// Prints the figures. Returns whether all calls ended in time.
    pub(crate) fn print(&self) -> bool {
        println!("\n| store | value | expected |\n| --- | ---: | ---: |");
        for (name, times) in [("read", &self.reads), ("write", &self.writes)] {
            let times = lock(&times.0);
            let (median, most) = (times.quantile(0.5), times.quantile(0.99));
            println!("| {name}: p50, p99, maximum | {median}, {most}, {} ms | |", times.maximum());
        }
        let (failures, not_replicated) = self.failures();
        println!("| failed | {failures} | any |");
        println!("| not confirmed by enough replicas | {not_replicated} | any |");
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let (late, late_for_cpu) = (load(&self.late), load(&self.late_for_cpu));
        println!("| longer than {MAX_RESPONSE_TIME:?}, without a CPU | {late_for_cpu} | any |");
        let mark = if late == 0 { "" } else { " **FAULT**" };
        println!("| longer than {MAX_RESPONSE_TIME:?}, otherwise | {late} | 0{mark} |");
        late == 0
    }
}

/// A store whose calls a [`Watch`] counts.
pub(crate) struct Watched<S> {
    pub(crate) store: S,
    pub(crate) watch: Arc<Watch>,
}

impl<S> Watched<S> {
    async fn read<T, E>(
        &self,
        failure_of: fn(&E) -> Failure,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.watch.time(&self.watch.reads, failure_of, call).await
    }

    async fn write<T, E>(
        &self,
        failure_of: fn(&E) -> Failure,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.watch.time(&self.watch.writes, failure_of, call).await
    }
}

fn of_revocation(error: &RevocationError) -> Failure {
    match error {
        RevocationError::Revoked => Failure::None,
        RevocationError::NotReplicated { .. } => Failure::NotReplicated,
        error => Failure::Other(error.to_string()),
    }
}

fn of_family(error: &TokenFamilyError) -> Failure {
    match error {
        TokenFamilyError::NotReplicated { .. } => Failure::NotReplicated,
        error => Failure::Other(error.to_string()),
    }
}

impl<S: RevocationStore> RevocationStore for Watched<S> {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.write(of_revocation, self.store.revoke(issuer, id, until)).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let call = self.store.revoke_subject(issuer, subject, except, until);
        self.write(of_revocation, call).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.read(of_revocation, self.store.generation(issuer, subject)).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.read(of_revocation, self.store.is_revoked(query)).await
    }
}

impl<S: TokenFamilyStore> TokenFamilyStore for Watched<S> {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        self.write(of_family, self.store.create(new)).await
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        self.write(of_family, self.store.rotate(request)).await
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        self.write(of_family, self.store.revoke(owner, family)).await
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        self.write(of_family, self.store.revoke_all(owner, except)).await
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        self.read(of_family, self.store.list(owner)).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
