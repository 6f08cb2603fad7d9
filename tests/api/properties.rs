//! What holds for all tokens, shown on random ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration as StdDuration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ciborium::Value as Cbor;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix::{IssueError, Issuer};
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::payloads::{EXP, cbor, json};
use paseto_actix_tests::{ISSUER, keys, parts};
use pasetors::Public;
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};
use proptest::prelude::*;
use serde_json::{Map, Number, Value as Json};
use time::Duration;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Asks an issuer, because a list in this file would not follow the list of the library.
fn is_reserved(name: &str) -> bool {
    static PROBE: LazyLock<Issuer> =
        LazyLock::new(|| issuer_builder(&TestClock::new()).build().unwrap());
    let claims = Map::from_iter([(name.to_owned(), Json::Null)]);
    matches!(PROBE.issue(&claims), Err(IssueError::ReservedClaim { .. }))
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,4}|.{0,6}".prop_filter("reserved", |name| !is_reserved(name))
}

/// Numbers that every reader of JSON reads the same.
fn json_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<i32>().prop_map(|number| Number::from_f64(f64::from(number) / 16.0).unwrap()),
    ]
}

fn json_claims() -> impl Strategy<Value = Map<String, Json>> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        json_number().prop_map(Json::Number),
        ".{0,12}".prop_map(Json::from),
    ];
    let value = leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(name(), value, 0..5).prop_map(|map| map.into_iter().collect())
}

fn cbor_claims() -> impl Strategy<Value = BTreeMap<String, Cbor>> {
    let leaf = prop_oneof![
        Just(Cbor::Null),
        any::<bool>().prop_map(Cbor::from),
        any::<i64>().prop_map(Cbor::from),
        any::<u64>().prop_map(Cbor::from),
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Cbor::from),
        ".{0,12}".prop_map(Cbor::from),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Cbor::from),
    ];
    let value = leaf.prop_recursive(5, 24, 4, |inner| {
        let key = prop_oneof![name().prop_map(Cbor::from), any::<i32>().prop_map(Cbor::from)];
        let entries = prop::collection::vec((key, inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Cbor::from),
            entries.prop_map(|entries| sorted(Cbor::Map(entries))),
            // Tags 2 and 3 are numbers of their own.
            (32..u64::MAX, inner).prop_map(|(tag, inner)| Cbor::Tag(tag, Box::new(inner))),
        ]
    });
    prop::collection::btree_map(name(), value, 0..5)
}

/// The entries of a map in an order of ours, each key once.
fn sorted(value: Cbor) -> Cbor {
    match value {
        Cbor::Map(entries) => {
            let entries: BTreeMap<_, _> = entries
                .into_iter()
                .map(|(key, value)| (format!("{key:?}"), (key, sorted(value))))
                .collect();
            Cbor::Map(entries.into_values().collect())
        }
        Cbor::Array(items) => Cbor::Array(items.into_iter().map(sorted).collect()),
        Cbor::Tag(tag, inner) => Cbor::Tag(tag, Box::new(sorted(*inner))),
        scalar => scalar,
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn json_claims_come_out_as_they_went_in(claims in json_claims(), kid: bool) {
        let clock = TestClock::new();
        let token = issuer_builder(&clock).include_kid(kid).build().unwrap().issue(&claims).unwrap();
        let verified = verifier_builder(&clock).build().unwrap().verify_str(&token).unwrap();
        let mut payload: Map<String, Json> = verified.claims().unwrap();
        for added in ["iss", "exp", "nbf", "iat", "jti"] {
            prop_assert!(payload.remove(added).is_some());
        }
        prop_assert_eq!(payload, claims);
    }

    #[test]
    fn cbor_claims_come_out_as_they_went_in(claims in cbor_claims(), kid: bool) {
        let clock = TestClock::new();
        let issuer = issuer_builder(&clock).include_kid(kid).format(Format::Cbor).build().unwrap();
        let verifier = verifier_builder(&clock).format(Format::Cbor).build().unwrap();
        let verified = verifier.verify_str(&issuer.issue(&claims).unwrap()).unwrap();
        let mut payload: BTreeMap<String, Cbor> = verified.claims().unwrap();
        for added in ["iss", "exp", "nbf", "iat", "jti"] {
            prop_assert!(payload.remove(added).is_some());
        }
        let payload: BTreeMap<_, _> = payload.into_iter().map(|(name, value)| (name, sorted(value))).collect();
        let claims: BTreeMap<_, _> = claims.into_iter().map(|(name, value)| (name, sorted(value))).collect();
        prop_assert_eq!(payload, claims);
    }

    #[test]
    fn any_other_byte_anywhere(at: prop::sample::Index, other: char, kid: bool) {
        let clock = TestClock::new();
        let issuer = issuer_builder(&clock).include_kid(kid).build().unwrap();
        let verifier = verifier_builder(&clock).build().unwrap();
        let token = issuer.token(&Map::new()).subject("ada").issue().unwrap();
        prop_assert!(verifier.verify_str(&token).is_ok());
        let at = at.index(token.len());
        // Letters of base64 half of the time, since most other characters are refused for what they are.
        for other in [other, char::from(b"Aa0-_Zz9"[other as usize % 8])] {
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            prop_assert_eq!(verifier.verify_str(&changed).is_ok(), changed == token);
            let longer = format!("{}{other}{}", &token[..at], &token[at..]);
            prop_assert!(verifier.verify_str(&longer).is_err());
        }
        let shorter = [&token[..at], &token[at + 1..]].concat();
        prop_assert!(verifier.verify_str(&shorter).is_err());
    }

    #[test]
    fn leeway_to_the_nanosecond(leeway in 0..=300_000_000_000_u64, ttl in 1..100_000_000_u64, offset in 0..1_000_000_000_i64) {
        let clock = TestClock::new();
        clock.advance(Duration::nanoseconds(offset));
        let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(ttl)).build().unwrap();
        let verifier = verifier_builder(&clock).leeway(StdDuration::from_nanos(leeway)).build().unwrap();
        let token = issuer.issue(&Map::new()).unwrap();
        // Times are written in whole seconds.
        clock.advance(Duration::seconds(ttl as i64) - Duration::nanoseconds(offset) + Duration::nanoseconds(leeway as i64));
        prop_assert!(verifier.verify_str(&token).is_ok());
        clock.advance(Duration::NANOSECOND);
        prop_assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), Kind::Expired);

        let clock = TestClock::new();
        let verifier = verifier_builder(&clock).leeway(StdDuration::from_nanos(leeway)).build().unwrap();
        for claim in ["nbf", "iat"] {
            let token = parts::sign(&keys::secret(), &json(&format!(r#","{claim}":"2026-01-01T00:10:00Z""#)), b"", b"");
            let wait = Duration::minutes(10) - Duration::nanoseconds(leeway as i64);
            clock.advance(wait - Duration::NANOSECOND);
            prop_assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), Kind::NotYetValid);
            clock.advance(Duration::NANOSECOND);
            prop_assert!(verifier.verify_str(&token).is_ok());
            clock.advance(-wait);
        }
    }

    #[test]
    fn whatever_a_trusted_key_signed_is_judged_without_a_panic(
        noise in prop::collection::vec(any::<u8>(), 1..400),
        footer in prop::collection::vec(any::<u8>(), 0..64),
        at: prop::sample::Index,
    ) {
        for (format, good) in [(Format::Json, json(r#","a":[{"b":"c"}]"#)), (Format::Cbor, cbor(1, b"\x61a\x81\xa1\x61b\x61c"))] {
            let verifier = verifier_builder(&TestClock::new()).format(format).build().unwrap();
            // Noise alone, noise in a good payload, and a good payload whose tail is noise.
            let at = at.index(good.len());
            for payload in [noise.clone(), [&good[..at], &noise[..1], &good[at + 1..]].concat(), [&good[..at], &noise].concat()] {
                for footer in [b"", &*footer] {
                    if let Ok(token) = verifier.verify_str(&parts::sign(&keys::secret(), &payload, footer, b"")) {
                        prop_assert_eq!(token.issuer(), ISSUER);
                        prop_assert!(token.claims::<Cbor>().is_ok() || format == Format::Json);
                    }
                }
            }
        }
    }

    #[test]
    fn pasetors_and_we_agree(
        claims in json_claims(),
        footer in "[ -~]{0,20}",
        assertions in prop::collection::vec("[ -~]{0,20}", 2),
        at: prop::sample::Index,
        other: char,
    ) {
        prop_assume!(!footer.trim_start().starts_with('{'));
        let (secret, public) = pasetors_keys();
        let (footer, assertion) = (footer.as_bytes(), assertions[0].as_bytes());
        let verifier = verifier_builder(&TestClock::new()).implicit_assertion(assertion).build().unwrap();
        let theirs = |token: &str| {
            let untrusted = UntrustedToken::<Public, V4>::try_from(token).ok()?;
            PublicToken::verify(&public, &untrusted, None, Some(assertion)).ok()
        };
        let ours = |token: &str| verifier.verify_str(token).ok();

        // What we issue, they verify.
        let issuer = issuer_builder(&TestClock::new()).footer_bytes(footer).implicit_assertion(assertion).build().unwrap();
        let token = issuer.issue(&claims).unwrap();
        let (verified, accepted) = (theirs(&token).unwrap(), ours(&token).unwrap());
        prop_assert_eq!(serde_json::from_str::<Json>(verified.payload()).unwrap(), accepted.claims::<Json>().unwrap());
        prop_assert_eq!((verified.footer(), accepted.footer()), (footer, footer));

        // What they sign, we verify.
        let mut payload = claims;
        payload.insert("iss".to_owned(), ISSUER.into());
        payload.insert("exp".to_owned(), EXP.into());
        let text = serde_json::to_string(&payload).unwrap();
        let token = PublicToken::sign(&secret, text.as_bytes(), Some(footer), Some(assertion)).unwrap();
        let verified = theirs(&token).unwrap();
        prop_assert_eq!(verified.payload(), &text);
        prop_assert_eq!(ours(&token).unwrap().claims::<Map<String, Json>>().unwrap(), payload);

        // And what one refuses, so does the other.
        let elsewhere = PublicToken::sign(&secret, text.as_bytes(), Some(footer), Some(assertions[1].as_bytes())).unwrap();
        let at = at.index(token.len());
        let letter = char::from(b"Aa0-_Zz9"[other as usize % 8]);
        for token in [
            elsewhere,
            format!("{}{letter}{}", &token[..at], &token[at + 1..]),
            format!("{}{other}{}", &token[..at], &token[at..]),
            token[..at].to_owned(),
        ] {
            // But for the empty footer after a dot, which they take for none.
            prop_assert_eq!(ours(&token).is_some(), theirs(&token).is_some() && !token.ends_with('.'));
        }
    }
}

fn pasetors_keys() -> (AsymmetricSecretKey<V4>, AsymmetricPublicKey<V4>) {
    let decode =
        |text: &str| Base64UrlUnpadded::decode_vec(text.rsplit('.').next().unwrap()).unwrap();
    let secret = AsymmetricSecretKey::from(&decode(keys::SECRET_PASERK)).unwrap();
    (secret, AsymmetricPublicKey::from(&decode(keys::PUBLIC_PASERK)).unwrap())
}
