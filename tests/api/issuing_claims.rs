//! Claims that an issuer rejects, because verifiers would reject the token.

use std::collections::{BTreeMap, HashMap};

use ciborium::Value as Cbor;
use paseto_actix::IssueError;
use paseto_actix::token::Format;
use paseto_actix_tests::app::{assert_accepted, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::issuing_rejected::{FORMATS, FailsToSerialize, issuer, verifier};

const RESERVED: [&str; 12] = [
    "acr",
    "aud",
    "auth_time",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "scope",
    "sid",
    "sub",
    "sub_gen",
];

#[test]
fn reserved_claims_are_the_claims_that_an_issuer_sets() {
    let (issuer, time) = (issuer(Format::Json), datetime!(2026-01-01 00:00 UTC));
    let claims = json!({});
    let token = issuer
        .token(&claims)
        .subject("ada")
        .audience("https://api.example")
        .scopes(["read"])
        .acr("phr");
    let token = token
        .not_before(time)
        .auth_time(time)
        .token_id("one")
        .session_id("two")
        .generation(1)
        .issue()
        .unwrap();
    let verifier =
        verifier_builder(&TestClock::new()).audience("https://api.example").build().unwrap();
    let written: BTreeMap<String, Value> = verifier.verify_str(&token).unwrap().claims().unwrap();
    assert_eq!(written.keys().collect::<Vec<_>>(), RESERVED.each_ref());
}

/// PASETO Implementation Guide, chapter "Claims", and the claims that the library defines.
#[test]
fn claim_with_a_reserved_name_is_an_error() {
    for format in FORMATS {
        let bare = issuer_builder(&TestClock::new())
            .format(format)
            .include_iss(false)
            .include_nbf(false)
            .include_iat(false)
            .include_jti(false)
            .dangerously_without_expiry()
            .build()
            .unwrap();
        for reserved in RESERVED {
            for value in [json!("text"), json!("2027-01-01T00:00:00Z"), json!(null), json!({})] {
                let claims = json!({ "user": "ada", reserved: value });
                for issuer in [&issuer(format), &bare] {
                    match issuer.issue(&claims) {
                        Err(IssueError::ReservedClaim { name, instead }) => {
                            assert_eq!((name, instead.is_empty()), (reserved, false));
                        }
                        other => panic!("{reserved} in {format:?}: {other:?}"),
                    }
                }
            }
            // The reserved claim comes from a flattened map.
            let flat = Flat { user: "ada", more: HashMap::from([(reserved.to_owned(), 1)]) };
            assert!(
                matches!(issuer(format).issue(&flat), Err(IssueError::ReservedClaim { name, .. }) if name == reserved)
            );
        }
    }
}

#[derive(Serialize)]
struct Flat {
    user: &'static str,
    #[serde(flatten)]
    more: HashMap<String, u8>,
}

#[actix_web::test]
async fn similar_names_are_not_reserved() {
    for format in FORMATS {
        let claims = json!({ "Exp": 1, "ISS": 2, "exp ": 3, "expires": 4, "kid": 5, "nonce": 6, "inner": { "exp": 7 } });
        assert_accepted(&verifier(format), &issuer(format).issue(&claims).unwrap()).await;
    }
}

#[test]
fn claims_that_are_not_a_map_are_an_error() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Pair(u8, u8);
    fn assert_not_a_map<C: Serialize + ?Sized>(claims: &C) {
        for format in FORMATS {
            assert!(matches!(issuer(format).issue(claims), Err(IssueError::NotAMap)), "{format:?}");
        }
    }
    assert_not_a_map(&());
    assert_not_a_map(&Unit);
    assert_not_a_map(&Pair(1, 2));
    assert_not_a_map("text");
    assert_not_a_map(&1);
    assert_not_a_map(&[("a", 1)][..]);
    assert_not_a_map(&None::<Flat>);
    assert_not_a_map(&json!([{ "a": 1 }]));
    for format in FORMATS {
        assert!(issuer(format).issue(&Some(Flat { user: "ada", more: HashMap::new() })).is_ok());
    }
}

/// A map with any key and value under the claim `odd`.
struct Odd<K, V>(K, V);

impl<K: Serialize, V: Serialize> Serialize for Odd<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Inner<'a, K, V>(&'a K, &'a V);
        impl<K: Serialize, V: Serialize> Serialize for Inner<'_, K, V> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(self.0, self.1)?;
                map.end()
            }
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("odd", &Inner(&self.0, &self.1))?;
        map.end()
    }
}

/// Issues a token in each format. Returns whether the format issued a token. Each issued token must
/// be accepted by a verifier.
async fn issued<C: Serialize>(claims: C) -> [bool; 2] {
    let mut issued = [false; 2];
    for (format, issued) in FORMATS.into_iter().zip(&mut issued) {
        match issuer(format).issue(&claims) {
            Ok(token) => {
                assert_accepted(&verifier(format), &token).await;
                *issued = true;
            }
            Err(IssueError::Serialize(_) | IssueError::Unverifiable(_) | IssueError::NotAMap) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    issued
}

#[actix_web::test]
async fn unusual_claims_are_accepted_by_verifiers_or_an_error() {
    const BOTH: [bool; 2] = [true, true];
    const CBOR_ONLY: [bool; 2] = [false, true];
    const JSON_ONLY: [bool; 2] = [true, false];
    const NEITHER: [bool; 2] = [false, false];

    assert_eq!(
        issued(json!({ "": "", "é\0": ["\u{10ffff}"], "a": null, "b": {}, "c": [] })).await,
        BOTH
    );
    assert_eq!(
        issued(Odd("numbers", (u64::MAX, i64::MIN, f64::MAX, f64::MIN_POSITIVE, f32::EPSILON)))
            .await,
        BOTH
    );
    assert_eq!(issued(Odd("NaN", (f64::NAN, f64::INFINITY))).await, BOTH);
    assert_eq!(issued(Odd("a wide number", u128::MAX)).await, CBOR_ONLY);
    assert_eq!(issued(Odd("a wide number", i128::MIN)).await, CBOR_ONLY);
    assert_eq!(issued(Odd("bytes", Cbor::Bytes(vec![0xff; 3]))).await, BOTH);
    assert_eq!(issued(Odd("a variant", Ok::<_, ()>(Some(1)))).await, BOTH);
    assert_eq!(issued(Odd(1, -1)).await, BOTH);
    assert_eq!(issued(Odd('a', 'b')).await, BOTH);
    assert_eq!(issued(Odd(i128::MIN, 1)).await, BOTH);
    assert_eq!(issued(Odd(true, 1)).await, JSON_ONLY);
    assert_eq!(issued(Odd(0.5, 1)).await, JSON_ONLY);
    assert_eq!(issued(Odd((1, 2), 1)).await, NEITHER);
    assert_eq!(issued(Odd(Cbor::Bytes(vec![1]), 1)).await, NEITHER);
    assert_eq!(issued(Odd("unwilling", FailsToSerialize)).await, NEITHER);
    assert!(issued(Odd("tagged", Cbor::Tag(24, Box::new(Cbor::Text("x".to_owned()))))).await[1]);
    // serde_json writes an integer key as a string. The claim names of a CBOR token must be
    // strings.
    assert_eq!(issued(HashMap::from([(1, "a")])).await, JSON_ONLY);
}

#[actix_web::test]
async fn token_over_8192_bytes_is_not_issued() {
    for format in FORMATS {
        let issuer = issuer(format);
        let issue = |length: usize| issuer.issue(&json!({ "pad": "x".repeat(length) }));
        let lengths: Vec<_> = (0..8192).collect();
        let longest = lengths.partition_point(|&length| issue(length).is_ok()) - 1;
        let token = issue(longest).unwrap();
        assert!((8189..=8192).contains(&token.len()), "{} bytes", token.len());
        assert_accepted(&verifier(format), &token).await;
        for length in [longest + 1, 8192, 100_000] {
            assert!(matches!(issue(length), Err(IssueError::Unverifiable(_))), "{length}");
        }
        // The footer counts toward the length of the token.
        let with_footer =
            issuer.token(&json!({ "pad": "x".repeat(longest) })).footer_bytes([0xff; 1000]).issue();
        assert!(matches!(with_footer, Err(IssueError::Unverifiable(_))));
    }
}

#[actix_web::test]
async fn claims_deeper_than_16_levels_are_not_issued() {
    let nested = |depth: usize, around: fn(Value) -> Value| json!({ "inner": (0..depth).fold(json!(1), |inner, _| around(inner)) });
    for format in FORMATS {
        for around in [|inner| json!([inner]), |inner| json!({ "a": inner })] {
            // The payload is the first of 16 levels.
            assert_accepted(&verifier(format), &issuer(format).issue(&nested(15, around)).unwrap())
                .await;
            for depth in [16, 100] {
                let result = issuer(format).issue(&nested(depth, around));
                assert!(
                    matches!(result, Err(IssueError::Unverifiable(_))),
                    "{format:?}, {depth}: {result:?}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn claims_with_more_than_256_keys_are_not_issued() {
    let keys = |count: usize| (0..count).map(|n| (n.to_string(), n)).collect::<HashMap<_, _>>();
    for format in FORMATS {
        // Five of the 256 claims are registered claims.
        assert_accepted(&verifier(format), &issuer(format).issue(&keys(251)).unwrap()).await;
        assert!(matches!(issuer(format).issue(&keys(252)), Err(IssueError::Unverifiable(_))));
        assert_accepted(
            &verifier(format),
            &issuer(format).issue(&json!({ "inner": [keys(250)] })).unwrap(),
        )
        .await;
        assert!(matches!(
            issuer(format).issue(&json!({ "inner": [keys(251)] })),
            Err(IssueError::Unverifiable(_))
        ));
    }
}

/// If a claim occurs twice, maps of serde keep the last value. A flattened map of a client could
/// override a claim of the application.
#[test]
fn duplicate_claim_is_an_error() {
    #[derive(Serialize)]
    struct Claims {
        user: &'static str,
        #[serde(flatten)]
        more: HashMap<&'static str, &'static str>,
    }
    for format in FORMATS {
        let issue = |name| {
            issuer(format).issue(&Claims { user: "ada", more: HashMap::from([(name, "root")]) })
        };
        assert!(matches!(issue("user"), Err(IssueError::Unverifiable(_))), "{format:?}");
        assert!(issue("role").is_ok(), "{format:?}");
    }
}
