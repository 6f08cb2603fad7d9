//! The forms of a guard (attribute, middleware, extractors), and what each answers to whoever is not let in.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, ResponseError, web};
use paseto_actix::error::{Rejection, VerifyErrorKind};
use paseto_actix::token::Format;
use paseto_actix::{
    Issuer, MaybePaseto, Paseto, PasetoRequired, VerifiedToken, Verifier, paseto_required,
};
use paseto_actix_tests::app::{
    BODY_401, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{ISSUER, keys};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where each form of guard stands.
const FORMS: [&str; 5] = ["/attribute", "/middleware", "/paseto", "/verified", "/maybe"];

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
    if paseto.is_some() { "served" } else { "served as nobody" }
}

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
        .route("/typed/attribute", web::to(typed_attribute))
        .route("/typed/paseto", web::to(typed))
        .route("/typed/maybe", web::to(typed_maybe))
        .route("/issue", web::to(issue));
}

/// Sends one request to an application with this app data. The second value is how often a handler has run.
async fn send(
    data: impl FnOnce(&mut ServiceConfig),
    request: TestRequest,
) -> (TestResponse, usize) {
    let runs = Runs::default();
    let app = App::new()
        .wrap(DefaultHeaders::new().add(("x-seen", "outside")))
        .app_data(web::Data::new(runs.clone()))
        .configure(data)
        .configure(services);
    let answer = call(&init_service(app).await, request.to_request()).await;
    assert_eq!(
        answer.headers.get("x-seen").unwrap(),
        "outside",
        "a refusal is a response for middlewares outside"
    );
    (answer, runs.count())
}

async fn send_to(verifier: Verifier, request: TestRequest) -> (TestResponse, usize) {
    send(|app| _ = app.app_data(verifier), request).await
}

fn with(path: &str, token: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {token}")))
}

fn issue_token() -> String {
    issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({})).unwrap()
}

fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// The same, with a check that takes its time.
fn slow_verifier() -> Verifier {
    let check = |_| async {
        actix_web::rt::task::yield_now().await;
        Ok::<_, Rejection>(())
    };
    verifier_builder(&TestClock::new()).check_async(check).build().unwrap()
}

/// A token whose last letter of the signature is another.
fn forged() -> String {
    let (claims, footer) =
        issue_token().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (head, last) = claims.split_at(claims.len() - 10);
    let swapped = if last.starts_with('A') { "B" } else { "A" };
    format!("{head}{swapped}{}.{footer}", &last[1..])
}

#[actix_web::test]
async fn every_form_lets_in_and_refuses_alike() {
    for verifier in [verifier, slow_verifier] {
        for form in FORMS {
            let (answer, runs) = send_to(verifier(), with(form, &issue_token())).await;
            assert_eq!(
                (answer.status, answer.body.as_str(), runs),
                (StatusCode::OK, "served", 1),
                "{form}"
            );

            let (answer, runs) = send_to(verifier(), with(form, &forged())).await;
            answer.assert_invalid_token();
            assert_eq!(
                answer.headers.get(CONTENT_TYPE).unwrap(),
                "application/problem+json",
                "{form}"
            );
            assert_eq!(runs, 0, "{form}");

            let (answer, runs) = send_to(verifier(), with(form, "")).await;
            answer.assert_invalid_request();
            assert_eq!(runs, 0, "{form}");

            if form != "/maybe" {
                let (answer, runs) = send_to(verifier(), TestRequest::with_uri(form)).await;
                answer.assert_no_token();
                assert_eq!(runs, 0, "{form}");
            }
        }
    }
}

#[actix_web::test]
async fn no_verifier() {
    for form in FORMS {
        for request in [TestRequest::with_uri(form), with(form, &issue_token())] {
            let logs = Logs::capture();
            let (answer, runs) = send(|_| (), request).await;
            assert_eq!(
                (answer.status, answer.challenge(), runs),
                (StatusCode::INTERNAL_SERVER_ERROR, "", 0),
                "{form}"
            );
            assert_eq!(
                answer.body,
                r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#
            );
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
async fn no_issuer() {
    let logs = Logs::capture();
    let (answer, runs) = send(|_| (), TestRequest::with_uri("/issue")).await;
    assert_eq!((answer.status, runs), (StatusCode::INTERNAL_SERVER_ERROR, 0));
    assert_eq!(
        answer.body,
        r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#
    );
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
    for answer in [bare, data] {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(verifier().verify_str(&answer.body).is_ok());
    }
}

#[actix_web::test]
async fn an_error_handler_that_answers_200() {
    for form in FORMS.into_iter().filter(|form| *form != "/maybe") {
        for (token, kind, pid) in [
            (None, VerifyErrorKind::MissingToken, None),
            (Some(String::new()), VerifyErrorKind::InvalidRequest, None),
            (Some(forged()), VerifyErrorKind::BadSignature, Some(keys::public().kid().to_owned())),
        ] {
            let verifier = verifier_builder(&TestClock::new())
                .error_handler(move |req, error| {
                    assert_eq!((error.kind(), error.kid()), (kind, pid.as_deref()));
                    HttpResponse::Ok().body(format!("not {}", req.path()))
                })
                .build()
                .unwrap();
            let request =
                token.map_or_else(|| TestRequest::with_uri(form), |token| with(form, &token));
            let (answer, runs) = send_to(verifier.clone(), request).await;
            assert_eq!(
                (answer.status, answer.body, runs),
                (StatusCode::OK, format!("not {form}"), 0)
            );
            let (answer, runs) = send_to(verifier, with(form, &issue_token())).await;
            assert_eq!((answer.status, answer.body.as_str(), runs), (StatusCode::OK, "served", 1));
        }
    }
}

#[actix_web::test]
async fn an_error_handler_that_asks_for_the_default() {
    let verifier = verifier_builder(&TestClock::new())
        .error_handler(|_, error| match error.kind() {
            VerifyErrorKind::MissingToken => {
                HttpResponse::SeeOther().insert_header(("location", "/login")).finish()
            }
            _ => error.error_response(),
        })
        .build()
        .unwrap();
    let (answer, runs) = send_to(verifier.clone(), TestRequest::with_uri("/attribute")).await;
    assert_eq!((answer.status, runs), (StatusCode::SEE_OTHER, 0));
    let (answer, runs) = send_to(verifier, with("/attribute", &forged())).await;
    answer.assert_invalid_token();
    assert_eq!(runs, 0);
}

#[actix_web::test]
async fn maybe_paseto() {
    for verifier in [verifier, slow_verifier] {
        for request in [
            TestRequest::with_uri("/maybe"),
            with("/maybe", "").insert_header(("authorization", "Basic eA==")),
        ] {
            let (answer, runs) = send_to(verifier(), request).await;
            assert_eq!(
                (answer.status, answer.body.as_str(), runs),
                (StatusCode::OK, "served as nobody", 1)
            );
        }
        for token in
            [forged(), "v4.public.x".to_owned(), "v4.local.x".to_owned(), issue_token() + "."]
        {
            let (answer, runs) = send_to(verifier(), with("/maybe", &token)).await;
            answer.assert_invalid_token();
            assert_eq!(runs, 0, "{token}");
        }
    }
}

#[actix_web::test]
async fn maybe_paseto_of_another_site() {
    let verifier = || {
        let sources = [paseto_actix::TokenSource::cookie("paseto")];
        verifier_builder(&TestClock::new()).token_from(sources).build().unwrap()
    };
    let post = |site| TestRequest::post().uri("/maybe").insert_header(("sec-fetch-site", site));
    let cookie = ("cookie", format!("paseto={}", issue_token()));
    let (answer, runs) =
        send_to(verifier(), post("cross-site").insert_header(cookie.clone())).await;
    assert_eq!((answer.status, runs), (StatusCode::FORBIDDEN, 0));
    let (answer, runs) = send_to(verifier(), post("same-origin").insert_header(cookie)).await;
    assert_eq!((answer.body.as_str(), runs), ("served", 1));
    let (answer, runs) = send_to(verifier(), post("cross-site")).await;
    assert_eq!((answer.body.as_str(), runs), ("served as nobody", 1));
}

#[actix_web::test]
async fn a_payload_that_does_not_fit() {
    for format in [Format::Json, Format::Cbor] {
        let issuer = issuer_builder(&TestClock::new()).format(format).build().unwrap();
        for form in ["/typed/attribute", "/typed/paseto", "/typed/maybe"] {
            let send = |claims: Value| {
                let verifier = verifier_builder(&TestClock::new()).format(format).build().unwrap();
                send_to(verifier, with(form, &issuer.issue(&claims).unwrap()))
            };
            let (answer, runs) = send(json!({ "user": { "age": 36 } })).await;
            assert_eq!(
                (answer.status, answer.body.as_str(), runs),
                (StatusCode::OK, "36", 1),
                "{form}"
            );

            for claims in
                [json!({ "user": { "age": "a private text" } }), json!({ "user": { "age": 1000 } })]
            {
                let logs = Logs::capture();
                let (answer, runs) = send(claims).await;
                answer.assert_invalid_token();
                assert_eq!(
                    (runs, logs.signature_checks(), logs.count("unexpected_claims")),
                    (0, 1, 1),
                    "{logs:?}"
                );
                assert_eq!(logs.count("user.age"), 1, "{format:?}, {form}: the path: {logs:?}");
                assert_eq!(
                    logs.count("a private text") + logs.count("1000"),
                    0,
                    "{format:?}, {form}: {logs:?}"
                );
            }
        }
    }
}

/// The names of claims may be a client's choice where the issuer lets it; they make no lines of their own in a log.
#[actix_web::test]
async fn a_path_with_a_line_break() {
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

/// An error handler may count, so it is called once a request.
#[actix_web::test]
async fn an_error_handler_is_called_once() {
    async fn several(_: VerifiedToken, _: VerifiedToken, _: MaybePaseto<Value>) -> &'static str {
        "several"
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&calls);
    let verifier = verifier_builder(&TestClock::new())
        .error_handler(move |_, error| {
            counting.fetch_add(1, Ordering::SeqCst);
            error.error_response()
        })
        .build()
        .unwrap();
    let configure =
        |app: &mut ServiceConfig| _ = app.app_data(verifier).route("/several", web::to(several));
    let (answer, _) = send(configure, with("/several", &forged())).await;
    answer.assert_invalid_token();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn the_realm_of_challenges() {
    let verifier = || verifier_builder(&TestClock::new()).realm("shop").build().unwrap();
    let (answer, _) = send_to(verifier(), TestRequest::with_uri("/attribute")).await;
    assert_eq!((answer.challenge(), answer.body.as_str()), (r#"Bearer realm="shop""#, BODY_401));
    for (token, rest) in
        [(forged().as_str(), r#"error="invalid_token""#), ("", r#"error="invalid_request""#)]
    {
        let (answer, _) = send_to(verifier(), with("/middleware", token)).await;
        assert!(
            answer.challenge().starts_with(&format!(r#"Bearer realm="shop", {rest}"#)),
            "{}",
            answer.challenge()
        );
    }
    for realm in ["a\"b", "a\\b", "a\nb", "café"] {
        assert!(verifier_builder(&TestClock::new()).realm(realm).build().is_err(), "{realm:?}");
    }
}
