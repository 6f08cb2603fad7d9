//! The signing keys and the key file.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::keys::KeySchedule;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::{Issuer, SecretKey};
use serde_json::{Value, json};

use crate::services::{AUDIENCE, ISSUER, TOKEN_TTL};

/// The time between the announcement of a key and its activation. A new key reaches each resource
/// service in less: the auth services read the key file every 10 seconds, the key set is fetched
/// every 60 seconds, and a fetch that fails during an outage of 20 seconds is repeated after at
/// most 31 seconds.
const LEAD: Duration = Duration::from_secs(110);
/// The time between two activations.
const INTERVAL: Duration = Duration::from_secs(45);
/// A retired key stays published for the lifetime of its tokens and this time.
const LEEWAY: Duration = Duration::from_secs(5 * 60 + 5);
/// The maximum time until a resource service has learned that a key is gone: the age of a key set,
/// and a tolerance for the fetch.
const REFETCH: Duration = Duration::from_secs(60 + 5);
/// The tolerance for the moment at which a key leaves the published set.
const TOLERANCE: Duration = Duration::from_secs(1);

/// How resource services must respond to an unexpired token of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The key is not active yet.
    Unused,
    Accepted,
    /// The key has left the published set. A resource service may not know this yet.
    Undecided,
    Rejected,
}

pub(crate) struct Keys {
    path: PathBuf,
    /// The time of the first announcement.
    start: OffsetDateTime,
    /// The keys in the order of their activation. The first key is active from the start.
    keys: Vec<SecretKey>,
}

impl Keys {
    pub(crate) fn new(folder: &Path, rotations: usize) -> Self {
        let keys = (0..=rotations).map(|_| SecretKey::generate()).collect();
        Self { path: folder.join("keys.json"), start: OffsetDateTime::now_utc(), keys }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        (OffsetDateTime::now_utc() - self.start).try_into().unwrap_or_default()
    }

    /// Returns the time of the announcement of a key, measured from the start.
    pub(crate) fn announcement(key: usize) -> Duration {
        INTERVAL * u32::try_from(key.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn activation(&self, key: usize) -> OffsetDateTime {
        if key == 0 { self.start } else { self.start + Self::announcement(key) + LEAD }
    }

    /// Returns the time at which a key leaves the published set. The last key stays active.
    pub(crate) fn removal(&self, key: usize) -> Option<OffsetDateTime> {
        (key + 1 < self.keys.len()).then(|| self.activation(key + 1) + TOKEN_TTL + LEEWAY)
    }

    /// Returns the time at which all resource services have rejected tokens of each retired key for
    /// some seconds.
    pub(crate) fn end(&self) -> OffsetDateTime {
        let last = self.keys.len() - 2;
        self.removal(last).unwrap_or(self.start) + REFETCH + Duration::from_secs(10)
    }

    /// Replaces the key file. It then contains the keys up to this one.
    pub(crate) fn publish(&self, last: usize) -> Result<(), Box<dyn Error>> {
        let mut schedule = KeySchedule::new(self.keys[0].clone());
        for key in 1..=last {
            schedule.announce(self.keys[key].clone(), Some(self.activation(key)))?;
        }
        let written = self.path.with_extension("new");
        fs::write(&written, schedule.to_json().as_bytes())?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&written, fs::Permissions::from_mode(0o600))?;
        }
        // A process that reads the file gets the old content or the new content.
        fs::rename(written, &self.path)?;
        Ok(())
    }

    /// Returns the key that signs at this time.
    pub(crate) fn active(&self, now: OffsetDateTime) -> usize {
        (0..self.keys.len()).rev().find(|key| self.activation(*key) <= now).unwrap_or_default()
    }

    /// Returns how resource services must treat this key at this time.
    pub(crate) fn trust(&self, key: usize, now: OffsetDateTime) -> Trust {
        if now < self.activation(key) {
            return Trust::Unused;
        }
        match self.removal(key) {
            Some(removal) if now >= removal + REFETCH => Trust::Rejected,
            Some(removal) if now >= removal - TOLERANCE => Trust::Undecided,
            _ => Trust::Accepted,
        }
    }

    /// Returns the key of a token, by the `kid` of its footer.
    pub(crate) fn of_token(&self, token: &str) -> Option<usize> {
        let footer = Base64UrlUnpadded::decode_vec(token.split('.').nth(3)?).ok()?;
        let footer: Value = serde_json::from_slice(&footer).ok()?;
        self.keys.iter().position(|key| footer["kid"] == key.kid())
    }

    /// Signs a token that outlives this program, as the owner of a stolen key can do.
    pub(crate) fn long_token(&self, key: usize) -> Result<String, Box<dyn Error>> {
        let issuer = Issuer::builder(ISSUER)
            .key(self.keys[key].clone())
            .audience(AUDIENCE)
            .ttl(Duration::from_secs(24 * 3600))
            .build()?;
        Ok(issuer.token(&json!({})).subject("ada").scopes(["orders:read"]).issue()?)
    }
}
