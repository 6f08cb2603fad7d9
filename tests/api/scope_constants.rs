//! The attribute accepts constants as scopes and `acr` values, with each form of path.

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::web;
use actix_web::web::ServiceConfig;
use actix_web::{App, FromRequest};
use paseto_actix::{Paseto, paseto_required};
use paseto_actix_tests::app::{call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde_json::{Value, json};

const READ: &str = "posts:read";

mod scope {
    pub(super) const WRITE: &str = "posts:write";
}

struct Scope;

impl Scope {
    const ADMIN: &str = "admin";
}

trait Named {
    const NAME: &str;
}

impl Named for Scope {
    const NAME: &str = "named";
}

#[paseto_required(scopes(READ, scope::WRITE, "literal"))]
async fn mixed() -> &'static str {
    "served"
}

#[paseto_required(any_scope(Scope::ADMIN, <Scope as Named>::NAME), acr(self::acr::PHR))]
async fn associated() -> &'static str {
    "served"
}

mod acr {
    pub(super) const PHR: &str = "phr";
}

mod inner {
    use super::paseto_required;

    /// Visible only in this module.
    const OWN: &str = "own";

    #[paseto_required(scopes(OWN, super::READ))]
    pub(super) async fn handler() -> &'static str {
        "served"
    }
}

#[paseto_required(scopes(READ))]
async fn generic<T: FromRequest, const N: usize>(_: T) -> String {
    format!("served {N}").replace(" 7", "")
}

macro_rules! handlers {
    ($($name:ident: $path:path, $expr:expr, $ident:ident, $literal:literal;)*) => {$(
        #[paseto_required(scopes($path, $expr, $ident, $literal), acr($path))]
        async fn $name(_: Paseto<Value>) -> &'static str {
            "served"
        }
    )*};
}

handlers! { of_variables: scope::WRITE, Scope::ADMIN, READ, "literal"; }

fn services(app: &mut ServiceConfig) {
    const LOCAL: &str = "local";

    #[paseto_required(any_scope(LOCAL, "other"))]
    async fn local() -> &'static str {
        "served"
    }

    app.route("/mixed", web::get().to(mixed))
        .route("/associated", web::get().to(associated))
        .route("/inner", web::get().to(inner::handler))
        .route("/generic", web::get().to(generic::<String, 7>))
        .route("/variables", web::get().to(of_variables))
        .route("/local", web::get().to(local));
}

#[actix_web::test]
async fn scope_and_acr_constants_are_enforced_like_literals() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).build().unwrap();
    let app = App::new().app_data(verifier_builder(&clock).build().unwrap()).configure(services);
    let app = init_service(app).await;
    for (path, scopes, acr, needed) in [
        ("/mixed", "posts:read posts:write literal", "pwd", "posts:read posts:write literal"),
        ("/associated", "admin", "phr", "admin named"),
        ("/associated", "named", "phr", "admin named"),
        ("/inner", "own posts:read", "pwd", "own posts:read"),
        ("/generic", "posts:read", "pwd", "posts:read"),
        (
            "/variables",
            "posts:write admin posts:read literal",
            "posts:write",
            "posts:write admin posts:read literal",
        ),
        ("/local", "local", "pwd", "local other"),
        ("/local", "other", "pwd", "local other"),
    ] {
        let send = async |scopes: &[&str], acr: &str| {
            let token =
                issuer.token(&json!({})).scopes(scopes.iter().copied()).acr(acr).issue().unwrap();
            let request = TestRequest::with_uri(path)
                .insert_header(("authorization", format!("Bearer {token}")));
            call(&app, request.to_request()).await
        };
        let granted: Vec<_> = scopes.split(' ').collect();
        let response = send(&granted, acr).await;
        assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, "served"), "{path}");
        for index in 0..granted.len() {
            let rest: Vec<_> =
                granted.iter().copied().enumerate().filter(|(i, _)| *i != index).collect();
            let rest: Vec<_> = rest.into_iter().map(|(_, scope)| scope).collect();
            let response = send(&rest, acr).await;
            assert_eq!(response.status, StatusCode::FORBIDDEN, "{path}: {rest:?}");
            assert!(
                response.challenge().contains(&format!(r#"scope="{needed}""#)),
                "{path}: {}",
                response.challenge()
            );
        }
        let status = send(&granted, "other").await.status;
        let expected = if acr == "pwd" { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(status, expected, "{path}");
    }
}
