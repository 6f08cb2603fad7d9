//! The payload of a session's token: JSON with the session's id, its times and its state.

use std::collections::HashMap;
use std::{fmt, io};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use zeroize::Zeroize;

use crate::token::token_len;

/// The state of actix-session. Each value is a text of JSON.
pub(super) type State = HashMap<String, String>;

/// The version that is written. A payload of another version is rejected.
const VERSION: u8 = 2;
/// The longest head, with the two braces at the end.
const PERSISTENT_HEAD_LEN: usize = 120;

/// What a session keeps beside its state. Times are whole seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionHead {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) expires: i64,
    /// Whether the cookie outlives the browser. `None`: the default from `persistent`.
    pub(super) persistent: Option<bool>,
}

impl SessionHead {
    /// The head of a new session, with a random id.
    ///
    /// # Errors
    ///
    /// An error if the operating system returns no random bytes.
    pub(super) fn begin(
        now: OffsetDateTime,
        persistent: Option<bool>,
    ) -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        let now = now.unix_timestamp();
        Ok(Self {
            id: Base64UrlUnpadded::encode_string(&bits),
            created: now,
            expires: now,
            persistent,
        })
    }
}

/// The names and values of a session that was read. A value is JSON that was checked once, when it
/// was read.
#[derive(Debug)]
pub(super) struct Values(Vec<(String, Box<RawValue>)>);

impl Values {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &RawValue)> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }

    /// The JSON text of a value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.get())
    }

    pub(super) fn is_equal_to(&self, state: &State) -> bool {
        self.0.len() == state.len()
            && self
                .0
                .iter()
                .all(|(name, value)| state.get(name).is_some_and(|other| other == value.get()))
    }

    pub(super) fn take(&mut self) -> State {
        let text = |value: Box<RawValue>| Box::<str>::from(value).into_string();
        self.0.drain(..).map(|(name, value)| (name, text(value))).collect()
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        for (_, value) in self.0.drain(..) {
            Box::<str>::from(value).zeroize();
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the state of a session")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut values = Values(Vec::new());
                while let Some(entry) = map.next_entry()? {
                    values.0.push(entry);
                }
                Ok(values)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    v: u8,
    id: String,
    created: i64,
    expires: i64,
    persistent: Option<bool>,
    state: Values,
}

/// Reads a payload that is authentic. Returns `None` if it is of another version.
pub(super) fn read(payload: &[u8]) -> Option<(SessionHead, Values)> {
    let Payload { v, id, created, expires, persistent, state } =
        serde_json::from_slice(payload).ok()?;
    (v == VERSION).then_some((SessionHead { id, created, expires, persistent }, state))
}

/// Writes a payload. The values of the state are JSON already, and are copied.
pub(super) fn write(
    out: &mut impl io::Write,
    head: &SessionHead,
    state: &State,
) -> serde_json::Result<()> {
    put(out, "{\"v\":")?;
    serde_json::to_writer(&mut *out, &VERSION)?;
    put(out, ",\"id\":\"")?;
    put(out, &head.id)?;
    put(out, "\",\"created\":")?;
    serde_json::to_writer(&mut *out, &head.created)?;
    put(out, ",\"expires\":")?;
    serde_json::to_writer(&mut *out, &head.expires)?;
    if let Some(persistent) = head.persistent {
        put(out, if persistent { ",\"persistent\":true" } else { ",\"persistent\":false" })?;
    }
    put(out, ",\"state\":{")?;
    let mut separator = "";
    for (name, value) in state {
        put(out, separator)?;
        serde_json::to_writer(&mut *out, name)?;
        put(out, ":")?;
        put(out, value)?;
        separator = ",";
    }
    put(out, "}}")
}

fn put(out: &mut impl io::Write, text: &str) -> serde_json::Result<()> {
    out.write_all(text.as_bytes()).map_err(serde_json::Error::io)
}

/// About the length of the payload of a state, to allocate a buffer. It is exact if no name needs
/// an escape.
pub(super) fn estimated_len(state: &State) -> usize {
    let entry = |(name, value): (&String, &String)| name.len() + value.len() + "\"\":,".len();
    PERSISTENT_HEAD_LEN + state.iter().map(entry).sum::<usize>()
}

/// About the length of the token of a state.
pub(super) fn estimated_token_len(state: &State) -> usize {
    token_len(estimated_len(state))
}

/// The length of the token of a state.
pub(super) fn encrypted_len(state: &State, persistent: Option<bool>) -> usize {
    // Ids have 22 characters, and times have ten digits until the year 2286.
    let head = SessionHead {
        id: "x".repeat(22),
        created: 9_999_999_999,
        expires: 9_999_999_999,
        persistent,
    };
    let mut count = Count(0);
    // `Count` accepts all bytes, so this cannot fail.
    write(&mut count, &head, state).map_or(usize::MAX, |()| token_len(count.0))
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_has_the_length_that_was_counted() {
        let state = State::from([
            ("user \"x\"\n\u{1f600}".to_owned(), "{\"a\":[1,2.50,null]}".to_owned()),
            (String::new(), "\"\\u00e9\"".to_owned()),
        ]);
        for (state, persistent) in
            [(State::new(), None), (state.clone(), Some(true)), (state, Some(false))]
        {
            let now = OffsetDateTime::from_unix_timestamp(2_000_000_000).expect("a time");
            let head = SessionHead::begin(now, persistent).expect("random bytes");
            let mut payload = Vec::new();
            write(&mut payload, &head, &state).expect("a payload");
            assert_eq!(token_len(payload.len()), encrypted_len(&state, persistent));
            let (read_head, mut values) = read(&payload).expect("a payload");
            assert_eq!(read_head, head);
            assert!(values.is_equal_to(&state));
            assert_eq!(values.take(), state);
        }
    }

    #[test]
    fn a_difference_in_one_entry_is_found() {
        let state = |entries: &[(&str, &str)]| -> State {
            entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let (_, values) =
            read(br#"{"v":2,"id":"x","created":1,"expires":2,"state":{"a":1,"b":"2"}}"#)
                .expect("values");
        assert!(values.is_equal_to(&state(&[("a", "1"), ("b", "\"2\"")])));
        for other in [
            &[("a", "1")][..],
            &[("a", "1"), ("b", "2")],
            &[("a", "1"), ("c", "\"2\"")],
            &[("a", "1"), ("b", "\"2\""), ("c", "3")],
        ] {
            assert!(!values.is_equal_to(&state(other)), "{other:?}");
        }
    }

    #[test]
    fn other_payloads_are_rejected() {
        for payload in [
            r#"{"v":1,"id":"x","created":1,"expires":2,"state":{}}"#,
            r#"{"v":2,"id":"x","created":1,"expires":2}"#,
            r#"{"v":2,"id":"x","created":1,"expires":2,"state":{},"more":1}"#,
            r#"{"v":2,"id":"x","created":1,"expires":2,"state":[]}"#,
            "",
        ] {
            assert!(read(payload.as_bytes()).is_none(), "{payload}");
        }
    }
}
