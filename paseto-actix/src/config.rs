//! Settings from files and environment variables.
//!
//! Each source is first converted to a [`Value`]: serde reads it from any self-describing format,
//! and [`from_env`] builds it from variables. The settings types then read the fields of this
//! value. So all sources have the same rules, and an error never contains the message of another
//! library, which may contain a key.

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

/// A type that can be read from a file or from variables.
pub(crate) trait Settings: Sized {
    const NAMES: Names;

    /// Other types whose variables can have the same prefix.
    const OTHERS: &'static [Names] = &[];

    fn read(table: &mut Table) -> Result<Self, SettingError>;
}

/// Implements `Deserialize` for a settings type.
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
