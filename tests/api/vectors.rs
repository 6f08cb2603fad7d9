//! Runs the official test vectors: the PASERK vectors of every supported type, and the PASETO
//! vectors with a `Verifier`.
//!
//! No PASETO vector is an access token, so a `Verifier` rejects each one. The unit tests of
//! `v4.public` and `v4.local` check the cryptographic results of the vectors.

use std::fs;
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::{ConfigError, LocalKey, PublicKey, SecretKey};
use paseto_actix_tests::app::{assert_accepted, send_bearer, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::json;
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{keys, parts};
use serde_json::Value;

/// Returns the vectors in one file of `paseto-actix/test-vectors`.
fn vectors(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../paseto-actix/test-vectors");
    let mut content: Value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
    serde_json::from_value(content["tests"].take()).unwrap()
}

/// The expected result of a vector.
#[derive(Debug, PartialEq)]
enum Expected {
    Paserk(String),
    Failure,
}

/// Runs the vectors of one type. `of_paserk` parses the vector's PASERK and serializes it again.
/// `of_key` serializes the key bytes as a PASERK.
fn check<E>(
    kind: &str,
    of_paserk: impl Fn(&str) -> Result<String, E>,
    of_key: impl Fn(&str) -> Result<String, E>,
) {
    let mut names = Vec::new();
    for vector in vectors(&format!("PASERK/{kind}.json")) {
        let name = vector["name"].as_str().unwrap().to_owned();
        let expected = match vector["paserk"].as_str() {
            // This crate rejects the all-zero seed as weak, because it is not random. pasetors
            // panics on it.
            Some(_) if name == "k4.secret-1" => Expected::Failure,
            Some(paserk) if vector["expect-fail"] == false => Expected::Paserk(paserk.to_owned()),
            _ => Expected::Failure,
        };
        let outcome =
            |result: Result<String, E>| result.map_or(Expected::Failure, Expected::Paserk);
        if let Some(paserk) = vector["paserk"].as_str() {
            assert_eq!(outcome(of_paserk(paserk)), expected, "{name}");
        }
        if let Some(key) = vector["key"].as_str() {
            assert_eq!(outcome(of_key(&base64_of_hex(key))), expected, "{name}");
        }
        names.push(name);
    }
    assert!(names.iter().filter(|name| !name.contains("fail")).count() >= 3, "{names:?}");
    assert!(names.iter().any(|name| name.contains("fail")), "{names:?}");
}

fn base64_of_hex(hex: &str) -> String {
    let bytes: Vec<_> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    Base64UrlUnpadded::encode_string(&bytes)
}

fn public(key: &str) -> Result<PublicKey, ConfigError> {
    PublicKey::from_paserk(&format!("k4.public.{key}"))
}

fn secret(key: &str) -> Result<SecretKey, ConfigError> {
    SecretKey::from_paserk(&format!("k4.secret.{key}"))
}

fn local(key: &str) -> Result<LocalKey, ConfigError> {
    LocalKey::from_paserk(&format!("k4.local.{key}"))
}

#[test]
fn paserk_key_vectors_round_trip() {
    let text = |key: PublicKey| key.to_paserk();
    check(
        "k4.public",
        |paserk| PublicKey::from_paserk(paserk).map(text),
        |key| public(key).map(text),
    );
    let text = |key: SecretKey| key.to_paserk().to_string();
    check(
        "k4.secret",
        |paserk| SecretKey::from_paserk(paserk).map(text),
        |key| secret(key).map(text),
    );
    let text = |key: LocalKey| key.to_paserk().to_string();
    check("k4.local", |paserk| LocalKey::from_paserk(paserk).map(text), |key| local(key).map(text));
}

#[test]
fn paserk_id_vectors_match_the_key_ids() {
    // An ID is derived from a key. It does not contain the key, so the crate does not parse IDs.
    let same = |paserk: &str| Ok(paserk.to_owned());
    check("k4.pid", same, |key| public(key).map(|key| key.kid().to_owned()));
    check("k4.lid", same, |key| local(key).map(|key| key.kid().to_owned()));
}

#[test]
fn public_key_of_each_secret_key_vector_matches() {
    let mut keys = 0;
    for vector in
        vectors("PASERK/k4.secret.json").iter().filter(|vector| vector["expect-fail"] == false)
    {
        let Ok(secret) = secret(&base64_of_hex(vector["key"].as_str().unwrap())) else {
            assert_eq!(vector["name"], "k4.secret-1");
            continue;
        };
        let public = public(&base64_of_hex(vector["public-key"].as_str().unwrap())).unwrap();
        assert_eq!((secret.kid(), secret.public_key()), (public.kid(), public.clone()));
        keys += 1;
    }
    assert!(keys >= 2);
}

#[test]
fn secret_key_with_an_all_zero_seed_is_rejected_as_weak() {
    let vectors = vectors("PASERK/k4.secret.json");
    let zeros = vectors.iter().find(|vector| vector["name"] == "k4.secret-1").unwrap();
    let error = SecretKey::from_paserk(zeros["paserk"].as_str().unwrap()).unwrap_err();
    assert!(matches!(error, ConfigError::WeakKey(_)), "{error:?}");
}

/// The crate does not support IDs of secret keys (`k4.sid`), because such an ID cannot be derived
/// from the public key. The crate does not write a `k4.sid`, and does not accept a `k4.sid` as a
/// key.
#[test]
fn paserk_ids_of_secret_keys_are_not_accepted_as_keys() {
    let mut ids = 0;
    for vector in vectors("PASERK/k4.sid.json") {
        let Some(sid) = vector["paserk"].as_str() else { continue };
        for error in [
            PublicKey::from_paserk(sid).unwrap_err(),
            SecretKey::from_paserk(sid).unwrap_err(),
            LocalKey::from_paserk(sid).unwrap_err(),
        ] {
            assert!(
                matches!(error, ConfigError::WrongKeyType { found: "k4.sid", .. }),
                "{error:?}"
            );
        }
        if let Ok(secret) = secret(&base64_of_hex(vector["key"].as_str().unwrap())) {
            assert!(secret.kid().starts_with("k4.pid.") && secret.kid() != sid);
        }
        ids += 1;
    }
    assert!(ids >= 3);
}

/// Checks the vectors of a type of wrapped keys. `read` decrypts a PASERK and returns the key.
#[cfg(feature = "password-keys")]
fn check_wrapped(kind: &str, read: impl Fn(&str, &str) -> Result<String, ConfigError>) {
    let (mut keys, mut failures) = (0, 0);
    for vector in vectors(&format!("PASERK/{kind}.json")) {
        let text = |name: &str| vector[name].as_str().unwrap();
        let name = text("name");
        // A password that looks like hexadecimal is used as text, too.
        let result = read(text("paserk"), text("password"));
        if vector["expect-fail"] == true {
            let error = result.expect_err(name);
            let is_expected = match name {
                // The last character of this PASERK is not canonical base64url.
                "k4.secret-pw-fail-2" => matches!(error, ConfigError::MalformedKey(_)),
                name if name.ends_with("-fail-3") => {
                    matches!(error, ConfigError::WrongKeyType { found: "k3", .. })
                }
                _ => error == ConfigError::WrongPassword,
            };
            assert!(is_expected, "{name}: {error}");
            failures += 1;
        } else {
            let key = result.expect(name);
            assert_eq!(key.rsplit('.').next().unwrap(), base64_of_hex(text("unwrapped")));
            keys += 1;
        }
    }
    assert_eq!((keys, failures), (3, 3), "{kind}");
}

#[cfg(feature = "password-keys")]
#[test]
fn paserk_vectors_of_secret_keys_with_a_password_are_decrypted() {
    check_wrapped("k4.secret-pw", |paserk, password| {
        Ok(SecretKey::from_paserk_with_password(paserk, password)?.to_paserk().to_string())
    });
}

#[cfg(feature = "password-keys")]
#[test]
fn paserk_vectors_of_symmetric_keys_with_a_password_are_decrypted() {
    check_wrapped("k4.local-pw", |paserk, password| {
        Ok(LocalKey::from_paserk_with_password(paserk, password)?.to_paserk().to_string())
    });
}

/// The signed vectors are not access tokens, because they have no `iss` and have expired. A
/// verifier does not support the encrypted vectors.
#[actix_web::test]
async fn paseto_vectors_are_rejected_as_access_tokens() {
    let verifier = verifier_builder(&TestClock::new()).build().unwrap();
    assert_accepted(&verifier, &parts::sign(&keys::secret(), &json(""), b"", b"")).await;
    let logs = Logs::capture();
    let mut seen = [0, 0];
    for vector in vectors("v4.json") {
        let token = vector["token"].as_str().unwrap();
        let is_public = token.starts_with("v4.public.");
        let kind = if is_public { Kind::MissingClaim } else { Kind::UnsupportedToken };
        if vector["name"] == "4-F-5" {
            // Padding inside the token violates the syntax of a bearer token (RFC 6750, section
            // 2.1), so the request is malformed.
            assert_eq!(verifier.verify_str(token).unwrap_err().kind(), kind);
            let (response, runs) = send_bearer(&verifier, token).await;
            response.assert_invalid_request();
            assert_eq!(runs, 0);
        } else {
            assert_rejected_as(&verifier, token, kind).await;
        }
        seen[usize::from(is_public)] += 1;
    }
    assert_eq!(logs.signature_checks(), 0, "without `iss`, no key is tried");
    assert_eq!(seen, [14, 4]);
}
