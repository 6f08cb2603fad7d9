//! A token family store that obeys all rules, or all but one: the conformance suites have to find the
//! broken rule.

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
    Forgets,
    /// A token is accepted any number of times.
    NeverRotates,
    /// It reads in one step and writes in another.
    Races,
    /// Within the grace, it returns a token that is not the current one.
    WrongSuccessor,
    /// It accepts only the current token.
    NoGrace,
    /// It always accepts the token before the current one.
    EndlessGrace,
    /// Each use of the token before begins the grace anew.
    GraceAnew,
    /// It takes any token for the one before.
    TakesStrangers,
    /// It reports a reuse and keeps the token family.
    GoesOnAfterReuse,
    /// A token family that begins again remembers the earlier one.
    BeginsWithThePast,
    /// A revoked token family goes on.
    IgnoresRevocations,
    /// It fails to end an unknown token family.
    MissesTheUnknown,
    /// `revoke` ends all token family of the owner.
    RevokesTooMuch,
    /// `revoke_all` keeps the longest token family.
    SparesTheLongest,
    /// `revoke_all` ends the token family of all owners.
    RevokesEverybody,
    /// `revoke_all` ends the exception too.
    SparesNothing,
    /// `revoke_all` with an exception ends nothing.
    SparesEverything,
    /// A token family of a user is one of all scopes.
    MixesScopes,
    /// The scope and the user are joined to one name.
    JoinsNames,
    /// A token family never expires.
    NeverExpires,
    /// `list` has expired token family.
    ListsExpired,
    /// `list` has no label.
    ForgetsLabels,
    /// `list` has the time of the login as that of the last use.
    ForgetsUses,
    /// It has no bound for an owner.
    Unbounded,
    /// At the limit, it stores no new token family.
    KeepsTheOldest,
    /// One owner's new token family ends a token family of another.
    BoundsEverybody,
}

#[derive(Clone, Debug)]
struct TokenFamily {
    owner: [String; 2],
    entry: LoginEntry,
    current: RandomId,
    previous: Option<RandomId>,
}

/// The store. It accepts [`BOUND`](Self::BOUND) token family for each owner.
#[derive(Debug)]
pub struct ModelTokenFamilies {
    fault: Option<FamilyFault>,
    clock: TestClock,
    table: Mutex<Vec<TokenFamily>>,
}

impl ModelTokenFamilies {
    /// The number of token family that an owner can have.
    pub const BOUND: usize = 20;

    /// An empty store.
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
        let scope = if self.has(FamilyFault::MixesScopes) { "" } else { owner.scope };
        if self.has(FamilyFault::JoinsNames) {
            return [format!("{scope}{}", owner.user_id), String::new()];
        }
        [scope, owner.user_id].map(str::to_owned)
    }

    fn is_alive(&self, family: &TokenFamily) -> bool {
        family.entry.expires > self.clock.now() || self.has(FamilyFault::NeverExpires)
    }
}

impl TokenFamilyStore for ModelTokenFamilies {
    async fn begin(&self, new: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        let (owner, mut table) = (self.owner(new.owner), self.table()?);
        let past = table
            .iter()
            .find(|family| family.entry.id == new.family)
            .and_then(|family| family.previous);
        table.retain(|family| family.entry.id != new.family);
        let is_theirs =
            |family: &TokenFamily| family.owner == owner || self.has(FamilyFault::BoundsEverybody);
        if table.iter().filter(|family| is_theirs(family)).count() >= Self::BOUND
            && !self.has(FamilyFault::Unbounded)
        {
            if self.has(FamilyFault::KeepsTheOldest) {
                return Ok(());
            }
            let oldest = table.iter().position(is_theirs).expect("a family");
            table.remove(oldest);
        }
        let now = self.clock.now();
        let label = if self.has(FamilyFault::ForgetsLabels) { "" } else { new.label };
        let entry = LoginEntry::new(new.family, now, now + new.lifetime, label);
        let previous = past.filter(|_| self.has(FamilyFault::BeginsWithThePast));
        if !self.has(FamilyFault::Forgets) {
            table.push(TokenFamily { owner, entry, current: new.first, previous });
        }
        Ok(())
    }

    async fn rotate(&self, token: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        let owner = self.owner(token.owner);
        let is_it = |family: &TokenFamily| family.owner == owner && family.entry.id == token.family;
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
        if family.current == token.presented {
            if !self.has(FamilyFault::NeverRotates) {
                family.previous = Some(family.current);
                family.current = token.next;
                family.entry.last_used = now;
            }
            write(family);
            return Ok(Rotation::Rotated);
        }
        let is_known =
            family.previous == Some(token.presented) || self.has(FamilyFault::TakesStrangers);
        let in_time = now <= used + token.grace_period || self.has(FamilyFault::EndlessGrace);
        if is_known && in_time && !self.has(FamilyFault::NoGrace) {
            let current =
                if self.has(FamilyFault::WrongSuccessor) { token.next } else { family.current };
            if self.has(FamilyFault::GraceAnew) {
                family.entry.last_used = now;
                write(family);
            }
            return Ok(Rotation::Superseded { current });
        }
        if !self.has(FamilyFault::GoesOnAfterReuse) {
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
        if !is_known && self.has(FamilyFault::MissesTheUnknown) {
            return Err(TokenFamilyError::Other("no such family".into()));
        }
        let too_much = self.has(FamilyFault::RevokesTooMuch);
        table.retain(|known| known.owner != owner || (known.entry.id != family && !too_much));
        Ok(())
    }

    async fn revoke_all(
        &self,
        owner: FamilyOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        let (owner, mut table) = (self.owner(owner), self.table()?);
        if except.is_some() && self.has(FamilyFault::SparesEverything) {
            return Ok(());
        }
        let except = except.filter(|_| !self.has(FamilyFault::SparesNothing));
        let longest = table
            .iter()
            .filter(|family| family.owner == owner)
            .map(|family| family.entry.expires)
            .max();
        let spared = longest.filter(|_| self.has(FamilyFault::SparesTheLongest));
        let everybody = self.has(FamilyFault::RevokesEverybody);
        table.retain(|family| {
            let is_theirs = family.owner == owner || everybody;
            !is_theirs || Some(family.entry.id) == except || Some(family.entry.expires) == spared
        });
        Ok(())
    }

    async fn list(&self, owner: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        let owner = self.owner(owner);
        let is_listed =
            |family: &&TokenFamily| self.is_alive(family) || self.has(FamilyFault::ListsExpired);
        let entry = |family: &TokenFamily| {
            let entry = family.entry.clone();
            if self.has(FamilyFault::ForgetsUses) {
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
