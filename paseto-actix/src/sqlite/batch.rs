//! The statements of a transaction on the thread.

use rusqlite::{Connection, OptionalExtension, Row, params};
use time::OffsetDateTime;

use crate::keyed_hash::KeyedHash;
use crate::records::{Record, RecordId};

/// A transaction of the thread, which contains the calls that waited at its start.
pub(crate) struct Batch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) now: OffsetDateTime,
    /// The maximum number of rows of each table.
    pub(crate) capacity: usize,
    pub(crate) hash: &'a KeyedHash,
}

/// The maximum number of expired rows of each table that a transaction removes, so that the calls in
/// it do not wait long.
const REMOVED_AT_ONCE: u16 = 500;

/// A table with an expiry.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    Revocations,
    TokenFamilies,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Revocations => "revocations",
            Self::TokenFamilies => "token_families",
        }
    }
}

impl Batch<'_> {
    /// Changes a row, so that the transaction writes to the disk.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        let change = "UPDATE settings SET value = value + 1 WHERE name = 'checks'";
        self.changed_one(self.connection.prepare_cached(change)?.execute([])?)
    }

    /// Removes expired rows, and returns whether there can be more of them.
    pub(super) fn remove_expired(&self) -> rusqlite::Result<bool> {
        let of_revocations = self.remove_expired_of(Table::Revocations, REMOVED_AT_ONCE)?;
        let of_families = self.remove_expired_of(Table::TokenFamilies, REMOVED_AT_ONCE)?;
        Ok(of_revocations.max(of_families) == usize::from(REMOVED_AT_ONCE))
    }

    fn remove_expired_of(&self, table: Table, limit: u16) -> rusqlite::Result<usize> {
        // A revocation applies up to and including its expiry, and a token family until before it.
        // The first condition reads the row, because the index of a damaged file can be wrong.
        let (remove, last) = match table {
            Table::Revocations => (
                "DELETE FROM revocations WHERE expires <= ?1 AND number IN (
                 SELECT number FROM revocations WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
                micros(self.now) - 1,
            ),
            Table::TokenFamilies => (
                "DELETE FROM token_families WHERE expires <= ?1 AND number IN (
                 SELECT number FROM token_families WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
                micros(self.now),
            ),
        };
        self.connection.prepare_cached(remove)?.execute(params![last, limit])
    }

    /// Returns whether the table has room for a row, after it has removed an expired row if
    /// necessary.
    pub(crate) fn has_room(&self, table: Table) -> rusqlite::Result<bool> {
        let read = "SELECT value FROM settings WHERE name = ?1";
        let mut count = self.connection.prepare_cached(read)?;
        let count: i64 = count.query_row([table.name()], |row| row.get(0))?;
        let is_below = usize::try_from(count).is_ok_and(|count| count < self.capacity);
        Ok(is_below || self.remove_expired_of(table, 1)? == 1)
    }

    /// Returns the record of this ID, if it has not expired.
    pub(crate) fn revocation(&self, id: RecordId) -> rusqlite::Result<Option<Record>> {
        let mut select = self.connection.prepare_cached(RevocationRow::SELECT_ONE)?;
        let row = select.query_row([&id.to_bytes()[..]], |row| RevocationRow::read(row, self.hash));
        Ok(row.optional()?.map(|row| row.record()).filter(|record| record.until >= self.now))
    }

    /// Inserts or replaces a record. The row gets a new number, so that all processes load it.
    pub(crate) fn set_revocation(
        &self,
        kind: &'static str,
        id: RecordId,
        record: Record,
    ) -> rusqlite::Result<()> {
        // The maximum protects against a wrong number in a damaged file.
        let next = "UPDATE settings
            SET value = 1 + max(value, (SELECT coalesce(max(number), 0) FROM revocations))
            WHERE name = 'last_number' RETURNING value";
        let number = self.connection.prepare_cached(next)?.query_row([], |row| row.get(0))?;
        let row = RevocationRow {
            number,
            kind: kind.to_owned(),
            id,
            expires: micros_until(record.until),
            generation: i64::try_from(record.generation).unwrap_or(i64::MAX),
            except: record.except,
        };
        let id = &id.to_bytes()[..];
        self.connection.prepare_cached("DELETE FROM revocations WHERE id = ?1")?.execute([id])?;
        let insert = "INSERT INTO revocations
            (number, kind, id, expires, generation, except_id, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let except = row.except.map(RecordId::to_bytes);
        let inserted = self.connection.prepare_cached(insert)?.execute(params![
            row.number,
            row.kind,
            id,
            row.expires,
            row.generation,
            except.as_ref().map(<[u8; 16]>::as_slice),
            row.checksum(self.hash),
        ])?;
        self.changed_one(inserted)
    }

    pub(crate) fn changed_one(&self, rows: usize) -> rusqlite::Result<()> {
        if rows == 1 { Ok(()) } else { Err(damaged("a row is missing")) }
    }
}

/// A row of the table `revocations`.
pub(super) struct RevocationRow {
    pub(super) number: i64,
    kind: String,
    pub(super) id: RecordId,
    expires: i64,
    generation: i64,
    except: Option<RecordId>,
}

impl RevocationRow {
    pub(super) const SELECT_AFTER: &str = "SELECT number, kind, id, expires, generation, except_id,
        checksum FROM revocations WHERE number > ?1 ORDER BY number LIMIT ?2";
    const SELECT_ONE: &str = "SELECT number, kind, id, expires, generation, except_id, checksum
        FROM revocations WHERE id = ?1";

    /// Reads the columns of a `SELECT` above, and compares the checksum.
    pub(super) fn read(row: &Row<'_>, hash: &KeyedHash) -> rusqlite::Result<Self> {
        let except: Option<[u8; 16]> = row.get(5)?;
        let found = Self {
            number: row.get(0)?,
            kind: row.get(1)?,
            id: RecordId::from_bytes(row.get(2)?),
            expires: row.get(3)?,
            generation: row.get(4)?,
            except: except.map(RecordId::from_bytes),
        };
        compare_checksum(row.get(6)?, found.checksum(hash))?;
        Ok(found)
    }

    pub(super) fn record(&self) -> Record {
        Record {
            until: time_at(self.expires),
            generation: u64::try_from(self.generation).unwrap_or_default(),
            except: self.except,
        }
    }

    fn checksum(&self, hash: &KeyedHash) -> i64 {
        let except = self.except.map(RecordId::to_bytes);
        checksum(
            hash,
            &[
                b"revocations",
                &self.number.to_le_bytes(),
                self.kind.as_bytes(),
                &self.id.to_bytes(),
                &self.expires.to_le_bytes(),
                &self.generation.to_le_bytes(),
                except.as_ref().map_or(&[], <[u8; 16]>::as_slice),
            ],
        )
    }
}

/// Returns the checksum of the values of a row: the first 8 bytes of their hash.
pub(crate) fn checksum(hash: &KeyedHash, values: &[&[u8]]) -> i64 {
    let [first @ .., _, _, _, _, _, _, _, _] = hash.of_parts(values).to_bytes();
    i64::from_le_bytes(first)
}

pub(crate) fn compare_checksum(found: i64, expected: i64) -> rusqlite::Result<()> {
    if found == expected { Ok(()) } else { Err(damaged("the checksum of a row is wrong")) }
}

/// Returns the error of a damaged file.
pub(crate) fn damaged(problem: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(format!("the file is damaged: {problem}")))
}

/// Converts a time to microseconds since 1970, rounded down.
pub(crate) fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)
}

/// Converts an expiry, rounded up, so that a record does not expire early.
pub(crate) fn micros_until(until: OffsetDateTime) -> i64 {
    micros(until.saturating_add(time::Duration::nanoseconds(999)))
}

pub(crate) fn time_at(micros: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::microseconds(micros))
}
