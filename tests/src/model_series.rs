//! A store of series that keeps all rules, or all but one: what a suite has to tell apart.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use actix_web::rt::task::yield_now;
use paseto_actix::{RandomId, Rotation, SeriesError, SeriesStore, TokenUse};
use time::OffsetDateTime;

/// What is wrong with a [`ModelSeries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesFault {
    /// It answers nothing.
    Fails,
    /// It keeps nothing.
    Forgets,
    /// Each token is good for any number of uses.
    NeverRotates,
    /// It reads in one step and writes in another.
    Races,
    /// Within the grace, it hands out a token that is not the current one.
    WrongSuccessor,
    /// Only the current token is taken.
    NoGrace,
    /// The token before the current one is taken forever.
    EndlessGrace,
    /// The grace begins anew with each use of the token before.
    GraceAnew,
    /// Any token is taken for the one before.
    TakesStrangers,
    /// A reuse is told, and nothing more.
    GoesOnAfterReuse,
    /// A series that is begun again remembers the one before.
    BeginsWithThePast,
    /// What was revoked goes on.
    IgnoresRevocations,
    /// It fails to end what is not there.
    MissesTheUnknown,
    /// Revoking one series ends all of its user.
    RevokesTooMuch,
    /// It ends the series of a user but for the longest.
    SparesTheLongest,
    /// It ends the series of all users.
    RevokesEverybody,
    /// It never forgets.
    NeverExpires,
}

#[derive(Clone, Debug)]
struct Series {
    user: String,
    expires: OffsetDateTime,
    current: RandomId,
    previous: Option<(RandomId, OffsetDateTime)>,
}

/// The store.
#[derive(Debug)]
pub struct ModelSeries {
    fault: Option<SeriesFault>,
    table: Mutex<HashMap<RandomId, Series>>,
}

impl ModelSeries {
    /// An empty one.
    pub fn new(fault: Option<SeriesFault>) -> Self {
        Self { fault, table: Mutex::default() }
    }

    fn has(&self, fault: SeriesFault) -> bool {
        self.fault == Some(fault)
    }

    fn table(&self) -> Result<MutexGuard<'_, HashMap<RandomId, Series>>, SeriesError> {
        let down = || SeriesError::Other("down".into());
        (!self.has(SeriesFault::Fails))
            .then(|| self.table.lock().unwrap_or_else(PoisonError::into_inner))
            .ok_or_else(down)
    }
}

impl SeriesStore for ModelSeries {
    async fn begin(
        &self,
        series: RandomId,
        first: RandomId,
        user_id: &str,
        expires: OffsetDateTime,
        _: OffsetDateTime,
    ) -> Result<(), SeriesError> {
        let mut table = self.table()?;
        let past = table.get(&series).and_then(|series| series.previous);
        let previous = past.filter(|_| self.has(SeriesFault::BeginsWithThePast));
        if !self.has(SeriesFault::Forgets) {
            table.insert(series, Series { user: user_id.to_owned(), expires, current: first, previous });
        }
        Ok(())
    }

    async fn rotate(&self, token: TokenUse) -> Result<Rotation, SeriesError> {
        let found = self.table()?.get(&token.series).cloned();
        if self.has(SeriesFault::Races) {
            yield_now().await;
        }
        let alive = |series: &Series| series.expires > token.now || self.has(SeriesFault::NeverExpires);
        let Some(mut series) = found.filter(alive) else { return Ok(Rotation::Unknown) };
        let mut table = self.table()?;
        if series.current == token.presented {
            if !self.has(SeriesFault::NeverRotates) {
                series.previous = Some((series.current, token.now));
                series.current = token.next;
            }
            table.insert(token.series, series);
            return Ok(Rotation::Rotated);
        }
        let (previous, used) = series.previous.unwrap_or((series.current, token.now));
        let known = previous == token.presented || self.has(SeriesFault::TakesStrangers);
        let in_time = token.now <= used + token.grace || self.has(SeriesFault::EndlessGrace);
        if known && in_time && !self.has(SeriesFault::NoGrace) {
            let wrong = self.has(SeriesFault::WrongSuccessor);
            let current = if wrong { token.next } else { series.current };
            if self.has(SeriesFault::GraceAnew) {
                series.previous = Some((previous, token.now));
                table.insert(token.series, series);
            }
            return Ok(Rotation::Superseded { current });
        }
        if !self.has(SeriesFault::GoesOnAfterReuse) {
            table.remove(&token.series);
        }
        Ok(Rotation::Reused)
    }

    async fn revoke(&self, series: RandomId) -> Result<(), SeriesError> {
        if self.has(SeriesFault::IgnoresRevocations) {
            return Ok(());
        }
        let mut table = self.table()?;
        let removed = table.remove(&series);
        if removed.is_none() && self.has(SeriesFault::MissesTheUnknown) {
            return Err(SeriesError::Other("no such series".into()));
        }
        if let Some(removed) = removed.filter(|_| self.has(SeriesFault::RevokesTooMuch)) {
            table.retain(|_, series| series.user != removed.user);
        }
        Ok(())
    }

    async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        let mut table = self.table()?;
        let longest = table.values().filter(|series| series.user == user_id).map(|series| series.expires).max();
        let spared = longest.filter(|_| self.has(SeriesFault::SparesTheLongest));
        let everybody = self.has(SeriesFault::RevokesEverybody);
        table.retain(|_, series| (series.user != user_id && !everybody) || Some(series.expires) == spared);
        Ok(())
    }
}
