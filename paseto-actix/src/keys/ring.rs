use std::str::FromStr;

use super::LocalKey;
use super::text::{ReadKey, separate};
use crate::error::ConfigError;

/// One active key, which encrypts and decrypts, and up to seven retired keys, which only decrypt.
///
/// To rotate keys, make the new key active and the old key retired. Sessions stay valid. Their next
/// use encrypts them with the new key. Remove the old key when all tokens under it have expired.
/// With the default values, sessions expire after 12 hours and remembered logins after 30 days.
///
/// A function that accepts `impl Into<KeyRing>` also accepts a single [`LocalKey`].
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

/// The maximum number of retired keys. It bounds the work for one token, because decryption tries
/// every key.
const MAX_RETIRED: usize = 7;

impl KeyRing {
    /// Creates a ring from an active key and at most seven retired keys.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DuplicateKey`] if a key occurs twice.
    /// - [`ConfigError::InvalidSetting`] if there are more than seven retired keys.
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

    /// Returns the active key, which encrypts.
    #[must_use]
    pub fn active(&self) -> &LocalKey {
        &self.keys[0]
    }

    /// Returns all keys, beginning with the active key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LocalKey> {
        self.keys.iter()
    }
}

impl From<LocalKey> for KeyRing {
    fn from(key: LocalKey) -> Self {
        Self { keys: vec![key] }
    }
}

/// Reads keys that are separated by commas, beginning with the active key:
/// `k4.local.…,k4.local.…`.
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
        // `keys` is not empty, because `read` rejects an empty string.
        let retired = keys.split_off(1);
        Self::new(keys.remove(0), retired)
    }
}
