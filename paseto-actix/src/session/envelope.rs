//! What is sealed: the state of a session, and what the state cannot say of itself.

use std::{borrow::Cow, collections::HashMap, io};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// actix-session's state: each value is a text of JSON.
pub(super) type State = HashMap<String, String>;

/// The form written here. A form that is not known is no session.
const VERSION: u8 = 1;

/// Whose session it is, and until when. Times are whole seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) expires: i64,
}

impl Life {
    /// A new session's, with an id of 128 random bits; `None` if the system has none to give.
    pub(super) fn begin(now: OffsetDateTime) -> Option<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).ok()?;
        let now = now.unix_timestamp();
        Some(Self { id: Base64UrlUnpadded::encode_string(&bits), created: now, expires: now })
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    id: &'a str,
    created: i64,
    expires: i64,
    state: Values<'a>,
}

/// The values as what they are. As texts, they would be escaped a second time.
struct Values<'a>(&'a State);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            let value: &RawValue = serde_json::from_str(value).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    v: u8,
    #[serde(borrow)]
    id: Cow<'a, str>,
    created: i64,
    expires: i64,
    #[serde(borrow)]
    state: HashMap<Cow<'a, str>, &'a RawValue>,
}

pub(super) fn write(life: &Life, state: &State) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&written(life, state))
}

pub(super) fn read(payload: &[u8]) -> Option<(Life, State)> {
    let Read { v, id, created, expires, state } = serde_json::from_slice(payload).ok()?;
    let state = state.into_iter().map(|(name, value)| (name.into_owned(), value.get().to_owned())).collect();
    (v == VERSION).then(|| (Life { id: id.into_owned(), created, expires }, state))
}

/// How long the payload of a state is, of whatever session.
pub(super) fn len(state: &State) -> Result<usize, serde_json::Error> {
    // As long as any: 22 characters, and ten digits until the year 2286.
    let life = Life { id: "x".repeat(22), created: 9_999_999_999, expires: 9_999_999_999 };
    let mut count = Count(0);
    serde_json::to_writer(&mut count, &written(&life, state))?;
    Ok(count.0)
}

fn written<'a>(life: &'a Life, state: &'a State) -> Written<'a> {
    Written { v: VERSION, id: &life.id, created: life.created, expires: life.expires, state: Values(state) }
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
