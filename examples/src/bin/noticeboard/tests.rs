//! Tests of the guards, the document of the API, and the pages.

use actix_http::Request;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service};
use paseto_actix::LocalKey;
use paseto_actix::csrf::CsrfToken;
use paseto_actix::openapi::assert_documented;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::testing::{Browser, Page, TestIssuer, assert_guarded_or_login};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::api::ApiDocument;
use crate::app::{ISSUER, Parts, app};
use crate::users::Users;

const PASSWORD: &str = "mysecret";

/// Returns an issuer for the tokens of tests, and parts that trust its key.
fn parts() -> (TestIssuer, Parts) {
    let auth = TestIssuer::new(ISSUER).audience(ISSUER);
    let parts = Parts::new(
        Users::demo(PASSWORD),
        LocalKey::generate().into(),
        auth.secret_key().clone().into(),
        MemoryTokenFamilyStore::new(1000),
        MemoryRevocationStore::new(1000),
    );
    (auth, parts.expect("the settings are valid"))
}

/// Logs in and returns the page after the login.
async fn log_in<S, B>(browser: &mut Browser, app: &S, user: &str, password: &str) -> Page
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let form = [("email", user), ("password", password), ("remember", "on")];
    browser.post_form(app, "/login", &form).await
}

/// Returns the part of a page between two strings.
fn between<'a>(page: &'a Page, start: &str, end: &str) -> &'a str {
    let text = page.body.split_once(start).map(|(_, rest)| rest);
    let text = text.and_then(|rest| rest.split_once(end)).map(|(text, _)| text);
    text.unwrap_or_else(|| panic!("no `{start}` in {}", page.body))
}

#[actix_web::test]
async fn each_route_has_a_guard_or_is_public() {
    let app = init_service(app(parts().1)).await;
    let public = [
        "GET /.well-known/paserk.json",
        "GET /health",
        "GET /login",
        "GET /openapi.json",
        "GET /script.js",
        "GET /style.css",
        "HEAD /.well-known/paserk.json",
        "OPTIONS /.well-known/paserk.json",
        "POST /auth/revoke",
        "POST /auth/token",
        "POST /login",
    ];
    assert_guarded_or_login(&app, "/login", public).await;
}

#[actix_web::test]
async fn document_names_the_guard_of_each_operation() {
    let (auth, parts) = parts();
    let app = init_service(app(parts)).await;
    let user = auth.user("guest@bar.example");
    assert_documented(&app, &ApiDocument::openapi(), user).await;
}

#[actix_web::test]
async fn program_needs_a_valid_token_with_the_scope() {
    let (auth, parts) = parts();
    let app = init_service(app(parts)).await;
    let writer = auth.user("foo@bar.example").scopes(["notices:write"]);
    for (user, status) in [
        (auth.user("guest@bar.example"), StatusCode::FORBIDDEN),
        (writer.clone().expired(), StatusCode::UNAUTHORIZED),
        (writer.clone().other_audience(), StatusCode::UNAUTHORIZED),
        (writer.clone().unknown_key(), StatusCode::UNAUTHORIZED),
        (writer.clone().tampered(), StatusCode::UNAUTHORIZED),
        (auth.user("deleted@bar.example").scopes(["notices:write"]), StatusCode::UNAUTHORIZED),
        (writer, StatusCode::CREATED),
    ] {
        let request = TestRequest::post().uri("/api/notices").set_json(json!({ "text": "Hello" }));
        let response = call_service(&app, request.insert_header(user).to_request()).await;
        assert_eq!(response.status(), status);
    }
}

#[actix_web::test]
async fn only_the_author_and_the_admin_remove_a_notice() {
    let (auth, parts) = parts();
    let board = parts.board.clone();
    let app = init_service(app(parts)).await;
    let scopes = ["notices:write"];
    for (user, status) in [
        ("foo@bar.example", StatusCode::NO_CONTENT),
        ("admin@bar.example", StatusCode::NO_CONTENT),
        ("guest@bar.example", StatusCode::FORBIDDEN),
    ] {
        let notice = board.post("foo@bar.example", "Hello").expect("a notice");
        let request = TestRequest::delete().uri(&format!("/api/notices/{}", notice.id));
        let request = request.insert_header(auth.user(user).scopes(scopes));
        assert_eq!(call_service(&app, request.to_request()).await.status(), status, "{user}");
    }
}

#[actix_web::test]
async fn user_logs_in_posts_a_notice_and_logs_out() {
    let app = init_service(app(parts().1)).await;
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app, "/").await.path, "/login?next=%2F");
    let page = log_in(&mut browser, &app, "foo@bar.example", "wrong").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let page = log_in(&mut browser, &app, "foo@bar.example", PASSWORD).await;
    assert_eq!((page.path.as_str(), page.status), ("/", StatusCode::OK));

    let text = "<script>alert(1)</script>";
    let form = [(CsrfToken::FIELD, page.csrf_token()), ("text", text)];
    let page = browser.post_form(&app, "/notices", &form).await;
    assert!(page.body.contains("Posted."), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains(text), "{}", page.body);
    // The script of the page calls the API with the session.
    let notices: Value = serde_json::from_str(&browser.get(&app, "/api/notices").await.body)
        .expect("a JSON document");
    assert_eq!(notices[0]["author"], "foo@bar.example");

    let without_token = browser.post_form(&app, "/logout", &[("other", "field")]).await;
    assert_eq!(without_token.status, StatusCode::FORBIDDEN);
    let page = browser.post_form(&app, "/logout", &[(CsrfToken::FIELD, page.csrf_token())]).await;
    assert_eq!(page.path, "/login");
    assert_eq!(browser.get(&app, "/account").await.path, "/login?next=%2Faccount");
}

#[actix_web::test]
async fn other_sites_cannot_submit_the_login_form() {
    let app = init_service(app(parts().1)).await;
    let mut attacker = Browser::new().cross_site();
    let page = log_in(&mut attacker, &app, "foo@bar.example", PASSWORD).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn remembered_user_enters_the_password_again_to_connect_a_program() {
    let app = init_service(app(parts().1)).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "foo@bar.example").await;
    browser.restart();
    assert_eq!(browser.get(&app, "/account").await.status, StatusCode::OK);
    let page = browser.get(&app, "/account/program").await;
    assert_eq!(page.path, "/login?again=1&next=%2Faccount%2Fprogram");

    let form = [("email", "foo@bar.example"), ("password", PASSWORD)];
    let page = browser.post_form(&app, &page.path, &form).await;
    assert_eq!(page.path, "/account/program");
    let form = [(CsrfToken::FIELD, page.csrf_token()), ("name", "Build server")];
    let page = browser.post_form(&app, "/account/program", &form).await;
    let refresh_token = between(&page, r#"<pre id="refresh-token">"#, "</pre>").to_owned();

    // The program refreshes, posts a notice, and is rejected after the user has logged it out.
    let refresh = async |refresh_token: &str| {
        let request = TestRequest::post().uri("/auth/token");
        let request = request.set_json(json!({ "refresh_token": refresh_token }));
        call_and_read_body_json::<_, _, Value>(&app, request.to_request()).await
    };
    let tokens = refresh(&refresh_token).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("a token"));
    let post = || {
        let request = TestRequest::post().uri("/api/notices").set_json(json!({ "text": "Built" }));
        request.insert_header(("Authorization", bearer.as_str())).to_request()
    };
    assert_eq!(call_service(&app, post()).await.status(), StatusCode::CREATED);

    let page = browser.get(&app, "/account").await;
    assert!(page.body.contains("Build server"), "{}", page.body);
    let (csrf, id) = (page.csrf_token(), between(&page, r#"name="id" value=""#, "\""));
    browser.post_form(&app, "/account/revoke", &[(CsrfToken::FIELD, csrf), ("id", id)]).await;
    assert_eq!(call_service(&app, post()).await.status(), StatusCode::UNAUTHORIZED);
    let refresh_token = tokens["refresh_token"].as_str().expect("a token");
    assert_eq!(refresh(refresh_token).await["error"], "invalid_grant");
}

#[actix_web::test]
async fn new_password_logs_out_the_other_browsers() {
    let app = init_service(app(parts().1)).await;
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    other.log_in_as(&app, "foo@bar.example").await;
    browser.log_in_as(&app, "foo@bar.example").await;
    let page = browser.get(&app, "/account/password").await;
    let form = [(CsrfToken::FIELD, page.csrf_token()), ("password", "a new secret")];
    let page = browser.post_form(&app, "/account/password", &form).await;
    assert!(page.body.contains("The password is changed."), "{}", page.body);
    assert_eq!(other.get(&app, "/account").await.path, "/login?next=%2Faccount");
    let page = log_in(&mut other, &app, "foo@bar.example", PASSWORD).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let page = log_in(&mut other, &app, "foo@bar.example", "a new secret").await;
    assert_eq!(page.status, StatusCode::OK);
}

#[actix_web::test]
async fn only_the_admin_sees_and_revokes_the_logins_of_all_users() {
    let app = init_service(app(parts().1)).await;
    let (mut admin, mut user) = (Browser::new(), Browser::new());
    user.log_in_as(&app, "foo@bar.example").await;
    assert_eq!(user.get(&app, "/admin").await.status, StatusCode::FORBIDDEN);
    let page = user.get(&app, "/account").await;
    let form = [(CsrfToken::FIELD, page.csrf_token()), ("user", "admin@bar.example")];
    let page = user.post_form(&app, "/admin/revoke-all", &form).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    admin.log_in_as(&app, "admin@bar.example").await;
    let page = admin.get(&app, "/admin").await;
    assert_eq!(page.status, StatusCode::OK);

    let csrf = page.csrf_token();
    let form = [(CsrfToken::FIELD, csrf), ("user", "foo@bar.example")];
    admin.post_form(&app, "/admin/revoke-all", &form).await;
    assert_eq!(user.get(&app, "/").await.path, "/login?next=%2F");
}

#[actix_web::test]
async fn errors_of_pages_are_pages_and_errors_of_the_api_are_not() {
    let app = init_service(app(parts().1)).await;
    let mut browser = Browser::new();
    browser.log_in_as(&app, "foo@bar.example").await;
    let page = browser.get(&app, "/admin").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.body.contains("Forbidden"), "{}", page.body);
    let request = TestRequest::with_uri("/api/logins").to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.headers().get("content-type").expect("a type"), "application/problem+json");
}
