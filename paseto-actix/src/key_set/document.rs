//! The JSON document of a key set.

use std::collections::HashSet;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{KeySetError, MAX_DOCUMENT_LEN, MAX_KEYS};
use crate::config::Value;
use crate::keys::PublicKey;

/// The minimum length of the data of a key. A symmetric key has 43 characters.
const MIN_DATA_LEN: usize = 40;

/// The members of a JSON object.
type Members = Vec<(Zeroizing<String>, Value)>;

#[derive(Serialize)]
struct Document<'a> {
    iss: &'a str,
    keys: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    kid: String,
    paserk: String,
}

/// Returns the document with these keys.
pub(super) fn write(issuer: &str, keys: impl Iterator<Item = PublicKey>) -> String {
    let keys = keys.map(|key| Entry { kid: key.kid().to_owned(), paserk: key.to_paserk() });
    let document = Document { iss: issuer, keys: keys.collect() };
    serde_json::to_string(&document).expect("strings and lists are JSON")
}

/// Reads the issuer and the keys of a document. The caller checks the keys.
pub(super) fn parse(document: &[u8]) -> Result<(String, Vec<PublicKey>), KeySetError> {
    if document.len() > MAX_DOCUMENT_LEN {
        return Err(KeySetError::TooLong);
    }
    let text = str::from_utf8(document).map_err(|_| malformed("expected UTF-8"))?;
    // A secret key in a document with a syntax error is reported too.
    check_text(text)?;
    // The errors of serde_json contain a position and no value.
    let value: Value = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    // A string can contain escapes, so each decoded string is checked too.
    check_value(&value)?;
    let mut document = members(value, "the document")?;
    let issuer = text_of(take(&mut document, "iss")?, "`iss`")?;
    let Value::List(entries) = take(&mut document, "keys")? else {
        return Err(malformed("expected a list in `keys`"));
    };
    if entries.len() > MAX_KEYS {
        return Err(KeySetError::TooManyKeys);
    }
    let mut keys = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        keys.extend(read_entry(index, entry)?);
    }
    Ok((issuer, keys))
}

/// Returns the key of an entry. Returns `None` for a public key of another version.
fn read_entry(index: usize, entry: Value) -> Result<Option<PublicKey>, KeySetError> {
    let mut entry = members(entry, &format!("`keys[{index}]`"))?;
    let paserk = text_of(take(&mut entry, "paserk")?, &format!("`paserk` of `keys[{index}]`"))?;
    if ["k1.public.", "k2.public.", "k3.public."].iter().any(|header| paserk.starts_with(header)) {
        return Ok(None);
    }
    let kid = text_of(take(&mut entry, "kid")?, &format!("`kid` of `keys[{index}]`"))?;
    let key = PublicKey::from_paserk(&paserk)
        .map_err(|error| malformed(format!("`keys[{index}]`: {error}")))?;
    // `from_paserk` removes white space and quotes.
    if paserk != key.to_paserk() {
        let problem = format!("`paserk` of `keys[{index}]` has characters before or after the key");
        return Err(malformed(problem));
    }
    if kid != key.kid() {
        return Err(KeySetError::WrongKeyId { index, expected: key.kid().to_owned() });
    }
    Ok(Some(key))
}

fn members(value: Value, name: &str) -> Result<Members, KeySetError> {
    match value {
        Value::Table(members) => Ok(members),
        other => Err(malformed(format!("expected an object in {name}, found {}", other.kind()))),
    }
}

fn take(members: &mut Members, name: &str) -> Result<Value, KeySetError> {
    let index = members
        .iter()
        .position(|(member, _)| **member == *name)
        .ok_or_else(|| malformed(format!("the member `{name}` is missing")))?;
    Ok(members.swap_remove(index).1)
}

fn text_of(value: Value, name: &str) -> Result<String, KeySetError> {
    match value {
        Value::Text(text) => Ok(text.to_string()),
        other => Err(malformed(format!("expected a string in {name}, found {}", other.kind()))),
    }
}

/// Checks all strings for secret keys, and all objects for duplicate members. Parsers disagree
/// about duplicate members, so another verifier could read other keys.
fn check_value(value: &Value) -> Result<(), KeySetError> {
    match value {
        Value::Text(text) => check_text(text),
        Value::List(values) => values.iter().try_for_each(check_value),
        Value::Table(members) => {
            let mut names = HashSet::with_capacity(members.len());
            for (name, value) in members {
                check_text(name)?;
                check_value(value)?;
                if !names.insert(name.as_str()) {
                    return Err(malformed("a member occurs twice in one object"));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns an error for a string that contains a secret key or a symmetric key: a PASERK of the
/// types `secret`, `local` and `seal` of each version, wrapped and encrypted keys included, or a
/// private key in PEM.
pub(super) fn check_text(text: &str) -> Result<(), KeySetError> {
    let is_secret = |(start, _): (usize, &str)| {
        let mut rest = text[start + 1..].chars();
        let is_version =
            rest.next().is_some_and(|c| c.is_ascii_digit()) && rest.next() == Some('.');
        let kind =
            ["secret", "local", "seal"].iter().find_map(|kind| rest.as_str().strip_prefix(kind));
        is_version && kind.is_some_and(has_data)
    };
    if text.contains("PRIVATE KEY") || text.match_indices('k').any(is_secret) {
        return Err(KeySetError::SecretKey);
    }
    Ok(())
}

/// Returns whether the data of a key follows: `.` and the data, `-pw.` and the data, or
/// `-wrap.pie.` and the data. The name of a host such as `k8.local.example` has no data.
fn has_data(rest: &str) -> bool {
    let is_data = |part: &&str| {
        let is_base64url = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        part.bytes().take_while(|c| is_base64url(c)).count() >= MIN_DATA_LEN
    };
    let parts = rest.split('.').skip(1).take(2);
    rest.starts_with(['.', '-']) && parts.into_iter().any(|part| is_data(&part))
}

fn malformed(problem: impl Into<String>) -> KeySetError {
    KeySetError::Malformed(problem.into())
}
