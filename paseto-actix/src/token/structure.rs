//! Checks the structure of a payload in either format: bounded depth, bounded number of keys,
//! unique keys.
//!
//! Parsers disagree about duplicate keys. Some use the first value, and others, such as the maps of
//! serde, use the last value without an error. An attacker could use the difference.

use std::borrow::Cow;
use std::fmt;

use serde::de;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::serde_message::without_values;
use crate::error::quote;

/// The maximum nesting depth. The payload itself is the first level.
const MAX_DEPTH: usize = 16;
/// The maximum number of keys in all maps of a payload together.
const MAX_KEYS: usize = 256;

/// The number of keys that the rest of the payload can have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    keys: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { keys: MAX_KEYS }
    }
}

/// The keys of one map.
#[derive(Default)]
pub(super) struct MapKeys<'de>(Vec<Key<'de>>);

impl<'de> MapKeys<'de> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Reads the next key of the map. Returns `None` at the end of the map.
    ///
    /// # Errors
    ///
    /// An error if the map already has the key, or if the payload has too many keys.
    pub(super) fn next<A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        budget: &mut Budget,
    ) -> Result<Option<&Key<'de>>, A::Error> {
        let Some(key) = map.next_key_seed(KeySeed)? else { return Ok(None) };
        if self.0.contains(&key) {
            return Err(de::Error::custom(format_args!("the key {key} occurs twice in one map")));
        }
        if self.0.is_empty() {
            // Most payloads have at most 16 keys, so the list does not grow.
            self.0.reserve(16);
        }
        budget.keys = budget
            .keys
            .checked_sub(1)
            .ok_or_else(|| de::Error::custom(format_args!("more than {MAX_KEYS} keys")))?;
        self.0.push(key);
        Ok(self.0.last())
    }
}

/// The key of a map. It is a string, or in CBOR also an integer.
#[derive(PartialEq, Eq)]
pub(super) enum Key<'de> {
    Text(Cow<'de, str>),
    Number(i128),
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quote(text)),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer as the key of a map")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Key::Text(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Key::Text(Cow::Owned(key.to_owned())))
    }

    fn visit_i64<E>(self, key: i64) -> Result<Self::Value, E> {
        Ok(Key::Number(key.into()))
    }

    fn visit_u64<E>(self, key: u64) -> Result<Self::Value, E> {
        Ok(Key::Number(key.into()))
    }

    fn visit_i128<E>(self, key: i128) -> Result<Self::Value, E> {
        Ok(Key::Number(key))
    }

    fn visit_u128<E: de::Error>(self, key: u128) -> Result<Self::Value, E> {
        i128::try_from(key).map(Key::Number).map_err(|_| E::custom("a number too large for a key"))
    }
}

/// Reads a string. Rejects a tagged string, which ciborium would accept as a string.
pub(super) struct PlainString {
    /// The description of the expected string, for the error.
    pub(super) expected: &'static str,
}

impl<'de> DeserializeSeed<'de> for PlainString {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PlainString {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Reads the string value of `name`. The error contains the name.
pub(super) fn named<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &str,
    expected: &'static str,
) -> Result<Cow<'de, str>, A::Error> {
    map.next_value_seed(PlainString { expected }).map_err(|error| {
        let message = error.to_string();
        // A syntax error of the format does not contain a value, so it stays unchanged.
        without_values(&message)
            .map_or(error, |problem| de::Error::custom(format_args!("{name}: {problem}")))
    })
}

/// Checks the structure of any value, and discards the value.
pub(super) struct AnyValue<'a> {
    /// The number of levels that enclose this value.
    pub(super) depth: usize,
    pub(super) budget: &'a mut Budget,
}

impl<'a> AnyValue<'a> {
    /// Accepts any value except a list, a map or a tag.
    pub(super) fn scalar(budget: &'a mut Budget) -> Self {
        Self { depth: MAX_DEPTH, budget }
    }

    fn deeper<E: de::Error>(&mut self) -> Result<AnyValue<'_>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("more than {MAX_DEPTH} levels")));
        }
        Ok(AnyValue { depth: self.depth + 1, budget: self.budget })
    }
}

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i128<E>(self, _: i128) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u128<E>(self, _: u128) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let AnyValue { depth, budget } = self.deeper()?;
        let mut keys = MapKeys::default();
        while keys.next(&mut map, budget)?.is_some() {
            map.next_value_seed(AnyValue { depth, budget })?;
        }
        Ok(())
    }

    /// Checks a tagged CBOR value. ciborium presents it as an enum with the tag and the value.
    fn visit_enum<A: EnumAccess<'de>>(mut self, tagged: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let (_, content) = tagged.variant::<de::IgnoredAny>()?;
        content.tuple_variant(2, Tagged(inside))
    }
}

/// A value whose structure was checked.
pub(super) struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyValue { depth: 0, budget: &mut Budget::new() }.deserialize(deserializer).map(|()| Self)
    }
}

struct Tagged<'a>(AnyValue<'a>);

impl<'de> Visitor<'de> for Tagged<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag and its value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<(), A::Error> {
        let _tag: Option<u64> = pair.next_element()?;
        pair.next_element_seed(self.0)?;
        Ok(())
    }
}
