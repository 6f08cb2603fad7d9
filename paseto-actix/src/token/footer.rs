//! Parses footers. A footer is a flat map, which can contain a key ID (`kid`), or opaque bytes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::Format;
use super::payload::{CBOR_MAP, from_cbor, from_json};
use super::structure::{AnyValue, Budget, Key, MapKeys, named};

/// The maximum length of a footer in bytes. It is small because the footer is parsed before the
/// signature is verified.
pub(crate) const MAX_FOOTER_LEN: usize = 1024;

/// The key ID of a footer. The other keys of the footer are checked and ignored.
#[derive(Debug, Default)]
pub(crate) struct Footer {
    pub(crate) kid: Option<String>,
}

impl Footer {
    /// Parses a footer. A footer that begins like a map of the format must be a flat map. Other
    /// bytes are opaque.
    ///
    /// # Errors
    ///
    /// The cause, for the log, if the footer breaks a rule.
    pub(crate) fn parse(format: Format, bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_FOOTER_LEN {
            return Err(format!(
                "the footer has {} bytes, the limit is {MAX_FOOTER_LEN}",
                bytes.len()
            ));
        }
        match format {
            Format::Json if bytes.trim_ascii_start().starts_with(b"{") => from_json(bytes),
            // The first three bits are the major type. The other bits encode the length.
            Format::Cbor if bytes.first().is_some_and(|first| first >> 5 == CBOR_MAP) => {
                from_cbor(bytes)
            }
            _ => Ok(Self::default()),
        }
    }
}

impl<'de> Deserialize<'de> for Footer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FooterVisitor)
    }
}

struct FooterVisitor;

impl<'de> Visitor<'de> for FooterVisitor {
    type Value = Footer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a flat map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Footer, A::Error> {
        let mut footer = Footer::default();
        let mut budget = Budget::new();
        let mut keys = MapKeys::default();
        while let Some(key) = keys.next(&mut map, &mut budget)? {
            if matches!(key, Key::Text(name) if name == "kid") {
                footer.kid = Some(named(&mut map, "`kid` of the footer", "a string")?.into_owned());
            } else {
                map.next_value_seed(AnyValue::scalar(&mut budget))?;
            }
        }
        Ok(footer)
    }
}
