//! Reads keys from strings of files, environment variables and code.

use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{LocalKey, PublicKey, SecretKey, paserk, pem};
use crate::error::ConfigError;

/// Removes the characters that files, variables and editors add around a key: white space, line
/// breaks that are written as `\n`, a byte order mark and one pair of quotes.
pub(super) fn trim(text: &str) -> &str {
    let text = trim_blanks(text);
    unquoted(text).map_or(text, trim_blanks)
}

/// Returns a string without its quotes. Returns `None` for a string without quotes.
pub(crate) fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn trim_blanks(mut text: &str) -> &str {
    loop {
        let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let trimmed = ESCAPES.iter().fold(trimmed, |text, escape| {
            let text = text.strip_prefix(escape).unwrap_or(text);
            text.strip_suffix(escape).unwrap_or(text)
        });
        if trimmed.len() == text.len() {
            return trimmed;
        }
        text = trimmed;
    }
}

/// Escaped line breaks, such as in `KEY="-----BEGIN PRIVATE KEY-----\n…"` in an environment file.
pub(super) const ESCAPES: [&str; 2] = ["\\n", "\\r"];

/// Returns the error for a common mistake: a key of another type, an empty string, or a path.
pub(super) fn common_mistake(text: &str, expected: &'static str) -> Option<ConfigError> {
    if let Some(found) = paserk::type_of(text) {
        return Some(ConfigError::WrongKeyType { expected, found });
    }
    let problem = if text.is_empty() {
        "the string is empty"
    } else if is_path(text) {
        "the string is the path of a file: give the content of the file (in settings: `{ file = … }`, or a variable \
         with `_FILE`)"
    } else {
        return None;
    };
    Some(ConfigError::MalformedKey(problem.into()))
}

/// Returns whether the string is the path of a file. A key does not begin with a slash or a dot. It
/// does not end in a file extension either, because the part after the last dot of a PASERK is
/// longer.
fn is_path(text: &str) -> bool {
    let extension = text.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_extension = ["pem", "key", "paserk", "txt", "pub"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known));
    text.starts_with(['/', '.']) || is_extension
}

/// A type of key that [`FromStr`] and serde read from PASERK or PEM.
pub(crate) trait ReadKey: Sized {
    /// The accepted formats, for errors of settings.
    const FORMS: &str;

    fn read_paserk(text: &str) -> Result<Self, ConfigError>;

    fn read_pem(text: &str) -> Result<Self, ConfigError>;

    fn read(text: &str) -> Result<Self, ConfigError> {
        if pem::is_pem(text) { Self::read_pem(text) } else { Self::read_paserk(text) }
    }
}

const PASERK_OR_PEM: &str = "a key as PASERK or PEM, or a table with `paserk`, `pem`, `file`, `env`, or `version` and `key`";

macro_rules! key_from_text {
    ($($key:ident: $doc:literal, $forms:expr, $read_pem:expr;)*) => {$(
        impl ReadKey for $key {
            const FORMS: &str = $forms;

            fn read_paserk(text: &str) -> Result<Self, ConfigError> {
                Self::from_paserk(text)
            }

            fn read_pem(text: &str) -> Result<Self, ConfigError> {
                $read_pem(text)
            }
        }

        #[doc = concat!("Reads ", $doc, ".")]
        impl FromStr for $key {
            type Err = ConfigError;

            fn from_str(text: &str) -> Result<Self, ConfigError> {
                Self::read(text)
            }
        }
    )*};
}

key_from_text! {
    SecretKey: "a PASERK of the type `k4.secret`, or a PKCS#8 private key in PEM", PASERK_OR_PEM, Self::from_pem;
    PublicKey: "a PASERK of the type `k4.public`, or a SubjectPublicKeyInfo in PEM", PASERK_OR_PEM, Self::from_pem;
    LocalKey: "a PASERK of the type `k4.local`", "a key as PASERK, or a table with `paserk`, `file` or `env`",
        |_| Err(ConfigError::WrongKeyType { expected: "k4.local", found: "PEM" });
}

/// Writes the key as a PASERK of the type `k4.public`. Secret keys do not implement [`Serialize`].
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_paserk())
    }
}

/// Splits a string into keys at its commas. A string with one PEM block is one key, because the
/// text around the block can contain commas.
pub(crate) fn separate(text: &str) -> impl Iterator<Item = &str> {
    let is_pem = text.matches("-----BEGIN ").count() == 1 && !text.contains("k4.");
    text.split(move |c| c == ',' && !is_pem)
}
