use zeroize::Zeroizing;

use super::{LocalKey, SecretKey};
use crate::error::ConfigError;

/// A type of key that a [`KeyRing`](super::KeyRing) can contain: [`SecretKey`] or [`LocalKey`].
///
/// Other types cannot implement this trait.
pub trait RingKey: sealed::Key {}

pub(super) mod sealed {
    use super::{ConfigError, Zeroizing};

    pub trait Key: Clone + Send + Sync + 'static {
        /// The maximum number of keys in a schedule.
        const MAX_KEYS: usize;

        fn kid(&self) -> &str;

        fn from_paserk(text: &str) -> Result<Self, ConfigError>;

        fn to_paserk(&self) -> Zeroizing<String>;
    }
}

macro_rules! ring_key {
    ($($key:ident, $max_keys:literal;)*) => {$(
        impl RingKey for $key {}

        impl sealed::Key for $key {
            const MAX_KEYS: usize = $max_keys;

            fn kid(&self) -> &str {
                Self::kid(self)
            }

            fn from_paserk(text: &str) -> Result<Self, ConfigError> {
                Self::from_paserk(text)
            }

            fn to_paserk(&self) -> Zeroizing<String> {
                Self::to_paserk(self)
            }
        }
    )*};
}

ring_key! {
    // A published key set has at most 64 keys.
    SecretKey, 64;
    // Decryption tries every key, so this bounds the work for one token.
    LocalKey, 8;
}
