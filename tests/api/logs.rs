//! What the log and `Debug` must not show.

use std::fmt::Debug;

use actix_web::dev::Transform;
use actix_web::test::{TestRequest, init_service, ok_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::clock::{Clock, SystemClock};
use paseto_actix::error::{Rejection, VerifyErrorKind as Kind};
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::token::Format;
use paseto_actix::verifier::{VerifierBuilder, VerifierConfig};
use paseto_actix::{
    Issuer, LocalKey, MaybePaseto, Paseto, PasetoRequired, PublicKey, SecretKey, TokenSource,
    VerifiedToken, Verifier, paseto_required,
};
use paseto_actix_tests::app::{call, issuer_builder, send, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::{Value, json};

/// A text that is in no token, cookie or key by chance, and that a careless log would show.
const CLAIM: &str = "a-private-claim";

fn issuer() -> Issuer {
    issuer_builder(&TestClock::new()).build().unwrap()
}

fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new()).token_from([
        TokenSource::bearer(),
        TokenSource::cookie("paseto"),
        TokenSource::header("x-token"),
        TokenSource::query("token"),
        TokenSource::websocket_subprotocol("paseto"),
    ])
}

/// Each of these, sent to each verifier below, is a scenario: most are refused, each for another reason.
fn tokens() -> Vec<String> {
    let clock = TestClock::new();
    let token = |builder: paseto_actix::issuer::IssuerBuilder| {
        builder.build().unwrap().issue(&json!({ "claim": CLAIM })).unwrap()
    };
    let (secret, other) = (keys::secret(), SecretKey::generate());
    let good = token(issuer_builder(&clock));
    let sign = |payload: Value| parts::sign(&secret, payload.to_string().as_bytes(), b"", b"");
    let with = |claims: Value| {
        let mut payload = json!({ "iss": ISSUER, "exp": "2026-01-01T01:00:00Z", "claim": CLAIM });
        payload.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        sign(payload)
    };
    let mut flipped = parts::split(&good);
    *flipped.0.last_mut().unwrap() ^= 1;
    let footer = json!({ "kid": keys::public().kid() }).to_string();
    vec![
        good.clone(),
        parts::join(&flipped.0, &flipped.1),
        format!("{good}."),
        format!("{good}=="),
        format!("{good}.{good}"),
        good.replace("v4.public.", "v3.public."),
        good.replace("v4.public.", "v4.local."),
        good[..good.len() / 2].to_owned(),
        good.repeat(40),
        token(Issuer::builder(ISSUER).key(other.clone()).clock(clock.clone())),
        token(Issuer::builder("https://other.example").key(keys::secret()).clock(clock.clone())),
        token(Issuer::builder(ISSUER).key(other).clock(clock.clone()).include_kid(false)),
        token(issuer_builder(&clock).audience("another")),
        token(issuer_builder(&clock).dangerously_without_expiry()),
        token(issuer_builder(&clock).implicit_assertion("another purpose")),
        token(issuer_builder(&clock).format(Format::Cbor)),
        parts::sign(&secret, b"no map", footer.as_bytes(), b""),
        parts::sign(&secret, CLAIM.as_bytes(), b"", b""),
        sign(json!(["a", "list", CLAIM])),
        with(json!({ "exp": "2020-01-01T00:00:00Z" })),
        with(json!({ "nbf": "2040-01-01T00:00:00Z" })),
        with(json!({ "exp": 5 })),
        with(json!({ "sub": [1] })),
        with(json!({ "scope": "\"" })),
        with(json!({ "scope": "write" })),
        with(json!({ "sub": "ivan" })),
        with(json!({ "sub": "frank" })),
        with(json!({ "sub": "uma" })),
    ]
}

fn verdict(token: &VerifiedToken) -> Result<(), Rejection> {
    match token.subject() {
        Some("ivan") => Err(Rejection::invalid("suspended")),
        Some("frank") => Err(Rejection::forbidden("no member")),
        Some("uma") => Err(Rejection::unavailable("the database is away")),
        _ => Ok(()),
    }
}

#[derive(serde::Deserialize)]
struct Misfit {
    #[serde(rename = "claim")]
    _claim: u8,
}

#[paseto_required]
async fn misfit(_: Paseto<Misfit>) -> &'static str {
    "served"
}

#[paseto_required(scopes("write"), fresh = "1m")]
async fn demanding() -> &'static str {
    "served"
}

async fn maybe(
    _: MaybePaseto<Value>,
    _: MaybePaseto<Misfit>,
    _: Option<VerifiedToken>,
) -> &'static str {
    "served"
}

/// The same token in each place, alone and with others.
fn requests(token: &str) -> Vec<TestRequest> {
    let cookie = format!("session=a-cookie-of-a-session; paseto={token}");
    let bearer = format!("Bearer {token}");
    let with = |headers: &[(&str, &str)]| {
        headers
            .iter()
            .fold(TestRequest::default(), |request, header| request.append_header(*header))
    };
    vec![
        with(&[("authorization", &bearer)]),
        with(&[("authorization", &bearer), ("authorization", &bearer)]),
        with(&[("authorization", &format!("{bearer} {token}"))]),
        with(&[("authorization", token)]),
        with(&[("authorization", "Bearer another"), ("x-token", token)]),
        with(&[("x-token", token)]),
        with(&[("x-token", &bearer)]),
        with(&[("cookie", &cookie)]),
        with(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")])
            .method("POST".parse().unwrap()),
        with(&[("cookie", &cookie), ("cookie", "paseto=another")]),
        with(&[("sec-websocket-protocol", &format!("paseto, {token}"))]),
        with(&[("sec-websocket-protocol", &format!("{token}, paseto"))]),
        TestRequest::with_uri(&format!("/?token={}", &token[..token.len().min(8000)])),
        TestRequest::with_uri(&format!("/?token={}%20", &token[..token.len().min(8000)])),
    ]
}

#[actix_web::test]
async fn the_log_shows_no_secret() {
    let logs = Logs::capture();
    let mut secrets = Secrets::default();
    secrets.key(keys::SECRET_PASERK);
    secrets.add("a key as PEM", keys::SECRET_PEM.lines().nth(1).unwrap());
    secrets.add("a claim", CLAIM);
    secrets.add("a cookie", "a-cookie-of-a-session");
    let local = LocalKey::generate();
    secrets.key(&local.to_paserk());
    assert!(LocalKey::from_paserk(&keys::secret().to_paserk()).is_err());
    assert!(PublicKey::from_paserk(&local.to_paserk()).is_err());

    let slow = |token: VerifiedToken| async move { verdict(&token) };
    let verifiers = [
        builder().build().unwrap(),
        builder().check(verdict).build().unwrap(),
        builder()
            .check_async(slow)
            .error_handler(|_, _| HttpResponse::Ok().finish())
            .build()
            .unwrap(),
        builder().format(Format::Cbor).build().unwrap(),
        builder()
            .token_loader(|req| Some(req.cookie("paseto")?.value().to_owned()))
            .build()
            .unwrap(),
    ];
    let (mut accepted, mut refused) = (0, 0);
    let tokens = tokens();
    for token in &tokens {
        secrets.token(token);
        for verifier in &verifiers {
            for request in requests(token) {
                match send(verifier, request).await.1 {
                    0 => refused += 1,
                    _ => accepted += 1,
                }
            }
            let app = App::new()
                .app_data(verifier.clone())
                .route("/misfit", web::to(misfit))
                .route("/demanding", web::to(demanding))
                .route("/maybe", web::to(maybe));
            let app = init_service(app).await;
            for path in ["/misfit", "/demanding", "/maybe"] {
                let request = TestRequest::with_uri(path)
                    .insert_header(("authorization", format!("Bearer {token}")));
                call(&app, request.to_request()).await;
            }
            _ = (verifier.verify_str(token), verifier.verify_str_async(token).await);
        }
    }
    assert!(accepted > 20 && refused > 500, "{accepted} accepted, {refused} refused");

    logs.assert_no_secret(&[], &secrets);
    let lines = logs.lines();
    for reason in [
        Kind::MissingToken,
        Kind::InvalidRequest,
        Kind::Malformed,
        Kind::UnsupportedToken,
        Kind::UnknownKey,
        Kind::BadSignature,
        Kind::UntrustedIssuer,
        Kind::Expired,
        Kind::NotYetValid,
        Kind::WrongAudience,
        Kind::MissingClaim,
        Kind::Rejected,
        Kind::UnexpectedClaims,
        Kind::InsufficientUserAuthentication,
        Kind::InsufficientScope,
        Kind::Forbidden,
        Kind::CrossOrigin,
        Kind::Unavailable,
    ] {
        let level = match reason {
            Kind::MissingToken | Kind::Expired | Kind::InsufficientUserAuthentication => "DEBUG ",
            Kind::Rejected | Kind::InsufficientScope | Kind::Forbidden => "INFO ",
            Kind::Unavailable => "ERROR ",
            _ => "WARN ",
        };
        let reason = format!("reason={reason}:");
        let mut told = lines.iter().filter(|line| line.contains(&reason)).peekable();
        assert!(told.peek().is_some(), "a scenario with {reason}");
        assert!(told.all(|line| line.starts_with(level)), "{reason} at {level}");
    }
}

/// `Debug` in both forms, of a value in hand.
#[track_caller]
fn assert_discreet(secrets: &Secrets, value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        secrets.assert_not_in(&text, "what `Debug` shows");
        assert!(text.len() > 3, "it shows something: {text}");
    }
}

#[actix_web::test]
async fn debug_shows_no_secret() {
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
        assert_discreet(&secrets, value);
    }
    let claims = json!({ "claim": CLAIM });
    let issuer_builder = issuer_builder(&TestClock::new()).standby_key(SecretKey::generate());
    assert_discreet(&secrets, &issuer_builder);
    assert_discreet(&secrets, &issuer());
    assert_discreet(&secrets, &issuer().token(&claims).subject("ada"));
    assert_discreet(&secrets, &issuer().issue(&json!({ "exp": CLAIM })).unwrap_err());

    let issuer_settings =
        json!({ "iss": ISSUER, "private_keys": [{ "paserk": keys::SECRET_PASERK }] });
    let pem_settings =
        json!({ "iss": ISSUER, "private_keys": [{ "version": 4, "key": keys::SECRET_PEM }] });
    for settings in [issuer_settings, pem_settings] {
        let config: IssuerConfig = serde_json::from_value(settings).unwrap();
        assert_discreet(&secrets, &config);
        assert_discreet(&secrets, &config.into_builder());
    }
    let verifier_settings =
        json!({ "public_keys": [{ "iss": ISSUER, "paserk": keys::PUBLIC_PASERK }] });
    let config: VerifierConfig = serde_json::from_value(verifier_settings).unwrap();
    assert_discreet(&secrets, &config.public_keys[0]);
    assert_discreet(&secrets, &config);

    assert_discreet(&secrets, &builder());
    let verifier: Verifier = builder().build().unwrap();
    let token = verifier.verify_str(&text).unwrap();
    assert_discreet(&secrets, &verifier);
    assert_discreet(&secrets, &token);
    assert_discreet(&secrets, &token.claims::<u8>().unwrap_err());
    for bad in [
        format!("{text}."),
        text.replace("v4", "v3"),
        text.replacen("v4.public.e", "v4.public.f", 1),
    ] {
        let error = verifier.verify_str(&bad).unwrap_err();
        assert_discreet(&secrets, &error);
        secrets.assert_not_in(&error.to_string(), "an error's text");
    }
    assert_discreet(&secrets, &Rejection::invalid("no"));
    assert_discreet(&secrets, &TokenSource::cookie("paseto"));

    let request = || {
        let app = verifier.clone();
        TestRequest::default()
            .app_data(app)
            .insert_header(("authorization", format!("Bearer {text}")))
            .to_http_request()
    };
    assert_discreet(&secrets, &extract::<Paseto<Value>>(&request()).await);
    assert_discreet(&secrets, &extract::<MaybePaseto<Value>>(&request()).await);
    let required = PasetoRequired::new().scopes(["read"]).check(|_, _| Ok(()));
    assert_discreet(&secrets, &required);
    assert_discreet(&secrets, &required.new_transform(ok_service()).await.unwrap());

    let key_error = |error: paseto_actix::ConfigError| {
        assert_discreet(&secrets, &error);
        secrets.assert_not_in(&error.to_string(), "an error's text");
    };
    key_error(PublicKey::from_paserk(keys::SECRET_PASERK).unwrap_err());
    key_error(PublicKey::from_pem(keys::SECRET_PEM).unwrap_err());
    key_error(SecretKey::from_paserk(&format!("{}A", keys::SECRET_PASERK)).unwrap_err());
    key_error(SecretKey::from_pem(keys::SECRET_PASERK).unwrap_err());
    key_error(SecretKey::from_paserk(&local.to_paserk()).unwrap_err());
    key_error(LocalKey::from_paserk(keys::SECRET_PASERK).unwrap_err());
}

/// The error says which key is missing, and here that is a secret one: `.key(..)` of an Issuer's builder does take those.
#[test]
fn a_secret_key_in_place_of_its_id() {
    let mut secrets = Secrets::default();
    secrets.key(keys::SECRET_PASERK);
    let error = |kid: &str| issuer().token(&json!({})).key(kid).issue().unwrap_err();
    assert_discreet(&secrets, &error(keys::SECRET_PASERK));
    secrets.assert_not_in(&error(keys::SECRET_PASERK).to_string(), "an error's text");
    let unknown = SecretKey::generate().kid().to_owned();
    assert!(error(&unknown).to_string().contains(&unknown));
}

async fn extract<T: actix_web::FromRequest<Error = actix_web::Error>>(
    req: &actix_web::HttpRequest,
) -> T {
    T::extract(req).await.unwrap()
}
