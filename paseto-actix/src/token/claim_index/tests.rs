//! Reads with the index give the same values as reads with serde_json.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Value as Any, json};

use super::*;

const PAYLOAD: &str = r#"{"iss":"https://issuer.example" , "n" : -1.5e3,"list":[{"a":[]},"\"}"],"text":"\u00e9\n","none":null,"yes":true}"#;

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Some3 {
    n: f64,
    text: String,
    none: Option<u8>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Flat {
    yes: bool,
    #[serde(flatten)]
    rest: BTreeMap<String, Any>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct New(Some3);

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    n: f64,
}

/// The values that the index and serde_json read, as `Debug` text.
fn both<C: DeserializeOwned + fmt::Debug>(payload: &str) -> (Option<String>, Option<String>) {
    let index = ClaimIndex::new(payload).expect("a payload without escapes in names");
    let show = |value: C| format!("{value:?}");
    (index.read(payload).map(show), serde_json::from_str(payload).ok().map(show))
}

#[test]
fn reads_what_serde_json_reads() {
    for (ours, theirs) in [
        both::<Some3>(PAYLOAD),
        both::<Flat>(PAYLOAD),
        both::<New>(PAYLOAD),
        both::<Option<Some3>>(PAYLOAD),
        both::<Box<RawValue>>(PAYLOAD),
        both::<BTreeMap<String, Any>>(PAYLOAD),
        both::<Any>(PAYLOAD),
        both::<HashMap<String, Box<RawValue>>>(r#"{"a":[1, 2]}"#),
    ] {
        assert!(ours.is_some());
        assert_eq!(ours, theirs);
    }
}

/// serde_json reads the first digits of some numbers before it rejects the rest.
#[derive(Debug, serde::Deserialize)]
struct Wide<T> {
    #[serde(rename = "n")]
    _n: T,
}

#[test]
fn rejects_what_serde_json_rejects() {
    for number in ["1.5", "1e3", "-1", "18446744073709551616", "01"] {
        let payload = format!(r#"{{"n":{number}}}"#);
        if ClaimIndex::new(&payload).is_some() {
            for (ours, theirs) in [
                both::<Wide<u128>>(&payload),
                both::<Wide<i128>>(&payload),
                both::<Wide<Option<u128>>>(&payload),
                both::<Wide<u64>>(&payload),
                both::<Wide<i8>>(&payload),
                both::<Wide<f32>>(&payload),
            ] {
                assert_eq!(ours, theirs, "{number}");
            }
        }
    }
    for outcome in [
        both::<Wide<u128>>(r#"{"n":1e18}"#),
        both::<Vec<(String, Any)>>(PAYLOAD),
        both::<Strict>(PAYLOAD),
        both::<Vec<u8>>(PAYLOAD),
        both::<String>(PAYLOAD),
        both::<u8>(PAYLOAD),
        both::<(u8, u8)>(PAYLOAD),
        both::<BTreeMap<String, u8>>(PAYLOAD),
    ] {
        assert_eq!(outcome, (None, None));
    }
}

#[test]
fn leaves_other_types_to_serde_json() {
    assert!(ClaimIndex::new(r#"{"\u0061":1}"#).is_none(), "a name with an escape");
    let (ours, theirs) = both::<BTreeMap<u8, u8>>(r#"{"1":2}"#);
    assert!(ours.is_none() && theirs.is_some());
    let other = ClaimIndex::new(PAYLOAD).expect("a payload");
    assert_eq!(other.read::<Some3>("{}"), None, "the payload of another index");
    assert_eq!(other.read::<Any>(PAYLOAD).expect("a map")["list"], json!([{ "a": [] }, "\"}"]));
}

fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(serde::Deserialize::deserialize(deserializer).ok())
}

/// A type that ignores an error in one claim. After the error, serde_json stops parsing.
#[derive(Debug, serde::Deserialize)]
struct Lenient {
    #[serde(deserialize_with = "lenient")]
    _limit: Option<u64>,
    _plan: String,
}

/// A type that requests a list and also accepts a map.
#[derive(Debug)]
struct ListOrMap;

impl<'de> serde::Deserialize<'de> for ListOrMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self)
    }
}

impl<'de> Visitor<'de> for ListOrMap {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a map")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<String, Any>()?.is_some() {}
        Ok(self)
    }
}

/// Otherwise, a token would be rejected in the first request and accepted in the second.
#[test]
fn a_type_that_serde_json_rejects_is_rejected_with_an_index() {
    for outcome in [
        both::<Lenient>(r#"{"_limit":[1],"_plan":"pro"}"#),
        both::<Lenient>(r#"{"_limit":{"a":1},"_plan":"pro"}"#),
        both::<ListOrMap>(PAYLOAD),
    ] {
        assert_eq!(outcome, (None, None));
    }
    let (ours, theirs) = both::<Lenient>(r#"{"_limit":3,"_plan":"pro"}"#);
    assert!(ours.is_some() && ours == theirs);
    // serde_json continues to parse after this error. The index leaves the decision to it.
    let (ours, theirs) = both::<Lenient>(r#"{"_limit":"x","_plan":"pro"}"#);
    assert!(ours.is_none(), "{theirs:?}");
}
