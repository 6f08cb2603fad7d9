//! A simple model of the rules for payloads and footers. It keeps the whole value, which the
//! library does not, and checks the rules after the parser.

use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::fixtures::{ISSUER, NOW};

/// Any value of JSON or CBOR. Maps keep duplicate keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A string.
    Text(String),
    /// An integer.
    Number(i128),
    /// Null.
    Null,
    /// Any other value without inner values.
    Scalar,
    /// A list.
    List(Vec<Tree>),
    /// A map.
    Map(Vec<(Tree, Tree)>),
    /// A value with a tag of CBOR.
    Tagged(Box<Tree>),
}

/// The reason for which the model rejects a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The payload breaks a rule of the format.
    Malformed,
    /// `iss` or `exp` is missing.
    Missing,
    /// `iss` is not [`ISSUER`].
    Issuer,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` is in the future.
    Early,
    /// The token has an audience.
    Audience,
}

impl Tree {
    /// Returns the tree of a JSON text.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_str(str::from_utf8(bytes).ok()?).ok()
    }

    /// Returns the tree of a CBOR item.
    pub fn from_cbor(mut bytes: &[u8]) -> Option<Self> {
        let tree = ciborium::de::from_reader_with_recursion_limit(&mut bytes, 64).ok()?;
        bytes.is_empty().then_some(tree)
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(entries) => 1 + entries.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
            Self::Tagged(inner) => 1 + inner.depth(),
            _ => 0,
        }
    }

    /// Returns the number of keys of all maps.
    pub fn keys(&self) -> usize {
        match self {
            Self::List(items) => items.iter().map(Self::keys).sum(),
            Self::Map(entries) => entries.iter().map(|(_, value)| 1 + value.keys()).sum(),
            Self::Tagged(inner) => inner.keys(),
            _ => 0,
        }
    }

    /// Returns whether all keys are strings or integers, and unique in their map.
    fn has_valid_keys(&self) -> bool {
        match self {
            Self::List(items) => items.iter().all(Self::has_valid_keys),
            Self::Tagged(inner) => inner.has_valid_keys(),
            Self::Map(entries) => entries.iter().enumerate().all(|(index, (key, value))| {
                matches!(key, Self::Text(_) | Self::Number(_))
                    && entries[..index].iter().all(|(other, _)| other != key)
                    && value.has_valid_keys()
            }),
            _ => true,
        }
    }

    /// Returns whether the limits of a payload hold: 16 levels, 256 unique keys.
    pub fn is_well_formed(&self) -> bool {
        self.depth() <= 16 && self.keys() <= 256 && self.has_valid_keys()
    }

    /// Returns the value of a name of a map.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries
            .iter()
            .find(|(key, _)| matches!(key, Self::Text(text) if text == name))
            .map(|e| &e.1)
    }
}

/// Checks a payload as a verifier at [`NOW`] without an audience does.
pub fn check(payload: Option<Tree>, leeway: time::Duration) -> Result<Tree, Reason> {
    let tree = payload.filter(Tree::is_well_formed).ok_or(Reason::Malformed)?;
    let Tree::Map(entries) = &tree else { return Err(Reason::Malformed) };
    if !entries.iter().all(|(key, _)| matches!(key, Tree::Text(_))) {
        return Err(Reason::Malformed);
    }
    let text = |name| match tree.get(name) {
        None => Ok(None),
        Some(Tree::Text(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Reason::Malformed),
    };
    let time = |name| match text(name)? {
        None => Ok(None),
        Some(text) => parse_time(text).map(Some).ok_or(Reason::Malformed),
    };
    let (iss, aud) = (text("iss")?, text("aud")?);
    for name in ["sub", "jti", "acr", "sid"] {
        text(name)?;
    }
    let (exp, nbf, iat) = (time("exp")?, time("nbf")?, time("iat")?);
    time("auth_time")?;
    if text("scope")?.is_some_and(|scope| !is_scope(scope))
        || text("sub_gen")?.is_some_and(|text| !is_generation(text))
    {
        return Err(Reason::Malformed);
    }
    match iss {
        None => return Err(Reason::Missing),
        Some(ISSUER) => {}
        Some(_) => return Err(Reason::Issuer),
    }
    match exp {
        None => return Err(Reason::Missing),
        Some(exp) if exp + leeway < NOW => return Err(Reason::Expired),
        Some(_) => {}
    }
    if [nbf, iat].into_iter().flatten().any(|time| time > NOW + leeway) {
        return Err(Reason::Early);
    }
    if aud.is_some() { Err(Reason::Audience) } else { Ok(tree) }
}

fn is_scope(scope: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token.chars().all(|c| ('\x21'..='\x7e').contains(&c) && c != '"' && c != '\\')
    };
    scope.is_empty() || scope.split(' ').all(is_token)
}

fn is_generation(text: &str) -> bool {
    let is_canonical = text == "0" || !text.starts_with('0');
    is_canonical && text.bytes().all(|c| c.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

/// Parses a time in the grammar of RFC 3339, section 5.6, of at most 35 characters.
pub fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let rest = shape.strip_prefix("0000-00-00T00:00:00")?;
    let fraction = rest.strip_prefix('.').map(|rest| rest.trim_start_matches('0'));
    if rest.starts_with(".Z") || rest.starts_with(".+") || rest.starts_with(".-") {
        return None;
    }
    let is_valid = matches!(fraction.unwrap_or(rest), "Z" | "+00:00" | "-00:00");
    if !is_valid || text.len() > 35 {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

macro_rules! visit {
    ($($method:ident($type:ty) $value:ident => $tree:expr;)*) => {$(
        fn $method<E>(self, $value: $type) -> Result<Tree, E> {
            Ok($tree)
        }
    )*};
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    visit! {
        visit_bool(bool) _value => Tree::Scalar;
        visit_f64(f64) _value => Tree::Scalar;
        visit_bytes(&[u8]) _value => Tree::Scalar;
        visit_str(&str) value => Tree::Text(value.to_owned());
        visit_i64(i64) value => Tree::Number(value.into());
        visit_u64(u64) value => Tree::Number(value.into());
        visit_i128(i128) value => Tree::Number(value);
        visit_u128(u128) value => i128::try_from(value).map_or(Tree::Scalar, Tree::Number);
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Tree, A::Error> {
        struct Pair;

        impl<'de> Visitor<'de> for Pair {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag and its value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Tree, A::Error> {
                let _tag: Option<u64> = pair.next_element()?;
                let inner: Option<Tree> = pair.next_element()?;
                inner.ok_or_else(|| A::Error::custom("a tag without a value"))
            }
        }

        let (_, content) = tagged.variant::<IgnoredAny>()?;
        Ok(Tree::Tagged(Box::new(content.tuple_variant(2, Pair)?)))
    }
}
