//! The revocation records of the file, in memory.
//!
//! Each read must see the records that other processes have stored. `PRAGMA data_version` detects
//! their writes, but it costs several system calls. So a read does not repeat this check within
//! [`CHECK_INTERVAL`], and a revocation is acknowledged only after this time. All processes then see the
//! acknowledged revocation, and no process needs to know the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use time::OffsetDateTime;

use super::batch::{RevocationRow, damaged};
use super::file::FileIdentity;
use crate::clock::Clock;
use crate::keyed_hash::KeyedHash;
use crate::records::{RecordNames, Records};

/// How long reads use the records after a check for new rows.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// The maximum number of rows that one call loads, and half of the expired records that it removes,
/// so that other threads do not wait long.
const LOADED_AT_ONCE: usize = 256;

/// The records that have not expired.
pub(super) struct Index {
    pub(super) names: RecordNames,
    pub(super) clock: Arc<dyn Clock>,
    loaded: RwLock<Loaded>,
    reader: Mutex<Reader>,
    identity: FileIdentity,
}

#[derive(Default)]
struct Loaded {
    records: Records,
    /// The highest number of a loaded row.
    last_number: i64,
    /// The start of the last check. All transactions before it are loaded.
    checked: Option<Instant>,
}

struct Reader {
    connection: Connection,
    /// `PRAGMA data_version` of the connection at the start of the last load.
    version: Option<i64>,
}

impl Index {
    pub(super) fn new(
        connection: Connection,
        identity: FileIdentity,
        key: [u8; 16],
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            identity,
            names: RecordNames(KeyedHash::with_key(&key)),
            clock,
            loaded: RwLock::default(),
            reader: Mutex::new(Reader { connection, version: None }),
        }
    }

    /// Loads all rows, and checks that their number is correct and at most `capacity`.
    pub(super) fn load_all(&self, capacity: usize) -> rusqlite::Result<Result<(), String>> {
        let reader = self.reader();
        let connection = &reader.connection;
        let read = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
        let counted = "SELECT value FROM settings WHERE name = 'revocations'";
        let counted: i64 = read.query_row(counted, [], |row| row.get(0))?;
        if usize::try_from(counted).is_ok_and(|counted| counted > capacity) {
            return Ok(Err(format!(
                "expected at most {capacity} revocations, found {counted}: raise `.capacity(..)`"
            )));
        }
        let mut loaded = 0;
        loop {
            let count = self.load(&read)?;
            loaded += count;
            if count < LOADED_AT_ONCE {
                break;
            }
        }
        if i64::try_from(loaded) != Ok(counted) {
            return Err(damaged("the number of revocations is wrong"));
        }
        Ok(Ok(()))
    }

    /// Calls `read` with the records of all transactions that ended at least [`CHECK_INTERVAL`]
    /// before this call. Returns `None` if more rows are new than a thread of the application may
    /// load: call it on the thread of the store until it returns `Some`.
    pub(super) fn read<T>(
        &self,
        read: &impl Fn(&Records, OffsetDateTime) -> T,
    ) -> rusqlite::Result<Option<T>> {
        match self.read_checked(read) {
            Some(result) => Ok(Some(result)),
            None => Ok(if self.check()? { self.read_checked(read) } else { None }),
        }
    }

    /// Loads new rows, and returns whether these are all of them.
    fn check(&self) -> rusqlite::Result<bool> {
        let mut reader = self.reader();
        // Another thread may have checked while this thread waited for the reader.
        if self.read_checked(&|_, _| ()).is_some() {
            return Ok(true);
        }
        self.identity.check()?;
        let started = Instant::now();
        // Read the version before the rows: a transaction between them is then loaded a second time.
        let mut statement = reader.connection.prepare_cached("PRAGMA data_version")?;
        let version = Some(statement.query_row([], |row| row.get(0))?);
        drop(statement);
        if reader.version != version {
            if self.load(&reader.connection)? == LOADED_AT_ONCE {
                return Ok(false);
            }
            reader.version = version;
        }
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).checked = Some(started);
        Ok(true)
    }

    /// Reads without a check. Returns `None` if the last check is too old.
    fn read_checked<T>(&self, read: &impl Fn(&Records, OffsetDateTime) -> T) -> Option<T> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let is_current = loaded.checked.is_some_and(|checked| checked.elapsed() < CHECK_INTERVAL);
        is_current.then(|| read(&loaded.records, self.clock.now()))
    }

    /// Loads rows with a higher number than the loaded rows, at most [`LOADED_AT_ONCE`]. Returns
    /// their number. The caller holds the reader, so that two loads do not interleave.
    ///
    /// A row of a later transaction has a higher number, and replaces the row of the same record.
    fn load(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let last = self.loaded.read().unwrap_or_else(PoisonError::into_inner).last_number;
        let mut statement = connection.prepare_cached(RevocationRow::SELECT_AFTER)?;
        let rows = statement.query_map(params![last, LOADED_AT_ONCE as i64], |row| {
            RevocationRow::read(row, &self.names.0)
        })?;
        let rows: Vec<RevocationRow> = rows.collect::<rusqlite::Result<_>>()?;
        let now = self.clock.now();
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        for row in &rows {
            loaded.last_number = row.number;
            let record = row.record();
            if record.until >= now {
                loaded.records.set(row.id, record);
            }
        }
        loaded.records.remove_expired(now, 2 * LOADED_AT_ONCE);
        Ok(rows.len())
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        // The connection has no state that a panic can leave incomplete.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
