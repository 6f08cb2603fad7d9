//! Encodes and decodes PASERKs of the form `k4.<type>.<base64url>`, and computes key IDs.
//!
//! Source: <https://github.com/paseto-standard/paserk>, "PASERK types" and "operations/ID.md".

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use super::{Blake2b, pem, text};
use crate::error::ConfigError;

/// Types of PASERK and headers of tokens that the error for a wrong type can name.
const KNOWN_TYPES: [&str; 19] = [
    "k4.public",
    "k4.secret",
    "k4.local",
    "k4.pid",
    "k4.sid",
    "k4.lid",
    "k4.seal",
    "k4.local-wrap",
    "k4.secret-wrap",
    "k4.local-pw",
    "k4.secret-pw",
    "k3",
    "k2",
    "k1",
    "v4.public",
    "v4.local",
    "v3",
    "v2",
    "v1",
];

/// Returns the type of a string that begins like a PASERK or a token.
pub(super) fn type_of(text: &str) -> Option<&'static str> {
    KNOWN_TYPES
        .into_iter()
        .find(|kind| text.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.')))
}

/// Decodes a PASERK of the type `expected` into exactly `N` bytes.
pub(super) fn decode<const N: usize>(
    text: &str,
    expected: &'static str,
) -> Result<Zeroizing<[u8; N]>, ConfigError> {
    let text = text::trim(text);
    let data = text
        .strip_prefix(expected)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| not_expected(text, expected))?;
    let malformed = |problem: String| ConfigError::MalformedKey(problem.into());
    if let Some(wrong) =
        data.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
    {
        let found = match wrong {
            '=' => "padding (`=`): remove it",
            '+' | '/' => "a character of standard base64 (`+` or `/`): convert it to base64url",
            c if c.is_whitespace() => "a blank or a line break",
            _ => "another character",
        };
        return Err(malformed(format!("expected base64url after `{expected}.`, found {found}")));
    }
    let len = (N * 8).div_ceil(6);
    if data.len() != len {
        let found = data.len();
        let problem = if found < len { "a part is missing" } else { "remove the rest" };
        return Err(malformed(format!(
            "expected {len} characters after `{expected}.`, found {found}: {problem}"
        )));
    }
    let mut bytes = Zeroizing::new([0; N]);
    match Base64UrlUnpadded::decode(data, bytes.as_mut_slice()) {
        Ok(decoded) if decoded.len() == N => Ok(bytes),
        _ => Err(malformed(format!(
            "the last character after `{expected}.` is not canonical base64url"
        ))),
    }
}

/// Encodes a PASERK. All buffers are cleared before they are freed.
pub(super) fn encode(kind: &'static str, bytes: &[u8]) -> Zeroizing<String> {
    let mut buffer = Zeroizing::new([0; 256]);
    let mut text = Zeroizing::new(String::with_capacity(kind.len() + 1 + buffer.len()));
    text.push_str(kind);
    text.push('.');
    if let Ok(encoded) = Base64UrlUnpadded::encode(bytes, buffer.as_mut_slice()) {
        text.push_str(encoded);
    }
    text
}

/// Returns the key ID for a PASERK: the hash of the header of the ID and of the PASERK.
///
/// This crate does not use the function of pasetors, because pasetors frees a copy of the PASERK
/// without clearing it.
pub(super) fn id(kind: &'static str, paserk: &str) -> Arc<str> {
    let mut hash = Blake2b::<33>::new();
    hash.update(kind.as_bytes()).update(b".").update(paserk.as_bytes());
    encode(kind, hash.finalize().as_slice()).as_str().into()
}

fn not_expected(text: &str, expected: &'static str) -> ConfigError {
    if pem::is_pem(text) {
        return ConfigError::WrongKeyType { expected, found: "PEM" };
    }
    let problem = || {
        ConfigError::MalformedKey(
            format!("expected a PASERK that begins with `{expected}.`").into(),
        )
    };
    text::common_mistake(text, expected).unwrap_or_else(problem)
}
