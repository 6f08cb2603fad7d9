//! The JSON form of a key schedule, for key files and environment variables.

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::KeySchedule;
use super::file::MAX_FILE_LEN;
use super::ring_key::RingKey;
use crate::error::ConfigError;

/// The version of the form. Other versions are rejected.
const VERSION: u64 = 1;

/// Strings are borrowed from the input, so reading makes no copy of a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    version: u64,
    #[serde(borrow)]
    keys: Vec<KeyEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry<'a> {
    kid: Option<&'a str>,
    paserk: &'a str,
    activates_at: Option<&'a str>,
}

/// Returns whether a string is the JSON form. A PASERK and a PEM block do not begin with a brace.
pub(crate) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

impl<K: RingKey> KeySchedule<K> {
    /// Reads the JSON form of a schedule, which is the content of a key file.
    ///
    /// ```json
    /// {
    ///   "version": 1,
    ///   "keys": [
    ///     { "paserk": "k4.secret.…", "activates_at": "2026-01-01T00:00:00Z" },
    ///     { "paserk": "k4.secret.…", "activates_at": "2026-02-01T00:00:00Z" }
    ///   ]
    /// }
    /// ```
    ///
    /// - All keys have the same type, `k4.secret` or `k4.local`.
    /// - `activates_at` is a time of [RFC 3339]. A key without it is announced and has no time yet.
    ///   `1970-01-01T00:00:00Z` means that the time is not known. If the next key has this time
    ///   too, the key never expires.
    /// - `kid` is optional. If present, it must be the ID of the key.
    /// - Other fields are rejected.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the string is longer than 64 KiB, is not this form, contains a malformed
    /// key, a key twice or too many keys, or if no key has an `activates_at`. The error never
    /// contains a key.
    ///
    /// [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        if text.len() > MAX_FILE_LEN {
            return Err(problem("the content is longer than 64 KiB"));
        }
        let document: Document<'_> =
            serde_json::from_str(text).map_err(|error| describe(&error))?;
        if document.version != VERSION {
            let found = document.version;
            return Err(problem(format!("expected `version` {VERSION}, found {found}")));
        }
        if document.keys.is_empty() {
            return Err(problem("`keys` is an empty list"));
        }
        let keys = document.keys.iter().enumerate().map(|(index, entry)| {
            let in_entry = |cause: String| problem(format!("`keys[{index}]`: {cause}"));
            let key = K::from_paserk(entry.paserk).map_err(|error| in_entry(error.to_string()))?;
            if entry.kid.is_some_and(|kid| kid != key.kid()) {
                return Err(in_entry(format!("`kid` is not the ID of the key, {}", key.kid())));
            }
            let activates_at = match entry.activates_at {
                None => None,
                Some(text) => Some(OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
                    let expected = "expected a time such as 2026-01-01T00:00:00Z";
                    in_entry(format!("`activates_at`: {expected}"))
                })?),
            };
            Ok((key, activates_at))
        });
        Self::from_entries(keys.collect::<Result<Vec<_>, _>>()?)
    }

    /// Returns the JSON form, which [`from_json`](Self::from_json) reads. It does not contain the
    /// expiry of issued tokens and the time of [`retire`](Self::retire). The string contains the
    /// keys, so it is cleared on drop.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        // An entry is shorter than 320 bytes, so the buffer does not grow. A buffer that grows
        // leaves copies of the keys in freed memory.
        let mut text = Zeroizing::new(String::with_capacity(64 + 320 * self.entries.len()));
        text.push_str("{\n  \"version\": 1,\n  \"keys\": [");
        for (index, entry) in self.entries.iter().enumerate() {
            text.push_str(if index == 0 { "\n    " } else { ",\n    " });
            text.push_str("{ \"kid\": \"");
            text.push_str(entry.key.kid());
            text.push_str("\", \"paserk\": \"");
            text.push_str(&entry.key.to_paserk());
            text.push('"');
            if let Some(time) = entry.activates_at.and_then(|time| time.format(&Rfc3339).ok()) {
                text.push_str(", \"activates_at\": \"");
                text.push_str(&time);
                text.push('"');
            }
            text.push_str(" }");
        }
        text.push_str("\n  ]\n}\n");
        text
    }
}

fn problem(problem: impl Into<String>) -> ConfigError {
    ConfigError::setting("keys", problem)
}

/// Describes an error of serde_json by its position only, because its message can contain a key.
fn describe(error: &serde_json::Error) -> ConfigError {
    let cause = match error.classify() {
        serde_json::error::Category::Eof => {
            "the content ends too early: it is written only in part"
        }
        serde_json::error::Category::Syntax => "the content is not JSON",
        _ => "a field is unknown, missing or given twice, or has a wrong type",
    };
    problem(format!("{cause} (line {}, column {})", error.line(), error.column()))
}
