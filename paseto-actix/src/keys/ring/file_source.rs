//! Rings whose keys come from a key file.

use std::borrow::Cow;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::KeyRing;
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::keys::file::ContentHash;
use crate::keys::{KeyFile, KeySchedule, KeyStatus, RingKey};

/// An error that continues is logged once per this number of attempts.
const ATTEMPTS_PER_LOG_LINE: u32 = 60;

/// The file that the keys of a ring come from.
pub(super) struct Source {
    file: KeyFile,
    state: Mutex<FileState>,
}

struct FileState {
    /// The hash of the content at the last attempt to read the file.
    hash: ContentHash,
    /// The error of this attempt.
    error: Option<ConfigError>,
    /// The number of attempts in a row that failed.
    failures: u32,
}

impl Source {
    fn new(file: KeyFile, hash: ContentHash) -> Self {
        Self { file, state: Mutex::new(FileState { hash, error: None, failures: 0 }) }
    }

    /// Returns the path of the file, for errors and logs.
    pub(super) fn shown(&self) -> Cow<'_, str> {
        self.file.shown()
    }
}

impl<K: RingKey> KeyRing<K> {
    /// Reads the keys from a [key file](KeyFile), and reads it again when it changes. A separate
    /// thread does this until the last clone of the ring is dropped.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidSetting`] if the file cannot be read, is not a key file for this
    ///   type of key, or has no active key, or if the thread cannot be started.
    /// - [`ConfigError::DurationOutOfRange`] if the poll interval is not 10 milliseconds to 1 hour.
    pub fn from_file(file: impl Into<KeyFile>) -> Result<Self, ConfigError> {
        let file = file.into();
        let interval = file.checked_poll_interval()?;
        let content = file.read(None)?;
        let schedule = file.parse(&content, SystemClock.now())?;
        let ring = Self::shared(schedule, Some(Source::new(file, content.hash)));
        ring.watch(interval)?;
        Ok(ring)
    }

    /// Reads the key file now, and returns whether the keys have changed. Without a key file, it
    /// returns `false`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the file cannot be read or is malformed. The keys then
    /// stay as they are, and the error is logged.
    pub fn reload(&self) -> Result<bool, ConfigError> {
        let Some(source) = &self.0.source else { return Ok(false) };
        let mut state = source.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.read_again(source, &mut state) {
            Ok(is_changed) => {
                (state.error, state.failures) = (None, 0);
                Ok(is_changed)
            }
            Err(error) => {
                // The thread reads the file often. By default, an error is logged every 10 minutes.
                let is_new = state.error.as_ref() != Some(&error);
                state.failures = if is_new { 0 } else { state.failures.wrapping_add(1) };
                if state.failures.is_multiple_of(ATTEMPTS_PER_LOG_LINE) {
                    tracing::error!(%error, "could not read the key file again: the keys stay as they are");
                }
                state.error = Some(error.clone());
                Err(error)
            }
        }
    }

    fn read_again(&self, source: &Source, state: &mut FileState) -> Result<bool, ConfigError> {
        let content = source.file.read(Some(&state.hash))?;
        // The same content can become valid, when the first key becomes active.
        if state.error.is_none() && state.hash == content.hash {
            return Ok(false);
        }
        state.hash = content.hash.clone();
        Ok(self.replace(source.file.parse(&content, self.now())?, source))
    }

    /// Replaces the keys, and returns whether they have changed.
    fn replace(&self, mut schedule: KeySchedule<K>, source: &Source) -> bool {
        let now = self.now();
        let earlier = {
            let mut current = self.write();
            schedule.inherit(&current, now);
            if current.statuses(now) == schedule.statuses(now) {
                return false;
            }
            mem::replace(&mut *current, Arc::new(schedule))
        };
        self.changed();
        let (before, after) = (earlier.statuses(now), self.current().statuses(now));
        let only_in = |keys: &[KeyStatus], others: &[KeyStatus]| {
            let is_other = |kid: &String| others.iter().any(|other| other.kid == *kid);
            let kids = keys.iter().map(|key| key.kid.clone());
            kids.filter(|kid| !is_other(kid)).collect::<Vec<_>>()
        };
        let (added, removed) = (only_in(&after, &before), only_in(&before, &after));
        let active = self.active();
        tracing::info!(file = %source.shown(), active = active.kid(), ?added, ?removed, "read changed keys from the key file");
        for entry in &earlier.entries {
            let kid = entry.key.kid();
            if entry.has_valid_tokens(now) && removed.iter().any(|removed| removed == kid) {
                tracing::warn!(file = %source.shown(), kid, "the key file lost a key whose tokens are still valid");
            }
        }
        true
    }

    fn watch(&self, interval: Duration) -> Result<(), ConfigError> {
        let ring = Arc::downgrade(&self.0);
        let watch = move || {
            // `park_timeout` can return early. An early read does no harm.
            loop {
                thread::park_timeout(interval);
                let Some(ring) = ring.upgrade() else { return };
                let _ = Self(ring).reload();
            }
        };
        let thread = thread::Builder::new().name("paseto-key-file".to_owned()).spawn(watch);
        thread.map(drop).map_err(|error| {
            ConfigError::setting("key_file", format!("could not start a thread: {error}"))
        })
    }
}
