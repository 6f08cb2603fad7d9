//! The JSON document of a key set.

use paseto_actix::key_set::{KeySet, KeySetError};
use paseto_actix::{PublicKey, SecretKey};
use paseto_actix_tests::keys::{LOCAL_PASERK, PUBLIC_PASERK, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::logs::Secrets;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::{Value, json};

fn parse(document: &Value) -> Result<KeySet, KeySetError> {
    KeySet::from_json(document.to_string().as_bytes())
}

fn entry(key: &PublicKey) -> Value {
    json!({ "kid": key.kid(), "paserk": key.to_paserk() })
}

fn document(entries: impl IntoIterator<Item = Value>) -> Value {
    json!({ "iss": ISSUER, "keys": entries.into_iter().collect::<Vec<_>>() })
}

fn generate(count: usize) -> Vec<PublicKey> {
    (0..count).map(|_| SecretKey::generate().public_key()).collect()
}

#[track_caller]
fn assert_malformed(document: &str, problem: &str) {
    let error = KeySet::from_json(document.as_bytes()).unwrap_err();
    assert_eq!(error, KeySetError::Malformed(problem.to_owned()), "{document}");
}

#[test]
fn a_key_set_is_written_and_read() {
    let keys = KeySet::new(ISSUER, [keys::public()]).unwrap();
    assert_eq!(
        keys.to_json(),
        format!(
            r#"{{"iss":"{ISSUER}","keys":[{{"kid":"{}","paserk":"{PUBLIC_PASERK}"}}]}}"#,
            keys.keys()[0].kid()
        )
    );
    let many = KeySet::new(ISSUER, generate(64)).unwrap();
    assert_eq!(KeySet::from_json(many.to_json().as_bytes()).unwrap(), many);
}

/// RFC 7517, section 5.
#[test]
fn unknown_members_are_ignored() {
    let mut document = document([entry(&keys::public())]);
    document["comment"] = json!({ "nested": [1, -1, 1.5, null, true, u64::MAX] });
    document["keys"][0]["use"] = json!("sig");
    assert_eq!(parse(&document).unwrap().keys(), [keys::public()]);
}

#[test]
fn public_keys_of_other_versions_are_skipped() {
    let others =
        ["k1.public.AAAA", "k2.public.AAAA", "k3.public.AAAA"].map(|key| json!({ "paserk": key }));
    let with_v4 = others.clone().into_iter().chain([entry(&keys::public())]);
    assert_eq!(parse(&document(with_v4)).unwrap().keys(), [keys::public()]);
    assert_eq!(parse(&document(others)), Err(KeySetError::NoKeys));
}

#[test]
fn numbers_of_keys_are_limited() {
    assert_eq!(parse(&document([])), Err(KeySetError::NoKeys));
    assert_eq!(KeySet::new(ISSUER, []), Err(KeySetError::NoKeys));
    let keys = generate(65);
    assert_eq!(parse(&document(keys.iter().map(entry))), Err(KeySetError::TooManyKeys));
    assert_eq!(KeySet::new(ISSUER, keys), Err(KeySetError::TooManyKeys));
    // Skipped entries count.
    let skipped = (0..64).map(|_| json!({ "paserk": "k3.public.AAAA" }));
    let entries = skipped.chain([entry(&keys::public())]);
    assert_eq!(parse(&document(entries)), Err(KeySetError::TooManyKeys));
}

#[test]
fn documents_above_64_kib_are_rejected() {
    let mut text = document([entry(&keys::public())]).to_string();
    text += &" ".repeat(64 * 1024 - text.len());
    KeySet::from_json(text.as_bytes()).unwrap();
    text.push(' ');
    assert_eq!(KeySet::from_json(text.as_bytes()), Err(KeySetError::TooLong));
}

#[test]
fn duplicate_and_mismatched_keys_are_rejected() {
    let (key, other) = (keys::public(), SecretKey::generate().public_key());
    let duplicate = KeySetError::DuplicateKey { kid: key.kid().to_owned() };
    assert_eq!(parse(&document([entry(&key), entry(&key)])), Err(duplicate.clone()));
    assert_eq!(KeySet::new(ISSUER, [key.clone(), key.clone()]), Err(duplicate));
    let swapped = json!({ "kid": other.kid(), "paserk": key.to_paserk() });
    assert_eq!(
        parse(&document([entry(&other), swapped])),
        Err(KeySetError::WrongKeyId { index: 1, expected: key.kid().to_owned() })
    );
}

#[test]
fn weak_keys_and_empty_names_are_rejected() {
    // The point of order 1.
    let weak = PublicKey::from_paserk("k4.public.AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let weak = weak.unwrap();
    let error = KeySetError::WeakKey { kid: weak.kid().to_owned() };
    assert_eq!(parse(&document([entry(&weak)])), Err(error.clone()));
    assert_eq!(KeySet::new(ISSUER, [weak]), Err(error));
    let mut unnamed = document([entry(&keys::public())]);
    unnamed["iss"] = json!("");
    assert_eq!(parse(&unnamed), Err(KeySetError::EmptyIssuer));
}

#[test]
fn malformed_documents_are_rejected() {
    let (kid, paserk) = (keys::public().kid().to_owned(), PUBLIC_PASERK);
    let good = format!(r#"{{"kid":"{kid}","paserk":"{paserk}"}}"#);
    for (text, problem) in [
        ("[]".to_owned(), "expected an object in the document, found a list"),
        ("{}".to_owned(), "the member `iss` is missing"),
        (r#"{"iss":"a"}"#.to_owned(), "the member `keys` is missing"),
        (r#"{"iss":1,"keys":[]}"#.to_owned(), "expected a string in `iss`, found a number"),
        (r#"{"iss":"a","keys":{}}"#.to_owned(), "expected a list in `keys`"),
        (
            r#"{"iss":"a","keys":["b"]}"#.to_owned(),
            "expected an object in `keys[0]`, found a string",
        ),
        (r#"{"iss":"a","keys":[{}]}"#.to_owned(), "the member `paserk` is missing"),
        (
            format!(r#"{{"iss":"a","keys":[{{"paserk":"{paserk}"}}]}}"#),
            "the member `kid` is missing",
        ),
        (
            format!(r#"{{"iss":"a","keys":[{good},{{"kid":"a","paserk":"k4.public.AAAA"}}]}}"#),
            "`keys[1]`: malformed key: expected 43 characters after `k4.public.`, found 4: a part is missing",
        ),
        (
            format!(r#"{{"iss":"a","keys":[{{"kid":"{kid}","paserk":"{paserk} "}}]}}"#),
            "`paserk` of `keys[0]` has characters before or after the key",
        ),
        (
            format!(r#"{{"iss":"a","iss":"b","keys":[{good}]}}"#),
            "a member occurs twice in one object",
        ),
        (
            format!(r#"{{"iss":"a","keys":[{good}],"x":[{{"y":1,"\u0079":1}}]}}"#),
            "a member occurs twice in one object",
        ),
        ("{".to_owned(), "EOF while parsing an object at line 1 column 1"),
        (format!(r#"{{"iss":"a","keys":[{good}]}} x"#), "trailing characters at line 1 column 149"),
    ] {
        assert_malformed(&text, problem);
    }
    let deep = format!(r#"{{"iss":"a","keys":[{good}],"x":{}{}}}"#, "[".repeat(99), "]".repeat(99));
    assert!(matches!(KeySet::from_json(deep.as_bytes()), Err(KeySetError::Malformed(_))));
    assert!(matches!(KeySet::from_json(b"\xff{}"), Err(KeySetError::Malformed(_))));
}

#[test]
fn documents_with_a_secret_key_anywhere_are_rejected() {
    let mut secrets = Secrets::default();
    secrets.key(SECRET_PASERK);
    secrets.key(LOCAL_PASERK);
    secrets
        .add("a private key", "MC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0");
    let mut texts: Vec<String> = [SECRET_PASERK, LOCAL_PASERK, SECRET_PEM]
        .into_iter()
        .chain(["-----BEGIN EC PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----"])
        .map(str::to_owned)
        .collect();
    for version in ["k1", "k2", "k3", "k4"] {
        for kind in ["secret.", "local.", "secret-wrap.pie.", "local-pw.", "seal."] {
            texts.push(format!("{version}.{kind}{}", "A".repeat(43)));
        }
    }
    for text in texts {
        let mut documents = vec![document([entry(&keys::public()), json!({ "paserk": text })])];
        documents.push(document([json!({ "kid": text, "paserk": PUBLIC_PASERK })]));
        for (member, value) in [
            ("comment", json!(text)),
            ("comment", json!([{ "deep": format!("old key: {text}") }])),
            (text.as_str(), json!(1)),
            ("iss", json!(text)),
        ] {
            let mut document = document([entry(&keys::public())]);
            document[member] = value;
            documents.push(document);
        }
        for document in documents {
            // Without escapes, with escapes, and with a syntax error.
            let plain = document.to_string();
            let escaped = plain.replace('k', r"\u006b").replace("PRIV", r"\u0050RIV");
            for document in [&plain, &escaped, &format!("{plain},")] {
                let error = KeySet::from_json(document.as_bytes()).unwrap_err();
                assert_eq!(error, KeySetError::SecretKey, "{document}");
                secrets.assert_not_in(&format!("{error} {error:?}"), "an error");
            }
        }
    }
    assert_eq!(KeySet::new(SECRET_PASERK, [keys::public()]), Err(KeySetError::SecretKey));
    for harmless in [
        "https://k1.local",
        "https://k8.local.example",
        "https://k1.secret-service.eu-central.example",
        "https://k4.localhost",
        "stack1.locality",
        "k4.public",
    ] {
        let mut document = document([entry(&keys::public())]);
        document["iss"] = json!(harmless);
        assert_eq!(parse(&document).unwrap().issuer(), harmless);
    }
}
