//! Reads keys in settings: a string, a table with the form of the key, or a reference to a file or
//! a variable.

use serde::de::{Deserialize, Deserializer, Error};
use zeroize::Zeroizing;

use super::read::{nonempty_text, secret, version};
use super::setting_error::SettingError;
use super::source;
use super::table::{Names, Table};
use super::value::Value;
use crate::error::ConfigError;
use crate::keys::{
    KeyRing, KeySchedule, LocalKey, PublicKey, ReadKey, RingKey, SecretKey, is_json, separate,
};

const KEY: Names = &[&["paserk"], &["pem"], &["version"], &["key"], &["file"], &["env"]];
const KEY_WITH_ISS: Names =
    &[&["iss"], &["paserk"], &["pem"], &["version"], &["key"], &["file"], &["env"]];

/// Reads one key without an issuer.
fn key<K: ReadKey>(value: Value) -> Result<K, SettingError> {
    entry(value, KEY).map(|(_, key)| key)
}

/// Reads the signing keys of an issuer. In a list, the first key is active, and the others are
/// announced.
pub(crate) fn secret_keys(value: Value) -> Result<KeyRing<SecretKey>, SettingError> {
    let read = |value| match entry(value, KEY_WITH_ISS)? {
        (None, key) => Ok(key),
        (Some(_), _) => {
            Err(SettingError::new("set `iss` beside `private_keys`, not in a key").in_field("iss"))
        }
    };
    key_ring_of(value, read, |active, announced| {
        let mut schedule = KeySchedule::new(active);
        announced.into_iter().try_for_each(|key| schedule.announce(key, None))?;
        Ok(schedule.into())
    })
}

/// Reads public keys, each with its own issuer if it has one.
pub(crate) fn trusted_keys(value: Value) -> Result<Vec<(Option<String>, PublicKey)>, SettingError> {
    list(value, |value| entry(value, KEY_WITH_ISS))
}

/// Reads local keys. In a list, the first key is active, and the others are retired.
#[cfg(feature = "session")]
pub(crate) fn key_ring(value: Value) -> Result<KeyRing, SettingError> {
    key_ring_of(value, key::<LocalKey>, KeyRing::new)
}

/// Reads a key file, its JSON form, or a list of keys, from which `create` makes a ring.
fn key_ring_of<K: RingKey>(
    value: Value,
    read: impl Fn(Value) -> Result<K, SettingError>,
    create: impl FnOnce(K, Vec<K>) -> Result<KeyRing<K>, ConfigError>,
) -> Result<KeyRing<K>, SettingError> {
    let value = match value {
        Value::KeyFile(path) => return Ok(KeyRing::from_file(path.as_str())?),
        Value::Text(text) | Value::Variable(text) if is_json(&text) => {
            return Ok(KeyRing::from_json(&text)?);
        }
        Value::Table(fields) => match fields.as_slice() {
            [(name, Value::Text(path))] if name.as_str() == "file" => {
                let content = source::file(path).map_err(|problem| problem.in_field("file"))?;
                if is_json(&content) {
                    return Ok(KeyRing::from_file(path.as_str())?);
                }
                // Read a named pipe only once.
                let key = read(Value::Text(content)).map_err(|problem| problem.in_field("file"))?;
                return Ok(key.into());
            }
            _ => Value::Table(fields),
        },
        other => other,
    };
    let mut keys = list(value, read)?.into_iter();
    let active = keys
        .next()
        .ok_or_else(|| SettingError::new("expected at least one key, found an empty list"))?;
    Ok(create(active, keys.collect())?)
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

/// Reads a list of keys with the active key first, one key, a string of keys separated by commas,
/// the [JSON form](crate::keys::KeySchedule::from_json) of a schedule in a string, or `{ file = …
/// }` with the path of a [key file](crate::keys::KeyFile), which is read again when it changes. The
/// forms of a key are those of [`LocalKey`].
#[cfg(feature = "session")]
impl<'de> Deserialize<'de> for KeyRing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        key_ring(Value::deserialize_key(deserializer)?).map_err(D::Error::custom)
    }
}
