use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore, generation_at};
use crate::clock::{Clock, SystemClock};
use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

/// A [`RevocationStore`] in memory, for a single process. Clones share the records.
///
/// The records are lost when the process exits. Revoked tokens that have not expired are then valid
/// again.
///
/// The store has a capacity. Each write first removes expired records. If the store is still full,
/// the revocation fails with [`RevocationError::Full`].
///
/// ```
/// use paseto_actix::revocation::MemoryRevocationStore;
///
/// let revocations = MemoryRevocationStore::new(100_000);
/// assert!(revocations.is_empty());
/// ```
#[derive(Clone)]
pub struct MemoryRevocationStore {
    capacity: usize,
    clock: Arc<dyn Clock>,
    table: Arc<RwLock<Table>>,
    hash: KeyedHash,
}

/// The hash of a kind, an issuer and a name. It has a fixed length and does not contain the name.
type RecordId = Tag;

#[derive(Clone, Copy, Hash)]
enum Kind {
    Token,
    Subject,
}

#[derive(Default)]
struct Table {
    records: HashMap<RecordId, Record, BuildTagHasher>,
    /// The IDs of the same records, sorted by their expiry.
    by_expiry: BTreeSet<(OffsetDateTime, RecordId)>,
}

struct Record {
    until: OffsetDateTime,
    /// The generation of a subject, and the login that it does not revoke. In a record of a token,
    /// they are 0 and `None`.
    generation: u64,
    except: Option<RecordId>,
}

impl Record {
    fn revokes(&self, generation: u64, ids: [Option<RecordId>; 2]) -> bool {
        let is_excepted = self.except.is_some() && ids.contains(&self.except);
        generation < self.generation && !is_excepted
    }
}

impl Table {
    /// Returns the record if it has not expired. Only a write removes expired records, so each read
    /// compares the time.
    fn in_force(&self, id: &RecordId, now: OffsetDateTime) -> Option<&Record> {
        self.records.get(id).filter(|record| record.until >= now)
    }
}

impl MemoryRevocationStore {
    /// Creates a store with this maximum number of records. A record takes 150 to 220 bytes,
    /// depending on the load of the hash table. If the store is full, new revocations fail, because
    /// records are never removed before their expiry.
    ///
    /// Each user who can log in can cause records. So limit the rate of logins and refreshes per
    /// user. Lifetimes of the records, with the default settings:
    ///
    /// | source | logout of one login | logout of all logins |
    /// | --- | --- | --- |
    /// | `RefreshTokens` | 65 minutes | 65 minutes |
    /// | `PasetoSession` | 35 minutes | 12 hours |
    /// | `PasetoSession` in a remembered login | 12 hours | 12 hours |
    /// | `RememberMe` | 30 days | 365 days |
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clock: Arc::new(SystemClock),
            table: Arc::default(),
            hash: KeyedHash::new(),
        }
    }

    /// Sets the clock, for tests. Default: [`SystemClock`]. Use the clock of the `Verifier` and the
    /// `Issuer`, because a record that has expired on the clock of the store revokes nothing.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the number of records that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.write().records.len()
    }

    /// Returns whether the store has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn record(&self, kind: Kind, issuer: &str, name: &str) -> RecordId {
        self.hash.of(&(kind, issuer, name))
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // A panic cannot leave a partial change in the table, so a poisoned lock is safe to use.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the table and removes expired records.
    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        while let Some((until, id)) =
            table.by_expiry.first().copied().filter(|(until, _)| *until < now)
        {
            table.by_expiry.remove(&(until, id));
            table.records.remove(&id);
        }
        table
    }

    fn store(
        &self,
        table: &mut Table,
        id: RecordId,
        record: Record,
    ) -> Result<(), RevocationError> {
        let Some(known) = table.records.get(&id).map(|known| known.until) else {
            if table.records.len() >= self.capacity {
                return Err(RevocationError::Full { capacity: self.capacity });
            }
            table.by_expiry.insert((record.until, id));
            table.records.insert(id, record);
            return Ok(());
        };
        // A later call must not shorten the record.
        let until = known.max(record.until);
        table.by_expiry.remove(&(known, id));
        table.by_expiry.insert((until, id));
        table.records.insert(id, Record { until, ..record });
        Ok(())
    }
}

impl RevocationStore for MemoryRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let mut table = self.write();
        self.store(
            &mut table,
            self.record(Kind::Token, issuer, id),
            Record { until, generation: 0, except: None },
        )
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let excepted =
            except.map(|except| (self.record(Kind::Token, issuer, except.id), except.generation));
        let (id, mut table) = (self.record(Kind::Subject, issuer, subject), self.write());
        let known = table.records.get(&id);
        if let (Some(record), Some((login, generation))) = (known, excepted)
            && record.revokes(generation, [Some(login), None])
        {
            return Err(RevocationError::Revoked);
        }
        let last = known.map_or(0, |record| record.generation);
        let except = excepted.map(|(login, _)| login);
        let generation = last.saturating_add(1).max(generation_at(self.clock.now()));
        self.store(&mut table, id, Record { until, generation, except })?;
        Ok(generation)
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let record = self.record(Kind::Subject, issuer, subject);
        let now = self.clock.now();
        Ok(self.read().in_force(&record, now).map_or(0, |record| record.generation))
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (now, table) = (self.clock.now(), self.read());
        let ids = [Some(query.token_id), query.session_id];
        let ids = ids.map(|id| id.map(|id| self.record(Kind::Token, query.issuer, id)));
        if ids.iter().flatten().any(|id| table.in_force(id, now).is_some()) {
            return Ok(true);
        }
        let Some((subject, generation)) = query.subject else { return Ok(false) };
        let record = table.in_force(&self.record(Kind::Subject, query.issuer, subject), now);
        Ok(record.is_some_and(|record| record.revokes(generation, ids)))
    }
}

impl fmt::Debug for MemoryRevocationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRevocationStore")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
