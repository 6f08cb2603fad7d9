//! A schedule of either kind of keys.

use std::time::Duration;

use paseto_actix::keys::{KeySchedule, KeyStatus};
use paseto_actix::time::OffsetDateTime;
use paseto_actix::{ConfigError, LocalKey, SecretKey};
use zeroize::Zeroizing;

/// The keys of a file. All keys of a file have the same type.
#[derive(Debug)]
pub(super) enum AnySchedule {
    Secret(KeySchedule<SecretKey>),
    Local(KeySchedule<LocalKey>),
}

macro_rules! either {
    ($schedule:expr, $keys:ident => $call:expr) => {
        match $schedule {
            AnySchedule::Secret($keys) => $call,
            AnySchedule::Local($keys) => $call,
        }
    };
}

impl AnySchedule {
    /// Reads the content of a key file.
    pub(super) fn from_json(text: &str) -> Result<Self, ConfigError> {
        // The library rejects a file with both types, and a type that it does not know.
        if text.contains("\"k4.local") {
            KeySchedule::from_json(text).map(Self::Local)
        } else {
            KeySchedule::from_json(text).map(Self::Secret)
        }
    }

    pub(super) fn to_json(&self) -> Zeroizing<String> {
        either!(self, keys => keys.to_json())
    }

    pub(super) fn statuses(&self, now: OffsetDateTime) -> Vec<KeyStatus> {
        either!(self, keys => keys.statuses(now))
    }

    /// Returns the limit of the library for the number of keys.
    pub(super) fn max_keys(&self) -> usize {
        match self {
            Self::Secret(_) => 64,
            Self::Local(_) => 8,
        }
    }

    /// Adds a new key. Returns its ID, and its public key if it is a signing key.
    pub(super) fn announce_new_key(
        &mut self,
        activates_at: OffsetDateTime,
    ) -> Result<(String, Option<String>), ConfigError> {
        match self {
            Self::Secret(keys) => {
                let key = SecretKey::generate();
                let names = names(&key);
                keys.announce(key, Some(activates_at)).map(|()| names)
            }
            Self::Local(keys) => {
                let key = LocalKey::generate();
                let kid = key.kid().to_owned();
                keys.announce(key, Some(activates_at)).map(|()| (kid, None))
            }
        }
    }

    /// Returns the ID of the active key, and its public key if it is a signing key.
    pub(super) fn active(&self, now: OffsetDateTime) -> (String, Option<String>) {
        match self {
            Self::Secret(keys) => names(keys.active(now)),
            Self::Local(keys) => (keys.active(now).kid().to_owned(), None),
        }
    }

    pub(super) fn remove(&mut self, kid: &str, now: OffsetDateTime) -> Result<(), ConfigError> {
        either!(self, keys => keys.remove(kid, now))
    }

    /// Removes the retired keys whose tokens have expired, and returns their IDs.
    pub(super) fn remove_expired(&mut self, now: OffsetDateTime, max_ttl: Duration) -> Vec<String> {
        either!(self, keys => keys.remove_expired(now, max_ttl))
    }
}

fn names(key: &SecretKey) -> (String, Option<String>) {
    (key.kid().to_owned(), Some(key.public_key().to_paserk()))
}

impl From<SecretKey> for AnySchedule {
    fn from(key: SecretKey) -> Self {
        Self::Secret(KeySchedule::new(key))
    }
}

impl From<LocalKey> for AnySchedule {
    fn from(key: LocalKey) -> Self {
        Self::Local(KeySchedule::new(key))
    }
}
