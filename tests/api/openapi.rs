//! Security in OpenAPI documents, and its comparison with the guards of an application.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use actix_web::test::init_service;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, get, post, web};
use futures_util::FutureExt;
use paseto_actix::openapi::{BearerScheme, CookieScheme, assert_documented};
use paseto_actix::{TokenSource, paseto_required};
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde_json::{Value, json};
use utoipa::OpenApi;

mod scope {
    pub(super) const READ: &str = "posts:read";
}

#[paseto_required(scopes(scope::READ), any_scope("editor", "admin"))]
#[utoipa::path(responses((status = 200)))]
#[get("/posts/{id}")]
async fn post_by_id(_id: web::Path<u32>) -> &'static str {
    "post"
}

#[paseto_required(fresh = "10m")]
#[utoipa::path]
#[post("/posts")]
async fn create_post() -> &'static str {
    "created"
}

#[utoipa::path(security(("paseto" = ["posts:read"])))]
#[get("/list")]
#[paseto_required(scopes("posts:read"))]
async fn list() -> &'static str {
    "posts"
}

#[utoipa::path]
#[get("/health")]
async fn health() -> &'static str {
    "ok"
}

#[derive(OpenApi)]
#[openapi(paths(post_by_id, create_post, list, health), modifiers(&BearerScheme))]
struct Complete;

fn routes(config: &mut ServiceConfig) {
    config.service(post_by_id).service(create_post).service(list).service(health);
}

/// Compares a document with an application. Returns the message of the panic, or an empty string.
async fn differences<D: OpenApi>(routes: fn(&mut ServiceConfig)) -> String {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let app = init_service(App::new().app_data(verifier).configure(routes)).await;
    let token = issuer_builder(&clock).build().unwrap().issue(&json!({})).unwrap();
    let credential = ("Authorization", format!("Bearer {token}"));
    let document = D::openapi();
    let compared = AssertUnwindSafe(assert_documented(&app, &document, credential));
    match compared.catch_unwind().await {
        Ok(()) => String::new(),
        Err(panic) => message_of(panic),
    }
}

fn message_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[actix_web::test]
async fn document_with_the_requirements_of_the_guards_is_accepted() {
    assert_eq!(differences::<Complete>(routes).await, "");
}

#[test]
fn attribute_above_the_documentation_adds_its_scopes() {
    let document = serde_json::to_value(Complete::openapi()).unwrap();
    let security = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
    assert_eq!(
        security("/posts/{id}", "get"),
        json!([{ "paseto": ["posts:read", "editor"] }, { "paseto": ["posts:read", "admin"] }])
    );
    assert_eq!(security("/posts", "post"), json!([{ "paseto": [] }]));
    assert_eq!(security("/list", "get"), json!([{ "paseto": ["posts:read"] }]));
    assert_eq!(security("/health", "get"), Value::Null);
}

/// Handlers whose documentation and guard differ.
mod different {
    use super::*;

    #[utoipa::path(security(("paseto" = [])))]
    #[get("/forgotten-guard")]
    async fn forgotten_guard() -> &'static str {
        "open"
    }

    #[utoipa::path]
    #[get("/forgotten-security")]
    #[paseto_required]
    async fn forgotten_security() -> &'static str {
        "guarded"
    }

    #[utoipa::path(security(("paseto" = ["read"])))]
    #[get("/other-scope")]
    #[paseto_required(scopes("write"))]
    async fn other_scope() -> &'static str {
        "guarded"
    }

    #[utoipa::path(security(("paseto" = ["read"])))]
    #[get("/documented-scope")]
    #[paseto_required]
    async fn documented_scope() -> &'static str {
        "guarded"
    }

    #[utoipa::path(security(("paseto" = [])))]
    #[get("/hidden-scope")]
    #[paseto_required(any_scope("a", "b"))]
    async fn hidden_scope() -> &'static str {
        "guarded"
    }

    #[utoipa::path(security(("api_key" = [])))]
    #[get("/undefined-scheme")]
    #[paseto_required]
    async fn undefined_scheme() -> &'static str {
        "guarded"
    }

    #[utoipa::path(security(("paseto" = [])))]
    #[get("/unregistered")]
    async fn unregistered() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[derive(OpenApi)]
    #[openapi(
        paths(
            forgotten_guard,
            forgotten_security,
            other_scope,
            documented_scope,
            hidden_scope,
            undefined_scheme,
            unregistered
        ),
        modifiers(&BearerScheme)
    )]
    pub(super) struct Document;

    pub(super) fn routes(config: &mut ServiceConfig) {
        config
            .service(forgotten_guard)
            .service(forgotten_security)
            .service(other_scope)
            .service(documented_scope)
            .service(hidden_scope)
            .service(undefined_scheme);
    }
}

#[actix_web::test]
async fn each_difference_is_named() {
    let message = differences::<different::Document>(different::routes).await;
    for expected in [
        "GET /forgotten-guard: the document requires security, but the response without a token was 200",
        "GET /forgotten-security: the document requires no security, but the response without a token was 401",
        "GET /other-scope: the document requires the scopes `read`, but the guard requires the scopes `write`",
        "GET /documented-scope: the document requires the scopes `read`, but the guard requires no scope",
        "GET /hidden-scope: the document requires no scope, but the guard requires the scopes `a` and `b`",
        "GET /undefined-scheme: the document does not define the security scheme `api_key`",
        "GET /unregistered: the document requires security, but the response without a token was 404",
    ] {
        assert!(message.contains(expected), "{expected}\n{message}");
    }
}

#[actix_web::test]
async fn rejected_token_is_no_agreement() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let app = init_service(App::new().app_data(verifier).configure(routes)).await;
    let document = Complete::openapi();
    let compared = assert_documented(&app, &document, ("Authorization", "Bearer v4.public.no"));
    let panic = AssertUnwindSafe(compared).catch_unwind().await.unwrap_err();
    let message = message_of(panic);
    assert!(message.contains("GET /list: the token was rejected with 401"), "{message}");
}

#[actix_web::test]
async fn document_without_operations_is_rejected() {
    #[derive(OpenApi)]
    #[openapi()]
    struct Empty;
    assert_eq!(differences::<Empty>(routes).await, "the document has no operation");
}

#[actix_web::test]
async fn token_in_a_cookie_is_compared_too() {
    const COOKIE: CookieScheme = CookieScheme("__Host-paseto");

    #[derive(OpenApi)]
    #[openapi(paths(list), modifiers(&COOKIE))]
    struct Document;

    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).token_from([TokenSource::cookie("__Host-paseto")]);
    let app = App::new().app_data(verifier.build().unwrap()).configure(routes);
    let token = issuer_builder(&clock).build().unwrap().issue(&json!({})).unwrap();
    let credential = ("Cookie", format!("__Host-paseto={token}"));
    assert_documented(&init_service(app).await, &Document::openapi(), credential).await;
}
