//! Settings from files and environment variables.
//!
//! Each source becomes a [`Value`] first: serde reads it from any self-describing format, and
//! [`from_env`] makes it of variables. The types of settings read the fields of this value. So all
//! sources have the same rules, and no error has a text of another library in it, which may repeat
//! a key.

#[cfg(feature = "session")]
mod cookie;
mod env;
mod keys;
mod names;
mod read;
mod setting_error;
mod source;
mod table;
mod value;

#[cfg(feature = "session")]
pub use cookie::CookieConfig;
pub(crate) use env::from_env;
#[cfg(feature = "session")]
pub(crate) use keys::key_ring;
pub(crate) use keys::{secret_keys, trusted_keys};
#[cfg(feature = "remember")]
pub(crate) use names::REMEMBER;
pub(crate) use names::{ISSUER, VERIFIER};
#[cfg(feature = "session")]
pub(crate) use names::{REFRESH, SESSION};
#[cfg(feature = "remember")]
pub(crate) use read::choice;
#[cfg(feature = "session")]
pub(crate) use read::size;
pub(crate) use read::{
    assertion, boolean, duration, format, nonempty_text, single_text, text, texts,
};
pub(crate) use setting_error::SettingError;
pub(crate) use table::{Names, Table};
pub(crate) use value::Value;

/// A type that is read from a file or from variables.
pub(crate) trait Settings: Sized {
    const NAMES: Names;

    /// Other types whose variables may have the same prefix.
    const OTHERS: &'static [Names] = &[];

    fn read(table: &mut Table) -> Result<Self, SettingError>;
}

/// Implements `Deserialize` for a type of settings.
macro_rules! deserialize_settings {
    ($type:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::config::Settings;

                let value = $crate::config::Value::deserialize(deserializer)?;
                $crate::config::Table::new(value, Self::NAMES)
                    .and_then(|mut table| Self::read(&mut table))
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use deserialize_settings;
