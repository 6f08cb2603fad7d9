//! Settings read by serde: the effect of each field.

use std::time::Duration;

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::token::Format;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{SecretKey, Verifier};
use paseto_actix_tests::app::{
    assert_accepted, assert_rejected, issuer_builder, send, send_bearer,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::{PUBLIC_PASERK, PUBLIC_PEM, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::{ISSUER, keys, parts};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Returns the required settings of an issuer with these changes.
pub(crate) fn issuer_with(changes: Value) -> Value {
    with(json!({ "iss": ISSUER, "private_keys": [{ "paserk": SECRET_PASERK }] }), changes)
}

pub(crate) fn verifier_with(changes: Value) -> Value {
    with(json!({ "public_keys": [{ "iss": ISSUER, "paserk": PUBLIC_PASERK }] }), changes)
}

pub(crate) fn with(mut settings: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are a map") };
    settings.as_object_mut().unwrap().extend(changes);
    settings
}

pub(crate) fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, String> {
    serde_json::from_str(&settings.to_string()).map_err(|error| error.to_string())
}

pub(crate) fn issuer(changes: Value) -> IssuerConfig {
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

/// Issues a token. Returns its payload and its footer.
fn issue(config: IssuerConfig, clock: &TestClock) -> (Value, String) {
    let token =
        config.into_builder().clock(clock.clone()).build().unwrap().issue(&json!({})).unwrap();
    let (body, footer) = parts::split(&token);
    (serde_json::from_slice(&body[..body.len() - 64]).unwrap(), String::from_utf8(footer).unwrap())
}

#[test]
fn required_fields_alone_give_the_default_issuer() {
    let config = issuer(json!({}));
    assert_eq!(
        (config.iss.as_str(), config.private_keys.active().kid()),
        (ISSUER, keys::secret().kid())
    );
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
fn each_field_changes_the_issuer() {
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
async fn implicit_assertion_must_be_equal_on_both_sides() {
    let clock = TestClock::new();
    let issuer = issuer(json!({ "implicit_assertion": "here" }))
        .into_builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer.issue(&json!({})).unwrap();
    assert_accepted(&verifier(json!({ "implicit_assertion": "here" }), &clock), &token).await;
    assert_rejected(&verifier(json!({ "implicit_assertion": "there" }), &clock), &token).await;
    assert_rejected(&verifier(json!({}), &clock), &token).await;
}

#[test]
fn first_private_key_is_the_active_key() {
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
        kid(issuer.token(&json!({})).key_id(keys::secret().kid()).issue().unwrap()),
        keys::secret().kid()
    );
}

#[actix_web::test]
async fn each_field_changes_the_verifier() {
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
    assert_rejected(&verifier(json!({}), &clock), &ada).await;
    assert_accepted(&verifier(json!({ "audience": "ada" }), &clock), &ada).await;
    assert_accepted(&verifier(json!({ "aud": "ada" }), &clock), &ada).await;
    assert_rejected(&verifier(json!({ "aud": "ada" }), &clock), &bob).await;
    assert_accepted(&verifier(json!({ "aud": ["ada", "bob"] }), &clock), &bob).await;
    assert_rejected(&verifier(json!({ "aud": ["ada", "bob"] }), &clock), &plain).await;
    assert_accepted(&verifier(json!({ "accept_any_audience": true }), &clock), &bob).await;
    assert_accepted(&verifier(json!({ "any_aud": true }), &clock), &bob).await;
    assert_rejected(&verifier(json!({ "any_aud": false }), &clock), &bob).await;

    let cbor = token(None, Format::Cbor);
    assert_accepted(&verifier(json!({ "format": "cbor" }), &clock), &cbor).await;
    assert_accepted(&verifier(json!({ "deserializer": "cbor" }), &clock), &cbor).await;
    assert_rejected(&verifier(json!({ "deserializer": "json" }), &clock), &cbor).await;
    assert_rejected(&verifier(json!({}), &clock), &cbor).await;

    let by_pem = json!({ "public_keys": [{ "iss": ISSUER, "version": 4, "key": PUBLIC_PEM }] });
    assert_accepted(&verifier(by_pem, &clock), &plain).await;
    let beside = json!({ "iss": ISSUER, "public_keys": [PUBLIC_PASERK] });
    assert_accepted(&verifier(beside, &clock), &plain).await;
    let own_first =
        json!({ "iss": "joe", "public_keys": [{ "iss": ISSUER, "paserk": PUBLIC_PASERK }] });
    assert_accepted(&verifier(own_first, &clock), &plain).await;
    let of_another = json!({ "public_keys": [{ "iss": "joe", "paserk": PUBLIC_PASERK }] });
    assert_rejected(&verifier(of_another, &clock), &plain).await;

    let shop = verifier(json!({ "realm": "shop" }), &clock);
    let (response, _) = send(&shop, actix_web::test::TestRequest::get()).await;
    assert_eq!(response.challenge(), r#"Bearer realm="shop""#);
}

#[actix_web::test]
async fn leeway_is_accepted_in_seconds_and_as_a_duration() {
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
fn debug_of_settings_contains_no_key() {
    let config = issuer(json!({ "private_keys": [{ "paserk": SECRET_PASERK }] }));
    let shown = format!("{config:?} {:?}", config.clone().into_builder());
    assert_eq!(shown.matches(keys::secret().kid()).count(), 2);
    assert!(!shown.contains(&SECRET_PASERK[10..20]));
}
