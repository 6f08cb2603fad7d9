//! Guards of handlers that read the claims as a type of the application.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::web::ServiceConfig;
use paseto_actix::token::Format;
use paseto_actix::{MaybePaseto, Paseto, paseto_required};
use paseto_actix_tests::app::{Runs, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::guard::{send, verifier, with};

#[derive(Deserialize)]
struct Me {
    user: User,
}

#[derive(Deserialize)]
struct User {
    age: u8,
}

#[paseto_required]
async fn typed_attribute(me: Paseto<Me>, runs: web::Data<Runs>) -> String {
    typed(me, runs).await
}

async fn typed(me: Paseto<Me>, runs: web::Data<Runs>) -> String {
    runs.count_one();
    me.into_claims().user.age.to_string()
}

async fn typed_maybe(MaybePaseto(me): MaybePaseto<Me>, runs: web::Data<Runs>) -> String {
    typed(me.unwrap(), runs).await
}

fn services(app: &mut ServiceConfig) {
    app.route("/typed/attribute", web::to(typed_attribute))
        .route("/typed/paseto", web::to(typed))
        .route("/typed/maybe", web::to(typed_maybe));
}

#[actix_web::test]
async fn payload_of_another_type_is_rejected_without_logging_its_values() {
    for format in [Format::Json, Format::Cbor] {
        let issuer = issuer_builder(&TestClock::new()).format(format).build().unwrap();
        for form in ["/typed/attribute", "/typed/paseto", "/typed/maybe"] {
            let send = |claims: Value| {
                let verifier = verifier_builder(&TestClock::new()).format(format).build().unwrap();
                let configure =
                    |app: &mut ServiceConfig| _ = app.app_data(verifier).configure(services);
                send(configure, with(form, &issuer.issue(&claims).unwrap()))
            };
            let (response, runs) = send(json!({ "user": { "age": 36 } })).await;
            assert_eq!(
                (response.status, response.body.as_str(), runs),
                (StatusCode::OK, "36", 1),
                "{form}"
            );

            for claims in
                [json!({ "user": { "age": "a private text" } }), json!({ "user": { "age": 1000 } })]
            {
                let logs = Logs::capture();
                let (response, runs) = send(claims).await;
                response.assert_invalid_token();
                assert_eq!(
                    (runs, logs.signature_checks(), logs.count("unexpected_claims")),
                    (0, 1, 1),
                    "{logs:?}"
                );
                assert_eq!(
                    logs.count("user.age"),
                    1,
                    "{format:?}, {form}: the log contains the path: {logs:?}"
                );
                assert_eq!(
                    logs.count("a private text") + logs.count("1000"),
                    0,
                    "{format:?}, {form}: {logs:?}"
                );
            }
        }
    }
}

/// Claim names can come from a client. They must not start a new line in a log.
#[actix_web::test]
async fn line_break_in_a_claim_name_is_escaped_in_the_error() {
    let token = issuer_builder(&TestClock::new())
        .build()
        .unwrap()
        .issue(&json!({ "user": { "a\nb": "c" } }))
        .unwrap();
    let token = verifier().verify_str(&token).unwrap();
    #[derive(Debug, Deserialize)]
    struct Claims {
        #[expect(dead_code, reason = "it is only read")]
        user: HashMap<String, u8>,
    }
    let error = token.claims::<Claims>().unwrap_err();
    assert!(error.to_string().contains(r"a\nb"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}
