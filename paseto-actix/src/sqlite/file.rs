//! Opens a state file, and checks that it is one.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::ffi::SQLITE_READONLY_DBMOVED;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::ConfigError;
use crate::random::random_bits;

/// `PRAGMA application_id`: `PaAx` in ASCII.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"PaAx");
/// `PRAGMA user_version`: the version of [`SCHEMA`].
const FORMAT_VERSION: i32 = 1;

/// The triggers count the rows, because `count(*)` reads all of them. The columns `…_at` are
/// computed when a person reads them.
const SCHEMA: &str = include_str!("schema.sql");

/// The delay between two attempts to get a lock.
const RETRY: Duration = Duration::from_micros(500);

pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) identity: FileIdentity,
    pub(super) writer: Connection,
    pub(super) reader: Connection,
    pub(super) key: [u8; 16],
    pub(super) deadline: Instant,
}

/// Opens the file, or creates it. Waits for locks of other processes until the timeout.
pub(super) fn open(path: &Path, timeout: Duration) -> Result<Opened, ConfigError> {
    // POSIX releases all locks of a process on a file when the process closes one of its handles.
    // So the handle of `create` must not close while another thread opens the same file.
    static OPENING: Mutex<()> = Mutex::new(());
    let _one = OPENING.lock().unwrap_or_else(PoisonError::into_inner);

    let path = create(path)?;
    let deadline = Instant::now() + timeout;
    let error = |error| open_error(&path, &error);
    let identity = FileIdentity::of(&path);
    let (writer, reader) = (connect(&path, deadline)?, connect(&path, deadline)?);
    // The connections are open. They have this file, if the path still names it.
    identity.check().map_err(error)?;
    retry(deadline, || identify(&writer)).map_err(error)?.map_err(|p| about(&path, &p))?;
    // Several pragmas return a row, so `query_row` runs them.
    let pragma = |text: &str| writer.query_row(text, [], |row| row.get::<_, String>(0));
    let mode = retry(deadline, || pragma("PRAGMA journal_mode = WAL")).map_err(error)?;
    if mode != "wal" {
        return Err(about(&path, "the file system has no shared memory: choose a local disk"));
    }
    let new_key = random_bits().map_err(|error| about(&path, &error.to_string()))?;
    retry(deadline, || create_schema(&writer, &new_key)).map_err(error)?;
    let problem = retry(deadline, || pragma("PRAGMA quick_check(1)")).map_err(error)?;
    if problem != "ok" {
        return Err(about(&path, &format!("the file is damaged ({problem}): {RESTORE}")));
    }
    let key = retry(deadline, || {
        let key = "SELECT value FROM settings WHERE name = 'hash_key'";
        writer.query_row(key, [], |row| row.get(0))
    });
    let key = key.map_err(error)?;
    retry(deadline, || reader.execute_batch("PRAGMA query_only = ON")).map_err(error)?;
    Ok(Opened { writer, reader, key, path, identity, deadline })
}

/// The path of a file, and the file that the path names.
#[derive(Clone)]
pub(super) struct FileIdentity {
    #[cfg(unix)]
    path: PathBuf,
    /// The device and the inode.
    #[cfg(unix)]
    id: Option<(u64, u64)>,
}

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), id: file_id(path) }
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Self {
        Self {}
    }

    /// Returns an error if the path names another file. A new process would then use that file, and
    /// this process would not see its revocations.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        #[cfg(unix)]
        if self.id.is_none() || self.id != file_id(&self.path) {
            let code = rusqlite::ffi::Error::new(SQLITE_READONLY_DBMOVED);
            let problem = "the file was moved or deleted while the process uses it";
            return Err(rusqlite::Error::SqliteFailure(code, Some(problem.to_owned())));
        }
        Ok(())
    }
}

#[cfg(unix)]
fn file_id(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Creates an empty file with the mode `0600`, if it does not exist. Returns the path without
/// symbolic links.
fn create(path: &Path) -> Result<PathBuf, ConfigError> {
    let failed = |action: &str, error: io::Error| {
        about(
            path,
            &format!(
                "cannot {action} ({error}): create the folder, grant the process write access to it, or choose another path"
            ),
        )
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("create the file", error));
        }
        // SQLite opens it again.
        Ok(_) | Err(_) => {}
    }
    // SQLite on Windows does not accept the result of `canonicalize`.
    let path = if cfg!(unix) { fs::canonicalize(path) } else { std::path::absolute(path) };
    let path = path.map_err(|error| failed("open the file", error))?;
    if !path.is_file() {
        return Err(about(&path, "not a file: choose another path"));
    }
    // The entry in the folder must survive a loss of power, also if another process created it.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed("write to the folder", error))?;
    }
    Ok(path)
}

fn connect(path: &Path, deadline: Instant) -> Result<Connection, ConfigError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let error = |error| open_error(path, &error);
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    if connection.is_readonly("main").map_err(error)? {
        return Err(about(path, "the file is read-only: grant the process write access to it"));
    }
    // `retry` waits for locks, because the waits of SQLite are up to 100 ms apart.
    connection.busy_timeout(Duration::ZERO).map_err(error)?;
    // The pragmas `fullfsync` are for macOS, whose `fsync` does not wait for the disk. The limit is
    // 16 MiB for `…-wal`, which grows while another program reads.
    let settings = "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;
        PRAGMA checkpoint_fullfsync = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
        PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY";
    retry(deadline, || connection.execute_batch(settings)).map_err(error)?;
    Ok(connection)
}

/// Checks that the database is empty or has the schema of this version. It does not change a file
/// of another program.
fn identify(connection: &Connection) -> rusqlite::Result<Result<(), String>> {
    // One statement, so that both numbers are of the same time.
    let read = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id, pragma_user_version";
    let found =
        connection.query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match found {
        (0, 0, 0) | (APPLICATION_ID, FORMAT_VERSION, _) => Ok(()),
        (APPLICATION_ID, version, _) => Err(format!(
            "expected the format version {FORMAT_VERSION}, found {version}: use the version of \
             paseto-actix that created the file, or choose another path"
        )),
        _ => Err("the file is the database of another program: choose another path".to_owned()),
    })
}

/// Creates the tables, unless another process has created them.
fn create_schema(connection: &Connection, key: &[u8; 16]) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let id: i32 = transaction.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id != 0 {
        return Ok(());
    }
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO settings VALUES ('hash_key', ?1)", [&key[..]])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT_VERSION)?;
    transaction.commit()
}

/// Repeats a call until no other process holds a lock, at most until the deadline.
pub(super) fn retry<T>(
    deadline: Instant,
    mut call: impl FnMut() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    loop {
        match call() {
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(RETRY),
            result => return result,
        }
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

pub(super) fn open_error(path: &Path, error: &rusqlite::Error) -> ConfigError {
    about(path, &explain(error))
}

pub(super) fn about(path: &Path, problem: &str) -> ConfigError {
    ConfigError::setting("path", format!("`{}`: {problem}", path.display()))
}

const RESTORE: &str = "restore a backup, or move the file away, which ends all logins";

/// Returns the cause of an error, and the action of the operator. Messages of SQLite contain no
/// values of rows.
pub(super) fn explain(error: &rusqlite::Error) -> String {
    if error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_READONLY_DBMOVED) {
        return format!("{error}: restart the process");
    }
    let action = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            return "the file is not an SQLite database: choose another path, or restore a backup"
                .to_owned();
        }
        Some(ErrorCode::DatabaseCorrupt) => RESTORE,
        Some(ErrorCode::DiskFull) => "free space on the disk",
        Some(ErrorCode::ReadOnly) => "grant the process write access to the file",
        Some(ErrorCode::CannotOpen) => "grant the process access to the file and its folder",
        Some(ErrorCode::SystemIoFailure) => "check the disk",
        _ if is_busy(error) => "end the other program that locks the file, or raise `.timeout(..)`",
        Some(_) => "check the file",
        // A row of another type than expected, or a missing table.
        None => RESTORE,
    };
    format!("{error}: {action}")
}
