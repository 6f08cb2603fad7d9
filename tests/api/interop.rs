//! Exchanges tokens, keys and cookies with Flask-PASETO-Extended and PySETO, and serves an OpenAPI
//! document to Schemathesis.
//!
//! The tests are skipped without a Python with these libraries. See `paseto_actix_tests::python`.

mod differences;
mod example;
mod key_sets;
mod keys;
mod openapi;
#[cfg(feature = "password-keys")]
mod password_keys;
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

/// A Python process with both libraries. It runs the functions of `python/peer.py`.
struct Peer(Process);

impl Peer {
    #[track_caller]
    fn start() -> Option<Self> {
        python::start("peer.py").map(Self)
    }

    /// Runs a function in Python. Returns its result, or the type and message of its exception.
    fn call(&mut self, function: &str, mut arguments: Value) -> Result<Value, String> {
        arguments["do"] = function.into();
        let response: Value = serde_json::from_str(&self.0.exchange(&arguments.to_string()))
            .expect("a response in JSON");
        match response["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(response),
        }
    }

    #[track_caller]
    fn get(&mut self, function: &str, arguments: Value) -> Value {
        self.call(function, arguments.clone())
            .unwrap_or_else(|error| panic!("{function} {arguments}: {error}"))
    }

    #[track_caller]
    fn token(&mut self, function: &str, arguments: Value) -> String {
        text(&self.get(function, arguments)["token"]).to_owned()
    }

    /// Generates a key pair in Python.
    fn generate(&mut self) -> KeyPair {
        let pair = self.get("generate", json!({}));
        let both = |kind: &str| [pair[kind][0].clone(), pair[kind][1].clone()];
        KeyPair { secret: both("secret"), public: both("public") }
    }
}

/// A key pair in the settings of both libraries, as PEM and as PASERK.
struct KeyPair {
    secret: [Value; 2],
    public: [Value; 2],
}

impl KeyPair {
    /// Returns the key of the documentation of Flask-PASETO-Extended.
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

/// Returns an issuer with a secret key from the settings of Flask-PASETO-Extended.
fn issuer(cbor: bool, secret: &Value) -> IssuerBuilder {
    let settings = json!({ "iss": ISSUER, "private_keys": [secret], "serializer": format(cbor) });
    serde_json::from_value::<IssuerConfig>(settings).expect("settings of an issuer").into_builder()
}

/// Returns a verifier with public keys from the settings of Flask-PASETO-Extended.
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
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// Returns the token as the handler sees it.
#[paseto_required]
async fn echo(runs: Data<AtomicUsize>, paseto: Paseto<Value>) -> HttpResponse {
    runs.fetch_add(1, Ordering::SeqCst);
    let footer = hex(paseto.token().footer());
    HttpResponse::Ok()
        .json(json!({ "kid": paseto.token().kid(), "footer": footer, "claims": paseto.claims() }))
}

/// Sends a bearer token to [`echo`]. Returns the response and the number of handler runs.
async fn send(verifier: &Verifier, token: &str) -> (TestResponse, usize) {
    let runs = Data::new(AtomicUsize::new(0));
    let app =
        App::new().app_data(verifier.clone()).app_data(runs.clone()).default_service(web::to(echo));
    let request = TestRequest::get().insert_header((AUTHORIZATION, format!("Bearer {token}")));
    let response = init_service(app)
        .await
        .call(request.to_request())
        .await
        .expect("middlewares return a response");
    (TestResponse::read(response).await, runs.load(Ordering::SeqCst))
}

/// Sends a token that must be accepted. Returns the response of [`echo`].
async fn send_accepted(verifier: &Verifier, token: &str) -> Value {
    let (response, runs) = send(verifier, token).await;
    assert_eq!(
        (response.status.as_u16(), runs),
        (200, 1),
        "{token} {:?}",
        verifier.verify_str(token)
    );
    serde_json::from_str(&response.body).expect("JSON")
}

/// Asserts that a token is rejected and that the handler does not run.
async fn assert_rejected(verifier: &Verifier, token: &str) {
    let (response, runs) = send(verifier, token).await;
    assert_eq!(
        (response.status.as_u16(), runs),
        (401, 0),
        "{token} {:?}",
        verifier.verify_str(token)
    );
    response.assert_invalid_token();
}
