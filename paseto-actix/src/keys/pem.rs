//! The outer form of a PEM key: one block, nothing before it.
//!
//! Source: [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468), strict form.

use crate::ConfigError;

/// An Ed25519 key takes some 120 bytes; whatever is much longer is something else.
pub(super) const MAX_LENGTH: usize = 1024;

/// Refuses what a PEM reader would skip or half-read: text before the block, a second block, another label.
pub(super) fn check(text: &str, expected: &'static str) -> Result<(), ConfigError> {
    if text.len() > MAX_LENGTH {
        return Err(ConfigError::MalformedKey("too long for the PEM of an Ed25519 key"));
    }
    let label = text
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.split_once("-----"))
        .map(|(label, _)| label)
        .ok_or(ConfigError::MalformedKey("no PEM block at the very start of the text"))?;
    if text.matches("-----BEGIN").count() > 1 {
        return Err(ConfigError::MalformedKey("more than one PEM block"));
    }
    if label == expected {
        return Ok(());
    }
    let known =
        ["PRIVATE KEY", "PUBLIC KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE"];
    match known.into_iter().find(|known| *known == label) {
        Some(found) => Err(ConfigError::WrongKeyType { expected, found }),
        None => Err(ConfigError::MalformedKey("an unknown PEM label")),
    }
}
