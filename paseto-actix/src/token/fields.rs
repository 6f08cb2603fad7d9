//! Where each claim of a JSON payload stands, so that a type that wants few of them reads few.
//!
//! What is found this way is what serde_json finds. Where there is any doubt, this errs, and serde_json reads the whole.

use std::{cell::Cell, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor,
        value::{BorrowedStrDeserializer, Error as Other},
    },
};
use serde_json::{Deserializer as Json, Error, value::RawValue};

/// The claims of one payload.
pub(super) struct Fields(Box<[Field]>);

/// A claim's name, without its quotes, and its value. A payload has less than 65,536 bytes.
struct Field {
    name: (u16, u16),
    value: (u16, u16),
}

impl Fields {
    /// How many bytes so many claims take.
    pub(super) const fn size_in_memory(count: usize) -> usize {
        count * size_of::<Field>()
    }

    /// `None` if a claim's name is not written as it reads.
    pub(super) fn of(payload: &str) -> Option<Self> {
        let Names(entries) = serde_json::from_str(payload).ok()?;
        let place = |part: &str| {
            let start = (part.as_ptr() as usize).checked_sub(payload.as_ptr() as usize)?;
            Some((u16::try_from(start).ok()?, u16::try_from(start.checked_add(part.len())?).ok()?))
        };
        let field = |(name, value): (&str, &RawValue)| Some(Field { name: place(name)?, value: place(value.get())? });
        entries.into_iter().map(field).collect::<Option<_>>().map(Self)
    }

    /// Reads a type from the payload that these are the claims of.
    pub(super) fn read<C: DeserializeOwned>(&self, payload: &str) -> Result<C, Error> {
        C::deserialize(Payload { payload, fields: &self.0 })
    }
}

/// Names and values in their order, as they are written.
struct Names<'de>(Vec<(&'de str, &'de RawValue)>);

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Names<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Names(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

macro_rules! leave_to_serde_json {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Error> {
            Err(Error::custom("no map is asked for"))
        })*
    };
}

/// A payload whose claims are known. Whoever asks for anything but a map gets serde_json's answer.
struct Payload<'de, 'f> {
    payload: &'de str,
    fields: &'f [Field],
}

impl<'de> Payload<'de, '_> {
    fn entries<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut entries = Entries { payload: self.payload, rest: self.fields, value: None };
        let value = visitor.visit_map(&mut entries)?;
        if entries.rest.is_empty() && entries.value.is_none() {
            Ok(value)
        } else {
            Err(Error::custom("claims that were not looked at"))
        }
    }
}

impl<'de> Deserializer<'de> for Payload<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.entries(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.entries(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.entries(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    leave_to_serde_json! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(&'static str);
        deserialize_seq();
        deserialize_tuple(usize);
        deserialize_tuple_struct(&'static str, usize);
        deserialize_enum(&'static str, &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}

struct Entries<'de, 'f> {
    payload: &'de str,
    rest: &'f [Field],
    value: Option<&'de str>,
}

impl<'de> Entries<'de, '_> {
    fn text(&self, (start, end): (u16, u16)) -> Result<&'de str, Error> {
        let range = Range { start: usize::from(start), end: usize::from(end) };
        self.payload.get(range).ok_or_else(|| Error::custom("a claim beyond the payload"))
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.value.is_some() {
            return Err(Error::custom("a name whose value was not read"));
        }
        let Some((field, rest)) = self.rest.split_first() else { return Ok(None) };
        self.value = Some(self.text(field.value)?);
        let name = BorrowedStrDeserializer::<Other>::new(self.text(field.name)?);
        self.rest = rest;
        seed.deserialize(name).map(Some).map_err(Error::custom)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let text = self.value.take().ok_or_else(|| Error::custom("a value without its name"))?;
        let was_read = Cell::new(false);
        let value = seed.deserialize(Value { text, was_read: &was_read })?;
        if was_read.get() { Ok(value) } else { Err(Error::custom("a value that was passed over")) }
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// A claim's value: serde_json's to read, unless nobody wants it.
struct Value<'de, 'r> {
    text: &'de str,
    was_read: &'r Cell<bool>,
}

macro_rules! read_by_serde_json {
    ($($method:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, Error> {
            self.was_read.set(true);
            // Some numbers are read as far as they go, and the rest is the map's to refuse.
            let mut json = Json::from_str(self.text);
            let value = json.$method($($argument,)* visitor)?;
            json.end()?;
            Ok(value)
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'de, '_> {
    type Error = Error;

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.was_read.set(true);
        visitor.visit_unit()
    }

    read_by_serde_json! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
    }
}

#[cfg(test)]
mod tests;
