//! Checks of a guard that receive the claims as a type of the application.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, web};
use paseto_actix::error::Rejection;
use paseto_actix::{Paseto, PasetoRequired, VerifiedToken, paseto_required};
use paseto_actix_tests::app::{
    BODY_403, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Claims {
    tenant: String,
}

/// The calls of [`own_tenant`] for the tenant `green`.
static GREEN: AtomicUsize = AtomicUsize::new(0);

fn own_tenant(req: &HttpRequest, paseto: &Paseto<Claims>) -> Result<(), Rejection> {
    let tenant = &paseto.claims().tenant;
    if tenant == "green" {
        GREEN.fetch_add(1, Ordering::SeqCst);
    }
    if req.path().ends_with(tenant.as_str()) && paseto.token().subject() == Some("ada") {
        return Ok(());
    }
    Err(Rejection::forbidden("the resource belongs to another tenant"))
}

fn same_claims<C: serde::de::DeserializeOwned>(
    _: &HttpRequest,
    paseto: &Paseto<C>,
) -> Result<(), Rejection> {
    paseto.token().token_id().map(|_| ()).ok_or_else(|| Rejection::invalid("no `jti`"))
}

#[paseto_required(check = own_tenant)]
async fn attribute(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

#[paseto_required(check = same_claims::<Claims>)]
async fn generic(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn unguarded(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

/// Sends a token with these claims. Returns the response and the number of handler calls.
async fn send(path: &str, claims: Value) -> (TestResponse, usize) {
    let clock = TestClock::new();
    let token = issuer_builder(&clock).build().unwrap().token(&claims).subject("ada").issue();
    let runs = Runs::default();
    let scope = |path: &str, required: PasetoRequired| {
        web::scope(path).wrap(required).default_service(web::to(unguarded))
    };
    let by_closure = |_: &HttpRequest, paseto: &Paseto<Claims>| match &*paseto.claims().tenant {
        "blue" => Ok(()),
        _ => Err(Rejection::forbidden("another tenant")),
    };
    let twice = PasetoRequired::new()
        .check(|_: &HttpRequest, token: &VerifiedToken| match token.subject() {
            Some("ada") => Ok(()),
            _ => Err(Rejection::invalid("not ada")),
        })
        .check(own_tenant);
    let app = App::new()
        .app_data(verifier_builder(&clock).build().unwrap())
        .app_data(web::Data::new(runs.clone()))
        .service(scope("/middleware", PasetoRequired::new().check(own_tenant)))
        .service(scope("/closure", PasetoRequired::new().check(by_closure)))
        .service(scope("/twice", twice))
        .route("/attribute/{tenant}", web::to(attribute))
        .route("/generic/{tenant}", web::to(generic));
    let request = TestRequest::with_uri(path)
        .insert_header(("authorization", format!("Bearer {}", token.unwrap())));
    (call(&init_service(app).await, request.to_request()).await, runs.count())
}

const FORMS: [&str; 4] = ["/attribute", "/middleware", "/closure", "/twice"];

#[actix_web::test]
async fn check_reads_the_claims_as_a_type() {
    for form in FORMS {
        let (response, runs) =
            send(&format!("{form}/blue"), json!({ "tenant": "blue", "more": 1 })).await;
        assert_eq!((response.status, runs), (StatusCode::OK, 1), "{form}");

        let (response, runs) = send(&format!("{form}/blue"), json!({ "tenant": "red" })).await;
        assert_eq!((response.status, runs), (StatusCode::FORBIDDEN, 0), "{form}");
        assert_eq!(response.body, BODY_403, "{form}");
    }
    let (response, runs) = send("/generic/blue", json!({ "tenant": "red" })).await;
    assert_eq!((response.status, runs), (StatusCode::OK, 1));
}

#[actix_web::test]
async fn claims_of_another_type_are_an_invalid_token() {
    for form in FORMS.into_iter().chain(["/generic"]) {
        for claims in [json!({}), json!({ "tenant": 7 }), json!({ "tenant": ["blue"] })] {
            let logs = Logs::capture();
            let (response, runs) = send(&format!("{form}/blue"), claims).await;
            response.assert_invalid_token();
            assert_eq!((runs, logs.count("unexpected_claims")), (0, 1), "{form}: {logs:?}");
        }
    }
}

#[actix_web::test]
async fn check_runs_once_and_not_for_claims_of_another_type() {
    send("/attribute/green", json!({ "tenant": "green" })).await;
    assert_eq!(GREEN.load(Ordering::SeqCst), 1);
    send("/attribute/green", json!({ "tenant": { "name": "green" } })).await;
    assert_eq!(GREEN.load(Ordering::SeqCst), 1);
}
