//! Logs contain no secrets.

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::error::{Rejection, VerifyErrorKind as Kind};
use paseto_actix::token::Format;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{
    Issuer, LocalKey, MaybePaseto, Paseto, PublicKey, SecretKey, TokenSource, VerifiedToken,
    paseto_required,
};
use paseto_actix_tests::app::{call, issuer_builder, send, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::{Value, json};

/// The value of a claim. It occurs in no token, cookie or key by chance.
pub(crate) const CLAIM: &str = "a-private-claim";

pub(crate) fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new()).token_from([
        TokenSource::bearer(),
        TokenSource::cookie("paseto"),
        TokenSource::header("x-token"),
        TokenSource::query("token"),
        TokenSource::websocket_subprotocol("paseto"),
    ])
}

/// Returns tokens of which most are rejected, each for another reason. The test sends each token to
/// each verifier.
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

/// Returns requests with the token in each place, alone and with other tokens.
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
async fn log_contains_no_secret() {
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
    let (mut accepted, mut rejected) = (0, 0);
    let tokens = tokens();
    for token in &tokens {
        secrets.token(token);
        for verifier in &verifiers {
            for request in requests(token) {
                match send(verifier, request).await.1 {
                    0 => rejected += 1,
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
    assert!(accepted > 20 && rejected > 500, "{accepted} accepted, {rejected} rejected");

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
        let mut matching = lines.iter().filter(|line| line.contains(&reason)).peekable();
        assert!(matching.peek().is_some(), "no line with {reason}");
        assert!(matching.all(|line| line.starts_with(level)), "expected {reason} at {level}");
    }
}
