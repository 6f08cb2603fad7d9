use std::fmt;

use time::OffsetDateTime;

use super::{ExceptedLogin, RevocationError, RevocationQuery, RevocationStore, generation_at};
use crate::records::{Record, RecordId};
use crate::sqlite::{Batch, SqliteError, SqliteStore, Table};

/// A [`RevocationStore`] in a state file, for the processes of one machine.
///
/// [`SqliteStore::revocation_store`](crate::SqliteStore::revocation_store) creates it. A write
/// returns 5 milliseconds after the disk has stored the record. A read uses a table in memory, and
/// checks for writes of other processes if the last check is older than 5 milliseconds.
#[derive(Clone)]
pub struct SqliteRevocationStore {
    file: SqliteStore,
}

impl SqliteStore {
    /// Returns the revocation store in this file. It uses the thread of this handle.
    #[must_use]
    pub fn revocation_store(&self) -> SqliteRevocationStore {
        SqliteRevocationStore { file: self.clone() }
    }
}

impl From<SqliteError> for RevocationError {
    fn from(error: SqliteError) -> Self {
        Self::Other(error.into())
    }
}

/// Stores a record. `is_new` means that it replaces no record.
fn set(
    batch: &Batch<'_>,
    kind: &'static str,
    id: RecordId,
    record: Record,
    is_new: bool,
) -> rusqlite::Result<Result<(), RevocationError>> {
    if is_new && !batch.has_room(Table::Revocations)? {
        return Ok(Err(RevocationError::Full { capacity: batch.capacity }));
    }
    batch.set_revocation(kind, id, record)?;
    Ok(Ok(()))
}

impl RevocationStore for SqliteRevocationStore {
    async fn revoke(
        &self,
        issuer: &str,
        id: &str,
        until: OffsetDateTime,
    ) -> Result<(), RevocationError> {
        let id = self.file.names().token(issuer, id);
        let work = move |batch: &Batch<'_>| match batch.revocation(id)? {
            Some(known) if known.until >= until => Ok(Ok(())),
            known => set(batch, "token", id, Record::of_token(until, known), known.is_none()),
        };
        self.file.revoke(work).await?
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
        until: OffsetDateTime,
    ) -> Result<u64, RevocationError> {
        let names = self.file.names();
        let id = names.subject(issuer, subject);
        let except = except.map(|except| (names.token(issuer, except.id), except.generation));
        let work = move |batch: &Batch<'_>| {
            let known = batch.revocation(id)?;
            let record = Record::of_subject(generation_at(batch.now), except, until, known);
            let Some(record) = record else { return Ok(Err(RevocationError::Revoked)) };
            let stored = set(batch, "subject", id, record, known.is_none())?;
            Ok(stored.map(|()| record.generation))
        };
        self.file.revoke(work).await?
    }

    async fn generation(&self, issuer: &str, subject: &str) -> Result<u64, RevocationError> {
        let subject = self.file.names().subject(issuer, subject);
        Ok(self.file.read(move |records, now| records.generation(&subject, now)).await?)
    }

    async fn is_revoked(&self, query: RevocationQuery<'_>) -> Result<bool, RevocationError> {
        let (ids, subject) = query.record_ids(self.file.names());
        Ok(self.file.read(move |records, now| records.is_revoked(ids, subject, now)).await?)
    }
}

impl fmt::Debug for SqliteRevocationStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRevocationStore").field("file", &self.file).finish()
    }
}
