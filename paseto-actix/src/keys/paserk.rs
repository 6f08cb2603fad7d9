//! The outer form of a PASERK: `k4.<type>.<base64url>`, and the ids of keys.
//!
//! Source: <https://github.com/paseto-standard/paserk>, "PASERK types" and "operations/ID.md".

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use super::Blake2b;
use crate::ConfigError;

/// The types that could be mistaken for the one wanted, told apart for a message that helps.
const KNOWN: [&str; 15] = [
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
    "-----BEGIN",
];

/// Decodes a PASERK of the type `expected` into exactly `N` bytes.
pub(super) fn decode<const N: usize>(text: &str, expected: &'static str) -> Result<Zeroizing<[u8; N]>, ConfigError> {
    let data = text
        .strip_prefix(expected)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| wrong_type(text, expected))?;
    let mut bytes = Zeroizing::new([0; N]);
    match Base64UrlUnpadded::decode(data, bytes.as_mut_slice()) {
        Ok(decoded) if decoded.len() == N => Ok(bytes),
        _ => Err(ConfigError::MalformedKey("what follows the type is too short, too long, or not base64url")),
    }
}

/// Encodes a PASERK without leaving a copy of the key in memory that was freed.
pub(super) fn encode(kind: &'static str, bytes: &[u8]) -> Zeroizing<String> {
    let mut buffer = Zeroizing::new([0; 128]);
    let mut text = Zeroizing::new(String::with_capacity(kind.len() + 1 + buffer.len()));
    text.push_str(kind);
    text.push('.');
    if let Ok(encoded) = Base64UrlUnpadded::encode(bytes, buffer.as_mut_slice()) {
        text.push_str(encoded);
    }
    text
}

/// The id of a key with this PASERK: the hash of the id's header and the PASERK.
///
/// pasetors computes ids too, but frees a copy of the PASERK that it does not clear.
pub(super) fn id(kind: &'static str, paserk: &str) -> Arc<str> {
    let mut hash = Blake2b::<33>::new();
    hash.update(kind.as_bytes()).update(b".").update(paserk.as_bytes());
    encode(kind, hash.finalize().as_slice()).as_str().into()
}

fn wrong_type(text: &str, expected: &'static str) -> ConfigError {
    let named = |kind: &&str| text.strip_prefix(*kind).is_some_and(|rest| rest.starts_with(['.', ' ']));
    match KNOWN.into_iter().find(named) {
        Some(found) => ConfigError::WrongKeyType { expected, found },
        None => ConfigError::MalformedKey(match expected {
            "k4.secret" => "not a PASERK that begins with `k4.secret.`",
            "k4.public" => "not a PASERK that begins with `k4.public.`",
            _ => "not a PASERK that begins with `k4.local.`",
        }),
    }
}
