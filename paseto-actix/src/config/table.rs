//! A table of settings with known field names.

use super::setting_error::{SettingError, shown};
use super::value::Value;

/// The names of fields. The first name of a field is the name of the method on the builder. The
/// others are aliases.
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
    /// Converts a value to a table.
    ///
    /// # Errors
    ///
    /// If the value is not a table, or if it contains an unknown or duplicate field.
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

    /// Reads a field that can be missing. Null is an error, because an empty value in a template
    /// would otherwise turn a setting off.
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

    /// Reads a field with a default value.
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
