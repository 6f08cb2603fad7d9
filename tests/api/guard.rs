//! The forms of a guard (attribute, middleware, extractors) and their responses to rejected
//! requests.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::ServiceConfig;
use actix_web::{App, web};
use paseto_actix::error::Rejection;
use paseto_actix::{
    Issuer, MaybePaseto, Paseto, PasetoRequired, VerifiedToken, Verifier, paseto_required,
};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{
    BODY_500, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

/// The paths of the handlers with each form of guard.
pub(crate) const FORMS: [&str; 5] = ["/attribute", "/middleware", "/paseto", "/verified", "/maybe"];

#[paseto_required]
async fn attribute(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn unguarded(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn paseto(_: Paseto<Value>, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn verified(token: VerifiedToken, runs: web::Data<Runs>) -> String {
    runs.count_one();
    assert_eq!((token.version(), token.purpose(), token.issuer()), ("v4", "public", ISSUER));
    token.subject().map_or_else(|| "served".to_owned(), str::to_owned)
}

async fn maybe(MaybePaseto(paseto): MaybePaseto<Value>, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    if paseto.is_some() { "served" } else { "served without a token" }
}

async fn issue(issuer: Issuer, runs: web::Data<Runs>) -> String {
    runs.count_one();
    issuer.issue(&json!({})).unwrap()
}

fn services(app: &mut ServiceConfig) {
    app.route("/attribute", web::to(attribute))
        .service(
            web::scope("/middleware")
                .wrap(PasetoRequired::new())
                .default_service(web::to(unguarded)),
        )
        .route("/paseto", web::to(paseto))
        .route("/verified", web::to(verified))
        .route("/maybe", web::to(maybe))
        .route("/issue", web::to(issue));
}

/// Sends a request to an application with this app data. Returns the response and the number of
/// handler runs.
pub(crate) async fn send(
    data: impl FnOnce(&mut ServiceConfig),
    request: TestRequest,
) -> (TestResponse, usize) {
    let runs = Runs::default();
    let app = App::new()
        .wrap(DefaultHeaders::new().add(("x-seen", "outside")))
        .app_data(web::Data::new(runs.clone()))
        .configure(data)
        .configure(services);
    let response = call(&init_service(app).await, request.to_request()).await;
    assert_eq!(
        response.headers.get("x-seen").unwrap(),
        "outside",
        "a rejection passes through outer middlewares as a response"
    );
    (response, runs.count())
}

pub(crate) async fn send_to(verifier: Verifier, request: TestRequest) -> (TestResponse, usize) {
    send(|app| _ = app.app_data(verifier), request).await
}

pub(crate) fn with(path: &str, token: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {token}")))
}

pub(crate) fn issue_token() -> String {
    issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({})).unwrap()
}

pub(crate) fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// Returns a verifier with an asynchronous check that yields once.
fn slow_verifier() -> Verifier {
    let check = |_| async {
        actix_web::rt::task::yield_now().await;
        Ok::<_, Rejection>(())
    };
    verifier_builder(&TestClock::new()).check_async(check).build().unwrap()
}

/// Returns a token with a changed character in the signature.
pub(crate) fn forged() -> String {
    let (claims, footer) =
        issue_token().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (head, last) = claims.split_at(claims.len() - 10);
    let swapped = if last.starts_with('A') { "B" } else { "A" };
    format!("{head}{swapped}{}.{footer}", &last[1..])
}

/// RFC 6750, section 3.1.
#[actix_web::test]
async fn all_guards_accept_and_reject_the_same_requests() {
    for verifier in [verifier, slow_verifier] {
        for form in FORMS {
            let (response, runs) = send_to(verifier(), with(form, &issue_token())).await;
            assert_eq!(
                (response.status, response.body.as_str(), runs),
                (StatusCode::OK, "served", 1),
                "{form}"
            );

            let (response, runs) = send_to(verifier(), with(form, &forged())).await;
            response.assert_invalid_token();
            assert_eq!(
                response.headers.get(CONTENT_TYPE).unwrap(),
                "application/problem+json",
                "{form}"
            );
            assert_eq!(runs, 0, "{form}");

            let (response, runs) = send_to(verifier(), with(form, "")).await;
            response.assert_invalid_request();
            assert_eq!(runs, 0, "{form}");

            if form != "/maybe" {
                let (response, runs) = send_to(verifier(), TestRequest::with_uri(form)).await;
                response.assert_no_token();
                assert_eq!(runs, 0, "{form}");
            }
        }
    }
}

#[actix_web::test]
async fn missing_verifier_is_a_500_and_one_error_in_the_log() {
    for form in FORMS {
        for request in [TestRequest::with_uri(form), with(form, &issue_token())] {
            let logs = Logs::capture();
            let (response, runs) = send(|_| (), request).await;
            assert_eq!(
                (response.status, response.challenge(), runs),
                (StatusCode::INTERNAL_SERVER_ERROR, "", 0),
                "{form}"
            );
            assert_eq!(response.body, BODY_500);
            let ours: Vec<_> =
                logs.lines().into_iter().filter(|line| line.contains("paseto_actix")).collect();
            assert_eq!(ours.len(), 1, "{form}: {ours:?}");
            assert!(
                ours[0].starts_with("ERROR ") && ours[0].contains("`App::app_data(verifier)`"),
                "{form}: {ours:?}"
            );
        }
        let logs = Logs::capture();
        assert_eq!(send_to(verifier(), with(form, &issue_token())).await.1, 1);
        assert_eq!(logs.count("app_data"), 0, "{form}");
    }
}

#[actix_web::test]
async fn missing_issuer_is_a_500_and_one_error_in_the_log() {
    let logs = Logs::capture();
    let (response, runs) = send(|_| (), TestRequest::with_uri("/issue")).await;
    assert_eq!((response.status, runs), (StatusCode::INTERNAL_SERVER_ERROR, 0));
    assert_eq!(response.body, BODY_500);
    let ours: Vec<_> =
        logs.lines().into_iter().filter(|line| line.contains("paseto_actix")).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert!(
        ours[0].starts_with("ERROR ") && ours[0].contains("`App::app_data(issuer)`"),
        "{ours:?}"
    );

    let issuer = || issuer_builder(&TestClock::new()).build().unwrap();
    let (bare, _) = send(|app| _ = app.app_data(issuer()), TestRequest::with_uri("/issue")).await;
    let (data, _) =
        send(|app| _ = app.app_data(web::Data::new(issuer())), TestRequest::with_uri("/issue"))
            .await;
    for response in [bare, data] {
        assert_eq!(response.status, StatusCode::OK);
        assert!(verifier().verify_str(&response.body).is_ok());
    }
}

#[actix_web::test]
async fn maybe_paseto_accepts_requests_without_a_token_only() {
    for verifier in [verifier, slow_verifier] {
        for request in [
            TestRequest::with_uri("/maybe"),
            with("/maybe", "").insert_header(("authorization", "Basic eA==")),
        ] {
            let (response, runs) = send_to(verifier(), request).await;
            assert_eq!(
                (response.status, response.body.as_str(), runs),
                (StatusCode::OK, "served without a token", 1)
            );
        }
        for token in
            [forged(), "v4.public.x".to_owned(), "v4.local.x".to_owned(), issue_token() + "."]
        {
            let (response, runs) = send_to(verifier(), with("/maybe", &token)).await;
            response.assert_invalid_token();
            assert_eq!(runs, 0, "{token}");
        }
    }
}

#[actix_web::test]
async fn maybe_paseto_rejects_a_cross_site_request_with_a_cookie() {
    let verifier = || {
        let sources = [paseto_actix::TokenSource::cookie("paseto")];
        verifier_builder(&TestClock::new()).token_from(sources).build().unwrap()
    };
    let post = |site| TestRequest::post().uri("/maybe").insert_header(("sec-fetch-site", site));
    let cookie = ("cookie", format!("paseto={}", issue_token()));
    let (response, runs) =
        send_to(verifier(), post("cross-site").insert_header(cookie.clone())).await;
    assert_eq!((response.status, runs), (StatusCode::FORBIDDEN, 0));
    let (response, runs) = send_to(verifier(), post("same-origin").insert_header(cookie)).await;
    assert_eq!((response.body.as_str(), runs), ("served", 1));
    let (response, runs) = send_to(verifier(), post("cross-site")).await;
    assert_eq!((response.body.as_str(), runs), ("served without a token", 1));
}
