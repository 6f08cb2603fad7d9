mod file_source;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use time::OffsetDateTime;

use self::file_source::Source;
#[cfg(feature = "session")]
use super::KeyState;
use super::ring_key::RingKey;
use super::text::{ReadKey, separate};
use super::{KeySchedule, KeyStatus, LocalKey, json};
use crate::clock::{Clock, SystemClock, first_second_after};
use crate::error::ConfigError;

/// The keys of an issuer ([`SecretKey`](super::SecretKey)), of sessions, of remembered logins or of
/// refresh tokens ([`LocalKey`]). They can change at run time.
///
/// One key is active. It signs or encrypts. Announced and retired keys only verify or decrypt: see
/// [`KeyState`](super::KeyState). All clones share the same keys, so keep a clone to change the
/// keys later.
///
/// To rotate keys, [announce](Self::announce) the new key to all processes, then
/// [activate](Self::activate) it. The tokens of the old key stay valid. The next use of a session
/// encrypts it with the new key. A [key file](Self::from_file) does both steps for all processes.
///
/// When the last token of a retired key has expired, the key has no effect, and the next change
/// removes it from memory. The users of the ring set this time: an [`Issuer`](crate::Issuer), the
/// absolute timeout of sessions, the lifetime of remembered logins or of refresh tokens.
///
/// A function that accepts `impl Into<KeyRing<K>>` also accepts a single key.
///
/// ```
/// use paseto_actix::LocalKey;
/// use paseto_actix::keys::{KeyRing, KeyState};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let (old, new) = (LocalKey::generate(), LocalKey::generate());
/// let keys = KeyRing::from(old.clone());
/// keys.announce(new.clone())?;
/// assert_eq!(keys.active(), old);
///
/// keys.activate(new.kid())?;
/// assert_eq!(keys.active(), new);
/// assert_eq!(keys.statuses()[0].state, KeyState::Retired);
/// # Ok(())
/// # }
/// ```
pub struct KeyRing<K = LocalKey>(Arc<Shared<K>>);

struct Shared<K> {
    current: RwLock<Arc<KeySchedule<K>>>,
    /// Increases with each change of the schedule.
    generation: AtomicU64,
    /// The maximum lifetime in seconds of the tokens of these keys. Negative if it is not known.
    max_ttl: AtomicI64,
    clock: OnceLock<Arc<dyn Clock>>,
    source: Option<Source>,
}

impl<K: RingKey> KeyRing<K> {
    /// Creates a ring from an active key and retired keys. It has at most 64 signing keys, or at
    /// most 8 symmetric keys. These retired keys stay until [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DuplicateKey`] if a key occurs twice.
    /// - [`ConfigError::InvalidSetting`] if there are too many keys.
    pub fn new(active: K, retired: impl IntoIterator<Item = K>) -> Result<Self, ConfigError> {
        let mut schedule = KeySchedule::new(active);
        for key in retired {
            schedule.insert_retired(key)?;
        }
        Ok(Self::shared(schedule, None))
    }

    /// Reads the JSON form of a schedule, and requires an active key.
    pub(crate) fn from_json(text: &str) -> Result<Self, ConfigError> {
        let schedule = KeySchedule::from_json(text)?;
        schedule.check_active(SystemClock.now())?;
        Ok(schedule.into())
    }

    fn shared(schedule: KeySchedule<K>, source: Option<Source>) -> Self {
        Self(Arc::new(Shared {
            current: RwLock::new(Arc::new(schedule)),
            generation: AtomicU64::new(0),
            max_ttl: AtomicI64::new(-1),
            clock: OnceLock::new(),
            source,
        }))
    }

    /// Adds a key that is not active yet. `Issuer::public_keys` contains it, and its tokens can be
    /// decrypted.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DuplicateKey`] if the ring contains the key.
    /// - [`ConfigError::InvalidSetting`] if the ring is full, or if its keys come from a file.
    pub fn announce(&self, key: K) -> Result<(), ConfigError> {
        self.change(|schedule, _, _| schedule.announce(key, None))
    }

    /// Makes a key active. The key that was active is retired. A retired key can become active
    /// again.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the ring does not contain the key, or if its keys come
    /// from a file.
    pub fn activate(&self, kid: &str) -> Result<(), ConfigError> {
        self.change(|schedule, now, _| schedule.activate(kid, now))
    }

    /// Withdraws an announced key. A key that has signed tokens is retired. Another key is removed.
    /// For a retired key, nothing changes.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the ring does not contain the key, if the key is active,
    /// or if its keys come from a file.
    pub fn retire(&self, kid: &str) -> Result<(), ConfigError> {
        self.withdraw(kid, KeySchedule::retire)
    }

    /// Removes a key at once, for example because it was stolen. Its tokens become invalid.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if the ring does not contain the key, if the key is active,
    /// or if its keys come from a file.
    pub fn remove(&self, kid: &str) -> Result<(), ConfigError> {
        self.withdraw(kid, KeySchedule::remove)
    }

    /// Retires or removes a key, unless it has expired.
    fn withdraw(
        &self,
        kid: &str,
        withdraw: fn(&mut KeySchedule<K>, &str, OffsetDateTime) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        self.change(|schedule, now, expired| {
            let has_expired = expired.iter().any(|expired| expired == kid);
            if has_expired { Ok(()) } else { withdraw(schedule, kid, now) }
        })
    }

    /// Removes the expired keys, and changes the others. `change` gets the key IDs of the expired
    /// keys.
    fn change(
        &self,
        change: impl FnOnce(&mut KeySchedule<K>, OffsetDateTime, &[String]) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        if let Some(source) = &self.0.source {
            let file = source.shown();
            let problem = format!("the keys come from the key file `{file}`: change the file");
            return Err(ConfigError::setting("keys", problem));
        }
        let now = self.now();
        let outcome = {
            let mut current = self.write();
            let mut schedule = KeySchedule::clone(&current);
            let expired = schedule.remove_expired(now, self.max_ttl());
            let outcome = change(&mut schedule, now, &expired);
            if outcome.is_err() && expired.is_empty() {
                return outcome;
            }
            *current = Arc::new(schedule);
            outcome
        };
        self.changed();
        tracing::info!(keys = ?self.statuses(), "the keys of a ring have changed");
        outcome
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<KeySchedule<K>>> {
        self.0.current.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Invalidates the [versions](Self::version). Call it after the schedule was replaced.
    fn changed(&self) {
        self.0.generation.fetch_add(1, Ordering::Release);
    }

    /// Returns the active key.
    #[must_use]
    pub fn active(&self) -> K {
        self.current().active(self.now()).clone()
    }

    /// Returns the ID, the state and the times of each key, in the order of their activation. A key
    /// whose last token has expired is left out.
    #[must_use]
    pub fn statuses(&self) -> Vec<KeyStatus> {
        let (mut schedule, now) = (KeySchedule::clone(&self.current()), self.now());
        schedule.remove_expired(now, self.max_ttl());
        schedule.statuses(now)
    }

    /// Returns the current schedule.
    pub(crate) fn current(&self) -> Arc<KeySchedule<K>> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the version of the keys at this time. Read it before the keys.
    pub(crate) fn version(&self, now: OffsetDateTime) -> RingVersion {
        let generation = self.0.generation.load(Ordering::Acquire);
        let now = now.unix_timestamp();
        let mut version = RingVersion { generation, from: i64::MIN, until: i64::MAX };
        for change in self.current().changes(self.max_ttl()) {
            let (start, end) = (change.unix_timestamp(), first_second_after(change));
            if end <= now {
                version.from = version.from.max(end);
            } else {
                // A change within this second ends the version with the second.
                version.until = version.until.min(start.max(now + 1));
            }
        }
        version
    }

    /// Returns whether the keys, the active key and the set of expired keys are still the same.
    pub(crate) fn is_current(&self, version: RingVersion, now: OffsetDateTime) -> bool {
        version.generation == self.0.generation.load(Ordering::Acquire)
            && (version.from..version.until).contains(&now.unix_timestamp())
    }

    /// Returns the keys whose tokens are accepted: see [`KeySchedule::accepted`].
    #[cfg(feature = "session")]
    pub(crate) fn find_accepted<T>(
        &self,
        find: impl FnMut((&K, KeyState)) -> Option<T>,
    ) -> Option<T> {
        self.current().accepted(self.now(), self.max_ttl()).find_map(find)
    }

    /// Sets the clock, as [`adopt_clock`](Self::adopt_clock) does, and the maximum lifetime of
    /// tokens, as [`keep_for`](Self::keep_for) does.
    pub(crate) fn adopt(&self, clock: &Arc<dyn Clock>, max_ttl: Duration) {
        self.adopt_clock(clock);
        self.keep_for(max_ttl);
    }

    /// Sets the clock, unless it is already set.
    pub(crate) fn adopt_clock(&self, clock: &Arc<dyn Clock>) {
        self.0.clock.get_or_init(|| Arc::clone(clock));
    }

    /// Sets the maximum lifetime of tokens, unless a longer one is already set. A retired key is
    /// accepted for this time.
    pub(crate) fn keep_for(&self, max_ttl: Duration) {
        let seconds = i64::try_from(max_ttl.as_secs()).unwrap_or(i64::MAX);
        if self.0.max_ttl.fetch_max(seconds, Ordering::Relaxed) < seconds {
            // The times at which keys expire have changed.
            self.changed();
        }
    }

    /// Returns the maximum lifetime of tokens. Without a user of the ring, it is unlimited.
    pub(crate) fn max_ttl(&self) -> Duration {
        let seconds = u64::try_from(self.0.max_ttl.load(Ordering::Relaxed));
        seconds.map_or(Duration::MAX, Duration::from_secs)
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.get().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }
}

/// A version of the keys of a ring, with the Unix times between which it is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RingVersion {
    generation: u64,
    from: i64,
    until: i64,
}

impl<K> Clone for KeyRing<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: RingKey> From<K> for KeyRing<K> {
    fn from(key: K) -> Self {
        Self::from(KeySchedule::new(key))
    }
}

impl<K: RingKey> From<KeySchedule<K>> for KeyRing<K> {
    fn from(schedule: KeySchedule<K>) -> Self {
        Self::shared(schedule, None)
    }
}

/// Reads keys that are separated by commas, beginning with the active key, such as
/// `k4.local.…,k4.local.…`, or the [JSON form](KeySchedule::from_json) of a schedule.
///
/// ```
/// use paseto_actix::LocalKey;
/// use paseto_actix::keys::KeyRing;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let (new, old) = (LocalKey::generate(), LocalKey::generate());
/// let keys: KeyRing = format!("{},{}", *new.to_paserk(), *old.to_paserk()).parse()?;
/// assert_eq!(keys.active(), new);
/// # Ok(())
/// # }
/// ```
impl FromStr for KeyRing {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if json::is_json(text) {
            return Self::from_json(text);
        }
        let mut keys = Vec::new();
        for key in separate(text) {
            keys.push(LocalKey::read(key)?);
        }
        // `keys` is not empty, because `read` rejects an empty string.
        let retired = keys.split_off(1);
        Self::new(keys.remove(0), retired)
    }
}

impl<K: RingKey> fmt::Debug for KeyRing<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("keys", &self.statuses())
            .field("file", &self.0.source.as_ref().map(Source::shown))
            .finish()
    }
}
