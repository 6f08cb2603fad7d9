//! A folder with a state file of [`paseto_actix::SqliteStore`].

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use paseto_actix::SqliteStore;
use paseto_actix::clock::Clock;
use rusqlite::Connection;

/// The timeout of the stores. It is long, because other programs may use the CPU.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A new folder. It is removed when this value is dropped.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
}

impl StateFile {
    /// Creates the folder, without a file.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("paseto-actix-state-{}-{number}", process::id()));
        fs::create_dir(&folder).expect("a new folder");
        Self { folder }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of the state file.
    pub fn path(&self) -> PathBuf {
        self.folder.join("state.sqlite")
    }

    /// Opens the file with a long timeout and the clock of a test.
    pub fn open(&self, clock: impl Clock) -> SqliteStore {
        SqliteStore::builder(self.path())
            .timeout(TIMEOUT)
            .clock(clock)
            .build()
            .expect("a state file")
    }

    /// Opens the file with a short timeout, and returns the error.
    #[track_caller]
    pub fn open_error(&self) -> String {
        let store = SqliteStore::builder(self.path()).timeout(Duration::from_millis(10)).build();
        let error = store.expect_err("an error").to_string();
        assert!(error.contains("state.sqlite`: "), "the error contains the path: {error}");
        error
    }

    /// Opens the file without the library, as the program `sqlite3` does.
    pub fn database(&self) -> Connection {
        Connection::open(self.path()).expect("a database")
    }

    /// Returns the number of rows of a table.
    pub fn rows(&self, table: &str) -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        self.database().query_row(&count, [], |row| row.get(0)).expect("a table")
    }
}

impl Default for StateFile {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        // On Windows, the thread of a store may still have the file open.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
