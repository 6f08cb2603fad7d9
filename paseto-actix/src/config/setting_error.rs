//! Errors in settings. Errors in files contain the path of the field, errors in variables contain
//! the name.

use std::fmt;

use super::value::Value;
use crate::error::{ConfigError, quote};

/// An error in settings. It does not contain the value of a setting.
#[derive(Debug)]
pub(crate) struct SettingError {
    /// The innermost step is the first one.
    path: Vec<Step>,
    cause: Cause,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Element(usize),
}

#[derive(Debug)]
enum Cause {
    Missing(&'static str),
    Other(String),
}

impl SettingError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { path: Vec::new(), cause: Cause::Other(text.into()) }
    }

    pub(crate) fn missing(field: &'static str) -> Self {
        Self { path: Vec::new(), cause: Cause::Missing(field) }
    }

    pub(crate) fn expected(what: &str, found: &Value) -> Self {
        Self::new(format!("expected {what}, found {}", found.kind()))
    }

    pub(crate) fn in_field(mut self, name: impl Into<String>) -> Self {
        self.path.push(Step::Field(name.into()));
        self
    }

    pub(crate) fn in_element(mut self, index: usize) -> Self {
        self.path.push(Step::Element(index));
        self
    }

    /// Converts the error for settings from variables that begin with this prefix.
    pub(super) fn in_variables(mut self, prefix: &str) -> ConfigError {
        let problem = match self.cause {
            Cause::Missing(field) => {
                self.path.insert(0, Step::Field(field.to_owned()));
                "the variable is not set".to_owned()
            }
            Cause::Other(text) => text,
        };
        ConfigError::InvalidVariable {
            variable: prefix.to_owned() + &path(&self.path, "_").to_ascii_uppercase(),
            problem,
        }
    }
}

fn path(steps: &[Step], separator: &str) -> String {
    let mut path = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Element(index) => path += &format!("[{index}]"),
            Step::Field(name) if path.is_empty() => path += name,
            Step::Field(name) => path = path + separator + name,
        }
    }
    path
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", path(&self.path, "."))?;
        }
        match &self.cause {
            Cause::Missing(field) => write!(f, "missing field `{field}`"),
            Cause::Other(text) => f.write_str(text),
        }
    }
}

impl From<ConfigError> for SettingError {
    fn from(error: ConfigError) -> Self {
        Self::new(error.to_string())
    }
}

/// Quotes a name or a path for an error. Returns `…` if it may be a key in the wrong place.
pub(crate) fn shown(text: &str) -> String {
    if may_be_secret(text) { "`…`".to_owned() } else { quote(text) }
}

/// Returns whether a string may be a key. Keys in base64 contain lower case, upper case and digits.
/// Keys in hex contain many characters in a row. Names of fields, variables and files rarely have
/// these properties.
pub(super) fn may_be_secret(text: &str) -> bool {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let is_mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let longest_run =
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max().unwrap_or_default();
    text.contains("k4.")
        || text.contains("-----")
        || text.chars().any(char::is_control)
        || text.len() > 250
        || text.len() >= 20 && (is_mixed || longest_run >= 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_shown_and_keys_are_not() {
        for text in [
            "pasetoIss",
            "resource_metadata",
            "PASETO_PRIVATE_KEYS_2026",
            "/run/secrets/key",
            "/run/secrets/paseto-private-key-of-the-shop-2026.pem",
            "./keys/Active1.pem",
            "a name",
        ] {
            assert_eq!(shown(text), format!("`{text}`"));
        }
        for text in [
            "k4.secret",
            "tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Q",
            "tMv7Q99M4hByfZU/SnEzB/oZu32fhQQ",
            "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774",
            "-----BEGIN PRIVATE KEY-----",
            "two\nlines",
        ] {
            assert_eq!(shown(text), "`…`", "{text}");
        }
    }
}
