//! Reads values of the types that settings have.

use std::mem;
use std::time::Duration;

use zeroize::Zeroizing;

use super::setting_error::SettingError;
use super::source;
use super::table::Table;
use super::value::Value;
use crate::error::{has_secret_key, quote_list};
use crate::keys::unquoted;
use crate::token::Format;

/// Reads a string that may be a secret.
pub(super) fn secret(value: Value) -> Result<Zeroizing<String>, SettingError> {
    match value {
        Value::Text(text) | Value::Variable(text) => Ok(text),
        other => Err(SettingError::expected("a string", &other)),
    }
}

/// Reads a string that is not a secret.
pub(crate) fn text(value: Value) -> Result<String, SettingError> {
    let text = secret(value)?;
    if has_secret_key(&text) {
        return Err(SettingError::new("found a secret key: move it to the field of the keys"));
    }
    if unquoted(&text).is_some() {
        // `docker --env-file` keeps quotes, which a shell removes.
        return Err(SettingError::new("the value is in quotes: remove the quotes"));
    }
    if text.trim() != *text || text.contains(char::is_control) {
        return Err(SettingError::new(
            "expected a string without surrounding whitespace and without control characters",
        ));
    }
    Ok(text.to_string())
}

/// Reads a string that is not a secret and not empty.
pub(crate) fn nonempty_text(value: Value) -> Result<String, SettingError> {
    let text = text(value)?;
    if text.is_empty() {
        Err(SettingError::new("expected a string, found an empty string"))
    } else {
        Ok(text)
    }
}

/// Reads one string. If two types share a variable, it may contain the list of the other type.
pub(crate) fn single_text(value: Value) -> Result<String, SettingError> {
    match value {
        Value::Variable(list) if list.contains(',') => {
            Err(SettingError::new("expected one string, found several with commas between them"))
        }
        other => nonempty_text(other),
    }
}

/// Reads one string or a list of strings. In a variable, commas separate the strings.
pub(crate) fn texts(value: Value) -> Result<Vec<String>, SettingError> {
    let values = match value {
        Value::List(values) => values,
        Value::Variable(list) => {
            let trimmed = list.split(',').map(|text| Zeroizing::new(text.trim().to_owned()));
            trimmed.map(Value::Text).collect()
        }
        Value::Text(_) => return Ok(vec![nonempty_text(value)?]),
        other => return Err(SettingError::expected("a string or a list of strings", &other)),
    };
    if values.is_empty() {
        return Err(SettingError::new("expected at least one string, found an empty list"));
    }
    let values = values.into_iter().enumerate();
    values
        .map(|(index, value)| nonempty_text(value).map_err(|error| error.in_element(index)))
        .collect()
}

pub(crate) fn boolean(value: Value) -> Result<bool, SettingError> {
    match (&value, value.as_str()) {
        (Value::Bool(value), _) => Ok(*value),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(SettingError::expected("`true` or `false`", &value)),
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => Some(*number),
        other => other.as_str().and_then(digits),
    }
}

/// Parses a number. `u64::from_str` would also accept a leading `+`.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(feature = "session")]
pub(crate) fn size(value: Value) -> Result<usize, SettingError> {
    let size = number(&value).and_then(|number| usize::try_from(number).ok());
    size.ok_or_else(|| SettingError::expected("a whole number of at least 0", &value))
}

/// Reads the PASETO version of a key.
pub(super) fn version(value: Value) -> Result<(), SettingError> {
    match number(&value) {
        Some(4) => Ok(()),
        Some(_) => Err(SettingError::new(
            "expected 4, the only version of PASETO that this crate supports",
        )),
        None => Err(SettingError::expected("4, the number of a PASETO version", &value)),
    }
}

pub(crate) fn duration(value: Value) -> Result<Duration, SettingError> {
    const EXPECTED: &str = "seconds as a whole number, or a string of a whole number and the unit s, m, h or d, such as \"15m\"";
    let seconds = number(&value).or_else(|| with_unit(value.as_str()?));
    seconds.map(Duration::from_secs).ok_or_else(|| match value.as_str() {
        Some(_) => {
            SettingError::new(format!("expected {EXPECTED}, found a string of another form"))
        }
        None => SettingError::expected(EXPECTED, &value),
    })
}

fn with_unit(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    digits(number)?.checked_mul(unit)
}

pub(crate) fn format(value: Value) -> Result<Format, SettingError> {
    choice(&value, &[("json", Format::Json), ("cbor", Format::Cbor)])
}

/// Reads one of several words, in upper or lower case.
pub(crate) fn choice<T: Copy>(value: &Value, choices: &[(&str, T)]) -> Result<T, SettingError> {
    if let Some(text) = value.as_str()
        && let Some((_, chosen)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text))
    {
        return Ok(*chosen);
    }
    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
    Err(SettingError::expected(&quote_list(&words, "or"), value))
}

/// Reads an implicit assertion: a string, or a table with `file` or `env`.
pub(crate) fn assertion(value: Value) -> Result<String, SettingError> {
    const EXPECTED: &str = "a string, or a table with `file` or `env`";
    let mut text = if matches!(value, Value::Table(_)) {
        let mut table = Table::new(value, &[&["file"], &["env"]])?;
        let file = table.optional("file", |path| source::file(&secret(path)?))?;
        let variable = table.optional("env", |name| source::variable(&secret(name)?))?;
        match (file, variable) {
            (Some(text), None) | (None, Some(text)) => text,
            _ => return Err(SettingError::new(format!("expected {EXPECTED}"))),
        }
    } else {
        match value {
            Value::Text(text) | Value::Variable(text) => text,
            other => return Err(SettingError::expected(EXPECTED, &other)),
        }
    };
    // An empty assertion has the same effect as a missing one, so it is probably a mistake.
    if text.is_empty() {
        return Err(SettingError::new(
            "the implicit assertion is empty: set a value, or remove the field",
        ));
    }
    Ok(mem::take(&mut *text))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn read(text: &str) -> Option<u64> {
        duration(Value::Text(Zeroizing::new(text.to_owned())))
            .ok()
            .map(|duration| duration.as_secs())
    }

    #[test]
    fn durations_are_a_number_and_a_unit_or_seconds() {
        for (text, seconds) in [
            ("1s", 1),
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("30d", 2_592_000),
            ("007s", 7),
            ("0s", 0),
            ("0", 0),
            ("900", 900),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
        let number = duration(Value::Number(u64::MAX)).map(|duration| duration.as_secs());
        assert_eq!(number.ok(), Some(u64::MAX));
    }

    #[test]
    fn malformed_durations_are_rejected() {
        for text in [
            "",
            "s",
            "+1s",
            "+1",
            "-1",
            "1.5h",
            "1 h",
            "1h30m",
            " 1s",
            "1s ",
            "1S",
            "1w",
            "1ms",
            "1\u{e4}",
            "\u{661}s",
            "18446744073709551616",
            "18446744073709551615m",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
