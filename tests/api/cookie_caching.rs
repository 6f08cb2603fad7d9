//! `Cache-Control` and `Vary` of pages that depend on a token in a cookie.

use std::convert::Infallible;

use actix_web::error::ErrorNotFound;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HeaderMap, VARY};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, web};
use paseto_actix::error::Rejection;
use paseto_actix::guard::PasetoCacheControl;
use paseto_actix::{
    MaybePaseto, Paseto, PasetoRequired, TokenSource, VerifiedToken, Verifier, paseto_required,
};
use paseto_actix_tests::app::{TestResponse, call, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde_json::Value;

const PUBLIC: &str = "public, max-age=86400";

/// Returns a response whose headers allow every cache to store it.
fn public(mut builder: HttpResponseBuilder) -> HttpResponse {
    builder
        .insert_header((CACHE_CONTROL, PUBLIC))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header(("cdn-cache-control", "max-age=600"))
        .body("page")
}

fn page() -> HttpResponse {
    public(HttpResponse::Ok())
}

#[paseto_required]
async fn attribute() -> impl Responder {
    page()
}

#[paseto_required(scopes("read"))]
async fn attribute_with_scope() -> HttpResponse {
    page()
}

#[paseto_required]
async fn attribute_with_error(_paseto: Paseto<Value>) -> Result<&'static str, Error> {
    Err(ErrorNotFound("no page"))?
}

#[paseto_required]
async fn attribute_with_argument(_id: web::Path<u8>) -> Result<impl Responder, Infallible> {
    Ok("page")
}

#[paseto_required]
async fn attribute_with_body(_body: String) -> impl Responder {
    page()
}

fn pages(config: &mut web::ServiceConfig) {
    let bare = || {
        web::scope("")
            .route("/paseto", web::get().to(async |_: Paseto<Value>| page()))
            .route("/token", web::get().to(async |_: VerifiedToken| page()))
            .route("/maybe", web::get().to(async |_: MaybePaseto<Value>| page()))
    };
    config
        .route("/attribute", web::get().to(attribute))
        .route("/attribute/scope", web::get().to(attribute_with_scope))
        .route("/attribute/error", web::get().to(attribute_with_error))
        .route("/attribute/body", web::get().to(attribute_with_body))
        .route("/attribute/argument/{id}", web::get().to(attribute_with_argument))
        .route("/middleware", web::get().to(async || page()).wrap(PasetoRequired::new()))
        .service(web::scope("/wrapped").wrap(PasetoCacheControl::new()).service(bare()))
        .service(web::scope("/bare").service(bare()));
}

const GUARDED: [&str; 4] = ["/attribute", "/attribute/body", "/middleware", "/wrapped/paseto"];

async fn get(verifier: &Verifier, path: &str, headers: &[(&str, String)]) -> TestResponse {
    let app = init_service(App::new().app_data(verifier.clone()).configure(pages)).await;
    let request = TestRequest::with_uri(path);
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.append_header((*name, value.as_str())));
    call(&app, request.to_request()).await
}

fn cookie() -> [(&'static str, String); 1] {
    [(COOKIE.as_str(), format!("paseto={}", token_of("ada")))]
}

fn bearer() -> [(&'static str, String); 1] {
    [(AUTHORIZATION.as_str(), format!("Bearer {}", token_of("ada")))]
}

/// Returns a verifier that reads a header or a cookie.
fn either() -> Verifier {
    let sources = [TokenSource::bearer(), TokenSource::cookie("paseto")];
    verifier_builder(&TestClock::new()).token_from(sources).build().unwrap()
}

/// Returns the same verifier with an asynchronous check that yields once.
fn slow() -> Verifier {
    let sources = [TokenSource::bearer(), TokenSource::cookie("paseto")];
    let builder = verifier_builder(&TestClock::new()).token_from(sources);
    builder
        .check_async(|_| async {
            actix_web::rt::task::yield_now().await;
            Ok(())
        })
        .build()
        .unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).map(|line| line.to_str().unwrap());
    let line = lines.next();
    assert_eq!(lines.next(), None, "{name} occurs once");
    line
}

/// Asserts the headers `Vary` and `Cache-Control`. A response with `no-store` has no other header
/// for shared caches.
#[track_caller]
fn assert_caching(
    response: &TestResponse,
    vary: Option<&str>,
    cache_control: Option<&str>,
    case: &str,
) {
    assert_eq!(header(&response.headers, "vary"), vary, "{case}");
    assert_eq!(header(&response.headers, "cache-control"), cache_control, "{case}");
    if cache_control == Some("no-store") {
        assert!(!response.headers.contains_key("cdn-cache-control"), "{case}");
    }
}

#[actix_web::test]
async fn page_for_a_token_in_a_cookie_is_not_stored() {
    for verifier in [either(), slow()] {
        for path in GUARDED.into_iter().chain(["/wrapped/token", "/wrapped/maybe"]) {
            let response = get(&verifier, path, &cookie()).await;
            assert_eq!(
                (response.status, response.body.as_str()),
                (StatusCode::OK, "page"),
                "{path}"
            );
            assert_caching(&response, Some("Accept-Encoding, Cookie"), Some("no-store"), path);
        }
    }
}

/// Without `Vary: Cookie`, a shared cache could return this page to a user with a cookie.
#[actix_web::test]
async fn page_for_a_token_in_a_header_varies_by_cookie_if_the_verifier_reads_cookies() {
    for verifier in [either(), slow()] {
        for path in GUARDED {
            let response = get(&verifier, path, &bearer()).await;
            assert_eq!(response.status, StatusCode::OK, "{path}");
            assert_caching(&response, Some("Accept-Encoding, Cookie"), Some(PUBLIC), path);
        }
    }
    let response = get(&either(), "/wrapped/maybe", &[]).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_caching(
        &response,
        Some("Accept-Encoding, Cookie"),
        Some(PUBLIC),
        "a page without a token",
    );
}

#[actix_web::test]
async fn verifier_that_reads_only_headers_does_not_change_cache_headers() {
    let verifier = verifier_builder(&TestClock::new()).build().unwrap();
    for path in GUARDED {
        let response = get(&verifier, path, &[bearer(), cookie()].concat()).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
        assert_caching(&response, Some("Accept-Encoding"), Some(PUBLIC), path);
        assert!(response.headers.contains_key("cdn-cache-control"), "{path}");
        let response = get(&verifier, path, &cookie()).await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_caching(&response, None, None, path);
    }
}

#[actix_web::test]
async fn rejected_request_varies_by_cookie() {
    let bad = [(COOKIE.as_str(), "paseto=v4.public.x".to_owned())];
    let malformed = [(COOKIE.as_str(), "paseto=a; paseto=b".to_owned())];
    let handshake =
        [("upgrade", "websocket".to_owned()), ("sec-fetch-site", "cross-site".to_owned())];
    let cross_origin = [cookie().as_slice(), &handshake].concat();
    for verifier in [either(), slow()] {
        for path in GUARDED.into_iter().chain(["/bare/paseto", "/bare/token"]) {
            let response = get(&verifier, path, &[]).await;
            response.assert_no_token();
            assert_caching(&response, Some("Cookie"), None, path);
            let response = get(&verifier, path, &bad).await;
            response.assert_invalid_token();
            assert_caching(&response, Some("Cookie"), Some("no-store"), path);
            let response = get(&verifier, path, &malformed).await;
            response.assert_invalid_request();
            assert_caching(&response, Some("Cookie"), Some("no-store"), path);
            let response = get(&verifier, path, &cross_origin).await;
            assert_eq!(response.status, StatusCode::FORBIDDEN, "{path}");
            assert_caching(&response, Some("Cookie"), Some("no-store"), path);
        }
        let response = get(&verifier, "/attribute/scope", &cookie()).await;
        assert_eq!(response.status, StatusCode::FORBIDDEN);
        assert_caching(&response, Some("Cookie"), Some("no-store"), "a missing scope");
        let response = get(&verifier, "/attribute/scope", &bearer()).await;
        assert_eq!(response.status, StatusCode::FORBIDDEN);
        assert_caching(&response, Some("Cookie"), None, "a missing scope of a token in a header");
    }
}

#[actix_web::test]
async fn response_of_an_error_handler_is_not_stored() {
    let verifier = verifier_builder(&TestClock::new())
        .token_from([TokenSource::cookie("paseto")])
        .check(|_| Err(Rejection::forbidden("suspended")))
        .error_handler(|_, error| public(HttpResponse::build(error.status())))
        .build()
        .unwrap();
    for path in GUARDED.into_iter().chain(["/bare/paseto", "/bare/maybe"]) {
        let response = get(&verifier, path, &cookie()).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (StatusCode::FORBIDDEN, "page"),
            "{path}"
        );
        assert_caching(&response, Some("Accept-Encoding, Cookie"), Some("no-store"), path);
    }
}

/// Only users with a valid token receive these responses. Caches store `404` responses by default
/// (RFC 9110, section 15.1).
#[actix_web::test]
async fn errors_of_a_handler_and_of_its_arguments_are_not_stored() {
    for verifier in [either(), slow()] {
        for (path, body) in
            [("/attribute/error", "no page"), ("/attribute/argument/x", "can not parse")]
        {
            let response = get(&verifier, path, &cookie()).await;
            assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
            assert!(response.body.contains(body), "{path}: {}", response.body);
            assert_caching(&response, Some("Cookie"), Some("no-store"), path);
            let response = get(&verifier, path, &bearer()).await;
            assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
            assert_caching(&response, Some("Cookie"), None, path);
        }
    }
}

#[actix_web::test]
async fn page_varies_by_cookie_if_a_closure_reads_the_token() {
    let by_cookie = |req: &HttpRequest| Some(req.cookie("paseto")?.value().to_owned());
    let by_header =
        |req: &HttpRequest| Some(req.headers().get("x-token")?.to_str().ok()?.to_owned());
    let builder = || verifier_builder(&TestClock::new());
    let x_token = [("x-token", token_of("ada"))];
    for path in GUARDED {
        let verifier = builder().token_loader(by_cookie).build().unwrap();
        let response = get(&verifier, path, &cookie()).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
        assert_caching(&response, Some("Accept-Encoding, Cookie"), Some("no-store"), path);
        let response = get(&verifier, path, &[]).await;
        response.assert_no_token();
        assert_caching(&response, Some("Cookie"), None, path);

        let verifier = builder().token_loader(by_header).build().unwrap();
        let response = get(&verifier, path, &x_token).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
        assert_caching(&response, Some("Accept-Encoding, Cookie"), Some(PUBLIC), path);
    }
}

/// The verifier of the inner scope is used last, but the page depends on both verifiers.
#[actix_web::test]
async fn page_behind_two_verifiers_has_the_headers_of_both() {
    let by_cookie = verifier_builder(&TestClock::new())
        .token_from([TokenSource::cookie("paseto")])
        .build()
        .unwrap();
    let by_header = verifier_builder(&TestClock::new()).build().unwrap();
    let app = init_service(
        App::new().app_data(by_cookie).service(
            web::scope("/outer").wrap(PasetoRequired::new()).service(
                web::scope("/inner")
                    .app_data(by_header)
                    .route("", web::get().to(async |_: VerifiedToken| page())),
            ),
        ),
    )
    .await;
    let both =
        TestRequest::with_uri("/outer/inner").insert_header((COOKIE, cookie()[0].1.as_str()));
    let response =
        call(&app, both.insert_header((AUTHORIZATION, bearer()[0].1.as_str())).to_request()).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_caching(&response, Some("Accept-Encoding, Cookie"), Some("no-store"), "both");
}

#[actix_web::test]
async fn page_without_a_guard_keeps_its_cache_headers() {
    let app = init_service(
        App::new()
            .app_data(either())
            .wrap(PasetoCacheControl::new())
            .route("/", web::get().to(async || page())),
    )
    .await;
    let request = TestRequest::get().insert_header((COOKIE, cookie()[0].1.as_str()));
    let response = call(&app, request.to_request()).await;
    assert_caching(&response, Some("Accept-Encoding"), Some(PUBLIC), "no guard");
}
