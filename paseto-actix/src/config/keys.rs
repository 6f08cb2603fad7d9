//! Reads keys in settings: a string, a table with the form of the key, or a reference to a file or
//! a variable.

use serde::de::{Deserialize, Deserializer, Error};
use zeroize::Zeroizing;

use super::read::{nonempty_text, secret, version};
use super::setting_error::SettingError;
use super::source;
use super::table::{Names, Table};
use super::value::Value;
#[cfg(feature = "session")]
use crate::keys::KeyRing;
use crate::keys::{LocalKey, PublicKey, ReadKey, SecretKey, separate};

const KEY: Names = &[&["paserk"], &["pem"], &["version"], &["key"], &["file"], &["env"]];
const KEY_WITH_ISS: Names =
    &[&["iss"], &["paserk"], &["pem"], &["version"], &["key"], &["file"], &["env"]];

/// Reads one key without an issuer.
fn key<K: ReadKey>(value: Value) -> Result<K, SettingError> {
    entry(value, KEY).map(|(_, key)| key)
}

pub(crate) fn secret_keys(value: Value) -> Result<Vec<SecretKey>, SettingError> {
    list(value, |value| match entry(value, KEY_WITH_ISS)? {
        (None, key) => Ok(key),
        (Some(_), _) => {
            Err(SettingError::new("set `iss` beside `private_keys`, not in a key").in_field("iss"))
        }
    })
}

/// Reads public keys, each with its own issuer if it has one.
pub(crate) fn trusted_keys(value: Value) -> Result<Vec<(Option<String>, PublicKey)>, SettingError> {
    list(value, |value| entry(value, KEY_WITH_ISS))
}

/// Reads a list of local keys. The first key is the active one.
#[cfg(feature = "session")]
pub(crate) fn key_ring(value: Value) -> Result<KeyRing, SettingError> {
    let mut keys = list(value, key::<LocalKey>)?.into_iter();
    let active = keys
        .next()
        .ok_or_else(|| SettingError::new("expected at least one key, found an empty list"))?;
    Ok(KeyRing::new(active, keys)?)
}

/// Reads a list of keys, a string of keys separated by commas, or one key.
fn list<T>(
    value: Value,
    read: impl Fn(Value) -> Result<T, SettingError>,
) -> Result<Vec<T>, SettingError> {
    let keys = match value {
        Value::List(keys) => keys,
        Value::Text(text) | Value::Variable(text) if separate(&text).count() > 1 => {
            separate(&text).map(|key| Value::Text(Zeroizing::new(key.to_owned()))).collect()
        }
        Value::Text(_) | Value::Variable(_) | Value::Table(_) => return Ok(vec![read(value)?]),
        other => return Err(SettingError::expected("a list of keys", &other)),
    };
    let keys = keys.into_iter().enumerate();
    keys.map(|(index, key)| read(key).map_err(|problem| problem.in_element(index))).collect()
}

fn entry<K: ReadKey>(value: Value, names: Names) -> Result<(Option<String>, K), SettingError> {
    match value {
        Value::Text(text) | Value::Variable(text) => return Ok((None, K::read(&text)?)),
        Value::Table(_) => {}
        other => return Err(SettingError::expected(K::FORMS, &other)),
    }
    let mut table = Table::new(value, names)?;
    let iss = table.optional("iss", nonempty_text)?;
    let mut keys = Vec::new();
    keys.extend(table.optional("paserk", |value| Ok(K::read_paserk(&secret(value)?)?))?);
    keys.extend(table.optional("pem", |value| Ok(K::read_pem(&secret(value)?)?))?);
    keys.extend(table.optional("file", |path| Ok(K::read(&source::file(&secret(path)?)?)?))?);
    keys.extend(table.optional("env", |name| Ok(K::read(&source::variable(&secret(name)?)?)?))?);
    let version = table.optional("version", version)?;
    let key = table.optional("key", |value| Ok(K::read_pem(&secret(value)?)?))?;
    match (version, key) {
        (Some(()), Some(key)) => keys.push(key),
        (Some(()), None) => return Err(SettingError::missing("key")),
        (None, Some(_)) => return Err(SettingError::missing("version")),
        (None, None) => {}
    }
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok((iss, key)),
        (Some(_), false) => Err(SettingError::new("the key is given twice: keep one of its forms")),
        (None, _) => Err(SettingError::new(format!("expected {}", K::FORMS))),
    }
}

macro_rules! deserialize_key {
    ($($key:ty: $forms:literal, $tables:literal;)*) => {$(
        #[doc = concat!("Reads a string: ", $forms, ".")]
        ///
        #[doc = concat!("In a format such as TOML or JSON, the key can also be a table: ", $tables)]
        /// `{ file = "<path>" }`, or `{ env = "<name of an environment variable>" }`. A file can
        /// have at most 64 KiB. Errors of this crate never contain a key. (The crate `toml` adds a
        /// part of the file to its errors, so print only their `message()`.)
        impl<'de> Deserialize<'de> for $key {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                key(Value::deserialize_key(deserializer)?).map_err(D::Error::custom)
            }
        }
    )*};
}

deserialize_key! {
    SecretKey: "a PASERK of the type `k4.secret`, or a PKCS#8 private key in PEM",
        "`{ paserk = … }`, `{ pem = … }`, `{ version = 4, key = <PEM> }`,";
    PublicKey: "a PASERK of the type `k4.public`, or a SubjectPublicKeyInfo in PEM",
        "`{ paserk = … }`, `{ pem = … }`, `{ version = 4, key = <PEM> }`,";
    LocalKey: "a PASERK of the type `k4.local`", "`{ paserk = … }`,";
}

/// Reads a list of keys with the active key first, one key, or a string of keys separated by
/// commas. The forms of a key are those of [`LocalKey`].
#[cfg(feature = "session")]
impl<'de> Deserialize<'de> for KeyRing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        key_ring(Value::deserialize_key(deserializer)?).map_err(D::Error::custom)
    }
}
