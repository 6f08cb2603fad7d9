//! Every form of handler that `#[paseto_required]` accepts. Each handler rejects a request without
//! a token and responds to a request with a token.
//!
//! The generated code must not trigger a lint in the user's code, not even a pedantic lint.

#![warn(clippy::pedantic)]
// A handler must be `async`, also if it awaits nothing.
#![allow(clippy::unused_async)]

use std::error::Error;

use actix_web::error::ErrorBadRequest;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::web::{Json, Path, ServiceConfig};
use actix_web::{App, HttpRequest, Responder, body, get, post, route, routes, scope, test, web};
use paseto_actix::error::Rejection;
use paseto_actix::{Issuer, Paseto, SecretKey, VerifiedToken, Verifier, paseto_required};
use serde::Deserialize;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig as Documented;

const NAME: &str = "https://issuer.example";

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

#[derive(Deserialize)]
pub(crate) struct Me {
    pub(crate) user: String,
}

#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct Point {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

fn issuer_and_verifier() -> Result<(Issuer, Verifier), Box<dyn Error>> {
    let key = SecretKey::generate();
    let verifier = Verifier::builder().trust(NAME, key.public_key()).build()?;
    let issuer = Issuer::builder(NAME).key(key).build()?;
    Ok((issuer, verifier))
}

/// Sends two requests to each route. Asserts that the request without a token is rejected with
/// `401`, and that the request with a token returns the given body.
pub(crate) async fn assert_routes_require_a_token(
    services: fn(&mut ServiceConfig),
    bodies: &[(&str, &str)],
) -> Outcome {
    let (issuer, verifier) = issuer_and_verifier()?;
    let token = issuer.issue(&json!({ "user": "ada" }))?;
    let app = test::init_service(App::new().app_data(verifier).configure(services)).await;
    for (route, body) in bodies {
        let rejected = test::call_service(&app, request(route)?.to_request()).await;
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED, "{route}");

        let request = request(route)?.insert_header(("Authorization", format!("Bearer {token}")));
        let served = test::call_service(&app, request.to_request()).await;
        assert_eq!(served.status(), StatusCode::OK, "{route}");
        assert_eq!(body::to_bytes(served.into_body()).await?, *body, "{route}");
    }
    Ok(())
}

/// Returns a request with a point in its body. Only some handlers read the body.
fn request(route: &str) -> Result<TestRequest, Box<dyn Error>> {
    let (method, path) = route.split_once(' ').ok_or("a route is a method and a path")?;
    Ok(TestRequest::with_uri(path).method(method.parse()?).set_json(json!({ "x": 3, "y": 4 })))
}

#[get("/below")]
#[paseto_required]
async fn below() -> impl Responder {
    "below"
}

#[paseto_required]
#[get("/above")]
async fn above() -> impl Responder {
    "above"
}

#[route("/route", method = "GET", method = "POST")]
#[paseto_required]
async fn several_methods() -> impl Responder {
    "route"
}

#[paseto_required]
async fn registered(paseto: Paseto<Me>) -> impl Responder {
    paseto.into_claims().user
}

#[actix_web::test]
async fn handlers_with_and_without_route_macro_require_a_token() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(below)
            .service(above)
            .service(several_methods)
            .route("/to", web::get().to(registered));
    };
    let bodies = [
        ("GET /below", "below"),
        ("GET /above", "above"),
        ("GET /route", "route"),
        ("POST /route", "route"),
        ("GET /to", "ada"),
    ];
    assert_routes_require_a_token(services, &bodies).await
}

#[paseto_required]
#[routes]
#[get("/routes/first/1")]
#[post("/routes/first/2")]
async fn before_routes() -> impl Responder {
    "first"
}

#[routes]
#[get("/routes/last/1")]
#[post("/routes/last/2")]
#[paseto_required]
async fn behind_routes() -> impl Responder {
    "last"
}

#[scope("/scope")]
mod scoped {
    use super::{Responder, get, paseto_required, post};

    #[get("/below")]
    #[paseto_required(check = super::agree)]
    pub(super) async fn below() -> impl Responder {
        "below"
    }

    #[paseto_required(check = super::agree)]
    #[post("/above")]
    pub(super) async fn above() -> impl Responder {
        "above"
    }
}

#[actix_web::test]
async fn handlers_with_several_routes_and_in_a_scope_require_a_token() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(before_routes)
            .service(behind_routes)
            .service(scoped::below)
            .service(scoped::above);
    };
    let bodies = [
        ("GET /routes/first/1", "first"),
        ("POST /routes/first/2", "first"),
        ("GET /routes/last/1", "last"),
        ("POST /routes/last/2", "last"),
        ("GET /scope/below", "below"),
        ("POST /scope/above", "above"),
    ];
    assert_routes_require_a_token(services, &bodies).await
}

pub(crate) fn agree(_: &HttpRequest, token: &VerifiedToken) -> Result<(), Rejection> {
    if token.issuer() == NAME { Ok(()) } else { Err(Rejection::invalid("of another issuer")) }
}

#[get("/result/{number}")]
#[paseto_required]
async fn result(
    number: Path<String>,
    Json(point): Json<Point>,
) -> Result<String, actix_web::Error> {
    let number: i32 = number.parse().map_err(ErrorBadRequest)?;
    Ok((number + point.x * point.y).to_string())
}

/// Documented.
#[deny(unused_mut)]
#[allow(unused_variables)]
#[paseto_required(check = agree)]
pub(crate) async fn attributed(argument: String) -> impl Responder + use<> {
    ("attributed", StatusCode::OK)
}

mod elsewhere {
    #[paseto_actix::paseto_required(check = super::agree)]
    pub(in crate::macro_forms) async fn r#in() -> &'static str {
        "in"
    }
}

#[actix_web::test]
async fn handlers_with_results_attributes_and_visibilities_require_a_token() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(result)
            .route("/attributed", web::get().to(attributed))
            .route("/in", web::get().to(elsewhere::r#in));
    };
    let bodies = [("GET /result/5", "17"), ("GET /attributed", "attributed"), ("GET /in", "in")];
    assert_routes_require_a_token(services, &bodies).await
}

#[utoipa::path(responses((status = OK, body = String)))]
#[get("/documented/last/{id}")]
#[paseto_required(check = agree)]
async fn documented_last(id: Path<u8>, Json(point): Json<Point>) -> String {
    format!("{id}{}", point.x)
}

#[utoipa::path(responses((status = OK, body = String)))]
#[paseto_required(check = agree)]
#[get("/documented/between/{id}")]
async fn documented_between(id: Path<u8>, Json(point): Json<Point>) -> String {
    format!("{id}{}", point.x)
}

#[paseto_required(check = agree)]
#[utoipa::path(responses((status = OK, body = String)))]
#[get("/documented/first/{id}")]
async fn documented_first(id: Path<u8>, Json(point): Json<Point>) -> String {
    format!("{id}{}", point.x)
}

#[actix_web::test]
async fn handlers_with_utoipa_in_every_order_require_a_token() -> Outcome {
    fn services(app: &mut Documented<'_>) {
        app.service(documented_last).service(documented_between).service(documented_first);
    }
    let bodies = [
        ("GET /documented/last/1", "13"),
        ("GET /documented/between/1", "13"),
        ("GET /documented/first/1", "13"),
    ];
    assert_routes_require_a_token(|app| services(&mut Documented::new(app)), &bodies).await?;

    let (_, document) = App::new().into_utoipa_app().configure(services).split_for_parts();
    let document = serde_json::to_value(document)?;
    for order in ["last", "between", "first"] {
        let operation = &document["paths"][format!("/documented/{order}/{{id}}")]["get"];
        assert_eq!(operation["parameters"][0]["name"], "id", "{order}: {operation}");
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(body, "#/components/schemas/Point", "{order}: {operation}");
    }
    Ok(())
}

#[get("/options")]
#[paseto_required(scopes("read", "write"), any_scope("editor", "admin"), fresh = "10m", check = knocked)]
async fn options() -> &'static str {
    "options"
}

fn knocked(request: &HttpRequest, _: &VerifiedToken) -> Result<(), Rejection> {
    if request.headers().contains_key("Knock") {
        Ok(())
    } else {
        Err(Rejection::forbidden("no knock"))
    }
}

#[actix_web::test]
async fn every_option_is_enforced() -> Outcome {
    let (issuer, verifier) = issuer_and_verifier()?;
    let app = test::init_service(App::new().app_data(verifier).service(options)).await;
    let now = OffsetDateTime::now_utc();
    for (scopes, minutes, header, status) in [
        (["read", "write", "admin"], 1, "Knock", StatusCode::OK),
        (["read", "admin", "editor"], 1, "Knock", StatusCode::FORBIDDEN),
        (["read", "write", "execute"], 1, "Knock", StatusCode::FORBIDDEN),
        (["read", "write", "admin"], 11, "Knock", StatusCode::UNAUTHORIZED),
        (["read", "write", "admin"], 1, "Ring", StatusCode::FORBIDDEN),
    ] {
        let token = issuer
            .token(&json!({}))
            .scopes(scopes)
            .auth_time(now - minutes * Duration::MINUTE)
            .issue()?;
        let request = TestRequest::with_uri("/options")
            .insert_header(("Authorization", format!("Bearer {token}")))
            .insert_header((header, ""))
            .to_request();
        assert_eq!(
            test::call_service(&app, request).await.status(),
            status,
            "{scopes:?} {minutes} {header}"
        );
    }
    Ok(())
}
