use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use time::OffsetDateTime;

use super::store::generation_at;
use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore};
use crate::clock::{Clock, SystemClock};
use crate::keyed_hash::{BuildTagHasher, KeyedHash, Tag};

/// RevocationStore in the memory of one process: they end with it, and the tokens are good again.
/// Clones are the same store.
///
/// The store has a capacity. A write first removes records whose end has passed. If the store is
/// still full, revoking is an error.
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

/// The hash of a kind, an issuer and a name: all of one length, and without the name.
type RecordId = Tag;

#[derive(Clone, Copy, Hash)]
enum Kind {
    Token,
    Subject,
}

#[derive(Default)]
struct Table {
    records: HashMap<RecordId, Record, BuildTagHasher>,
    /// The same by the time of their end.
    ends: BTreeSet<(OffsetDateTime, RecordId)>,
}

struct Record {
    until: OffsetDateTime,
    /// The generation of a subject, and the login whose tokens it does not revoke. A record of a
    /// token has neither.
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
    /// Returns the record if it has not ended. Only a write removes records that have ended, so
    /// each read compares the time.
    fn in_force(&self, id: &RecordId, now: OffsetDateTime) -> Option<&Record> {
        self.records.get(id).filter(|record| record.until >= now)
    }
}

impl MemoryRevocationStore {
    /// A store for this many records. A record takes 150 to 220 bytes: the most after the hash table
    /// has grown. When the store is full, new revocations fail, and no record is removed before its
    /// end.
    ///
    /// Each user who can log in can cause records, so limit the rate at which one user may log in and
    /// refresh. With the default settings, the record of a logout lives for 65 minutes
    /// (`RefreshTokens`), 35 minutes (`PasetoSession`), 12 hours (the sessions of a remembered login)
    /// or 30 days (`RememberMe`). The record of a user, after the end of all logins, lives for 65
    /// minutes, 12 hours or 365 days.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clock: Arc::new(SystemClock),
            table: Arc::default(),
            hash: KeyedHash::new(),
        }
    }

    /// Where the time comes from. Default: [`SystemClock`]. Give the store the clock of the
    /// `Verifier` and the `Issuer`: a record whose end has passed by the clock of the store revokes
    /// nothing.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.write().records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn record(&self, kind: Kind, issuer: &str, name: &str) -> RecordId {
        self.hash.of(&(kind, issuer, name))
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // A panic cannot leave the table half-written, so a poisoned lock is sound.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table without what has ended.
    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        while let Some((until, id)) = table.ends.first().copied().filter(|(until, _)| *until < now)
        {
            table.ends.remove(&(until, id));
            table.records.remove(&id);
        }
        table
    }

    fn keep(&self, table: &mut Table, id: RecordId, record: Record) -> Result<(), RevocationError> {
        let Some(known) = table.records.get(&id).map(|known| known.until) else {
            if table.records.len() >= self.capacity {
                return Err(RevocationError::Full { capacity: self.capacity });
            }
            table.ends.insert((record.until, id));
            table.records.insert(id, record);
            return Ok(());
        };
        // A later call does not shorten the life of a record.
        let until = known.max(record.until);
        table.ends.remove(&(known, id));
        table.ends.insert((until, id));
        table.records.insert(id, Record { until, ..record });
        Ok(())
    }
}

impl RevocationStore for MemoryRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        token_id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let mut table = self.write();
        self.keep(
            &mut table,
            self.record(Kind::Token, issuer, token_id),
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
        let spared =
            except.map(|except| (self.record(Kind::Token, issuer, except.id), except.generation));
        let (id, mut table) = (self.record(Kind::Subject, issuer, subject), self.write());
        let known = table.records.get(&id);
        if let (Some(record), Some((spared, generation))) = (known, spared)
            && record.revokes(generation, [Some(spared), None])
        {
            return Err(RevocationError::Revoked);
        }
        let last = known.map_or(0, |record| record.generation);
        let except = spared.map(|(spared, _)| spared);
        let generation = last.saturating_add(1).max(generation_at(self.clock.now()));
        self.keep(&mut table, id, Record { until, generation, except })?;
        Ok(generation)
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let record = self.record(Kind::Subject, issuer, subject);
        let now = self.clock.now();
        Ok(self.read().in_force(&record, now).map_or(0, |record| record.generation))
    }

    async fn is_revoked(&self, token: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (now, table) = (self.clock.now(), self.read());
        let ids = [Some(token.token_id), token.session_id];
        let ids = ids.map(|id| id.map(|id| self.record(Kind::Token, token.issuer, id)));
        if ids.iter().flatten().any(|id| table.in_force(id, now).is_some()) {
            return Ok(true);
        }
        let Some((subject, generation)) = token.subject else { return Ok(false) };
        let record = table.in_force(&self.record(Kind::Subject, token.issuer, subject), now);
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
