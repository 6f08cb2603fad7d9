//! A series store that obeys all rules, or all but one: the conformance suites have to find the
//! broken rule.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::TestClock;
use actix_web::rt::task::yield_now;
use paseto_actix::{
    Clock, LoginEntry, NewSeries, RandomId, Rotation, SeriesError, SeriesOwner, SeriesStore,
    TokenUse,
};

/// The rule that a [`ModelSeries`] breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesFault {
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
    /// It reports a reuse and keeps the series.
    GoesOnAfterReuse,
    /// A series that begins again remembers the earlier one.
    BeginsWithThePast,
    /// A revoked series goes on.
    IgnoresRevocations,
    /// It fails to end an unknown series.
    MissesTheUnknown,
    /// `revoke` ends all series of the owner.
    RevokesTooMuch,
    /// `revoke_all` keeps the longest series.
    SparesTheLongest,
    /// `revoke_all` ends the series of all owners.
    RevokesEverybody,
    /// `revoke_all` ends the exception too.
    SparesNothing,
    /// `revoke_all` with an exception ends nothing.
    SparesEverything,
    /// A series of a user is one of all scopes.
    MixesScopes,
    /// The scope and the user are joined to one name.
    JoinsNames,
    /// A series never expires.
    NeverExpires,
    /// `list` has expired series.
    ListsExpired,
    /// `list` has no label.
    ForgetsLabels,
    /// `list` has the time of the login as that of the last use.
    ForgetsUses,
    /// It has no bound for an owner.
    Unbounded,
    /// At the limit, it stores no new series.
    KeepsTheOldest,
    /// One owner's new series ends a series of another.
    BoundsEverybody,
}

#[derive(Clone, Debug)]
struct Series {
    owner: [String; 2],
    entry: LoginEntry,
    current: RandomId,
    previous: Option<RandomId>,
}

/// The store. It accepts [`BOUND`](Self::BOUND) series for each owner.
#[derive(Debug)]
pub struct ModelSeries {
    fault: Option<SeriesFault>,
    clock: TestClock,
    table: Mutex<Vec<Series>>,
}

impl ModelSeries {
    /// The number of series that an owner can have.
    pub const BOUND: usize = 20;

    /// An empty store.
    pub fn new(fault: Option<SeriesFault>, clock: &TestClock) -> Self {
        Self { fault, clock: clock.clone(), table: Mutex::default() }
    }

    fn has(&self, fault: SeriesFault) -> bool {
        self.fault == Some(fault)
    }

    fn table(&self) -> Result<MutexGuard<'_, Vec<Series>>, SeriesError> {
        if self.has(SeriesFault::Fails) {
            return Err(SeriesError::Other("down".into()));
        }
        Ok(self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn owner(&self, owner: SeriesOwner<'_>) -> [String; 2] {
        let scope = if self.has(SeriesFault::MixesScopes) { "" } else { owner.scope };
        if self.has(SeriesFault::JoinsNames) {
            return [format!("{scope}{}", owner.user_id), String::new()];
        }
        [scope, owner.user_id].map(str::to_owned)
    }

    fn is_alive(&self, series: &Series) -> bool {
        series.entry.expires > self.clock.now() || self.has(SeriesFault::NeverExpires)
    }
}

impl SeriesStore for ModelSeries {
    async fn begin(&self, new: NewSeries<'_>) -> Result<(), SeriesError> {
        let (owner, mut table) = (self.owner(new.owner), self.table()?);
        let past = table
            .iter()
            .find(|series| series.entry.id == new.series)
            .and_then(|series| series.previous);
        table.retain(|series| series.entry.id != new.series);
        let is_theirs =
            |series: &Series| series.owner == owner || self.has(SeriesFault::BoundsEverybody);
        if table.iter().filter(|series| is_theirs(series)).count() >= Self::BOUND
            && !self.has(SeriesFault::Unbounded)
        {
            if self.has(SeriesFault::KeepsTheOldest) {
                return Ok(());
            }
            let oldest = table.iter().position(is_theirs).expect("a series");
            table.remove(oldest);
        }
        let now = self.clock.now();
        let label = if self.has(SeriesFault::ForgetsLabels) { "" } else { new.label };
        let entry = LoginEntry::new(new.series, now, now + new.lifetime, label);
        let previous = past.filter(|_| self.has(SeriesFault::BeginsWithThePast));
        if !self.has(SeriesFault::Forgets) {
            table.push(Series { owner, entry, current: new.first, previous });
        }
        Ok(())
    }

    async fn rotate(&self, token: TokenUse<'_>) -> Result<Rotation, SeriesError> {
        let owner = self.owner(token.owner);
        let is_it = |series: &Series| series.owner == owner && series.entry.id == token.series;
        let found =
            self.table()?.iter().find(|series| is_it(series) && self.is_alive(series)).cloned();
        if self.has(SeriesFault::Races) {
            yield_now().await;
        }
        let Some(mut series) = found else { return Ok(Rotation::Unknown) };
        let (now, used) = (self.clock.now(), series.entry.last_used);
        let mut table = self.table()?;
        let mut write = |series: Series| {
            let place = table.iter_mut().find(|series| is_it(series));
            *place.expect("a series") = series;
        };
        if series.current == token.presented {
            if !self.has(SeriesFault::NeverRotates) {
                series.previous = Some(series.current);
                series.current = token.next;
                series.entry.last_used = now;
            }
            write(series);
            return Ok(Rotation::Rotated);
        }
        let is_known =
            series.previous == Some(token.presented) || self.has(SeriesFault::TakesStrangers);
        let in_time = now <= used + token.grace || self.has(SeriesFault::EndlessGrace);
        if is_known && in_time && !self.has(SeriesFault::NoGrace) {
            let current =
                if self.has(SeriesFault::WrongSuccessor) { token.next } else { series.current };
            if self.has(SeriesFault::GraceAnew) {
                series.entry.last_used = now;
                write(series);
            }
            return Ok(Rotation::Superseded { current });
        }
        if !self.has(SeriesFault::GoesOnAfterReuse) {
            table.retain(|series| !is_it(series));
        }
        Ok(Rotation::Reused)
    }

    async fn revoke(&self, owner: SeriesOwner<'_>, series: RandomId) -> Result<(), SeriesError> {
        if self.has(SeriesFault::IgnoresRevocations) {
            return Ok(());
        }
        let (owner, mut table) = (self.owner(owner), self.table()?);
        let is_known = table.iter().any(|known| known.owner == owner && known.entry.id == series);
        if !is_known && self.has(SeriesFault::MissesTheUnknown) {
            return Err(SeriesError::Other("no such series".into()));
        }
        let too_much = self.has(SeriesFault::RevokesTooMuch);
        table.retain(|known| known.owner != owner || (known.entry.id != series && !too_much));
        Ok(())
    }

    async fn revoke_all(
        &self,
        owner: SeriesOwner<'_>,
        except: Option<RandomId>,
    ) -> Result<(), SeriesError> {
        let (owner, mut table) = (self.owner(owner), self.table()?);
        if except.is_some() && self.has(SeriesFault::SparesEverything) {
            return Ok(());
        }
        let except = except.filter(|_| !self.has(SeriesFault::SparesNothing));
        let longest = table
            .iter()
            .filter(|series| series.owner == owner)
            .map(|series| series.entry.expires)
            .max();
        let spared = longest.filter(|_| self.has(SeriesFault::SparesTheLongest));
        let everybody = self.has(SeriesFault::RevokesEverybody);
        table.retain(|series| {
            let is_theirs = series.owner == owner || everybody;
            !is_theirs || Some(series.entry.id) == except || Some(series.entry.expires) == spared
        });
        Ok(())
    }

    async fn list(&self, owner: SeriesOwner<'_>) -> Result<Vec<LoginEntry>, SeriesError> {
        let owner = self.owner(owner);
        let is_listed =
            |series: &&Series| self.is_alive(series) || self.has(SeriesFault::ListsExpired);
        let entry = |series: &Series| {
            let entry = series.entry.clone();
            if self.has(SeriesFault::ForgetsUses) {
                entry.clone().used_at(entry.created)
            } else {
                entry
            }
        };
        let table = self.table()?;
        Ok(table
            .iter()
            .filter(|series| series.owner == owner)
            .filter(is_listed)
            .map(entry)
            .collect())
    }
}
