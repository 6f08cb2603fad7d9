//! Reads secrets that are outside the settings, in a file or in an environment variable.

use std::env;

use zeroize::Zeroizing;

use super::setting_error::{SettingError, shown};
use crate::keys::{MAX_FILE_LEN, read_file};

/// Reads a file and removes the line break at its end.
pub(super) fn file(path: &str) -> Result<Zeroizing<String>, SettingError> {
    let content = read_file(path.as_ref()).map_err(|error| {
        SettingError::new(format!("cannot read the file {}: {error}", shown_path(path)))
    })?;
    let mut text = utf8(&content)
        .map_err(|problem| SettingError::new(format!("the file {} {problem}", shown_path(path))))?;
    for line_break in ['\n', '\r'] {
        if text.ends_with(line_break) {
            text.pop();
        }
    }
    Ok(text)
}

/// Reads an environment variable.
pub(super) fn variable(name: &str) -> Result<Zeroizing<String>, SettingError> {
    let problem = |problem| {
        SettingError::new(format!("the environment variable {} {problem}", shown_name(name)))
    };
    let value = env::var_os(name).ok_or_else(|| problem("is not set"))?;
    utf8(&Zeroizing::new(value.into_encoded_bytes())).map_err(problem)
}

/// Converts bytes to a string. The error does not contain the bytes.
pub(super) fn utf8(bytes: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    if bytes.len() > MAX_FILE_LEN {
        return Err("is longer than 64 KiB");
    }
    str::from_utf8(bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| "is not UTF-8")
}

/// Hides a passphrase in place of the path.
fn shown_path(path: &str) -> String {
    if path.contains(['/', '\\', '.']) { shown(path) } else { "`…`".to_owned() }
}

/// Hides a passphrase in place of the name.
fn shown_name(name: &str) -> String {
    let is_name =
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if is_name { shown(name) } else { "`…`".to_owned() }
}
