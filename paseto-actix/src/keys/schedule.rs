use std::cmp;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::entry::Entry;
use super::ring_key::RingKey;
use super::{KeyState, KeyStatus};
use crate::error::ConfigError;
use crate::limits::RECORD_SLACK;

/// Keys, each with the time from which it is active.
///
/// A key is [announced, then active, then retired](KeyState). The key with the newest
/// `activates_at` that is not in the future is active. So all processes with the same schedule and
/// correct clocks change the active key at the same moment. If two keys have the same time, the key
/// that was added later is active.
///
/// A schedule has at most 64 signing keys ([`SecretKey`](super::SecretKey)), or at most 8 symmetric
/// keys ([`LocalKey`](super::LocalKey)), because decryption tries every key.
///
/// A [`KeyRing`](super::KeyRing) shares a schedule. [`from_json`](Self::from_json) reads the
/// content of a key file.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::SecretKey;
/// use paseto_actix::keys::{KeySchedule, KeyState};
/// use paseto_actix::time::OffsetDateTime;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let now = OffsetDateTime::now_utc();
/// let (old, new) = (SecretKey::generate(), SecretKey::generate());
/// let mut schedule = KeySchedule::new(old.clone());
/// schedule.announce(new.clone(), Some(now + Duration::from_secs(3600)))?;
/// assert_eq!(schedule.active(now).kid(), old.kid());
///
/// let tomorrow = now + Duration::from_secs(24 * 3600);
/// assert_eq!(schedule.active(tomorrow).kid(), new.kid());
/// assert_eq!(schedule.statuses(tomorrow)[0].state, KeyState::Retired);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeySchedule<K> {
    /// The keys with a time, in the order of their times, then the keys without a time. Never
    /// empty.
    pub(super) entries: Vec<Entry<K>>,
}

impl<K: RingKey> KeySchedule<K> {
    /// Creates a schedule with one key, which is active.
    #[must_use]
    pub fn new(active: K) -> Self {
        Self { entries: vec![Entry::new(active, Some(OffsetDateTime::UNIX_EPOCH))] }
    }

    /// Adds a key. It becomes active at the given time. Without a time, it stays announced until
    /// [`activate`](Self::activate).
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DuplicateKey`] if the schedule contains the key.
    /// - [`ConfigError::InvalidSetting`] if the schedule is full, or if RFC 3339 cannot represent
    ///   the time.
    pub fn announce(
        &mut self,
        key: K,
        activates_at: Option<OffsetDateTime>,
    ) -> Result<(), ConfigError> {
        let entry = Entry::new(key, activates_at);
        self.check_new(&entry)?;
        self.insert(entry);
        Ok(())
    }

    /// Makes a key active from now on. The key that was active is retired. A retired key can become
    /// active again.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the schedule does not contain the key.
    pub fn activate(&mut self, kid: &str, now: OffsetDateTime) -> Result<(), ConfigError> {
        let index = self.position(kid)?;
        if index != self.active_index(now) {
            let key = self.entries.remove(index);
            self.insert(Entry { activates_at: Some(now), retired_at: None, ..key });
        }
        Ok(())
    }

    /// Withdraws an announced key. A key that has signed tokens is retired. Another key is removed.
    /// For a retired key, nothing changes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the schedule does not contain the key, or if the key is
    /// active.
    pub fn retire(&mut self, kid: &str, now: OffsetDateTime) -> Result<(), ConfigError> {
        let index = self.inactive_position(kid, now)?;
        if self.state(index, now) == KeyState::Announced {
            let mut entry = self.entries.remove(index);
            if entry.has_valid_tokens(now) {
                // The key becomes a predecessor of the active key.
                let active = self.active_index(now);
                entry.activates_at = self.entries[active].activates_at;
                entry.retired_at = Some(now);
                self.entries.insert(active, entry);
            }
        }
        Ok(())
    }

    /// Removes a key at once. Its tokens become invalid, for example because the key was stolen.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the schedule does not contain the key, or if the key is
    /// active.
    pub fn remove(&mut self, kid: &str, now: OffsetDateTime) -> Result<(), ConfigError> {
        let index = self.inactive_position(kid, now)?;
        self.entries.remove(index);
        Ok(())
    }

    /// Removes the retired keys whose last token has expired, and returns their key IDs.
    ///
    /// `max_ttl` is the maximum lifetime of the tokens. A key is removed `max_ttl` plus 5 minutes
    /// (the longest leeway) plus 5 seconds after its retirement. A key whose time of retirement is
    /// not known stays.
    pub fn remove_expired(&mut self, now: OffsetDateTime, max_ttl: Duration) -> Vec<String> {
        let expired: Vec<_> = (0..self.entries.len())
            .filter(|index| self.is_expired(*index, now, max_ttl))
            .map(|index| self.entries[index].key.kid().to_owned())
            .collect();
        self.entries.retain(|entry| !expired.iter().any(|kid| kid == entry.key.kid()));
        expired
    }

    /// Returns the active key. If the time is before the first activation, it returns the first
    /// key.
    #[must_use]
    pub fn active(&self, now: OffsetDateTime) -> &K {
        &self.entries[self.active_index(now)].key
    }

    /// Returns the ID, the state and the times of each key, in the order of their activation.
    #[must_use]
    pub fn statuses(&self, now: OffsetDateTime) -> Vec<KeyStatus> {
        let is_known = |time: &OffsetDateTime| *time > OffsetDateTime::UNIX_EPOCH;
        (0..self.entries.len())
            .map(|index| KeyStatus {
                kid: self.entries[index].key.kid().to_owned(),
                state: self.state(index, now),
                activates_at: self.entries[index].activates_at.filter(is_known),
                retired_at: self.retired_at(index).filter(|time| *time <= now),
            })
            .collect()
    }

    pub(super) fn from_entries(
        keys: impl IntoIterator<Item = (K, Option<OffsetDateTime>)>,
    ) -> Result<Self, ConfigError> {
        let mut schedule = Self { entries: Vec::new() };
        for (key, activates_at) in keys {
            schedule.announce(key, activates_at)?;
        }
        // The first key has a time, unless no key has one.
        schedule.check_active(OffsetDateTime::new_utc(time::Date::MAX, time::Time::MIDNIGHT))?;
        Ok(schedule)
    }

    /// Adds a retired key whose time of retirement is not known.
    pub(super) fn insert_retired(&mut self, key: K) -> Result<(), ConfigError> {
        let entry = Entry::new(key, Some(OffsetDateTime::UNIX_EPOCH));
        self.check_new(&entry)?;
        self.entries.insert(0, entry);
        Ok(())
    }

    /// Rejects a schedule without an active key.
    pub(super) fn check_active(&self, now: OffsetDateTime) -> Result<(), ConfigError> {
        if self.entries.first().is_some_and(|entry| entry.is_due(now)) {
            return Ok(());
        }
        Err(ConfigError::setting("keys", NO_ACTIVE_KEY))
    }

    /// Returns the keys whose tokens are accepted, the active key first, then the other keys from
    /// the newest to the oldest.
    pub(crate) fn accepted(
        &self,
        now: OffsetDateTime,
        max_ttl: Duration,
    ) -> impl Iterator<Item = (&K, KeyState)> {
        let active = self.active_index(now);
        let others = (0..self.entries.len()).rev().filter(move |index| *index != active);
        iter::once(active)
            .chain(others.filter(move |index| !self.is_expired(*index, now, max_ttl)))
            .map(move |index| (&self.entries[index].key, self.state(index, now)))
    }

    /// Returns the key with this ID, unless it is retired.
    pub(crate) fn signing(&self, now: OffsetDateTime, kid: &str) -> Option<&K> {
        let index = self.position(kid).ok()?;
        (self.state(index, now) != KeyState::Retired).then_some(&self.entries[index].key)
    }

    /// Records that a token of this key is valid until `expiry`, a Unix time. Later schedules of
    /// the same ring share the record.
    pub(crate) fn record_expiry(&self, kid: &str, expiry: i64) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key.kid() == kid) {
            entry.last_expiry.fetch_max(expiry, Ordering::Relaxed);
        }
    }

    /// Takes the knowledge of this process about the keys from an earlier schedule.
    pub(super) fn inherit(&mut self, earlier: &Self, now: OffsetDateTime) {
        let was_active = earlier.active(now).kid();
        for index in 0..self.entries.len() {
            let is_retired = self.state(index, now) == KeyState::Retired;
            let entry = &mut self.entries[index];
            let Ok(known) = earlier.position(entry.key.kid()) else { continue };
            let known = &earlier.entries[known];
            entry.last_expiry = Arc::clone(&known.last_expiry);
            if is_retired {
                // The `activates_at` of the next key can be in the past, but the key has signed
                // until now.
                let until_now = (entry.key.kid() == was_active).then_some(now);
                entry.retired_at = until_now.or(known.retired_at);
            }
        }
    }

    /// Returns the times at which the active key changes or a key expires.
    pub(super) fn changes(&self, max_ttl: Duration) -> impl Iterator<Item = OffsetDateTime> {
        let expiries = (0..self.entries.len()).filter_map(move |i| self.expires_at(i, max_ttl));
        let of_tokens = self.entries.iter().filter_map(Entry::tokens_valid_until);
        let activations = self.entries.iter().filter_map(|entry| entry.activates_at);
        activations.chain(expiries).chain(of_tokens)
    }

    fn active_index(&self, now: OffsetDateTime) -> usize {
        self.entries.partition_point(|entry| entry.is_due(now)).saturating_sub(1)
    }

    fn state(&self, index: usize, now: OffsetDateTime) -> KeyState {
        match index.cmp(&self.active_index(now)) {
            cmp::Ordering::Less => KeyState::Retired,
            cmp::Ordering::Equal => KeyState::Active,
            cmp::Ordering::Greater => KeyState::Announced,
        }
    }

    /// Returns the time at which a key is retired, if it is known.
    fn retired_at(&self, index: usize) -> Option<OffsetDateTime> {
        let successor = self.entries.get(index + 1)?.activates_at;
        let is_known = |time: &OffsetDateTime| *time > OffsetDateTime::UNIX_EPOCH;
        self.entries[index].retired_at.or(successor.filter(is_known))
    }

    /// Returns the time at which the last token of a key has expired.
    fn expires_at(&self, index: usize, max_ttl: Duration) -> Option<OffsetDateTime> {
        let max_ttl = time::Duration::try_from(max_ttl).unwrap_or(time::Duration::MAX);
        let last = self.retired_at(index)?.saturating_add(max_ttl);
        Some(last.saturating_add(RECORD_SLACK))
    }

    fn is_expired(&self, index: usize, now: OffsetDateTime, max_ttl: Duration) -> bool {
        self.state(index, now) == KeyState::Retired
            && self.expires_at(index, max_ttl).is_some_and(|time| time <= now)
            && !self.entries[index].has_valid_tokens(now)
    }

    fn check_new(&self, entry: &Entry<K>) -> Result<(), ConfigError> {
        if entry.activates_at.is_some_and(|time| time.format(&Rfc3339).is_err()) {
            let problem = "expected a time of RFC 3339: at most the year 9999, and an offset in whole minutes";
            return Err(ConfigError::setting("activates_at", problem));
        }
        if self.position(entry.key.kid()).is_ok() {
            return Err(ConfigError::DuplicateKey { kid: entry.key.kid().to_owned() });
        }
        if self.entries.len() >= K::MAX_KEYS {
            let problem = format!(
                "expected at most {} keys: remove the keys whose tokens have expired",
                K::MAX_KEYS
            );
            return Err(ConfigError::setting("keys", problem));
        }
        Ok(())
    }

    fn insert(&mut self, entry: Entry<K>) {
        let is_before = |other: &Entry<K>| match (other.activates_at, entry.activates_at) {
            (Some(other), Some(time)) => other <= time,
            (Some(_), None) | (None, None) => true,
            (None, Some(_)) => false,
        };
        self.entries.insert(self.entries.partition_point(is_before), entry);
    }

    fn position(&self, kid: &str) -> Result<usize, ConfigError> {
        self.entries.iter().position(|entry| entry.key.kid() == kid).ok_or_else(|| {
            // A key in place of its ID must not appear in a log.
            let is_id = kid.starts_with("k4.pid.") || kid.starts_with("k4.lid.");
            let shown = if is_id { kid } else { "(not a key ID)" };
            ConfigError::setting(
                "kid",
                format!("there is no key {shown}: pass the ID of a key of this schedule or ring"),
            )
        })
    }

    fn inactive_position(&self, kid: &str, now: OffsetDateTime) -> Result<usize, ConfigError> {
        let index = self.position(kid)?;
        if index == self.active_index(now) {
            let problem = format!("the key {kid} is active: activate another key first");
            return Err(ConfigError::setting("kid", problem));
        }
        Ok(index)
    }
}

const NO_ACTIVE_KEY: &str = "no key is active: set `activates_at` of one key to a time in the past";

impl<K: RingKey> fmt::Debug for KeySchedule<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |entry: &Entry<K>| (entry.key.kid().to_owned(), entry.activates_at);
        f.debug_map().entries(self.entries.iter().map(shown)).finish()
    }
}
