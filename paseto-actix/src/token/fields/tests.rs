//! What is read by an index is what serde_json reads.

use std::collections::{BTreeMap, HashMap};

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

/// What is read by the claims, and by serde_json.
fn both<C: DeserializeOwned + fmt::Debug>(payload: &str) -> (Option<String>, Option<String>) {
    let fields = Fields::of(payload).expect("a payload without escapes in names");
    let show = |outcome: Result<C, Error>| outcome.ok().map(|value| format!("{value:?}"));
    (show(fields.read(payload)), show(serde_json::from_str(payload)))
}

#[test]
fn what_serde_json_reads() {
    for (ours, theirs) in [
        both::<Some3>(PAYLOAD),
        both::<Flat>(PAYLOAD),
        both::<New>(PAYLOAD),
        both::<Option<Some3>>(PAYLOAD),
        both::<BTreeMap<String, Any>>(PAYLOAD),
        both::<Any>(PAYLOAD),
        both::<HashMap<String, Box<RawValue>>>(r#"{"a":[1, 2]}"#),
    ] {
        assert!(ours.is_some());
        assert_eq!(ours, theirs);
    }
}

/// A number that serde_json reads as far as it goes, before it refuses the rest.
#[derive(Debug, serde::Deserialize)]
struct Wide<T> {
    #[serde(rename = "n")]
    _n: T,
}

/// A value that does not even look.
#[derive(Debug)]
struct Blind;

impl<'de> Deserialize<'de> for Blind {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// Takes a map, but asks for a list, or looks at names only.
#[derive(Debug)]
struct Odd<const LIST: bool>;

impl<'de, const LIST: bool> Deserialize<'de> for Odd<LIST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if LIST { deserializer.deserialize_seq(Self) } else { deserializer.deserialize_map(Self) }
    }
}

impl<'de, const LIST: bool> Visitor<'de> for Odd<LIST> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_key::<String>()?.is_some() {
            if LIST {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(self)
    }
}

#[test]
fn what_serde_json_refuses() {
    for number in ["1.5", "1e3", "-1", "18446744073709551616", "01"] {
        let payload = format!(r#"{{"n":{number}}}"#);
        if Fields::of(&payload).is_some() {
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
        both::<Wide<Blind>>(PAYLOAD),
        both::<Odd<true>>(PAYLOAD),
        both::<Odd<false>>(PAYLOAD),
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
fn what_it_errs_on_is_left_to_serde_json() {
    assert!(Fields::of(r#"{"\u0061":1}"#).is_none(), "a name that is not written as it reads");
    for (ours, theirs) in [both::<BTreeMap<u8, u8>>(r#"{"1":2}"#), both::<Box<RawValue>>(PAYLOAD)] {
        assert!(ours.is_none() && theirs.is_some());
    }
    let other = Fields::of(PAYLOAD).expect("a payload");
    assert!(other.read::<Any>("{}").is_err(), "of another payload");
    assert_eq!(other.read::<Any>(PAYLOAD).expect("a map")["list"], json!([{ "a": [] }, "\"}"]));
}
