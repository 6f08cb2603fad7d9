//! OAuth 2.0 protected resource metadata (RFC 9728).

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::PasetoRequired;
use paseto_actix::protected_resource::ProtectedResource;
use paseto_actix_tests::app::{call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

fn resource(url: &str) -> ProtectedResource {
    let builder = ProtectedResource::builder(url).authorization_server("https://issuer.example");
    builder.scopes(["read", "write"]).name("A shop").build().unwrap()
}

/// RFC 9728, section 3.2.
#[actix_web::test]
async fn metadata_is_served_to_clients_of_every_origin() {
    let app = init_service(App::new().service(resource("https://api.example/mcp"))).await;
    let request =
        |method| TestRequest::with_uri("/.well-known/oauth-protected-resource/mcp").method(method);
    let response = call(&app, request(Method::GET).to_request()).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(
        serde_json::from_str::<Value>(&response.body).unwrap(),
        json!({
            "resource": "https://api.example/mcp",
            "authorization_servers": ["https://issuer.example"],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["read", "write"],
            "resource_name": "A shop",
        })
    );
    let header = |name| response.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(header(CONTENT_TYPE), "application/json");
    assert_eq!(header(CACHE_CONTROL), "public, max-age=3600");
    assert_eq!(header(ACCESS_CONTROL_ALLOW_ORIGIN), "*");

    assert_eq!(call(&app, request(Method::HEAD).to_request()).await.status, StatusCode::OK);
    let preflight = call(&app, request(Method::OPTIONS).to_request()).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    for (name, value) in
        [("allow-origin", "*"), ("allow-methods", "GET, HEAD"), ("allow-headers", "*")]
    {
        assert_eq!(preflight.headers.get(format!("access-control-{name}")).unwrap(), value);
    }
    assert_eq!(
        call(&app, request(Method::POST).to_request()).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[actix_web::test]
async fn protected_resource_in_a_scope_is_logged() {
    for (in_scope, lines) in [(false, 0), (true, 1)] {
        let logs = Logs::capture();
        let app = App::new();
        let resource = resource("https://api.example");
        let app = if in_scope {
            app.service(web::scope("/api").service(resource))
        } else {
            app.service(resource)
        };
        drop(init_service(app).await);
        assert_eq!(
            logs.count(
                "ERROR paseto_actix::protected_resource message=a ProtectedResource is registered in a scope"
            ),
            lines
        );
    }
}

/// RFC 9728, section 3.2.
#[actix_web::test]
async fn metadata_parameters_without_values_are_omitted() {
    let builder = ProtectedResource::builder("https://api.example")
        .parameter("bearer_methods_supported", [""; 0]);
    let resource = builder.scopes([""; 0]).build().unwrap();
    let path = resource.path().to_owned();
    let app = init_service(App::new().service(resource)).await;
    let response = call(&app, TestRequest::with_uri(&path).to_request()).await;
    assert_eq!(response.body, r#"{"resource":"https://api.example"}"#);
}

/// RFC 9728, section 3.1.
#[test]
fn well_known_path_is_inserted_between_host_and_path() {
    for (url, metadata_url) in [
        ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/a/b", "https://api.example/.well-known/oauth-protected-resource/a/b"),
        ("http://localhost:8080/a", "http://localhost:8080/.well-known/oauth-protected-resource/a"),
    ] {
        assert_eq!(resource(url).metadata_url(), metadata_url);
        assert!(metadata_url.ends_with(resource(url).path()));
    }
}

#[test]
fn errors_name_the_invalid_parameter() {
    let builder = || ProtectedResource::builder("https://api.example");
    for (builder, error) in [
        (
            ProtectedResource::builder("api.example"),
            "`resource`: expected a URL that begins with `https://` (or `http://` on a loopback host) and has no \
             fragment, found `api.example`",
        ),
        (
            ProtectedResource::builder("https://api.example?a=b"),
            "`resource`: expected a URL without a query",
        ),
        (
            builder().authorization_server("http://issuer.example"),
            "`authorization_server`: expected a URL that begins with `https://` (or `http://` on a loopback host) and \
             has no fragment, found `http://issuer.example`",
        ),
        (
            builder().authorization_server("https://issuer.example/?tenant=1"),
            "`authorization_server`: expected a URL without a query",
        ),
        (
            ProtectedResource::builder("https://ada:s3cret@api.example"),
            "`resource`: expected a URL without user, password and `@`",
        ),
        (
            ProtectedResource::builder("https://api.example/a*"),
            "`resource`: expected a path without `%`, `*` and `..`, found `/a*`",
        ),
        (
            ProtectedResource::builder("https://api.example/a/../b"),
            "`resource`: expected a path without `%`, `*` and `..`, found `/a/../b`",
        ),
        (
            ProtectedResource::builder("https://api.example/{id}"),
            "`resource`: a URL cannot contain the character '{'",
        ),
        (
            builder().scopes(["read write"]),
            "`scopes`: expected one scope (RFC 6749, section 3.3), found `read write`",
        ),
        (
            builder().documentation("javascript:alert(1)"),
            "`documentation`: expected a URL that begins with `https://` (or `http://` on a loopback host) and has no \
             fragment, found `javascript:alert(1)`",
        ),
        (
            builder().parameter("resource", "https://other.example"),
            "`parameter`: `resource`: is set twice, or has its own method on the builder",
        ),
        (
            builder().name("a").parameter("resource_name", "b"),
            "`parameter`: `resource_name`: is set twice, or has its own method on the builder",
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), error);
    }
    let verifier = verifier_builder(&TestClock::new()).resource_metadata("https://api.example/\"");
    assert!(
        verifier
            .build()
            .unwrap_err()
            .to_string()
            .starts_with("`resource_metadata`: a URL cannot contain the character '\"'")
    );
}

/// RFC 9728, section 5.1.
#[actix_web::test]
async fn challenges_contain_the_metadata_url() {
    let resource = resource("https://api.example");
    let verifier = verifier_builder(&TestClock::new())
        .resource_metadata(resource.metadata_url())
        .build()
        .unwrap();
    let app = App::new().app_data(verifier).service(resource).service(
        web::resource("/").wrap(PasetoRequired::new().scopes(["read"])).to(async || "served"),
    );
    let app = init_service(app).await;
    let url = r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#;
    let token = issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({})).unwrap();
    for (authorization, status, challenge) in [
        (None, 401, format!(r#"Bearer realm="api", {url}"#)),
        (
            Some("Bearer v4.public.".to_owned()),
            401,
            format!(
                r#"Bearer realm="api", error="invalid_token", error_description="the token is not acceptable", {url}"#
            ),
        ),
        (
            Some(format!("Bearer {token}")),
            403,
            format!(
                r#"Bearer realm="api", error="insufficient_scope", error_description="the token lacks a scope", scope="read", {url}"#
            ),
        ),
    ] {
        let mut request = TestRequest::get();
        if let Some(authorization) = authorization {
            request = request.insert_header(("Authorization", authorization));
        }
        let response = call(&app, request.to_request()).await;
        assert_eq!((response.status.as_u16(), response.challenge()), (status, challenge.as_str()));
    }
}
