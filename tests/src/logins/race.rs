//! Runs two operations on the same stores concurrently, in each order of their steps.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use actix_web::rt::task::yield_now;
use futures_util::future::{MaybeDone, maybe_done};
use paseto_actix::remember::CredentialFingerprint;
use paseto_actix::revocation::{
    ExceptedLogin, MemoryRevocationStore, RevocationError, RevocationQuery, RevocationStore,
};
use paseto_actix::token_family::{
    FamilyOwner, LoginEntry, MemoryTokenFamilyStore, NewTokenFamily, RandomId, Rotation,
    RotationRequest, TokenFamilyError, TokenFamilyStore,
};
use time::OffsetDateTime;

use crate::clock::TestClock;

/// Both stores and the table of users. During a race, each call is one step.
#[derive(Clone, Debug)]
pub struct Stepped {
    family: MemoryTokenFamilyStore,
    revocations: MemoryRevocationStore,
    /// The users whose password has changed.
    changed: Arc<Mutex<HashSet<String>>>,
    is_race: Arc<AtomicBool>,
    events: Arc<Mutex<Vec<Event>>>,
}

/// An event in a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The application is about to start a login.
    LoginStarts,
    /// The login has been started.
    LoginStarted,
    /// The application is about to log out all logins.
    LogoutStarts,
    /// All logins have been revoked.
    LogoutCompleted,
}

impl Stepped {
    /// Returns empty stores.
    pub fn new(clock: &TestClock) -> Self {
        Self {
            family: MemoryTokenFamilyStore::new(100_000).clock(clock.clone()),
            revocations: MemoryRevocationStore::new(100_000).clock(clock.clone()),
            changed: Arc::default(),
            is_race: Arc::default(),
            events: Arc::default(),
        }
    }

    async fn turn(&self) {
        if self.is_race.load(Ordering::SeqCst) {
            yield_now().await;
        }
    }

    /// Records an event.
    pub fn record(&self, event: Event) {
        lock(&self.events).push(event);
    }

    /// Returns whether the first event was recorded before the second one.
    pub fn is_before(&self, first: Event, second: Event) -> bool {
        let events = lock(&self.events);
        let position =
            |event| events.iter().position(|known| *known == event).expect("a recorded event");
        position(first) < position(second)
    }

    /// Returns the credential fingerprint of a user.
    pub async fn fingerprint(&self, user: &str) -> CredentialFingerprint {
        self.turn().await;
        CredentialFingerprint::new([u8::from(lock(&self.changed).contains(user))])
    }

    /// Changes a user's password.
    pub async fn change_password(&self, user: &str) {
        lock(&self.changed).insert(user.to_owned());
        self.turn().await;
    }

    /// Runs two operations step by step. Each entry of `order` selects the operation of the next
    /// step: `true` is the first operation. The function appends missing entries.
    pub async fn race<A, B>(
        &self,
        first: impl Future<Output = A>,
        second: impl Future<Output = B>,
        order: &mut Vec<bool>,
    ) -> A {
        lock(&self.events).clear();
        self.is_race.store(true, Ordering::SeqCst);
        let (outcome, _) = interleave(first, second, order).await;
        self.is_race.store(false, Ordering::SeqCst);
        outcome
    }
}

impl TokenFamilyStore for Stepped {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        self.turn().await;
        self.family.create(new).await
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        self.turn().await;
        self.family.rotate(request).await
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        self.turn().await;
        self.family.revoke(owner, family).await
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        self.turn().await;
        self.family.revoke_all(owner, except).await
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        self.turn().await;
        self.family.list(owner).await
    }
}

impl RevocationStore for Stepped {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        self.turn().await;
        self.revocations.revoke(issuer, id, until).await
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        self.turn().await;
        self.revocations.revoke_subject(issuer, subject, except, until).await
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        self.turn().await;
        self.revocations.generation(issuer, subject).await
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        self.turn().await;
        self.revocations.is_revoked(query).await
    }
}

async fn interleave<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
    order: &mut Vec<bool>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(maybe_done(first)), pin!(maybe_done(second)));
    let (mut step, mut first_is_pending, mut second_is_pending) = (0, true, true);
    poll_fn(|context| {
        while first_is_pending || second_is_pending {
            let mut is_first = first_is_pending;
            if first_is_pending && second_is_pending {
                if step == order.len() {
                    order.push(true);
                }
                is_first = order[step];
                step += 1;
            }
            if is_first {
                first_is_pending = first.as_mut().poll(context).is_pending();
            } else {
                second_is_pending = second.as_mut().poll(context).is_pending();
            }
        }
        Poll::Ready((output(first.as_mut()), output(second.as_mut())))
    })
    .await
}

fn output<F: Future>(operation: Pin<&mut MaybeDone<F>>) -> F::Output {
    operation.take_output().expect("a completed operation")
}

/// Changes an order into the next one. Returns `false` after the last order.
pub fn advance(order: &mut Vec<bool>) -> bool {
    while order.last() == Some(&false) {
        order.pop();
    }
    order.last_mut().map(|choice| *choice = false).is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
