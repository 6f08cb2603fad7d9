//! Settings with a key in the wrong field. Errors can be logged, so they must not contain the key.

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::keys::{PUBLIC_PASERK, SECRET_PASERK, SECRET_PEM};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Returns each error of reading and building the settings, formatted with `Display` and `Debug`.
fn errors<T: DeserializeOwned, U, E: std::error::Error>(
    settings: &Value,
    build: fn(T) -> Result<U, E>,
) -> Vec<(&'static str, String)> {
    let show = |error: &dyn std::error::Error| format!("{error} {error:?}");
    [
        ("from_str", serde_json::from_str::<T>(&settings.to_string())),
        ("from_value", serde_json::from_value::<T>(settings.clone())),
    ]
    .into_iter()
    .filter_map(|(way, result)| match result {
        Err(error) => Some((way, show(&error))),
        Ok(config) => build(config).err().map(|error| (way, show(&error))),
    })
    .collect()
}

/// Returns keys and parts of keys, each with a substring that errors must not contain.
fn secrets() -> [(Value, &'static str); 4] {
    let (paserk_body, pem_body) = (&SECRET_PASERK[10..], &SECRET_PEM[28..92]);
    let part = |text: &'static str| &text[20..36];
    [
        (json!(SECRET_PASERK), part(paserk_body)),
        (json!(SECRET_PEM), part(pem_body)),
        (json!(paserk_body), part(paserk_body)),
        (json!(pem_body), part(pem_body)),
    ]
}

#[track_caller]
fn assert_no_key(settings: &Value, errors: &[(&'static str, String)], secret: &str) {
    assert_eq!(errors.len(), 2, "expected an error of both deserializers: {settings}");
    for (way, error) in errors {
        assert!(!error.contains(secret), "the error of {way} contains the key: {error}");
    }
}

#[test]
fn key_in_a_wrong_field_of_an_issuer_is_not_shown() {
    let issuer = |name: &str, value: Value| {
        let mut settings = json!({ "iss": ISSUER, "private_keys": [{ "paserk": SECRET_PASERK }] });
        settings[name] = value;
        settings
    };
    let entry = |entry: Value| issuer("private_keys", json!([entry]));
    for (key, secret) in secrets() {
        let name = key.as_str().unwrap();
        let mut wrong = vec![
            key.clone(),
            json!([key]),
            issuer("private_keys", json!(format!("{name}, {name}"))),
            issuer("private_keys", json!({ "paserk": [key] })),
            issuer("private_keys", json!({ name: "paserk" })),
            issuer("iss", json!([key])),
            issuer("iss", json!({ "paserk": key })),
            issuer("aud", json!([key])),
            issuer("implicit_assertion", json!([key])),
            issuer("private_key", key.clone()),
            issuer(name, json!(true)),
            entry(json!([key])),
            entry(json!({ name: "paserk" })),
            entry(json!({ "secret": key })),
            entry(json!({ "file": key })),
            entry(json!({ "file": format!("/run/secrets/{name}") })),
            entry(json!({ "file": [key] })),
            entry(json!({ "env": key })),
            entry(json!({ "pem": format!("{name}, {name}") })),
            issuer("implicit_assertion", json!({ "file": key })),
            issuer("implicit_assertion", json!({ "env": key })),
            issuer("implicit_assertion", json!({ name: key })),
            entry(json!({ "iss": key })),
            entry(json!({ "iss": key, "paserk": SECRET_PASERK })),
            entry(json!({ "version": key })),
            entry(json!({ "version": key, "key": SECRET_PEM })),
            entry(json!({ "version": 3, "key": key })),
            entry(json!({ "version": 4, "key": [key] })),
            entry(json!({ "version": 4, "key": &name[1..] })),
            entry(json!({ "version": 4, "key": format!("{name}\n\n{name}") })),
            entry(json!({ "paserk": [key] })),
            entry(json!({ "paserk": format!("{name}=") })),
            entry(json!({ "paserk": format!("k4.public.{name}") })),
            entry(json!({ "paserk": key, "key": key })),
        ];
        // Without a prefix such as `k4.`, a part of a key is a valid `iss` or `aud`.
        if name.starts_with("k4.") || name.starts_with("-----") {
            wrong.extend(["iss", "aud"].map(|field| issuer(field, key.clone())));
        }
        for field in [
            "use_iss",
            "use_iat",
            "use_nbf",
            "use_jti",
            "use_kid",
            "exp",
            "max_ttl",
            "serializer",
            "ttl",
        ] {
            wrong.push(issuer(field, key.clone()));
        }
        for settings in wrong {
            assert_no_key(&settings, &errors(&settings, IssuerConfig::build), secret);
        }
    }
}

#[test]
fn key_in_a_wrong_field_of_a_verifier_is_not_shown() {
    let verifier = |name: &str, value: Value| {
        let mut settings = json!({ "public_keys": [{ "iss": ISSUER, "paserk": PUBLIC_PASERK }] });
        settings[name] = value;
        settings
    };
    let entry = |entry: Value| verifier("public_keys", json!([entry]));
    for (key, secret) in secrets() {
        let name = key.as_str().unwrap();
        let mut wrong = vec![
            key.clone(),
            verifier("public_keys", key.clone()),
            verifier("aud", json!([[key]])),
            verifier("aud", json!({ "name": key })),
            verifier("implicit_assertion", json!([key])),
            verifier("realm", json!([key])),
            verifier("trusted_origins", json!([[key]])),
            verifier("realm", json!(format!("{name}\n"))),
            verifier("private_keys", json!([key])),
            verifier(name, json!(true)),
            entry(key.clone()),
            entry(json!({ name: "paserk" })),
            entry(json!({ "iss": ISSUER, "version": key })),
            entry(json!({ "iss": ISSUER, "version": 4, "key": key })),
            entry(json!({ "iss": ISSUER, "paserk": key })),
            entry(json!({ "iss": [key], "paserk": PUBLIC_PASERK })),
        ];
        if name.starts_with("k4.") || name.starts_with("-----") {
            let names = ["iss", "aud", "realm", "trusted_origins", "resource_metadata"];
            wrong.extend(names.map(|field| verifier(field, key.clone())));
        }
        for field in ["skew", "leeway", "deserializer", "any_aud", "accept_any_audience"] {
            wrong.push(verifier(field, key.clone()));
        }
        for settings in wrong {
            assert_no_key(&settings, &errors(&settings, VerifierConfig::build), secret);
        }
    }
}
