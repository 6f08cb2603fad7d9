//! A token family store that breaks one rule, or none. The conformance tests must detect the broken
//! rule.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::TestClock;
use actix_web::rt::task::yield_now;
use paseto_actix::clock::Clock;
use paseto_actix::token_family::{
    FamilyOwner, LoginEntry, NewTokenFamily, RandomId, Rotation, RotationRequest, TokenFamilyError,
    TokenFamilyStore,
};

/// The rule that a [`ModelTokenFamilies`] breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyFault {
    /// Each call fails.
    Fails,
    /// It stores nothing.
    StoresNothing,
    /// It accepts each token any number of times.
    NeverRotates,
    /// It reads and writes in separate steps.
    Races,
    /// During the grace period, it returns a token that is not the current one.
    WrongSuccessor,
    /// It accepts only the current token.
    NoGracePeriod,
    /// It always accepts the token before the current one.
    EndlessGracePeriod,
    /// Each use of the previous token restarts the grace period.
    RestartsGracePeriod,
    /// It accepts any token as the previous one.
    AcceptsUnknownTokens,
    /// It reports reuse but keeps the token family.
    KeepsFamilyAfterReuse,
    /// A recreated token family accepts the previous token of the old one.
    KeepsOldTokens,
    /// It accepts tokens of a revoked token family.
    IgnoresRevocations,
    /// `revoke` fails for an unknown token family.
    FailsForUnknownFamily,
    /// `revoke` revokes all token families of the owner.
    RevokesAllFamilies,
    /// `revoke_all` keeps the token family with the longest lifetime.
    KeepsLongestFamily,
    /// `revoke_all` revokes the token families of all owners.
    RevokesOtherOwners,
    /// `revoke_all` revokes the exception too.
    IgnoresException,
    /// `revoke_all` with an exception revokes nothing.
    RevokesNothingWithException,
    /// It ignores the scope of the owner.
    IgnoresNamespace,
    /// It concatenates scope and user ID to one key.
    ConcatenatesNames,
    /// A token family never expires.
    NeverExpires,
    /// `list` returns expired token families.
    ListsExpired,
    /// `list` returns no labels.
    OmitsLabels,
    /// `list` returns the time of the login as the last use.
    OmitsLastUse,
    /// It has no limit per owner.
    Unbounded,
    /// At the limit, it drops the new token family.
    DropsNewFamily,
    /// It applies the limit to all owners together.
    BoundsAllOwnersTogether,
}

#[derive(Clone, Debug)]
struct TokenFamily {
    owner: [String; 2],
    entry: LoginEntry,
    current: RandomId,
    previous: Option<RandomId>,
}

/// A token family store. It stores up to [`BOUND`](Self::BOUND) token families per owner.
#[derive(Debug)]
pub struct ModelTokenFamilies {
    fault: Option<FamilyFault>,
    clock: TestClock,
    table: Mutex<Vec<TokenFamily>>,
}

impl ModelTokenFamilies {
    /// The maximum number of token families per owner.
    pub const BOUND: usize = 20;

    /// Returns an empty store.
    pub fn new(fault: Option<FamilyFault>, clock: &TestClock) -> Self {
        Self { fault, clock: clock.clone(), table: Mutex::default() }
    }

    fn has(&self, fault: FamilyFault) -> bool {
        self.fault == Some(fault)
    }

    fn table(&self) -> Result<MutexGuard<'_, Vec<TokenFamily>>, TokenFamilyError> {
        if self.has(FamilyFault::Fails) {
            return Err(TokenFamilyError::Other("down".into()));
        }
        Ok(self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn owner(&self, owner: FamilyOwner<'_>) -> [String; 2] {
        let scope = if self.has(FamilyFault::IgnoresNamespace) { "" } else { owner.namespace };
        if self.has(FamilyFault::ConcatenatesNames) {
            return [format!("{scope}{}", owner.user_id), String::new()];
        }
        [scope, owner.user_id].map(str::to_owned)
    }

    fn is_alive(&self, family: &TokenFamily) -> bool {
        family.entry.expires > self.clock.now() || self.has(FamilyFault::NeverExpires)
    }
}

impl TokenFamilyStore for ModelTokenFamilies {
    async fn create(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        let (owner, mut table) = (self.owner(new.owner), self.table()?);
        let past = table
            .iter()
            .find(|family| family.entry.id == new.family)
            .and_then(|family| family.previous);
        table.retain(|family| family.entry.id != new.family);
        let is_theirs = |family: &TokenFamily| {
            family.owner == owner || self.has(FamilyFault::BoundsAllOwnersTogether)
        };
        if table.iter().filter(|family| is_theirs(family)).count() >= Self::BOUND
            && !self.has(FamilyFault::Unbounded)
        {
            if self.has(FamilyFault::DropsNewFamily) {
                return Ok(());
            }
            let oldest = table.iter().position(is_theirs).expect("a family");
            table.remove(oldest);
        }
        let now = self.clock.now();
        let label = if self.has(FamilyFault::OmitsLabels) { "" } else { new.label };
        let entry = LoginEntry::new(new.family, now, now + new.lifetime, label);
        let previous = past.filter(|_| self.has(FamilyFault::KeepsOldTokens));
        if !self.has(FamilyFault::StoresNothing) {
            table.push(TokenFamily { owner, entry, current: new.first, previous });
        }
        Ok(())
    }

    async fn rotate(&self, request: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let owner = self.owner(request.owner);
        let is_it =
            |family: &TokenFamily| family.owner == owner && family.entry.id == request.family;
        let found =
            self.table()?.iter().find(|family| is_it(family) && self.is_alive(family)).cloned();
        if self.has(FamilyFault::Races) {
            yield_now().await;
        }
        let Some(mut family) = found else { return Ok(Rotation::Unknown) };
        let (now, used) = (self.clock.now(), family.entry.last_used);
        let mut table = self.table()?;
        let mut write = |family: TokenFamily| {
            let place = table.iter_mut().find(|family| is_it(family));
            *place.expect("a family") = family;
        };
        if family.current == request.presented {
            if !self.has(FamilyFault::NeverRotates) {
                family.previous = Some(family.current);
                family.current = request.next;
                family.entry.last_used = now;
            }
            write(family);
            return Ok(Rotation::Rotated);
        }
        let is_known = family.previous == Some(request.presented)
            || self.has(FamilyFault::AcceptsUnknownTokens);
        let in_time =
            now <= used + request.grace_period || self.has(FamilyFault::EndlessGracePeriod);
        if is_known && in_time && !self.has(FamilyFault::NoGracePeriod) {
            let current =
                if self.has(FamilyFault::WrongSuccessor) { request.next } else { family.current };
            if self.has(FamilyFault::RestartsGracePeriod) {
                family.entry.last_used = now;
                write(family);
            }
            return Ok(Rotation::Superseded { current });
        }
        if !self.has(FamilyFault::KeepsFamilyAfterReuse) {
            table.retain(|family| !is_it(family));
        }
        Ok(Rotation::Reused)
    }

    async fn revoke(
        &self,
        owner: FamilyOwner<'_>,
        family: RandomId,
    ) -> Result<(), TokenFamilyError> {
        if self.has(FamilyFault::IgnoresRevocations) {
            return Ok(());
        }
        let (owner, mut table) = (self.owner(owner), self.table()?);
        let is_known = table.iter().any(|known| known.owner == owner && known.entry.id == family);
        if !is_known && self.has(FamilyFault::FailsForUnknownFamily) {
            return Err(TokenFamilyError::Other("no such family".into()));
        }
        let all_families = self.has(FamilyFault::RevokesAllFamilies);
        table.retain(|known| known.owner != owner || (known.entry.id != family && !all_families));
        Ok(())
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        let (owner, mut table) = (self.owner(owner), self.table()?);
        if except.is_some() && self.has(FamilyFault::RevokesNothingWithException) {
            return Ok(());
        }
        let except = except.filter(|_| !self.has(FamilyFault::IgnoresException));
        let longest = table
            .iter()
            .filter(|family| family.owner == owner)
            .map(|family| family.entry.expires)
            .max();
        let kept = longest.filter(|_| self.has(FamilyFault::KeepsLongestFamily));
        let all_owners = self.has(FamilyFault::RevokesOtherOwners);
        table.retain(|family| {
            let is_theirs = family.owner == owner || all_owners;
            !is_theirs || Some(family.entry.id) == except || Some(family.entry.expires) == kept
        });
        Ok(())
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        let owner = self.owner(owner);
        let is_listed =
            |family: &&TokenFamily| self.is_alive(family) || self.has(FamilyFault::ListsExpired);
        let entry = |family: &TokenFamily| {
            let entry = family.entry.clone();
            if self.has(FamilyFault::OmitsLastUse) {
                entry.clone().used_at(entry.created)
            } else {
                entry
            }
        };
        let table = self.table()?;
        Ok(table
            .iter()
            .filter(|family| family.owner == owner)
            .filter(is_listed)
            .map(entry)
            .collect())
    }
}
