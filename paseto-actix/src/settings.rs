//! What the settings of both sides share: lists of keys, and errors that name the field but never repeat a key.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// One entry of `private_keys` or `public_keys`: `{iss, version, key}` or `{iss, paserk}`.
pub(crate) struct KeyEntry {
    pub(crate) iss: Option<String>,
    pub(crate) text: KeyText,
}

/// A key as it stands in the settings.
pub(crate) enum KeyText {
    Paserk(Zeroizing<String>),
    Pem(Zeroizing<String>),
}

/// An error with the path to the field it is about, and without what stood there: it may be a key in the wrong place.
pub(crate) fn at_path<E: de::Error>(path: serde_path_to_error::Path, error: E) -> E {
    match path.to_string().as_str() {
        "." | "?" => E::custom(without_values(&error.to_string())),
        path => E::custom(without_values(&format!("`{path}`: {error}"))),
    }
}

/// Leaves out what serde quotes: texts, which it puts between `"`, and names that are longer than any field's.
fn without_values(message: &str) -> String {
    const LONGEST_NAME: usize = 30;
    let mut kept = String::new();
    let mut rest = message;
    while let Some(start) = rest.find(['"', '`']) {
        let (before, quoted) = rest.split_at(start);
        let quote = &quoted[..1];
        let length = end_of_quote(&quoted[1..], quote);
        kept.push_str(before);
        kept.push_str(quote);
        kept.push_str(if quote == "`" && length <= LONGEST_NAME { &quoted[1..=length] } else { "…" });
        kept.push_str(quote);
        rest = quoted.get(length + 2..).unwrap_or_default();
    }
    kept + rest
}

fn end_of_quote(text: &str, quote: &str) -> usize {
    let mut escaped = false;
    text.find(|c: char| {
        let ends = !escaped && quote.starts_with(c);
        escaped = c == '\\' && !escaped && quote == "\"";
        ends
    })
    .unwrap_or(text.len())
}

/// Reads a list of keys, making each of its entries by `make`.
pub(crate) fn key_list<'de, D, T, F>(deserializer: D, make: F) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    F: Fn(KeyEntry) -> Result<T, String>,
{
    deserializer.deserialize_seq(KeyList(make))
}

struct KeyList<F>(F);

impl<'de, T, F: Fn(KeyEntry) -> Result<T, String>> Visitor<'de> for KeyList<F> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = seq.next_element_seed(Entry(&self.0))? {
            keys.push(key);
        }
        Ok(keys)
    }

    /// serde's own message would repeat the text, which may be a key.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Vec<T>, E> {
        Err(E::custom("a list of keys belongs here, not a text"))
    }
}

struct Entry<'a, F>(&'a F);

impl<'de, T, F: Fn(KeyEntry) -> Result<T, String>> DeserializeSeed<'de> for Entry<'_, F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

const FIELDS: &[&str] = &["iss", "version", "key", "paserk"];

impl<'de, T, F: Fn(KeyEntry) -> Result<T, String>> Visitor<'de> for Entry<'_, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `paserk`, or with `version` and `key`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let (mut iss, mut version, mut pem, mut paserk) = (None, None, None, None);
        while let Some(field) = map.next_key::<String>()? {
            let repeated = match field.as_str() {
                "iss" => iss.replace(map.next_value_seed(Text)?).is_some(),
                "version" => version.replace(map.next_value_seed(Version)?).is_some(),
                "key" => pem.replace(map.next_value_seed(Text)?).is_some(),
                "paserk" => paserk.replace(map.next_value_seed(Text)?).is_some(),
                unknown => return Err(de::Error::unknown_field(unknown, FIELDS)),
            };
            if repeated {
                return Err(de::Error::custom(format_args!("`{field}` is given twice")));
            }
        }
        let text = match (paserk, version, pem) {
            (Some(paserk), None, None) => KeyText::Paserk(paserk),
            (None, Some(4), Some(pem)) => KeyText::Pem(pem),
            (None, Some(_), Some(_)) => return Err(de::Error::custom("`version`: only version 4 is supported")),
            (None, None, _) => return Err(de::Error::missing_field("paserk` or `version")),
            (None, Some(_), None) => return Err(de::Error::missing_field("key")),
            (Some(_), _, _) => return Err(de::Error::custom("`paserk` says all: leave out `version` and `key`")),
        };
        let iss = iss.map(|iss: Zeroizing<String>| iss.to_string());
        (self.0)(KeyEntry { iss, text }).map_err(de::Error::custom)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<T, E> {
        Err(E::custom("a map with `paserk`, or with `version` and `key`, belongs here, not a text"))
    }
}

struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Zeroizing<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_string(self)
    }
}

impl Visitor<'_> for Text {
    type Value = Zeroizing<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Zeroizing::new(text))
    }
}

struct Version;

impl<'de> DeserializeSeed<'de> for Version {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_u64(self)
    }
}

impl Visitor<'_> for Version {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of a PASETO version")
    }

    fn visit_u64<E>(self, version: u64) -> Result<u64, E> {
        Ok(version)
    }

    fn visit_i64<E: de::Error>(self, version: i64) -> Result<u64, E> {
        u64::try_from(version).map_err(|_| E::custom("the number of a PASETO version belongs here"))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<u64, E> {
        Err(E::custom("the number of a PASETO version belongs here, not a text"))
    }
}
