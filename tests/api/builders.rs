//! Builders reject settings that cannot work. They return an error and never panic.

use std::collections::HashMap;
use std::time::Duration;

use paseto_actix::issuer::IssuerBuilder;
use paseto_actix::keys::KeyRing;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{ConfigError, Issuer, SecretKey, TokenSource, Verifier};
use paseto_actix_tests::{ISSUER, keys};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn issuer() -> IssuerBuilder {
    Issuer::builder(ISSUER).key(keys::secret())
}

fn verifier() -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, keys::public())
}

#[track_caller]
fn assert_setting<T>(result: Result<T, ConfigError>, name: &str) {
    match result {
        Err(ConfigError::InvalidSetting { setting, problem }) => {
            assert_eq!(setting, name);
            assert!(!problem.is_empty());
        }
        Err(other) => panic!("expected an error of the setting {name}, found {other:?}"),
        Ok(_) => panic!("the setting {name} was accepted"),
    }
}

#[test]
fn issuer_requires_one_active_key_and_distinct_keys() {
    let (one, other) = (SecretKey::generate, SecretKey::generate());
    let retired = |keys: &[SecretKey]| KeyRing::new(other.clone(), keys.iter().cloned());
    let build = |builder: IssuerBuilder| builder.build().map(drop);

    assert_eq!(build(issuer()), Ok(()));
    assert_eq!(build(Issuer::builder(ISSUER).keys(retired(&[one(), one()]).unwrap())), Ok(()));
    assert_eq!(build(Issuer::builder(ISSUER)), Err(ConfigError::NoSigningKey));
    assert_setting(build(issuer().key(one())), "key");
    assert_setting(build(issuer().keys(one())), "key");
    let kid = other.kid().to_owned();
    let duplicate = Some(ConfigError::DuplicateKey { kid });
    assert_eq!(retired(std::slice::from_ref(&other)).err(), duplicate);
    assert_setting(build(Issuer::builder("").key(one())), "iss");
}

#[test]
fn ttl_is_between_one_second_and_a_century() {
    for good in [SECOND, SECOND + NANOSECOND, CENTURY] {
        assert!(issuer().ttl(good).build().is_ok(), "{good:?}");
    }
    for bad in
        [Duration::ZERO, NANOSECOND, SECOND - NANOSECOND, CENTURY + NANOSECOND, Duration::MAX]
    {
        match issuer().ttl(bad).build() {
            Err(ConfigError::DurationOutOfRange { found, .. }) => assert_eq!(found, bad),
            other => panic!("{bad:?}: {other:?}"),
        }
        assert!(issuer().ttl(bad).ttl(SECOND).build().is_ok(), "the last call counts");
        assert!(issuer().ttl(bad).dangerously_without_expiry().build().is_ok());
    }
}

#[test]
fn issuer_rejects_footers_that_verifiers_reject() {
    for good in [json!({}), json!({ "a": 1, "b": null, "c": 0.5, "d": true, "e": "x".repeat(900) })]
    {
        assert!(issuer().footer(&good).build().is_ok(), "{good}");
    }
    for bad in [
        json!([]),
        json!("text"),
        json!(1),
        json!(null),
        json!({ "kid": "k4.pid." }),
        json!({ "kid": null }),
        json!({ "a": [] }),
        json!({ "a": {} }),
        json!({ "a": "x".repeat(1024) }),
    ] {
        assert_setting(issuer().footer(&bad).build(), "footer");
        assert!(issuer().footer(&bad).footer(&json!({})).build().is_ok(), "the last call counts");
    }
    assert_setting(
        issuer().footer(&HashMap::from([((1, 2), "a key that JSON cannot represent")])).build(),
        "footer",
    );

    for good in [&b"opaque"[..], &[0xff; 1024], b"", b"[1]"] {
        assert!(issuer().footer_bytes(good).build().is_ok(), "{good:?}");
    }
    for bad in [&[0xff; 1025][..], b"{", br#"{"a":{}}"#, br#"{"a":1,"a":1}"#, br#"{"kid":1}"#] {
        assert_setting(issuer().footer_bytes(bad).build(), "footer");
    }
    // The key ID counts toward the size of the footer.
    let nearly_full = json!({ "a": "x".repeat(1000) });
    assert_setting(issuer().footer(&nearly_full).build(), "footer");
    assert!(issuer().footer(&nearly_full).include_kid(false).build().is_ok());
}

#[test]
fn verifier_requires_a_trusted_issuer_and_distinct_keys() {
    let kid = keys::public().kid().to_owned();
    let build = |builder: VerifierBuilder| builder.build().map(drop);
    let other = || SecretKey::generate().public_key();

    assert_eq!(build(verifier()), Ok(()));
    assert_eq!(build(verifier().trust(ISSUER, other()).trust("joe", other())), Ok(()));
    assert_eq!(build(Verifier::builder()), Err(ConfigError::NoTrustedKey));
    assert_eq!(build(Verifier::builder().trust_keys(ISSUER, [])), Err(ConfigError::NoTrustedKey));
    assert_setting(build(Verifier::builder().trust("", other())), "iss");
    assert_setting(build(verifier().trust_keys("", [other()])), "iss");
    assert_eq!(
        build(verifier().trust(ISSUER, keys::public())),
        Err(ConfigError::DuplicateKey { kid: kid.clone() })
    );
    let in_between = verifier().trust("joe", other()).trust_keys(ISSUER, [other(), keys::public()]);
    assert_eq!(build(in_between), Err(ConfigError::DuplicateKey { kid: kid.clone() }));
    let two =
        ConfigError::KeyOfTwoIssuers { kid, first: ISSUER.to_owned(), second: "joe".to_owned() };
    assert!(two.to_string().contains("`https://issuer.example` and `joe`"));
    assert_eq!(build(verifier().trust("joe", keys::public())), Err(two));
}

#[test]
fn verifier_rejects_leeway_cache_audience_and_realm_out_of_range() {
    let limit = Duration::from_secs(300);
    assert!(verifier().leeway(limit).build().is_ok());
    assert!(verifier().leeway(Duration::ZERO).build().is_ok());
    for bad in [limit + NANOSECOND, CENTURY + SECOND, Duration::MAX] {
        let error = verifier().leeway(bad).build().unwrap_err();
        assert!(
            matches!(error, ConfigError::DurationOutOfRange { setting: "leeway", found, .. } if found == bad),
            "{error:?}"
        );
    }

    assert!(verifier().audience("ada").audience("bob").build().is_ok());
    assert!(verifier().accept_any_audience().build().is_ok());
    for bytes in [1, 64, 1023] {
        assert_setting(verifier().token_cache(bytes).build(), "token_cache");
    }
    assert!(
        verifier().token_cache(1024).build().is_ok() && verifier().token_cache(0).build().is_ok()
    );
    assert_setting(verifier().audience("ada").accept_any_audience().build(), "audience");
    assert_setting(verifier().accept_any_audience().audience("ada").build(), "audience");

    assert!(verifier().realm("the shop's realm (1)").build().is_ok());
    for bad in ["\"", "a\\", "a\r\nb", "\0", "é", "\u{7f}"] {
        assert_setting(verifier().realm(bad).build(), "realm");
    }
}

#[test]
fn verifier_rejects_invalid_token_sources_and_origins() {
    let from = |source| verifier().token_from([TokenSource::bearer(), source]).build();
    let good = [
        TokenSource::header("X-Paseto"),
        TokenSource::cookie("paseto"),
        TokenSource::websocket_subprotocol("paseto"),
        TokenSource::query("token"),
        TokenSource::custom(|_| None),
    ];
    for source in good {
        let shown = format!("{source:?}");
        assert!(from(source).is_ok(), "{shown}");
    }
    let bad = [
        TokenSource::header(""),
        TokenSource::header("X Paseto"),
        TokenSource::header("X-Paseto:"),
        TokenSource::header("Authorization"),
        TokenSource::header("authorization"),
        TokenSource::header("Cookie"),
        TokenSource::cookie(""),
        TokenSource::websocket_subprotocol(""),
        TokenSource::query(""),
    ];
    for source in bad {
        assert_setting(from(source), "token_from");
    }
    assert_setting(verifier().token_from([]).build(), "token_from");

    for good in ["https://app.example", "http://localhost:8080"] {
        assert!(verifier().trusted_origin(good).build().is_ok(), "{good}");
    }
    for bad in [
        "",
        "app.example",
        "https://",
        "://app.example",
        "https://app.example/",
        "https://App.example",
        "chrome-extension://abc",
        "null",
        "*",
    ] {
        assert_setting(
            verifier().trusted_origin("https://app.example").trusted_origin(bad).build(),
            "trusted_origin",
        );
    }
}

#[test]
fn issuers_and_verifiers_can_be_shared_between_threads() {
    fn is_shared<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    is_shared(&issuer().build().unwrap());
    is_shared(&verifier().build().unwrap());
    fn is_error<T: std::error::Error + Clone + Send + Sync + 'static>(_: &T) {}
    is_error(&ConfigError::NoSigningKey);
}
