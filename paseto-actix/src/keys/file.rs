//! Key files: reads a schedule from a file, and reads it again when the file changes.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::ring_key::RingKey;
use super::{Blake2b, KeySchedule, clear_stack_after};
use crate::error::ConfigError;
use crate::limits::check_range;

/// The maximum length of a file with keys or another secret, in bytes.
pub(crate) const MAX_FILE_LEN: usize = 64 * 1024;

/// Reads a file, but not far beyond [`MAX_FILE_LEN`]. The buffer does not grow, so that freed memory
/// does not contain a copy of a key.
pub(crate) fn read_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_LEN + 64));
    File::open(path)?.take(MAX_FILE_LEN as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// A file with a [`KeySchedule`] in its [JSON form](KeySchedule::from_json).
///
/// All replicas of a service can read the same file. Each of them reads it again when its content
/// changes, and makes a key active at its `activates_at`. So the replicas rotate keys at the same
/// moment and without a restart.
///
/// If the new content is malformed, incomplete or empty, or if no key is active, the keys stay as
/// they are and an error is logged. Write the new content to another file and rename it, so that
/// readers never see a part of it.
///
/// The file must be a regular file of at most 64 KiB. On Unix, a warning is logged if other users
/// can read or write it, or if its group can write it.
///
/// A path converts into a `KeyFile`, so a function that accepts `impl Into<KeyFile>` also accepts a
/// path.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::keys::KeyFile;
///
/// let file = KeyFile::new("/run/secrets/keys.json").poll_interval(Duration::from_secs(60));
/// # let _ = file;
/// ```
#[derive(Clone)]
pub struct KeyFile {
    path: PathBuf,
    poll_interval: Duration,
}

impl KeyFile {
    /// Returns a key file with this path. [`KeyRing::from_file`](super::KeyRing::from_file) reads
    /// it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), poll_interval: Duration::from_secs(10) }
    }

    /// Sets how often the file is read, 10 milliseconds to 1 hour. A separate thread reads it.
    /// [`KeyRing::from_file`](super::KeyRing::from_file) returns an error for another interval.
    /// Default: 10 seconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    pub(super) fn checked_poll_interval(&self) -> Result<Duration, ConfigError> {
        let range = Duration::from_millis(10)..=Duration::from_secs(3600);
        check_range("poll_interval", self.poll_interval, range, "10 milliseconds to 1 hour")?;
        Ok(self.poll_interval)
    }

    /// Returns the path for errors and logs, or `…` if it may be a key in place of the path.
    pub(super) fn shown(&self) -> Cow<'_, str> {
        let path = self.path.to_string_lossy();
        let may_be_key = path.contains("k4.") || path.contains(['{', '\n']);
        if may_be_key { "…".into() } else { path }
    }

    /// Reads the content, and warns of its permissions if it is not the `known` content.
    pub(super) fn read(&self, known: Option<&ContentHash>) -> Result<Content, ConfigError> {
        let (text, metadata) = self.content().map_err(|problem| self.error(&problem))?;
        let hash = ContentHash::of(&text);
        if known != Some(&hash) {
            self.warn_of_permissions(&metadata);
        }
        Ok(Content { text, hash })
    }

    pub(super) fn parse<K: RingKey>(
        &self,
        content: &Content,
        now: OffsetDateTime,
    ) -> Result<KeySchedule<K>, ConfigError> {
        let text = str::from_utf8(&content.text).map_err(|_| self.error("is not UTF-8"))?;
        clear_stack_after(|| KeySchedule::from_json(text))
            .and_then(|schedule| schedule.check_active(now).map(|()| schedule))
            .map_err(|error| self.error(&error.to_string()))
    }

    fn error(&self, problem: &str) -> ConfigError {
        ConfigError::setting("key_file", format!("`{}`: {problem}", self.shown()))
    }

    /// Returns the content and the metadata of the file.
    fn content(&self) -> Result<(Zeroizing<Vec<u8>>, fs::Metadata), String> {
        let unreadable = |error| format!("cannot read the file: {error}");
        let metadata = fs::metadata(&self.path).map_err(unreadable)?;
        // Opening a named pipe would wait for a writer.
        if !metadata.is_file() {
            return Err("is not a regular file".to_owned());
        }
        let content = read_file(&self.path).map_err(unreadable)?;
        match content.len() {
            0 => Err("is empty".to_owned()),
            1..=MAX_FILE_LEN => Ok((content, metadata)),
            _ => Err("is longer than 64 KiB".to_owned()),
        }
    }

    #[cfg(unix)]
    fn warn_of_permissions(&self, metadata: &fs::Metadata) {
        use std::os::unix::fs::PermissionsExt;

        /// Read and write for others, and write for the group.
        const TOO_OPEN: u32 = 0o026;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & TOO_OPEN != 0 {
            tracing::warn!(
                file = %self.shown(),
                mode = format_args!("{mode:03o}"),
                "other users can read or change the key file: run `chmod 600` on it"
            );
        }
    }

    #[cfg(not(unix))]
    fn warn_of_permissions(&self, _: &fs::Metadata) {}
}

impl<P: Into<PathBuf>> From<P> for KeyFile {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.shown())
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}

/// The content of a file, which may be a key file.
pub(super) struct Content {
    text: Zeroizing<Vec<u8>>,
    pub(super) hash: ContentHash,
}

/// The hash of the content of a file, to detect a change.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ContentHash([u8; 32]);

impl ContentHash {
    fn of(content: &[u8]) -> Self {
        let mut hash = Blake2b::<32>::new();
        hash.update(content);
        Self(*hash.finalize())
    }
}
