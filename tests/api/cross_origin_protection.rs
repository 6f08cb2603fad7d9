//! The middleware `CrossOriginProtection`, which protects the cookies of an application.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::{ConfigError, CrossOriginProtection};
use paseto_actix_tests::app::{BODY_403, Runs, TestResponse, call};
use paseto_actix_tests::logs::Logs;

const SITE: &str = "sec-fetch-site";
const HOST: (&str, &str) = ("host", "api.example");
const EVIL: (&str, &str) = ("origin", "https://evil.example");

async fn login(runs: web::Data<Runs>) -> HttpResponse {
    runs.count_one();
    HttpResponse::Ok().body("logged in")
}

/// Sends a request to a login form. Returns the response and the number of handler runs.
async fn send(
    protection: CrossOriginProtection,
    method: &str,
    headers: &[(&str, &str)],
) -> (TestResponse, usize) {
    let runs = Runs::default();
    let app = init_service(
        App::new()
            .app_data(web::Data::new(runs.clone()))
            .route("/login/{secret}", web::to(login))
            .wrap(protection)
            .wrap(DefaultHeaders::new().add(("x-outer", "1"))),
    )
    .await;
    let request =
        TestRequest::default().method(method.parse().unwrap()).uri("/login/hidden?token=hidden");
    let request = headers.iter().fold(request, |request, header| request.append_header(*header));
    (call(&app, request.to_request()).await, runs.count())
}

#[track_caller]
fn assert_rejected((response, runs): &(TestResponse, usize), logs: &Logs, case: &str) {
    assert_eq!((response.status, *runs), (StatusCode::FORBIDDEN, 0), "{case}");
    assert_eq!(response.body, BODY_403, "{case}");
    assert_eq!(response.headers.get(CONTENT_TYPE).unwrap(), "application/problem+json", "{case}");
    assert!(
        response.headers.contains_key("x-outer"),
        "{case}: the response passes through an outer middleware"
    );
    assert_eq!(logs.count(".trusted_origin(..)"), 1, "{case}: {logs:?}");
    assert_eq!(logs.count("hidden"), 0, "{case}: {logs:?}");
}

#[actix_web::test]
async fn cross_origin_requests_are_rejected_without_a_cookie() {
    let upgrade = ("upgrade", "websocket");
    for origin in [EVIL, ("origin", "null"), (SITE, "cross-site"), (SITE, "same-site")] {
        for (method, headers) in [
            ("POST", vec![HOST, origin]),
            ("PUT", vec![HOST, origin]),
            (
                "DELETE",
                vec![HOST, origin, ("authorization", "Bearer hidden"), ("cookie", "id=hidden")],
            ),
            ("GET", vec![HOST, origin, upgrade]),
        ] {
            let logs = Logs::capture();
            let sent = send(CrossOriginProtection::new(), method, &headers).await;
            assert_rejected(&sent, &logs, &format!("{method} {headers:?}"));
        }
        for method in ["GET", "OPTIONS"] {
            let (response, runs) =
                send(CrossOriginProtection::default(), method, &[HOST, origin]).await;
            assert_eq!((response.body.as_str(), runs), ("logged in", 1), "{method} {origin:?}");
        }
    }
}

#[actix_web::test]
async fn same_origin_requests_and_requests_without_browser_headers_are_accepted() {
    for headers in [
        vec![HOST],
        vec![HOST, (SITE, "same-origin")],
        vec![HOST, (SITE, "none")],
        vec![HOST, ("origin", "https://api.example")],
    ] {
        let (response, runs) = send(CrossOriginProtection::new(), "POST", &headers).await;
        assert_eq!((response.body.as_str(), runs), ("logged in", 1), "{headers:?}");
    }
}

#[actix_web::test]
async fn trusted_origin_is_accepted_and_other_origins_are_rejected() {
    let protection =
        || CrossOriginProtection::builder().trusted_origin("https://app.example").build().unwrap();
    let app = ("origin", "https://app.example");
    let (response, runs) = send(protection(), "POST", &[HOST, app, (SITE, "cross-site")]).await;
    assert_eq!((response.body.as_str(), runs), ("logged in", 1));
    let logs = Logs::capture();
    assert_rejected(
        &send(protection(), "POST", &[HOST, EVIL, (SITE, "cross-site")]).await,
        &logs,
        "another origin",
    );
    assert_eq!(logs.count("https://evil.example"), 1, "the log names the origin: {logs:?}");
}

#[actix_web::test]
async fn long_origin_is_not_logged() {
    let logs = Logs::capture();
    let origin = format!("https://{}.example", "long".repeat(100));
    assert_rejected(
        &send(CrossOriginProtection::new(), "POST", &[HOST, ("origin", &origin)]).await,
        &logs,
        "a long origin",
    );
    assert_eq!(logs.count("longlong"), 0, "{logs:?}");
}

#[test]
fn invalid_trusted_origin_is_an_error() {
    let error = CrossOriginProtection::builder()
        .trusted_origin("https://app.example/")
        .build()
        .unwrap_err();
    assert!(
        matches!(error, ConfigError::InvalidSetting { setting: "trusted_origin", .. }),
        "{error}"
    );
}
