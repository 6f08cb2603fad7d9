//! Reads settings from environment variables.

use std::collections::BTreeMap;
use std::env;

use zeroize::Zeroizing;

use super::Settings;
use super::names::{COOKIE, KEYS, SECRETS};
use super::setting_error::{SettingError, may_be_secret};
use super::source;
use super::table::{Names, Table};
use super::value::Value;
use crate::error::ConfigError;
use crate::keys::is_json;

/// Reads the variables that begin with the prefix.
pub(crate) fn from_env<T: Settings>(prefix: &str) -> Result<T, ConfigError> {
    if prefix.is_empty() {
        return Err(ConfigError::setting(
            "prefix",
            "expected a string that no other variable begins with, found an empty string",
        ));
    }
    let values = env::vars_os().filter_map(|(name, value)| {
        let value = Zeroizing::new(value.into_encoded_bytes());
        Some((name.to_string_lossy().strip_prefix(prefix)?.to_owned(), value))
    });
    let mut table = Table::default();
    let mut cookie = Vec::new();
    // Sort the variables, so that the same one of several errors is reported each time.
    for (name, value) in values.collect::<BTreeMap<_, _>>() {
        let error = |problem: &str| ConfigError::InvalidVariable {
            variable: prefix.to_owned() + if may_be_secret(&name) { "…" } else { &name },
            problem: problem.to_owned(),
        };
        let Some(target) = Target::of(&name, T::NAMES) else {
            if T::OTHERS.iter().any(|names| Target::of(&name, names).is_some()) {
                continue;
            }
            return Err(error(
                "the variable is not a setting: correct its name, or choose a prefix that no other variable has",
            ));
        };
        let value =
            source::utf8(&value).map_err(|problem| error(&format!("the value {problem}")))?;
        // `application` may be empty, because the default value is empty.
        if value.is_empty() && target != Target::Field("application") {
            return Err(error("found an empty string: set a value, or remove the variable"));
        }
        let written = name.to_ascii_lowercase();
        let added = match target {
            Target::Field(field) => table.add(field, written, Value::Variable(value)),
            Target::File(field) => source::file(&value)
                .map_err(|problem| problem.in_field(written.as_str()))
                .and_then(|content| {
                    let is_key_file = KEYS.contains(&field) && is_json(&content);
                    let value =
                        if is_key_file { Value::KeyFile(value) } else { Value::Variable(content) };
                    table.add(field, written, value)
                }),
            Target::Cookie(field) => {
                cookie.push((Zeroizing::new(field), Value::Variable(value)));
                Ok(())
            }
        };
        added.map_err(|problem| problem.in_variables(prefix))?;
    }
    let read = || {
        if !cookie.is_empty() {
            table.add("cookie", "cookie".to_owned(), Value::Table(cookie))?;
        }
        T::read(&mut table)
    };
    read().map_err(|problem: SettingError| problem.in_variables(prefix))
}

/// The destination of the value of a variable.
#[derive(PartialEq)]
enum Target {
    Field(&'static str),
    /// The field whose value is in the file at the path in the variable.
    File(&'static str),
    /// The field of the nested table, with its name in the variable.
    Cookie(String),
}

impl Target {
    fn of(variable: &str, names: Names) -> Option<Self> {
        let nested = names.iter().any(|names| names.contains(&"cookie"));
        if nested && let Some(field) = variable.strip_prefix("COOKIE_") {
            return field_of(field, COOKIE).map(|_| Self::Cookie(field.to_ascii_lowercase()));
        }
        if let Some(field) = variable.strip_suffix("_FILE").and_then(|name| field_of(name, names)) {
            return SECRETS.contains(&field).then_some(Self::File(field));
        }
        field_of(variable, names).filter(|field| *field != "cookie").map(Self::Field)
    }
}

fn field_of(variable: &str, names: Names) -> Option<&'static str> {
    let is_field =
        |names: &&&[&str]| names.iter().any(|name| name.to_ascii_uppercase() == variable);
    names.iter().find(is_field)?.first().copied()
}
