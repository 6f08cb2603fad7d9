//! A table of settings: which names it may have, and what its fields are.

use super::setting_error::{SettingError, shown};
use super::value::Value;

/// The fields of a table. The first name of each field is that of the builder, others are aliases.
pub(crate) type Names = &'static [&'static [&'static str]];

#[derive(Default)]
pub(crate) struct Table(Vec<Field>);

struct Field {
    name: &'static str,
    /// The name in the source, for errors.
    written: String,
    value: Value,
}

impl Table {
    /// # Errors
    ///
    /// If the value is not a table, if it has an unknown field, or a field twice.
    pub(crate) fn new(value: Value, names: Names) -> Result<Self, SettingError> {
        let Value::Table(entries) = value else {
            return Err(SettingError::expected("a table of settings", &value));
        };
        let mut table = Self::default();
        for (written, value) in entries {
            let known = names.iter().find(|names| names.contains(&written.as_str()));
            let [name, ..] = known.ok_or_else(|| unknown(&written, names))? else { continue };
            table.add(name, written.to_string(), value)?;
        }
        Ok(table)
    }

    pub(crate) fn add(
        &mut self,
        name: &'static str,
        written: String,
        value: Value,
    ) -> Result<(), SettingError> {
        if self.0.iter().any(|field| field.name == name) {
            return Err(SettingError::new(format!("duplicate field `{name}`: remove one of them"))
                .in_field(written));
        }
        self.0.push(Field { name, written, value });
        Ok(())
    }

    /// A field whose absence is a value of its own. Null is an error, as for other fields: a
    /// template that has no value would turn a setting off.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, SettingError>,
    ) -> Result<Option<T>, SettingError> {
        let Some(index) = self.0.iter().position(|field| field.name == name) else {
            return Ok(None);
        };
        let Field { written, value, .. } = self.0.swap_remove(index);
        read(value).map(Some).map_err(|error| error.in_field(written))
    }

    /// A field with a default.
    pub(crate) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(Value) -> Result<T, SettingError>,
    ) -> Result<T, SettingError> {
        Ok(self.optional(name, read)?.unwrap_or(default))
    }

    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, SettingError>,
    ) -> Result<T, SettingError> {
        self.optional(name, read)?.ok_or(SettingError::missing(name))
    }
}

fn unknown(written: &str, names: Names) -> SettingError {
    let known: Vec<_> =
        names.iter().filter_map(|names| Some(format!("`{}`", names.first()?))).collect();
    SettingError::new(format!(
        "unknown field {}, expected one of {}",
        shown(written),
        known.join(", ")
    ))
}
