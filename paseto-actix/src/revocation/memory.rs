use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore, generation_at};
use crate::clock::{Clock, SystemClock};
use crate::keyed_hash::KeyedHash;
use crate::records::{Record, RecordId, RecordNames, Records};

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
    table: Arc<RwLock<Records>>,
    names: RecordNames,
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
            names: RecordNames(KeyedHash::new()),
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
        self.write().len()
    }

    /// Returns whether the store has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> RwLockReadGuard<'_, Records> {
        // A panic cannot leave a partial change in the table, so a poisoned lock is safe to use.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the table and removes expired records.
    fn write(&self) -> RwLockWriteGuard<'_, Records> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.remove_expired(self.clock.now(), usize::MAX);
        table
    }

    fn store(
        &self,
        table: &mut Records,
        id: RecordId,
        record: Record,
    ) -> Result<(), RevocationError> {
        if table.get(&id).is_none() && table.len() >= self.capacity {
            return Err(RevocationError::Full { capacity: self.capacity });
        }
        table.set(id, record);
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
        let (id, mut table) = (self.names.token(issuer, id), self.write());
        let record = Record::of_token(until, table.get(&id).copied());
        self.store(&mut table, id, record)
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let excepted =
            except.map(|except| (self.names.token(issuer, except.id), except.generation));
        let (id, mut table) = (self.names.subject(issuer, subject), self.write());
        let (known, now) = (table.get(&id).copied(), generation_at(self.clock.now()));
        let record = Record::of_subject(now, excepted, until, known);
        let record = record.ok_or(RevocationError::Revoked)?;
        self.store(&mut table, id, record)?;
        Ok(record.generation)
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let subject = self.names.subject(issuer, subject);
        Ok(self.read().generation(&subject, self.clock.now()))
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (ids, subject) = query.record_ids(&self.names);
        Ok(self.read().is_revoked(ids, subject, self.clock.now()))
    }
}

impl fmt::Debug for MemoryRevocationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRevocationStore")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
