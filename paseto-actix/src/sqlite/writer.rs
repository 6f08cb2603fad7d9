//! The thread that writes to the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::SqliteError;
use super::batch::Batch;
use super::file::{FileIdentity, explain, is_busy, retry};
use super::index::Index;

/// The maximum number of calls that wait for the thread.
const QUEUE: usize = 1024;
/// The time after which the thread removes expired rows if no call arrives.
const IDLE: Duration = Duration::from_secs(60);

/// Sends calls to the thread. The thread ends when the writer is dropped.
pub(super) struct Writer {
    jobs: SyncSender<Box<dyn Job>>,
    path: Arc<Path>,
    timeout: Duration,
}

/// A call. The thread runs it in a transaction, and replies after the transaction has ended.
trait Job: Send {
    /// Returns whether the changes of this call are to be stored. Returns an error that affects all
    /// calls.
    fn run(&mut self, batch: &Batch<'_>) -> rusqlite::Result<bool>;
    fn reply(self: Box<Self>, outcome: Result<(), SqliteError>, path: &Path);
}

struct Call<F, T> {
    work: Option<F>,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T, SqliteError>>,
}

impl<F, T> Job for Call<F, T>
where
    F: FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, batch: &Batch<'_>) -> rusqlite::Result<bool> {
        // The caller has stopped waiting.
        if self.reply.is_closed() {
            return Ok(true);
        }
        let Some(work) = self.work.take() else { return Ok(true) };
        match work(batch) {
            Err(error) if is_general(&error) => Err(error),
            result => {
                let is_done = result.is_ok();
                self.result = Some(result);
                Ok(is_done)
            }
        }
    }

    fn reply(self: Box<Self>, outcome: Result<(), SqliteError>, path: &Path) {
        // Without a result, the sender is dropped, and the caller gets an error.
        let result = match outcome {
            Ok(()) => {
                let explained = |error: rusqlite::Error| about(path, &explain(&error));
                self.result.map(|result| result.map_err(explained))
            }
            Err(error) => Some(Err(error)),
        };
        if let Some(result) = result {
            // `Err` means that the caller has stopped waiting.
            let _ = self.reply.send(result);
        }
    }
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        (path, identity): (PathBuf, FileIdentity),
        index: Arc<Index>,
        capacity: usize,
        timeout: Duration,
    ) -> std::io::Result<Self> {
        let (jobs, received) = sync_channel(QUEUE);
        let path: Arc<Path> = path.into();
        let file = Thread {
            connection,
            identity,
            path: Arc::clone(&path),
            index,
            capacity,
            // So that the caller gets the error of the lock, and not a timeout.
            lock_timeout: timeout / 2,
        };
        thread::Builder::new()
            .name("paseto-sqlite".to_owned())
            .spawn(move || file.serve(&received))?;
        Ok(Self { jobs, path, timeout })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqliteError> {
        let (reply, result) = oneshot::channel();
        let call = Call { work: Some(work), result: None, reply };
        self.jobs.try_send(Box::new(call)).map_err(|error| match error {
            TrySendError::Full(_) => self.about(&format!(
                "{QUEUE} calls wait for the disk: check the disk, or reduce the load"
            )),
            TrySendError::Disconnected(_) => self.about(ENDED),
        })?;
        match tokio::time::timeout(self.timeout, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(self.about(ENDED)),
            Err(_) => Err(self.about(&format!(
                "no write within {:?}: check the disk, or raise `.timeout(..)`",
                self.timeout
            ))),
        }
    }

    pub(super) fn error(&self, error: &rusqlite::Error) -> SqliteError {
        self.about(&explain(error))
    }

    fn about(&self, problem: &str) -> SqliteError {
        about(&self.path, problem)
    }
}

const ENDED: &str = "the thread `paseto-sqlite` has panicked: restart the process";

fn about(path: &Path, problem: &str) -> SqliteError {
    SqliteError(format!("`{}`: {problem}", path.display()))
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("path", &self.path)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The state of the thread.
struct Thread {
    connection: Connection,
    index: Arc<Index>,
    path: Arc<Path>,
    identity: FileIdentity,
    capacity: usize,
    lock_timeout: Duration,
}

impl Thread {
    fn serve(self, received: &Receiver<Box<dyn Job>>) {
        let mut idle = IDLE;
        loop {
            let mut jobs = match received.recv_timeout(idle) {
                Ok(job) => vec![job],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // All waiting calls share one transaction, and so one write to the disk.
            jobs.extend(received.try_iter().take(QUEUE - 1));
            let is_idle = jobs.is_empty();
            let outcome = self.transaction(&mut jobs);
            if is_idle && let Err(error) = &outcome {
                let error = explain(error);
                tracing::error!(error, "expired rows of the state file cannot be removed");
            }
            // Calls wait for one transaction at most, so each transaction removes a part of the
            // expired rows.
            idle = if is_idle && matches!(outcome, Ok(true)) { Duration::ZERO } else { IDLE };
            let outcome = outcome.map(drop).map_err(|error| about(&self.path, &explain(&error)));
            for job in jobs {
                job.reply(outcome.clone(), &self.path);
            }
        }
    }

    /// Runs calls in one transaction, and removes expired rows. Returns whether more rows may have
    /// expired.
    fn transaction(&self, jobs: &mut [Box<dyn Job>]) -> rusqlite::Result<bool> {
        self.identity.check()?;
        let deadline = Instant::now() + self.lock_timeout;
        let transaction = retry(deadline, || {
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
        })?;
        let batch = Batch {
            connection: &transaction,
            now: self.index.clock.now(),
            capacity: self.capacity,
            hash: &self.index.names.0,
        };
        let more = batch.remove_expired()?;
        for job in jobs {
            // The failure of a call, for example at a damaged row, must not affect the others.
            transaction.execute_batch("SAVEPOINT call")?;
            if !job.run(&batch)? {
                transaction.execute_batch("ROLLBACK TO call")?;
            }
            transaction.execute_batch("RELEASE call")?;
        }
        transaction.commit()?;
        Ok(more)
    }
}

/// Returns whether an error affects all calls.
fn is_general(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let is_of_system = matches!(
        code,
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory)
    );
    is_of_system || is_busy(error)
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::process;

    use ::time::OffsetDateTime;

    use super::*;
    use crate::records::Record;
    use crate::sqlite::file;

    #[test]
    fn idle_thread_removes_all_expired_rows() {
        let folder = env::temp_dir().join(format!("paseto-actix-idle-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        let opened = file::open(&folder.join("state.sqlite"), Duration::from_secs(20)).unwrap();
        let now = OffsetDateTime::now_utc();
        let clock = Arc::new(move || now);
        let index = Arc::new(Index::new(opened.reader, opened.identity.clone(), opened.key, clock));
        let thread = Thread {
            connection: opened.writer,
            identity: opened.identity,
            path: opened.path.into(),
            capacity: 10_000,
            lock_timeout: Duration::from_secs(20),
            index,
        };
        let transaction = thread.connection.unchecked_transaction().unwrap();
        let (hash, names) = (&thread.index.names.0, &thread.index.names);
        let batch = Batch { connection: &transaction, now, capacity: 10_000, hash };
        let second = ::time::Duration::SECOND;
        for number in 0..1200 {
            let until = if number == 0 { now + second } else { now - second };
            let record = Record { until, generation: 0, except: None };
            batch.set_revocation("token", names.token("", &number.to_string()), record).unwrap();
        }
        transaction.commit().unwrap();
        while thread.transaction(&mut []).unwrap() {}
        let count = "SELECT count(*) FROM revocations";
        let count: i64 = thread.connection.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
