//! Settings read by serde: what each field does, and which mistakes are told how.

use std::time::Duration;

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::token::Format;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{ConfigError, SecretKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_refused, issuer_builder, send, send_bearer};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::{ISSUER, keys, parts};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The settings that are required, with these in addition or instead.
fn issuer_with(changes: Value) -> Value {
    with(json!({ "iss": ISSUER, "private_keys": [{ "paserk": SECRET_PASERK }] }), changes)
}

fn verifier_with(changes: Value) -> Value {
    with(json!({ "public_keys": [{ "iss": ISSUER, "paserk": PUBLIC_PASERK }] }), changes)
}

fn with(mut settings: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are a map") };
    settings.as_object_mut().unwrap().extend(changes);
    settings
}

fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, String> {
    serde_json::from_str(&settings.to_string()).map_err(|error| error.to_string())
}

fn issuer(changes: Value) -> IssuerConfig {
    read(&issuer_with(changes)).unwrap()
}

fn verifier(changes: Value, clock: &TestClock) -> Verifier {
    read::<VerifierConfig>(&verifier_with(changes))
        .unwrap()
        .into_builder()
        .clock(clock.clone())
        .build()
        .unwrap()
}

/// The payload of a token, and its footer's text.
fn issue(config: IssuerConfig, clock: &TestClock) -> (Value, String) {
    let token =
        config.into_builder().clock(clock.clone()).build().unwrap().issue(&json!({})).unwrap();
    let (body, footer) = parts::split(&token);
    (serde_json::from_slice(&body[..body.len() - 64]).unwrap(), String::from_utf8(footer).unwrap())
}

/// Asserts that settings are refused with an error that has this text.
#[track_caller]
fn assert_told<T: DeserializeOwned>(settings: Value, text: &str) {
    match read::<T>(&settings) {
        Ok(_) => panic!("accepted, instead of {text:?}: {settings}"),
        Err(error) => assert!(error.contains(text), "{error:?} does not say {text:?}"),
    }
}

#[test]
fn defaults_of_an_issuer() {
    let config = issuer(json!({}));
    assert_eq!((config.iss.as_str(), config.private_keys[0].kid()), (ISSUER, keys::secret().kid()));
    let included = [
        config.include_iss,
        config.include_iat,
        config.include_nbf,
        config.include_jti,
        config.include_kid,
    ];
    assert_eq!(included, [true; 5]);
    assert_eq!(
        (config.ttl, config.max_ttl, config.format),
        (Duration::from_secs(3600), None, Format::Json)
    );
    assert_eq!((config.audience.as_ref(), config.implicit_assertion.as_ref()), (None, None));

    let (mut payload, footer) = issue(config, &TestClock::new());
    assert_eq!(payload["jti"].take().as_str().unwrap().len(), 22);
    let start = "2026-01-01T00:00:00Z";
    let expected = json!({ "iss": ISSUER, "exp": "2026-01-01T01:00:00Z", "nbf": start, "iat": start, "jti": null });
    assert_eq!(payload, expected);
    assert_eq!(footer, json!({ "kid": keys::secret().kid() }).to_string());
}

#[test]
fn each_field_of_an_issuer() {
    let clock = TestClock::new();
    let (all, _) = issue(issuer(json!({})), &clock);
    for claim in ["iss", "iat", "nbf", "jti"] {
        let mut expected: Vec<_> =
            all.as_object().unwrap().keys().filter(|name| *name != claim).collect();
        expected.sort();
        for name in ["use", "include"] {
            let (payload, _) = issue(issuer(json!({ format!("{name}_{claim}"): false })), &clock);
            let mut names: Vec<_> = payload.as_object().unwrap().keys().collect();
            names.sort();
            assert_eq!(names, expected, "without {claim}");
        }
    }
    for name in ["use_kid", "include_kid"] {
        assert_eq!(issue(issuer(json!({ name: false })), &clock).1, "");
    }
    for (name, value) in
        [("exp", json!(1)), ("ttl", json!(1)), ("ttl", json!("1")), ("ttl", json!("1s"))]
    {
        assert_eq!(issue(issuer(json!({ name: value })), &clock).0["exp"], "2026-01-01T00:00:01Z");
    }
    for name in ["aud", "audience"] {
        assert_eq!(
            issue(issuer(json!({ name: "https://api.example" })), &clock).0["aud"],
            "https://api.example"
        );
    }
    assert_eq!(issue(issuer(json!({ "iss": "joe" })), &clock).0["iss"], "joe");
    assert_eq!(issue(issuer(json!({ "serializer": "json" })), &clock).0["iss"], ISSUER);

    for name in ["serializer", "format"] {
        let cbor =
            issuer(json!({ name: "cbor" })).into_builder().clock(clock.clone()).build().unwrap();
        let (body, _) = parts::split(&cbor.issue(&json!({})).unwrap());
        let payload: ciborium::Value = ciborium::from_reader(&body[..body.len() - 64]).unwrap();
        assert_eq!(payload.as_map().unwrap()[0], ("iss".into(), ISSUER.into()));
    }
}

#[actix_web::test]
async fn implicit_assertions_on_both_sides() {
    let clock = TestClock::new();
    let issuer = issuer(json!({ "implicit_assertion": "here" }))
        .into_builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer.issue(&json!({})).unwrap();
    assert_accepted(&verifier(json!({ "implicit_assertion": "here" }), &clock), &token).await;
    assert_refused(&verifier(json!({ "implicit_assertion": "there" }), &clock), &token).await;
    assert_refused(&verifier(json!({}), &clock), &token).await;
}

#[test]
fn the_first_of_several_keys_is_the_active_one() {
    let other = SecretKey::generate();
    let entry = |paserk: &str| json!({ "paserk": paserk });
    let both = [entry(&other.to_paserk()), json!({ "version": 4, "key": SECRET_PEM })];
    let issuer = issuer(json!({ "private_keys": both })).build().unwrap();
    assert_eq!(issuer.public_keys().collect::<Vec<_>>(), [other.public_key(), keys::public()]);

    let kid = |token: String| {
        serde_json::from_slice::<Value>(&parts::split(&token).1).unwrap()["kid"].clone()
    };
    assert_eq!(kid(issuer.issue(&json!({})).unwrap()), other.kid());
    assert_eq!(
        kid(issuer.token(&json!({})).key(keys::secret().kid()).issue().unwrap()),
        keys::secret().kid()
    );
}

#[actix_web::test]
async fn each_field_of_a_verifier() {
    let clock = TestClock::new();
    let token = |audience: Option<&str>, format| {
        let issuer = issuer_builder(&clock).format(format).build().unwrap();
        let none = json!({});
        let token = issuer.token(&none);
        audience.into_iter().fold(token, |token, name| token.audience(name)).issue().unwrap()
    };
    let (plain, ada, bob) = (
        token(None, Format::Json),
        token(Some("ada"), Format::Json),
        token(Some("bob"), Format::Json),
    );

    assert_accepted(&verifier(json!({}), &clock), &plain).await;
    assert_refused(&verifier(json!({}), &clock), &ada).await;
    assert_accepted(&verifier(json!({ "audience": "ada" }), &clock), &ada).await;
    assert_accepted(&verifier(json!({ "aud": "ada" }), &clock), &ada).await;
    assert_refused(&verifier(json!({ "aud": "ada" }), &clock), &bob).await;
    assert_accepted(&verifier(json!({ "aud": ["ada", "bob"] }), &clock), &bob).await;
    assert_refused(&verifier(json!({ "aud": ["ada", "bob"] }), &clock), &plain).await;
    assert_accepted(&verifier(json!({ "accept_any_audience": true }), &clock), &bob).await;
    assert_accepted(&verifier(json!({ "any_aud": true }), &clock), &bob).await;
    assert_refused(&verifier(json!({ "any_aud": false }), &clock), &bob).await;

    let cbor = token(None, Format::Cbor);
    assert_accepted(&verifier(json!({ "format": "cbor" }), &clock), &cbor).await;
    assert_accepted(&verifier(json!({ "deserializer": "cbor" }), &clock), &cbor).await;
    assert_refused(&verifier(json!({ "deserializer": "json" }), &clock), &cbor).await;
    assert_refused(&verifier(json!({}), &clock), &cbor).await;

    let by_pem = json!({ "public_keys": [{ "iss": ISSUER, "version": 4, "key": PUBLIC_PEM }] });
    assert_accepted(&verifier(by_pem, &clock), &plain).await;
    let beside = json!({ "iss": ISSUER, "public_keys": [PUBLIC_PASERK] });
    assert_accepted(&verifier(beside, &clock), &plain).await;
    let own_first =
        json!({ "iss": "joe", "public_keys": [{ "iss": ISSUER, "paserk": PUBLIC_PASERK }] });
    assert_accepted(&verifier(own_first, &clock), &plain).await;
    let of_another = json!({ "public_keys": [{ "iss": "joe", "paserk": PUBLIC_PASERK }] });
    assert_refused(&verifier(of_another, &clock), &plain).await;

    let shop = verifier(json!({ "realm": "shop" }), &clock);
    let (answer, _) = send(&shop, actix_web::test::TestRequest::get()).await;
    assert_eq!(answer.challenge(), r#"Bearer realm="shop""#);
}

#[actix_web::test]
async fn skew_in_seconds() {
    let clock = TestClock::new();
    let token = issuer_builder(&clock).build().unwrap().issue(&json!({})).unwrap();
    for (changes, skew) in [
        (json!({}), 5),
        (json!({ "skew": 0 }), 0),
        (json!({ "skew": 300 }), 300),
        (json!({ "leeway": "5m" }), 300),
    ] {
        let clock = TestClock::new();
        let verifier = verifier(changes, &clock);
        clock.advance(time::Duration::seconds(3600 + skew));
        assert_accepted(&verifier, &token).await;
        clock.advance(time::Duration::nanoseconds(1));
        assert_eq!(send_bearer(&verifier, &token).await.0.status, 401, "skew {skew}");
    }
}

#[test]
fn settings_that_serde_takes_and_the_builder_does_not() {
    let issue = |changes| issuer(changes).build().map(drop);
    let verify =
        |changes| read::<VerifierConfig>(&verifier_with(changes)).unwrap().build().map(drop);
    let kid = keys::secret().kid().to_owned();
    let twice = json!([{ "paserk": SECRET_PASERK }, { "version": 4, "key": SECRET_PEM }]);
    assert_eq!(issue(json!({})), Ok(()));
    assert_eq!(
        issue(json!({ "private_keys": twice })),
        Err(ConfigError::DuplicateKey { kid: kid.clone() })
    );
    assert_eq!(issue(json!({ "private_keys": [] })), Err(ConfigError::NoSigningKey));
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
    assert_eq!(verify(json!({ "public_keys": [] })), Err(ConfigError::NoTrustedIssuer));
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
fn mistakes_are_told_with_the_path_to_the_field() {
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
        assert_told::<IssuerConfig>(settings, text);
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
        assert_told::<VerifierConfig>(settings, text);
    }
}

#[test]
fn a_field_twice() {
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

#[test]
fn settings_show_no_key() {
    let config = issuer(json!({ "private_keys": [{ "paserk": SECRET_PASERK }] }));
    let shown = format!("{config:?} {:?}", config.clone().into_builder());
    assert_eq!(shown.matches(keys::secret().kid()).count(), 2);
    assert!(!shown.contains(&SECRET_PASERK[10..20]));
}
