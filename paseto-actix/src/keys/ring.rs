use std::str::FromStr;

use super::LocalKey;
use super::text::{ReadKey, separate};
use crate::error::ConfigError;

/// One active key, which encrypts, and retired keys, which only decrypt.
///
/// To rotate keys, make the new key active and the old key retired. Sessions continue, and move to
/// the new key when they are used. Remove the old key when all tokens that it encrypted have
/// expired: after 12 hours for sessions by default, and 30 days for remembered logins. A single
/// [`LocalKey`] is a ring too.
///
/// ```
/// use paseto_actix::LocalKey;
/// use paseto_actix::keys::KeyRing;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let (new, old) = (LocalKey::generate(), LocalKey::generate());
/// let keys = KeyRing::new(new.clone(), [old])?;
/// assert_eq!(keys.active(), &new);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// The active key comes first.
    keys: Vec<LocalKey>,
}

/// Each key is tried on the tokens of clients, so the number is bounded.
const MAX_RETIRED: usize = 7;

impl KeyRing {
    /// A ring of an active key and at most seven retired ones.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DuplicateKey`] if a key is there twice, [`ConfigError::InvalidSetting`] if
    /// there are more.
    pub fn new(
        active: LocalKey,
        retired: impl IntoIterator<Item = LocalKey>,
    ) -> Result<Self, ConfigError> {
        let mut keys = vec![active];
        for key in retired {
            if keys.contains(&key) {
                return Err(ConfigError::DuplicateKey { kid: key.kid().to_owned() });
            }
            if keys.len() > MAX_RETIRED {
                return Err(ConfigError::setting(
                    "retired",
                    "expected at most 7 retired keys: remove the keys whose tokens have expired",
                ));
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// The key that encrypts.
    #[must_use]
    pub fn active(&self) -> &LocalKey {
        &self.keys[0]
    }

    /// All keys, the active one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LocalKey> {
        self.keys.iter()
    }
}

impl From<LocalKey> for KeyRing {
    fn from(key: LocalKey) -> Self {
        Self { keys: vec![key] }
    }
}

/// Reads keys with commas between them, the active key first: `k4.local.…,k4.local.…`.
///
/// ```
/// use paseto_actix::LocalKey;
/// use paseto_actix::keys::KeyRing;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let (new, old) = (LocalKey::generate(), LocalKey::generate());
/// let keys: KeyRing = format!("{},{}", *new.to_paserk(), *old.to_paserk()).parse()?;
/// assert_eq!(keys.active(), &new);
/// # Ok(())
/// # }
/// ```
impl FromStr for KeyRing {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut keys = Vec::new();
        for key in separate(text) {
            keys.push(LocalKey::read(key)?);
        }
        // There is a first key, because an empty text is an error above.
        let retired = keys.split_off(1);
        Self::new(keys.remove(0), retired)
    }
}
