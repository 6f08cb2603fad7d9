//! Tokens, keys and cookies exchanged with Flask-PASETO-Extended and PySETO themselves.
//!
//! These tests need a Python that has them: see `paseto_actix_tests::python`.

mod differences;
mod example;
mod keys;
mod times;
mod tokens;

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::Service;
use actix_web::http::header::AUTHORIZATION;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use actix_web::{App, HttpResponse, web};
use paseto_actix::issuer::{IssuerBuilder, IssuerConfig};
use paseto_actix::verifier::{VerifierBuilder, VerifierConfig};
use paseto_actix::{Paseto, Verifier, paseto_required};
use paseto_actix_tests::app::TestResponse;
use paseto_actix_tests::process::Process;
use paseto_actix_tests::{ISSUER, keys as documentation, python};
use serde_json::{Value, json};

/// A Python with both libraries, which does what the functions of `python/peer.py` do.
struct Peer(Process);

impl Peer {
    #[track_caller]
    fn start() -> Option<Self> {
        python::start("peer.py").map(Self)
    }

    /// Asks for something that may be refused: the answer, or the error's type and text.
    fn ask(&mut self, what: &str, mut ask: Value) -> Result<Value, String> {
        ask["do"] = what.into();
        let answer: Value =
            serde_json::from_str(&self.0.ask(&ask.to_string())).expect("an answer in JSON");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    #[track_caller]
    fn get(&mut self, what: &str, ask: Value) -> Value {
        self.ask(what, ask.clone()).unwrap_or_else(|error| panic!("{what} {ask}: {error}"))
    }

    #[track_caller]
    fn token(&mut self, what: &str, ask: Value) -> String {
        text(&self.get(what, ask)["token"]).to_owned()
    }

    /// A key pair made over there.
    fn generate(&mut self) -> KeyPair {
        let pair = self.get("generate", json!({}));
        let both = |kind: &str| [pair[kind][0].clone(), pair[kind][1].clone()];
        KeyPair { secret: both("secret"), public: both("public") }
    }
}

/// A key pair as it stands in the settings of either library: as PEM, and as PASERK.
struct KeyPair {
    secret: [Value; 2],
    public: [Value; 2],
}

impl KeyPair {
    /// The key of the original's documentation.
    fn documentation() -> Self {
        let both = |pem: &str, paserk: &str| {
            [json!({ "version": 4, "key": pem }), json!({ "paserk": paserk })]
        };
        Self {
            secret: both(documentation::SECRET_PEM, documentation::SECRET_PASERK),
            public: both(documentation::PUBLIC_PEM, documentation::PUBLIC_PASERK),
        }
    }
}

/// Our issuer with a key from the settings of theirs.
fn issuer(cbor: bool, secret: &Value) -> IssuerBuilder {
    let settings = json!({ "iss": ISSUER, "private_keys": [secret], "serializer": format(cbor) });
    serde_json::from_value::<IssuerConfig>(settings).expect("settings of an issuer").into_builder()
}

/// Our verifier with keys from the settings of theirs.
fn verifier(cbor: bool, public: &[&Value]) -> VerifierBuilder {
    let named = |key: &&Value| {
        let mut key = (*key).clone();
        key["iss"] = ISSUER.into();
        key
    };
    let settings = json!({ "public_keys": public.iter().map(named).collect::<Vec<_>>(), "deserializer": format(cbor) });
    serde_json::from_value::<VerifierConfig>(settings)
        .expect("settings of a verifier")
        .into_builder()
}

fn format(cbor: bool) -> &'static str {
    if cbor { "cbor" } else { "json" }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Answers with all that it sees of the token.
#[paseto_required]
async fn echo(runs: Data<AtomicUsize>, paseto: Paseto<Value>) -> HttpResponse {
    runs.fetch_add(1, Ordering::SeqCst);
    let footer = hex(paseto.token().footer());
    HttpResponse::Ok()
        .json(json!({ "kid": paseto.token().kid(), "footer": footer, "claims": paseto.claims() }))
}

/// Sends a bearer token to [`echo`]. The second value is how often it has run.
async fn send(verifier: &Verifier, token: &str) -> (TestResponse, usize) {
    let runs = Data::new(AtomicUsize::new(0));
    let app =
        App::new().app_data(verifier.clone()).app_data(runs.clone()).default_service(web::to(echo));
    let request = TestRequest::get().insert_header((AUTHORIZATION, format!("Bearer {token}")));
    let response = init_service(app)
        .await
        .call(request.to_request())
        .await
        .expect("middlewares answer, they do not fail");
    (TestResponse::read(response).await, runs.load(Ordering::SeqCst))
}

/// What a handler sees of a token that is accepted.
async fn opened(verifier: &Verifier, token: &str) -> Value {
    let (answer, runs) = send(verifier, token).await;
    assert_eq!(
        (answer.status.as_u16(), runs),
        (200, 1),
        "{token} {:?}",
        verifier.verify_str(token)
    );
    serde_json::from_str(&answer.body).expect("JSON")
}

/// Asserts that a token is refused, and the handler does not run.
async fn assert_refused(verifier: &Verifier, token: &str) {
    let (answer, runs) = send(verifier, token).await;
    assert_eq!(
        (answer.status.as_u16(), runs),
        (401, 0),
        "{token} {:?}",
        verifier.verify_str(token)
    );
    answer.assert_invalid_token();
}
