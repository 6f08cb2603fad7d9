//! `Debug` output and error texts contain no secrets.

use std::fmt::Debug;

use actix_web::dev::Transform;
use actix_web::test::{TestRequest, ok_service};
use paseto_actix::clock::{Clock, SystemClock};
use paseto_actix::error::Rejection;
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{
    Issuer, LocalKey, MaybePaseto, Paseto, PasetoRequired, PublicKey, SecretKey, TokenSource,
    VerifiedToken, Verifier,
};
use paseto_actix_tests::app::issuer_builder;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Secrets;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::{Value, json};

use crate::logs::{CLAIM, builder};

fn issuer() -> Issuer {
    issuer_builder(&TestClock::new()).build().unwrap()
}

/// Asserts that `Debug` of a value contains no secret, in both forms.
#[track_caller]
fn assert_debug_has_no_secret(secrets: &Secrets, value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        secrets.assert_not_in(&text, "the `Debug` output");
        assert!(text.len() > 3, "the `Debug` output is too short: {text}");
    }
}

#[actix_web::test]
async fn debug_output_contains_no_secret() {
    let (secret, local) = (keys::secret(), LocalKey::generate());
    let mut secrets = Secrets::default();
    secrets.key(keys::SECRET_PASERK);
    secrets.add("a key as PEM", keys::SECRET_PEM.lines().nth(1).unwrap());
    secrets.add("a claim", CLAIM);
    secrets.key(&local.to_paserk());
    let text = issuer().issue(&json!({ "claim": CLAIM })).unwrap();
    secrets.token(&text);

    for value in [
        &secret as &dyn Debug,
        &local,
        &secret.public_key(),
        &SystemClock,
        &(&SystemClock as &dyn Clock),
    ] {
        assert_debug_has_no_secret(&secrets, value);
    }
    let claims = json!({ "claim": CLAIM });
    let issuer_builder = issuer_builder(&TestClock::new());
    assert_debug_has_no_secret(&secrets, &issuer_builder);
    assert_debug_has_no_secret(&secrets, &issuer());
    assert_debug_has_no_secret(&secrets, &issuer().token(&claims).subject("ada"));
    assert_debug_has_no_secret(&secrets, &issuer().issue(&json!({ "exp": CLAIM })).unwrap_err());

    let issuer_settings =
        json!({ "iss": ISSUER, "private_keys": [{ "paserk": keys::SECRET_PASERK }] });
    let pem_settings =
        json!({ "iss": ISSUER, "private_keys": [{ "version": 4, "key": keys::SECRET_PEM }] });
    for settings in [issuer_settings, pem_settings] {
        let config: IssuerConfig = serde_json::from_value(settings).unwrap();
        assert_debug_has_no_secret(&secrets, &config);
        assert_debug_has_no_secret(&secrets, &config.into_builder());
    }
    let verifier_settings =
        json!({ "public_keys": [{ "iss": ISSUER, "paserk": keys::PUBLIC_PASERK }] });
    let config: VerifierConfig = serde_json::from_value(verifier_settings).unwrap();
    assert_debug_has_no_secret(&secrets, &config.public_keys[0]);
    assert_debug_has_no_secret(&secrets, &config);

    assert_debug_has_no_secret(&secrets, &builder());
    let verifier: Verifier = builder().build().unwrap();
    let token = verifier.verify_str(&text).unwrap();
    assert_debug_has_no_secret(&secrets, &verifier);
    assert_debug_has_no_secret(&secrets, &token);
    assert_debug_has_no_secret(&secrets, &token.claims::<u8>().unwrap_err());
    for bad in [
        format!("{text}."),
        text.replace("v4", "v3"),
        text.replacen("v4.public.e", "v4.public.f", 1),
    ] {
        let error = verifier.verify_str(&bad).unwrap_err();
        assert_debug_has_no_secret(&secrets, &error);
        secrets.assert_not_in(&error.to_string(), "the text of an error");
    }
    assert_debug_has_no_secret(&secrets, &Rejection::invalid("no"));
    assert_debug_has_no_secret(&secrets, &TokenSource::cookie("paseto"));

    let request = || {
        let app = verifier.clone();
        TestRequest::default()
            .app_data(app)
            .insert_header(("authorization", format!("Bearer {text}")))
            .to_http_request()
    };
    assert_debug_has_no_secret(&secrets, &extract::<Paseto<Value>>(&request()).await);
    assert_debug_has_no_secret(&secrets, &extract::<MaybePaseto<Value>>(&request()).await);
    let required = PasetoRequired::new().scopes(["read"]).check(|_, _: &VerifiedToken| Ok(()));
    assert_debug_has_no_secret(&secrets, &required);
    assert_debug_has_no_secret(&secrets, &required.new_transform(ok_service()).await.unwrap());

    let key_error = |error: paseto_actix::ConfigError| {
        assert_debug_has_no_secret(&secrets, &error);
        secrets.assert_not_in(&error.to_string(), "the text of an error");
    };
    key_error(PublicKey::from_paserk(keys::SECRET_PASERK).unwrap_err());
    key_error(PublicKey::from_pem(keys::SECRET_PEM).unwrap_err());
    key_error(SecretKey::from_paserk(&format!("{}A", keys::SECRET_PASERK)).unwrap_err());
    key_error(SecretKey::from_pem(keys::SECRET_PASERK).unwrap_err());
    key_error(SecretKey::from_paserk(&local.to_paserk()).unwrap_err());
    key_error(LocalKey::from_paserk(keys::SECRET_PASERK).unwrap_err());
}

/// The error names the missing key ID. Here a secret key was passed as key ID, as for `.key(..)` of
/// the builder of an `Issuer`.
#[test]
fn error_does_not_contain_a_secret_key_passed_as_key_id() {
    let mut secrets = Secrets::default();
    secrets.key(keys::SECRET_PASERK);
    let error = |kid: &str| issuer().token(&json!({})).key_id(kid).issue().unwrap_err();
    assert_debug_has_no_secret(&secrets, &error(keys::SECRET_PASERK));
    secrets.assert_not_in(&error(keys::SECRET_PASERK).to_string(), "the text of an error");
    let unknown = SecretKey::generate().kid().to_owned();
    assert!(error(&unknown).to_string().contains(&unknown));
}

async fn extract<T: actix_web::FromRequest<Error = actix_web::Error>>(
    req: &actix_web::HttpRequest,
) -> T {
    T::extract(req).await.unwrap()
}
