use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use super::{RandomId, Rotation, SeriesError, SeriesStore, TokenUse};

/// Series in the memory of one process: they end with it. Clones are the same store.
///
/// It holds so many series and no more. Those that have expired leave; if none has, a login that wants to be remembered is an
/// error.
///
/// ```
/// use paseto_actix::MemorySeries;
///
/// let series = MemorySeries::new(100_000);
/// assert!(series.is_empty());
/// ```
#[derive(Clone)]
pub struct MemorySeries {
    capacity: usize,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    series: HashMap<RandomId, Series>,
    /// The same by the time of their end.
    ends: BTreeSet<(OffsetDateTime, RandomId)>,
}

struct Series {
    user_id: Box<str>,
    expires: OffsetDateTime,
    current: RandomId,
    /// The token before, and when it was used.
    previous: Option<(RandomId, OffsetDateTime)>,
}

impl MemorySeries {
    /// A store with room for so many logins. Each takes some 250 bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, table: Arc::default() }
    }

    /// How many series are kept, expired ones that have not left yet among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().series.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each step leaves the table whole, whatever became of the thread.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, id: RandomId) {
        if let Some(series) = self.series.remove(&id) {
            self.ends.remove(&(series.expires, id));
        }
    }

    fn remove_expired(&mut self, now: OffsetDateTime) {
        while let Some((expires, id)) = self.ends.first().copied().filter(|(expires, _)| *expires <= now) {
            self.ends.remove(&(expires, id));
            self.series.remove(&id);
        }
    }
}

impl SeriesStore for MemorySeries {
    async fn begin(
        &self,
        series: RandomId,
        first: RandomId,
        user_id: &str,
        expires: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), SeriesError> {
        let mut table = self.table();
        table.remove_expired(now);
        table.remove(series);
        if table.series.len() >= self.capacity {
            return Err(SeriesError::Full { capacity: self.capacity });
        }
        table.ends.insert((expires, series));
        table.series.insert(series, Series { user_id: user_id.into(), expires, current: first, previous: None });
        Ok(())
    }

    async fn rotate(&self, token: TokenUse) -> Result<Rotation, SeriesError> {
        let TokenUse { series: id, presented, next, now, grace } = token;
        let mut table = self.table();
        table.remove_expired(now);
        let Some(series) = table.series.get_mut(&id) else { return Ok(Rotation::Unknown) };
        if series.current == presented {
            series.previous = Some((presented, now));
            series.current = next;
            return Ok(Rotation::Rotated);
        }
        match series.previous {
            Some((previous, used)) if previous == presented && now <= used + grace => {
                Ok(Rotation::Superseded { current: series.current })
            }
            _ => {
                table.remove(id);
                Ok(Rotation::Reused)
            }
        }
    }

    async fn revoke(&self, series: RandomId) -> Result<(), SeriesError> {
        self.table().remove(series);
        Ok(())
    }

    async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        let mut table = self.table();
        let theirs: Vec<_> =
            table.series.iter().filter(|(_, series)| &*series.user_id == user_id).map(|(id, _)| *id).collect();
        theirs.into_iter().for_each(|id| table.remove(id));
        Ok(())
    }
}

impl fmt::Debug for MemorySeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySeries").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
