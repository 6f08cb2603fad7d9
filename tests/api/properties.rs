//! Property tests. Each property must hold for all tokens and is checked with random tokens.

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

/// Returns whether an issuer rejects the claim name as reserved. A list in this file could differ
/// from the library's list.
fn is_reserved(name: &str) -> bool {
    static PROBE: LazyLock<Issuer> =
        LazyLock::new(|| issuer_builder(&TestClock::new()).build().unwrap());
    let claims = Map::from_iter([(name.to_owned(), Json::Null)]);
    matches!(PROBE.issue(&claims), Err(IssueError::ReservedClaim { .. }))
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,4}|.{0,6}".prop_filter("reserved", |name| !is_reserved(name))
}

/// Generates numbers that every JSON parser reads in the same way.
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
            // Tags below 32 are excluded, because tags 2 and 3 decode as numbers.
            (32..u64::MAX, inner).prop_map(|(tag, inner)| Cbor::Tag(tag, Box::new(inner))),
        ]
    });
    prop::collection::btree_map(name(), value, 0..5)
}

/// Sorts the entries of all maps and removes duplicate keys, so that values can be compared.
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
    fn verified_json_claims_equal_the_issued_claims(claims in json_claims(), kid: bool) {
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
    fn verified_cbor_claims_equal_the_issued_claims(claims in cbor_claims(), kid: bool) {
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
    fn changed_added_or_removed_character_is_rejected(at: prop::sample::Index, other: char, kid: bool) {
        let clock = TestClock::new();
        let issuer = issuer_builder(&clock).include_kid(kid).build().unwrap();
        let verifier = verifier_builder(&clock).build().unwrap();
        let token = issuer.token(&Map::new()).subject("ada").issue().unwrap();
        prop_assert!(verifier.verify_str(&token).is_ok());
        let at = at.index(token.len());
        // Use a base64 character half of the time. The parser rejects most other characters.
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
    fn leeway_is_exact_to_the_nanosecond(leeway in 0..=300_000_000_000_u64, ttl in 1..100_000_000_u64, offset in 0..1_000_000_000_i64) {
        let clock = TestClock::new();
        clock.advance(Duration::nanoseconds(offset));
        let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(ttl)).build().unwrap();
        let verifier = verifier_builder(&clock).leeway(StdDuration::from_nanos(leeway)).build().unwrap();
        let token = issuer.issue(&Map::new()).unwrap();
        // Tokens contain times in whole seconds.
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
    fn random_bytes_signed_by_a_trusted_key_never_panic(
        noise in prop::collection::vec(any::<u8>(), 1..400),
        footer in prop::collection::vec(any::<u8>(), 0..64),
        at: prop::sample::Index,
    ) {
        for (format, good) in [(Format::Json, json(r#","a":[{"b":"c"}]"#)), (Format::Cbor, cbor(1, b"\x61a\x81\xa1\x61b\x61c"))] {
            let verifier = verifier_builder(&TestClock::new()).format(format).build().unwrap();
            // Random bytes alone, one random byte in a valid payload, and a valid payload with a
            // random tail.
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
    fn pasetors_and_the_verifier_accept_the_same_tokens(
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
        let verify_with_pasetors = |token: &str| {
            let untrusted = UntrustedToken::<Public, V4>::try_from(token).ok()?;
            PublicToken::verify(&public, &untrusted, None, Some(assertion)).ok()
        };
        let verify_with_verifier = |token: &str| verifier.verify_str(token).ok();

        // pasetors accepts the issuer's tokens.
        let issuer = issuer_builder(&TestClock::new()).footer_bytes(footer).implicit_assertion(assertion).build().unwrap();
        let token = issuer.issue(&claims).unwrap();
        let (verified, accepted) = (verify_with_pasetors(&token).unwrap(), verify_with_verifier(&token).unwrap());
        prop_assert_eq!(serde_json::from_str::<Json>(verified.payload()).unwrap(), accepted.claims::<Json>().unwrap());
        prop_assert_eq!((verified.footer(), accepted.footer()), (footer, footer));

        // The verifier accepts the tokens that pasetors signs.
        let mut payload = claims;
        payload.insert("iss".to_owned(), ISSUER.into());
        payload.insert("exp".to_owned(), EXP.into());
        let text = serde_json::to_string(&payload).unwrap();
        let token = PublicToken::sign(&secret, text.as_bytes(), Some(footer), Some(assertion)).unwrap();
        let verified = verify_with_pasetors(&token).unwrap();
        prop_assert_eq!(verified.payload(), &text);
        prop_assert_eq!(verify_with_verifier(&token).unwrap().claims::<Map<String, Json>>().unwrap(), payload);

        // Both reject the same changed tokens.
        let elsewhere = PublicToken::sign(&secret, text.as_bytes(), Some(footer), Some(assertions[1].as_bytes())).unwrap();
        let at = at.index(token.len());
        let letter = char::from(b"Aa0-_Zz9"[other as usize % 8]);
        for token in [
            elsewhere,
            format!("{}{letter}{}", &token[..at], &token[at + 1..]),
            format!("{}{other}{}", &token[..at], &token[at..]),
            token[..at].to_owned(),
        ] {
            // Only pasetors accepts a final dot with an empty footer.
            prop_assert_eq!(verify_with_verifier(&token).is_some(), verify_with_pasetors(&token).is_some() && !token.ends_with('.'));
        }
    }
}

fn pasetors_keys() -> (AsymmetricSecretKey<V4>, AsymmetricPublicKey<V4>) {
    let decode =
        |text: &str| Base64UrlUnpadded::decode_vec(text.rsplit('.').next().unwrap()).unwrap();
    let secret = AsymmetricSecretKey::from(&decode(keys::SECRET_PASERK)).unwrap();
    (secret, AsymmetricPublicKey::from(&decode(keys::PUBLIC_PASERK)).unwrap())
}
