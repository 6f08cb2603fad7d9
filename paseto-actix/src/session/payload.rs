//! The payload of a session token, which is JSON with the ID, the times and the content of a
//! session.

use std::collections::HashMap;
use std::{fmt, io};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use zeroize::Zeroize;

use crate::random::random_id;
use crate::token::token_len;

/// The content of a session in actix-session. Each value is a JSON string.
pub(super) type State = HashMap<String, String>;

/// The version of the payload format. Payloads of other versions are rejected.
const VERSION: u8 = 2;
/// The maximum length of the payload of an empty session.
const MAX_HEAD_LEN: usize = 120;

/// The metadata of a session. Times are Unix times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionHead {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) expires: i64,
    /// Whether the cookie has `Max-Age`, so that it is kept after the browser is closed. `None`
    /// means the setting `persistent`.
    pub(super) persistent: Option<bool>,
}

impl SessionHead {
    /// Returns the head of a new session with a random ID. The caller sets `expires`.
    ///
    /// # Errors
    ///
    /// An error if the operating system returns no random bytes.
    pub(super) fn new(
        now: OffsetDateTime,
        persistent: Option<bool>,
    ) -> Result<Self, getrandom::Error> {
        let now = now.unix_timestamp();
        Ok(Self { id: random_id()?, created: now, expires: now, persistent })
    }
}

/// The content of a decrypted session. Each value is JSON that was validated when it was parsed.
#[derive(Debug)]
pub(super) struct Values(Vec<(String, Box<RawValue>)>);

impl Values {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &RawValue)> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }

    /// Returns the JSON string of a value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }

    pub(super) fn is_equal_to(&self, state: &State) -> bool {
        self.0.len() == state.len()
            && self
                .0
                .iter()
                .all(|(name, value)| state.get(name).is_some_and(|other| other == value.get()))
    }

    /// Moves the content out.
    pub(super) fn take(&mut self) -> State {
        let json = |value: Box<RawValue>| Box::<str>::from(value).into_string();
        self.0.drain(..).map(|(name, value)| (name, json(value))).collect()
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
                f.write_str("the content of a session")
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

/// Parses an authentic payload. Returns `None` if it is malformed or has another version.
pub(super) fn read(payload: &[u8]) -> Option<(SessionHead, Values)> {
    let Payload { v, id, created, expires, persistent, state } =
        serde_json::from_slice(payload).ok()?;
    (v == VERSION).then_some((SessionHead { id, created, expires, persistent }, state))
}

/// Writes a payload. The values of the state are JSON, so they are copied.
pub(super) fn write(
    out: &mut impl io::Write,
    head: &SessionHead,
    state: &State,
) -> serde_json::Result<()> {
    write_str(out, "{\"v\":")?;
    serde_json::to_writer(&mut *out, &VERSION)?;
    write_str(out, ",\"id\":")?;
    serde_json::to_writer(&mut *out, &head.id)?;
    write_str(out, ",\"created\":")?;
    serde_json::to_writer(&mut *out, &head.created)?;
    write_str(out, ",\"expires\":")?;
    serde_json::to_writer(&mut *out, &head.expires)?;
    if let Some(persistent) = head.persistent {
        write_str(out, if persistent { ",\"persistent\":true" } else { ",\"persistent\":false" })?;
    }
    write_str(out, ",\"state\":{")?;
    let mut separator = "";
    for (name, value) in state {
        write_str(out, separator)?;
        serde_json::to_writer(&mut *out, name)?;
        write_str(out, ":")?;
        write_str(out, value)?;
        separator = ",";
    }
    write_str(out, "}}")
}

fn write_str(out: &mut impl io::Write, string: &str) -> serde_json::Result<()> {
    out.write_all(string.as_bytes()).map_err(serde_json::Error::io)
}

/// Estimates the length of the payload, to allocate a buffer. The buffer grows if the estimate is
/// too small, because names with escaped characters are longer.
pub(super) fn estimated_len(state: &State) -> usize {
    let entry = |(name, value): (&String, &String)| name.len() + value.len() + "\"\":,".len();
    MAX_HEAD_LEN + state.iter().map(entry).sum::<usize>()
}

/// Estimates the length of the token.
pub(super) fn estimated_token_len(state: &State) -> usize {
    token_len(estimated_len(state))
}

/// Returns the length of the token.
pub(super) fn encrypted_len(state: &State, persistent: Option<bool>) -> usize {
    // IDs have 22 characters. Unix times have 10 digits until the year 2286.
    let head = SessionHead {
        id: "x".repeat(22),
        created: 9_999_999_999,
        expires: 9_999_999_999,
        persistent,
    };
    let mut counter = ByteCounter(0);
    // Writing to `ByteCounter` cannot fail.
    write(&mut counter, &head, state).map_or(usize::MAX, |()| token_len(counter.0))
}

/// Counts bytes instead of writing them.
struct ByteCounter(usize);

impl io::Write for ByteCounter {
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
    fn written_payload_is_read_back_and_has_the_computed_length() {
        let state = State::from([
            ("user \"x\"\n\u{1f600}".to_owned(), "{\"a\":[1,2.50,null]}".to_owned()),
            (String::new(), "\"\\u00e9\"".to_owned()),
        ]);
        for (state, persistent) in
            [(State::new(), None), (state.clone(), Some(true)), (state, Some(false))]
        {
            let now = OffsetDateTime::from_unix_timestamp(2_000_000_000).expect("a time");
            let head = SessionHead::new(now, persistent).expect("random bytes");
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
    fn is_equal_to_finds_a_difference_in_one_entry() {
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
    fn malformed_payloads_and_other_versions_are_rejected() {
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
