//! Revocations and token families in one SQLite file: [`SqliteStore`] and its builder.

mod batch;
mod file;
mod index;
mod writer;

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use time::OffsetDateTime;

use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, problem};
#[cfg(feature = "session")]
use crate::limits::check_per_user;
use crate::limits::check_range;
use crate::records::{RecordNames, Records};
use index::{CHECK_INTERVAL, Index};
use writer::Writer;

pub(crate) use batch::{Batch, Table};
#[cfg(feature = "session")]
pub(crate) use batch::{checksum, compare_checksum, micros, micros_until, time_at};

/// A handle to a state file, for all processes of one machine. The file is an [SQLite] database.
///
/// It creates a revocation store and a token family store. Both stores and all clones of the handle
/// share one thread, which writes to the file. The thread ends when the last of them is dropped.
///
/// ```
/// use paseto_actix::{SecretKey, SqliteStore, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("paseto-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("state.sqlite");
/// let state = SqliteStore::open(path)?;
/// state.check().await?;
///
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .revocation_store(state.revocation_store())
///     .build()?;
/// # let _ = verifier;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # Durability
///
/// A write returns after the operating system has confirmed that the disk stores it
/// (`synchronous=FULL`). So a write that has returned survives `kill -9`, a crash of the operating
/// system, and a loss of power, if the disk does not confirm writes that it has not stored. Writes
/// that wait at the same time share one confirmation of the disk.
///
/// # Processes
///
/// Several processes can use one file at the same time, for example the old and the new process
/// during a deployment. Each read sees all writes that returned before it, also of other processes.
/// For this, a revocation returns 5 milliseconds after the disk has stored it, and a process looks
/// for writes of other processes at most 5 milliseconds before a read. All processes must run on one
/// machine. Store the file on a local disk: the locks of network file
/// systems are not reliable.
///
/// # Failures
///
/// If the file is damaged, locked by another program, or the disk is full, the store returns an
/// error, and the request is rejected with `503`. A store never accepts a token that it cannot
/// check. Only [`open`](Self::open) and `build` block the thread. They read the whole file once, at 2
/// to 5 seconds per million rows.
///
/// # The file
///
/// A new file has the mode `0600`. SQLite adds the files `…-wal` and `…-shm` next to it. **Do not
/// delete or copy one of the three files alone.** To back up a file in use, run
/// `sqlite3 paseto-state.sqlite "VACUUM INTO 'backup.sqlite'"`. The copy gets the default file
/// mode, so run it with `umask 077`. Stop all processes before you restore a file: a restored file
/// does not contain later logouts.
///
/// The file contains neither tokens nor user IDs, but their hashes under a key that is in the same
/// file. So a person with the file can test whether a known user ID has a record. The program
/// `sqlite3` (3.37 or later) shows the records, with the expiry as a time in UTC:
///
/// ```sh
/// sqlite3 -box paseto-state.sqlite 'SELECT kind, count(*), max(expires_at) FROM revocations GROUP BY kind'
/// sqlite3 -box paseto-state.sqlite 'SELECT label, created_at, used_at, expires_at FROM token_families'
/// ```
///
/// | table | rows |
/// | --- | --- |
/// | `revocations` | `kind` is `token` (a token, a session or a login) or `subject` (all tokens of a user) |
/// | `token_families` | the remembered logins and the logins with refresh tokens |
/// | `settings` | the hash key, and the number of rows of the other tables |
///
/// The file has a format version (`PRAGMA user_version`). Each row has a checksum, so do not edit
/// rows. Expired rows are removed with later writes, and once a minute. SQLite then uses their space
/// for new rows, and the file does not shrink.
///
/// # Build
///
/// The feature compiles SQLite with a C compiler (`rusqlite` 0.43, `bundled`). Cargo allows one
/// version of `libsqlite3-sys` in an application, so a `sqlx` or `diesel` with SQLite must use the
/// same version.
///
/// # Memory
///
/// The store keeps the revocation records that have not expired in memory: 150 to 220 bytes per
/// record. Token families are only in the file.
///
/// [SQLite]: https://sqlite.org
#[derive(Clone)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    index: Arc<Index>,
    #[cfg(feature = "session")]
    pub(crate) max_per_user: Option<usize>,
}

impl SqliteStore {
    /// Opens a state file with the default settings, and creates it if it does not exist. This call
    /// blocks the thread.
    ///
    /// # Errors
    ///
    /// See [`SqliteStoreBuilder::build`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::builder(path).build()
    }

    /// Returns a builder for a store with this state file.
    pub fn builder(path: impl AsRef<Path>) -> SqliteStoreBuilder {
        SqliteStoreBuilder {
            path: path.as_ref().to_owned(),
            capacity: 1_000_000,
            timeout: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
            #[cfg(feature = "session")]
            max_per_user: None,
        }
    }

    /// Checks that the disk stores a write. Call it in readiness probes.
    ///
    /// # Errors
    ///
    /// [`SqliteError`] if the write fails or does not finish within the timeout.
    pub async fn check(&self) -> Result<(), SqliteError> {
        self.write(|batch| batch.check()).await
    }

    /// Runs statements on the thread, in a transaction with other calls. Returns after the disk has
    /// stored the transaction.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqliteError> {
        self.writer.run(work).await
    }

    /// Stores a revocation. Returns when all processes see it.
    pub(crate) async fn revoke<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqliteError> {
        let result = self.write(work).await?;
        tokio::time::sleep(CHECK_INTERVAL).await;
        Ok(result)
    }

    /// Reads the revocation records of all calls of [`revoke`](Self::revoke) that returned before
    /// this call.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Records, OffsetDateTime) -> T + Send + 'static,
    ) -> Result<T, SqliteError> {
        match self.index.read(&read) {
            Ok(Some(result)) => return Ok(result),
            // Many rows are new, or another process holds a lock for a moment. The thread loads the
            // rows, because this thread must not wait.
            Ok(None) => {}
            Err(error) if file::is_busy(&error) => {}
            Err(error) => return Err(self.writer.error(&error)),
        }
        let index = Arc::clone(&self.index);
        let read_all = move |_: &Batch<'_>| loop {
            if let Some(result) = index.read(&read)? {
                return Ok(result);
            }
        };
        self.write(read_all).await
    }

    pub(crate) fn names(&self) -> &RecordNames {
        &self.index.names
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("writer", &self.writer).finish_non_exhaustive()
    }
}

/// Builds a [`SqliteStore`].
#[must_use = "call `.build()` to get a SqliteStore"]
#[derive(Debug)]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    capacity: usize,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "session")]
    max_per_user: Option<usize>,
}

const ALLOWED_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(60);
/// The capacity bounds the memory of the revocation records and the time to open the file.
const ALLOWED_CAPACITY: RangeInclusive<usize> = 1..=100_000_000;

impl SqliteStoreBuilder {
    /// Sets the maximum number of revocation records, and the maximum number of token families: 1
    /// to 100,000,000. Default: 1,000,000.
    ///
    /// If the store is full, new revocations and logins fail, because a store never removes a
    /// record before its expiry. A revocation record takes about 100 bytes in the file, and 150 to
    /// 220 bytes in memory. A token family takes about 180 bytes in the file.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// Sets the timeout of a call, and of opening the file: 10 milliseconds to 60 seconds. Default:
    /// 5 seconds.
    ///
    /// A call waits for a lock of another program for at most half of the timeout. A call that
    /// fails with a timeout may still be executed later.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum number of logins per user in the token family store: 1 to 1000. At the
    /// limit, a new login replaces the user's oldest login. Default: 100.
    #[cfg(feature = "session")]
    pub fn max_per_user(mut self, logins: usize) -> Self {
        self.max_per_user = Some(logins);
        self
    }

    /// Sets the clock of both stores, for tests. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the file, or creates it with the mode `0600`, and starts the thread `paseto-sqlite`.
    /// This call blocks the thread.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting is out of range, or if the file
    ///
    /// - cannot be created or is read-only,
    /// - is not a state file, or has the format of a newer version of this crate,
    /// - is damaged,
    /// - is locked by another program for longer than the timeout, or
    /// - is on a file system without the locks that SQLite needs.
    pub fn build(self) -> Result<SqliteStore, ConfigError> {
        let expected = "10 milliseconds to 60 seconds";
        check_range("timeout", self.timeout, ALLOWED_TIMEOUT, expected)?;
        if !ALLOWED_CAPACITY.contains(&self.capacity) {
            let problem = format!("expected 1 to 100000000 records, found {}", self.capacity);
            return Err(ConfigError::setting("capacity", problem));
        }
        #[cfg(feature = "session")]
        check_per_user(self.max_per_user)?;
        let opened = file::open(&self.path, self.timeout)?;
        let (path, identity) = (&opened.path, opened.identity);
        let index = Index::new(opened.reader, identity.clone(), opened.key, self.clock);
        let index = Arc::new(index);
        file::retry(opened.deadline, || index.load_all(self.capacity))
            .map_err(|error| file::open_error(path, &error))?
            .map_err(|problem| file::about(path, &problem))?;
        let writer = Writer::start(
            opened.writer,
            (opened.path.clone(), identity),
            Arc::clone(&index),
            self.capacity,
            self.timeout,
        )
        .map_err(|error| {
            ConfigError::setting(
                "path",
                format!("cannot start the thread `paseto-sqlite`: {error}"),
            )
        })?;
        Ok(SqliteStore {
            writer: Arc::new(writer),
            index,
            #[cfg(feature = "session")]
            max_per_user: self.max_per_user,
        })
    }
}

/// The error of a state file: a damaged or locked file, a full disk, or a timeout.
///
/// The message contains the path of the file. As a response, the error is `503` with
/// `Retry-After`. The response does not contain the message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("SQLite: {0}")]
pub struct SqliteError(pub(crate) String);

impl ResponseError for SqliteError {
    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = %self, "the state file failed");
        problem(self.status_code())
    }
}
