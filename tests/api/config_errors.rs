//! Settings that serde or the builder rejects, and the errors with the path of the field.

use std::time::Duration;

use paseto_actix::ConfigError;
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::{ISSUER, keys};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::{issuer, issuer_with, read, verifier_with};

/// Asserts that the settings are rejected with an error that contains this text.
#[track_caller]
fn assert_config_error<T: DeserializeOwned>(settings: Value, text: &str) {
    match read::<T>(&settings) {
        Ok(_) => panic!("expected the error {text:?}, but the settings were accepted: {settings}"),
        Err(error) => assert!(error.contains(text), "expected {text:?} in {error:?}"),
    }
}

#[test]
fn builder_rejects_settings_that_deserialize() {
    let issue = |changes| issuer(changes).build().map(drop);
    let verify =
        |changes| read::<VerifierConfig>(&verifier_with(changes)).unwrap().build().map(drop);
    let kid = keys::secret().kid().to_owned();
    let twice = json!([{ "paserk": SECRET_PASERK }, { "version": 4, "key": SECRET_PEM }]);
    assert_eq!(issue(json!({})), Ok(()));
    for (keys, expected) in [
        (twice, format!("`private_keys`: the key {kid} is given twice: remove one")),
        (json!([]), "`private_keys`: expected at least one key, found an empty list".to_owned()),
    ] {
        let settings = issuer_with(json!({ "private_keys": keys }));
        let error = read::<IssuerConfig>(&settings).unwrap_err();
        assert_eq!(error.split(" at line").next(), Some(expected.as_str()));
    }
    let no_name = read::<IssuerConfig>(&issuer_with(json!({ "iss": "" }))).unwrap_err();
    assert_eq!(
        no_name.split(" at line").next(),
        Some("`iss`: expected a string, found an empty string")
    );
    for exp in [0, 100 * 365 * 24 * 3600 + 1, u64::MAX] {
        let given = Duration::from_secs(exp);
        let error = issue(json!({ "exp": exp })).unwrap_err();
        assert!(matches!(error, ConfigError::DurationOutOfRange { found: g, .. } if g == given));
    }

    let entry = |iss| json!({ "iss": iss, "paserk": PUBLIC_PASERK });
    let two_issuers =
        ConfigError::KeyOfTwoIssuers { kid: kid.clone(), first: "a".into(), second: "b".into() };
    assert_eq!(verify(json!({})), Ok(()));
    assert_eq!(verify(json!({ "public_keys": [] })), Err(ConfigError::NoTrustedKey));
    assert_eq!(
        verify(json!({ "public_keys": [entry("a"), entry("a")] })),
        Err(ConfigError::DuplicateKey { kid })
    );
    assert_eq!(verify(json!({ "public_keys": [entry("a"), entry("b")] })), Err(two_issuers));
    assert!(matches!(verify(json!({ "skew": 301 })), Err(ConfigError::DurationOutOfRange { .. })));
    assert!(verify(json!({ "aud": "ada", "any_aud": true })).is_err());
    assert!(verify(json!({ "realm": "a \"quoted\" one" })).is_err());
}

#[test]
fn errors_name_the_path_of_the_field() {
    let entry =
        |changes| issuer_with(json!({ "private_keys": [{ "paserk": SECRET_PASERK }, changes] }));
    for (settings, text) in [
        (json!({ "iss": ISSUER }), "missing field `private_keys`"),
        (json!({ "private_keys": [] }), "missing field `iss`"),
        (json!({}), "missing field `iss`"),
        (json!([]), "expected a table of settings, found a list"),
        (
            issuer_with(json!({ "pasetoIss": ISSUER })),
            "unknown field `pasetoIss`, expected one of `iss`, ",
        ),
        (issuer_with(json!({ "realm": "shop" })), "unknown field `realm`"),
        (issuer_with(json!({ "iss": 1 })), "`iss`: expected a string, found a number"),
        (
            issuer_with(json!({ "use_kid": "yes" })),
            "`use_kid`: expected `true` or `false`, found a string",
        ),
        (
            issuer_with(json!({ "use_iss": 1 })),
            "`use_iss`: expected `true` or `false`, found a number",
        ),
        (issuer_with(json!({ "exp": -1 })), "`exp`: expected seconds as a whole number, "),
        (issuer_with(json!({ "exp": 1.5 })), "`exp`: expected seconds as a whole number, "),
        (issuer_with(json!({ "exp": null })), "such as \"15m\", found null"),
        (issuer_with(json!({ "ttl": "-1s" })), "`ttl`: expected seconds as a whole number, "),
        (issuer_with(json!({ "serializer": "yaml" })), "`serializer`: expected `json` or `cbor`"),
        (
            issuer_with(json!({ "serializer": "yaml" })),
            "`serializer`: expected `json` or `cbor`, found a string",
        ),
        (issuer_with(json!({ "aud": ["ada"] })), "`aud`: expected a string, found a list"),
        (
            issuer_with(json!({ "implicit_assertion": 1 })),
            "`implicit_assertion`: expected a string, or a table",
        ),
        (
            issuer_with(json!({ "implicit_assertion": {} })),
            "`implicit_assertion`: expected a string, or a table",
        ),
        (
            issuer_with(json!({ "private_keys": {} })),
            "`private_keys`: expected a key as PASERK or PEM, or a table",
        ),
        (
            issuer_with(json!({ "private_keys": 1 })),
            "`private_keys`: expected a list of keys, found a number",
        ),
        (issuer_with(json!({ "private_keys": "" })), "`private_keys`: malformed key: "),
        (entry(json!(PUBLIC_PASERK)), "`private_keys[1]`: wrong type of key: expected `k4.secret`"),
        (entry(json!([])), "`private_keys[1]`: expected a key as PASERK or PEM, or a table"),
        (entry(json!({})), "`private_keys[1]`: expected a key as PASERK or PEM, or a table"),
        (entry(json!({ "version": 4 })), "`private_keys[1]`: missing field `key`"),
        (entry(json!({ "key": SECRET_PEM })), "`private_keys[1]`: missing field `version`"),
        (
            entry(json!({ "version": 3, "key": SECRET_PEM })),
            "`private_keys[1].version`: expected 4",
        ),
        (
            entry(json!({ "version": -4, "key": SECRET_PEM })),
            "`private_keys[1].version`: expected 4",
        ),
        (
            entry(json!({ "version": 4.0, "key": SECRET_PEM })),
            "`private_keys[1].version`: expected 4",
        ),
        (
            entry(json!({ "version": 4, "key": 4 })),
            "`private_keys[1].key`: expected a string, found a number",
        ),
        (
            entry(json!({ "version": 4, "paserk": SECRET_PASERK })),
            "`private_keys[1]`: missing field `key`",
        ),
        (
            entry(json!({ "version": 4, "key": SECRET_PEM, "paserk": SECRET_PASERK })),
            "`private_keys[1]`: the key is given twice",
        ),
        (
            entry(json!({ "kid": "k4.pid.", "paserk": SECRET_PASERK })),
            "`private_keys[1]`: unknown field `kid`",
        ),
        (
            entry(json!({ "iss": ISSUER, "paserk": SECRET_PASERK })),
            "`private_keys[1].iss`: set `iss` beside",
        ),
        (
            entry(json!({ "paserk": PUBLIC_PASERK })),
            "`private_keys[1].paserk`: wrong type of key: expected `k4.secret`",
        ),
        (
            entry(json!({ "paserk": SECRET_PEM })),
            "`private_keys[1].paserk`: wrong type of key: expected `k4.secret`",
        ),
        (
            entry(json!({ "version": 4, "key": PUBLIC_PEM })),
            "`private_keys[1].key`: wrong type of key: expected `PRIVATE KEY`",
        ),
        (
            entry(json!({ "pem": SECRET_PASERK })),
            "`private_keys[1].pem`: wrong type of key: expected `PRIVATE KEY`",
        ),
    ] {
        assert_config_error::<IssuerConfig>(settings, text);
    }

    let entry =
        |changes| json!({ "public_keys": [{ "iss": ISSUER, "paserk": PUBLIC_PASERK }, changes] });
    for (settings, text) in [
        (json!({}), "missing field `public_keys`"),
        (verifier_with(json!({ "ttl": 5 })), "unknown field `ttl`"),
        (verifier_with(json!({ "skew": -5 })), "`skew`: expected seconds"),
        (
            verifier_with(json!({ "deserializer": "cbor2" })),
            "`deserializer`: expected `json` or `cbor`",
        ),
        (
            verifier_with(json!({ "aud": 1 })),
            "`aud`: expected a string or a list of strings, found a number",
        ),
        (
            verifier_with(json!({ "aud": ["ada", 1] })),
            "`aud[1]`: expected a string, found a number",
        ),
        (
            verifier_with(json!({ "any_aud": 1 })),
            "`any_aud`: expected `true` or `false`, found a number",
        ),
        (verifier_with(json!({ "realm": false })), "`realm`: expected a string, found a boolean"),
        (verifier_with(json!({ "public_keys": PUBLIC_PASERK })), "missing field `iss`"),
        (entry(json!({ "paserk": PUBLIC_PASERK })), "missing field `iss`"),
        (
            entry(json!({ "iss": 1, "paserk": PUBLIC_PASERK })),
            "`public_keys[1].iss`: expected a string",
        ),
        (entry(json!({ "iss": "a" })), "`public_keys[1]`: expected a key"),
        (
            entry(json!({ "iss": "a", "version": 2, "key": PUBLIC_PEM })),
            "`public_keys[1].version`: expected 4",
        ),
        (
            entry(json!({ "iss": "a", "paserk": SECRET_PASERK })),
            ".paserk`: wrong type of key: expected `k4.public`",
        ),
        (
            entry(json!({ "iss": "a", "version": 4, "key": SECRET_PEM })),
            ".key`: wrong type of key: expected `PUBLIC KEY`",
        ),
    ] {
        assert_config_error::<VerifierConfig>(settings, text);
    }
}

#[test]
fn duplicate_field_is_an_error() {
    let read =
        |text: &str| serde_json::from_str::<IssuerConfig>(text).map_err(|error| error.to_string());
    let text = |entry: &str, more: &str| {
        format!(r#"{{"iss": "joe", "private_keys": [{{{entry}}}]{more}}}"#)
    };
    let key = format!(r#""paserk": "{SECRET_PASERK}""#);
    assert!(read(&text(&key, "")).is_ok());
    assert!(
        read(&text(&key, r#", "iss": "joe""#))
            .unwrap_err()
            .contains("`iss`: duplicate field `iss`")
    );
    assert!(
        read(&text(&key, r#", "ttl": 1, "exp": 1"#))
            .unwrap_err()
            .contains("`exp`: duplicate field `ttl`")
    );
    let twice = read(&text(&format!("{key}, {key}"), "")).unwrap_err();
    assert!(twice.contains("`private_keys[0].paserk`: duplicate field `paserk`"), "{twice}");
}
