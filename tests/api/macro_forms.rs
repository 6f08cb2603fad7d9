//! Every form of handler that `#[paseto_required]` accepts: refused without a token, served with one.
//!
//! What the attribute writes must not trip a lint in its user's code, pedantic ones included.

#![warn(clippy::pedantic)]
// Handlers are asynchronous whether they wait for something or not.
#![allow(clippy::unused_async)]

use std::error::Error;
use std::fmt::Display;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::ErrorBadRequest;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use actix_web::web::{Json, Path, Query, ServiceConfig};
use actix_web::{
    App, FromRequest, HttpRequest, Responder, body, get, post, route, routes, scope, test, web,
};
use paseto_actix::error::Rejection;
use paseto_actix::{Issuer, Paseto, SecretKey, VerifiedToken, Verifier, paseto_required};
use serde::Deserialize;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig as Documented;

const NAME: &str = "https://issuer.example";

type Outcome = Result<(), Box<dyn Error>>;

#[derive(Deserialize)]
struct Me {
    user: String,
}

#[derive(Deserialize, utoipa::ToSchema)]
struct Point {
    x: i32,
    y: i32,
}

fn issuer_and_verifier() -> Result<(Issuer, Verifier), Box<dyn Error>> {
    let key = SecretKey::generate();
    let verifier = Verifier::builder().trust(NAME, key.public_key()).build()?;
    let issuer = Issuer::builder(NAME).key(key).build()?;
    Ok((issuer, verifier))
}

/// A request to each path is refused without a token and has the given answer with one.
async fn guarded(services: fn(&mut ServiceConfig), answers: &[(&str, &str)]) -> Outcome {
    let (issuer, verifier) = issuer_and_verifier()?;
    let token = issuer.issue(&json!({ "user": "ada" }))?;
    let app = test::init_service(App::new().app_data(verifier).configure(services)).await;
    for (route, answer) in answers {
        let refused = test::call_service(&app, request(route)?.to_request()).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{route}");

        let request = request(route)?.insert_header(("Authorization", format!("Bearer {token}")));
        let served = test::call_service(&app, request.to_request()).await;
        assert_eq!(served.status(), StatusCode::OK, "{route}");
        assert_eq!(body::to_bytes(served.into_body()).await?, *answer, "{route}");
    }
    Ok(())
}

/// A request with a point in its body, which only some handlers read.
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
async fn beside_a_route_macro_or_without() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(below)
            .service(above)
            .service(several_methods)
            .route("/to", web::get().to(registered));
    };
    let answers = [
        ("GET /below", "below"),
        ("GET /above", "above"),
        ("GET /route", "route"),
        ("POST /route", "route"),
        ("GET /to", "ada"),
    ];
    guarded(services, &answers).await
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
async fn with_several_routes_and_in_a_scope() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(before_routes)
            .service(behind_routes)
            .service(scoped::below)
            .service(scoped::above);
    };
    let answers = [
        ("GET /routes/first/1", "first"),
        ("POST /routes/first/2", "first"),
        ("GET /routes/last/1", "last"),
        ("POST /routes/last/2", "last"),
        ("GET /scope/below", "below"),
        ("POST /scope/above", "above"),
    ];
    guarded(services, &answers).await
}

fn agree(_: &HttpRequest, token: &VerifiedToken) -> Result<(), Rejection> {
    if token.issuer() == NAME { Ok(()) } else { Err(Rejection::invalid("of another issuer")) }
}

#[paseto_required(check = agree)]
async fn generic<T: FromRequest + Display, const N: usize>(extractor: T) -> String {
    format!("{extractor}{N}")
}

#[paseto_required]
async fn bounded<T>(paseto: Paseto<T>) -> impl Responder
where
    T: Into<Me>,
{
    paseto.into_claims().into().user
}

#[actix_web::test]
async fn with_type_parameters() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.route("/generic", web::get().to(generic::<Method, 7>))
            .route("/bounded", web::get().to(bounded::<Me>));
    };
    guarded(services, &[("GET /generic", "GET7"), ("GET /bounded", "ada")]).await
}

/// Yields its own letter.
struct Letter<const LETTER: char>(char);

impl<const LETTER: char> FromRequest for Letter<LETTER> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(LETTER)))
    }
}

#[get("/none")]
#[paseto_required]
async fn no_arguments() -> &'static str {
    "none"
}

#[get("/sixteen")]
#[paseto_required]
#[allow(clippy::many_single_char_names)]
async fn sixteen_arguments(
    a: Letter<'a'>,
    b: Letter<'b'>,
    c: Letter<'c'>,
    d: Letter<'d'>,
    e: Letter<'e'>,
    f: Letter<'f'>,
    g: Letter<'g'>,
    h: Letter<'h'>,
    i: Letter<'i'>,
    j: Letter<'j'>,
    k: Letter<'k'>,
    l: Letter<'l'>,
    m: Letter<'m'>,
    n: Letter<'n'>,
    o: Letter<'o'>,
    p: Letter<'p'>,
) -> String {
    [a.0, b.0, c.0, d.0, e.0, f.0, g.0, h.0, i.0, j.0, k.0, l.0, m.0, n.0, o.0, p.0]
        .iter()
        .collect()
}

#[post("/patterns/{id}")]
#[paseto_required]
async fn patterns(
    _: Paseto<Me>,
    id: Path<u8>,
    (Query(Point { x, .. }), Query(Point { y, .. })): (Query<Point>, Query<Point>),
    ref method: Method,
    mut body: String,
    _unused: Option<Paseto<Me>>,
) -> String {
    body.truncate(1);
    format!("{id}{x}{y}{method}{body}")
}

#[actix_web::test]
async fn with_any_number_and_pattern_of_arguments() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(no_arguments).service(sixteen_arguments).service(patterns);
    };
    let answers = [
        ("GET /none", "none"),
        ("GET /sixteen", "abcdefghijklmnop"),
        ("POST /patterns/9?x=1&y=2", "912POST{"),
    ];
    guarded(services, &answers).await
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
async fn with_results_attributes_and_visibilities() -> Outcome {
    let services = |app: &mut ServiceConfig| {
        app.service(result)
            .route("/attributed", web::get().to(attributed))
            .route("/in", web::get().to(elsewhere::r#in));
    };
    let answers = [("GET /result/5", "17"), ("GET /attributed", "attributed"), ("GET /in", "in")];
    guarded(services, &answers).await
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
async fn beside_utoipa_in_every_order() -> Outcome {
    fn services(app: &mut Documented<'_>) {
        app.service(documented_last).service(documented_between).service(documented_first);
    }
    let answers = [
        ("GET /documented/last/1", "13"),
        ("GET /documented/between/1", "13"),
        ("GET /documented/first/1", "13"),
    ];
    guarded(|app| services(&mut Documented::new(app)), &answers).await?;

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
