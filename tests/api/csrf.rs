//! Forms with a CSRF token that is bound to the session.

use actix_session::Session;
use actix_web::http::header;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Responder, web};
use paseto_actix::LocalKey;
use paseto_actix::csrf::{CsrfForm, CsrfToken};
use paseto_actix::testing::{Browser, Page};
use paseto_actix_tests::app::BODY_403;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{Site, session};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    amount: u32,
    to: String,
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/form", web::get().to(async |csrf: CsrfToken| csrf.to_string()))
        .route("/input", web::get().to(async |csrf: CsrfToken| csrf.input()))
        .route("/transfer", web::post().to(transfer))
        .route("/reset", web::get().to(reset));
}

async fn transfer(CsrfForm(form): CsrfForm<Transfer>) -> impl Responder {
    format!("{} to {}", form.amount, form.to)
}

async fn reset(session: Session) -> &'static str {
    CsrfToken::reset(&session);
    "reset"
}

async fn site() -> Site {
    Site::of(session(LocalKey::generate(), &TestClock::new()).build().unwrap(), routes).await
}

/// Returns a browser with a session, and a token of this session.
async fn visitor(site: &Site) -> (Browser, String) {
    let mut browser = Browser::new();
    let token = browser.get(site, "/form").await.body;
    (browser, token)
}

/// Sends a form with these fields.
async fn submit(browser: &mut Browser, site: &Site, fields: &[(&str, &str)]) -> Page {
    browser.send(site, TestRequest::post().uri("/transfer").set_form(fields)).await
}

/// The fields of a form without its token.
const FIELDS: [(&str, &str); 2] = [("amount", "5"), ("to", "ada & bob")];

fn with_token(token: &str) -> [(&str, &str); 3] {
    [FIELDS[0], (CsrfToken::FIELD, token), FIELDS[1]]
}

fn assert_rejected(response: &Page) {
    assert_eq!((response.status.as_u16(), response.body.as_str()), (403, BODY_403));
}

#[actix_web::test]
async fn form_with_the_token_of_its_session_is_accepted() {
    let site = site().await;
    let (mut browser, token) = visitor(&site).await;
    let response = submit(&mut browser, &site, &with_token(&token)).await;
    assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "5 to ada & bob"));
    let request = TestRequest::post().uri("/transfer").set_form(FIELDS);
    let request = request.insert_header((CsrfToken::HEADER, token));
    assert_eq!(browser.send(&site, request).await.body, "5 to ada & bob");
}

#[actix_web::test]
async fn tokens_differ_and_all_of_one_session_are_valid() {
    let site = site().await;
    let (mut browser, first) = visitor(&site).await;
    let second = browser.get(&site, "/form").await.body;
    assert_ne!(first, second);
    for (one, other) in first.as_bytes().chunks(22).zip(second.as_bytes().chunks(22)) {
        assert_ne!(one, other, "both halves are masked");
    }
    for token in [&first, &second, &first] {
        assert_eq!(submit(&mut browser, &site, &with_token(token)).await.status, 200);
    }
}

#[actix_web::test]
async fn missing_wrong_and_repeated_tokens_are_rejected() {
    let site = site().await;
    let (mut browser, token) = visitor(&site).await;
    let (_, other) = visitor(&site).await;
    let mut changed = token.clone();
    changed.replace_range(0..1, if token.starts_with('A') { "B" } else { "A" });
    let zeros = "A".repeat(43);
    for wrong in [&other, &changed, &zeros, "", &token[..42], &format!("{token}A")] {
        assert_rejected(&submit(&mut browser, &site, &with_token(wrong)).await);
    }
    assert_rejected(&submit(&mut browser, &site, &FIELDS).await);
    let twice = [&with_token(&token)[..], &[(CsrfToken::FIELD, token.as_str())]].concat();
    assert_rejected(&submit(&mut browser, &site, &twice).await);
    let request = TestRequest::post().uri("/transfer").set_form(with_token(&other));
    let request = request.insert_header((CsrfToken::HEADER, token));
    assert_rejected(&browser.send(&site, request).await);
}

#[actix_web::test]
async fn token_of_a_request_without_a_session_is_rejected() {
    let site = site().await;
    let (_, token) = visitor(&site).await;
    assert_rejected(&submit(&mut Browser::new(), &site, &with_token(&token)).await);
}

#[actix_web::test]
async fn reset_makes_earlier_tokens_invalid() {
    let site = site().await;
    let (mut browser, token) = visitor(&site).await;
    browser.get(&site, "/reset").await;
    assert_rejected(&submit(&mut browser, &site, &with_token(&token)).await);
    let token = browser.get(&site, "/form").await.body;
    assert_eq!(submit(&mut browser, &site, &with_token(&token)).await.status, 200);
}

#[actix_web::test]
async fn token_is_checked_before_the_fields() {
    let site = site().await;
    let (mut browser, token) = visitor(&site).await;
    let wrong = [("amount", "many"), ("to", "ada")];
    assert_rejected(&submit(&mut browser, &site, &wrong).await);
    let wrong = [&wrong[..], &[(CsrfToken::FIELD, token.as_str())]].concat();
    assert_eq!(submit(&mut browser, &site, &wrong).await.status, 400);
}

#[actix_web::test]
async fn body_of_another_type_is_rejected() {
    let site = site().await;
    let (mut browser, token) = visitor(&site).await;
    let body = format!("{}={token}&amount=5&to=ada", CsrfToken::FIELD);
    for content_type in ["text/plain", "application/json", "multipart/form-data"] {
        let request = TestRequest::post().uri("/transfer").set_payload(body.clone());
        let request = request.insert_header((header::CONTENT_TYPE, content_type));
        assert_eq!(browser.send(&site, request).await.status, 400, "{content_type}");
    }
}

#[actix_web::test]
async fn hidden_field_contains_the_token() {
    let site = site().await;
    let (mut browser, _) = visitor(&site).await;
    let input = browser.get(&site, "/input").await.body;
    let value = input.strip_prefix(r#"<input type="hidden" name="csrf_token" value=""#).unwrap();
    let token = value.strip_suffix(r#"">"#).unwrap();
    assert_eq!(submit(&mut browser, &site, &with_token(token)).await.status, 200);
}

/// Returns a page that a browser of the kit has loaded, and the page after its form.
async fn pages(path: &str) -> (Page, Page) {
    let session = session(LocalKey::generate(), &TestClock::new()).build().unwrap();
    let app = init_service(App::new().configure(routes).wrap(session)).await;
    let mut browser = Browser::new();
    let page = browser.get(&app, path).await;
    let sent = browser.post_form(&app, "/transfer", &with_token(page.csrf_token())).await;
    (page, sent)
}

#[actix_web::test]
async fn browser_of_the_kit_submits_the_token_of_its_page() {
    let (page, sent) = pages("/input").await;
    assert_eq!(page.csrf_token().len(), 43);
    assert_eq!(sent.body, "5 to ada & bob");
}

#[actix_web::test]
#[should_panic(expected = "expected a form with `CsrfToken::input`, `/reset` with status 200 OK")]
async fn page_of_the_kit_without_a_token_panics() {
    pages("/reset").await;
}
