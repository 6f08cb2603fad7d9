//! The service that publishes the keys of an issuer.

use std::time::Duration;

use actix_web::App;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AsHeaderName, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap,
    IF_NONE_MATCH,
};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use paseto_actix::key_set::{KeySet, KeySetService};
use paseto_actix::{Issuer, SecretKey};
use paseto_actix_tests::app::{TestResponse, call};
use paseto_actix_tests::{ISSUER, keys};

const PATH: &str = "/.well-known/paserk.json";

/// Returns an issuer with an active and an announced key.
fn issuer() -> Issuer {
    let issuer = Issuer::builder(ISSUER).key(keys::secret()).build().unwrap();
    issuer.announce(SecretKey::generate()).unwrap();
    issuer
}

fn service() -> KeySetService {
    KeySetService::new(issuer())
}

async fn send(service: &KeySetService, request: TestRequest) -> TestResponse {
    call(&init_service(App::new().service(service.clone())).await, request.to_request()).await
}

#[track_caller]
fn header(headers: &HeaderMap, name: impl AsHeaderName) -> &str {
    headers.get(name).unwrap().to_str().unwrap()
}

#[actix_web::test]
async fn keys_are_served_to_clients_of_every_origin() {
    let issuer = issuer();
    let service = KeySetService::new(issuer.clone());
    let get = send(&service, TestRequest::with_uri(PATH)).await;
    assert_eq!(get.status, StatusCode::OK);
    let keys = KeySet::from_json(get.body.as_bytes()).unwrap();
    assert_eq!(keys, KeySet::new(ISSUER, issuer.public_keys()).unwrap());
    assert_eq!(header(&get.headers, CONTENT_TYPE), "application/json");
    assert_eq!(header(&get.headers, CACHE_CONTROL), "public, max-age=300");
    assert_eq!(header(&get.headers, ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(header(&get.headers, ETAG).starts_with('"'), "the tag must be strong");

    let head = send(&service, TestRequest::with_uri(PATH).method(Method::HEAD)).await;
    assert_eq!(
        (head.status, header(&head.headers, ETAG)),
        (get.status, header(&get.headers, ETAG))
    );
    let preflight = send(&service, TestRequest::with_uri(PATH).method(Method::OPTIONS)).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    for (name, value) in
        [("allow-origin", "*"), ("allow-methods", "GET, HEAD"), ("allow-headers", "*")]
    {
        assert_eq!(header(&preflight.headers, format!("access-control-{name}")), value);
    }
    let post = send(&service, TestRequest::with_uri(PATH).method(Method::POST)).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// RFC 9110, sections 13.1.2 and 15.4.5.
#[actix_web::test]
async fn a_known_document_is_not_sent_again() {
    let service = service();
    let first = send(&service, TestRequest::with_uri(PATH)).await;
    let tag = header(&first.headers, ETAG).to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), "*".to_owned()] {
        for method in [Method::GET, Method::HEAD] {
            let request = TestRequest::with_uri(PATH).method(method);
            let response = send(&service, request.insert_header((IF_NONE_MATCH, &*known))).await;
            assert_eq!(response.status, StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(header(&response.headers, ETAG), tag);
            assert_eq!(header(&response.headers, CACHE_CONTROL), "public, max-age=300");
            assert_eq!(header(&response.headers, ACCESS_CONTROL_ALLOW_ORIGIN), "*");
            assert_eq!(response.body, "");
        }
    }
    for unknown in ["\"a\"", "a", ""] {
        let request = TestRequest::with_uri(PATH).insert_header((IF_NONE_MATCH, unknown));
        assert_eq!(send(&service, request).await.body, first.body, "{unknown}");
    }
    let other =
        KeySetService::new(Issuer::builder(ISSUER).key(SecretKey::generate()).build().unwrap());
    let request = TestRequest::with_uri(PATH).insert_header((IF_NONE_MATCH, &*tag));
    assert_eq!(send(&other, request).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn path_and_max_age_can_be_set() {
    let service = service().path("/keys.json").unwrap().max_age(Duration::from_secs(60)).unwrap();
    let response = send(&service, TestRequest::with_uri("/keys.json")).await;
    assert_eq!(header(&response.headers, CACHE_CONTROL), "public, max-age=60");
    assert_eq!(send(&service, TestRequest::with_uri(PATH)).await.status, StatusCode::NOT_FOUND);
}

#[test]
fn invalid_settings_are_rejected() {
    for path in ["", "keys.json", "/{keys}", "/keys*", "/a/../b", "/a b", "/a%20b", "/ä", "/a?b"] {
        let error = service().path(path).unwrap_err().to_string();
        assert!(error.starts_with("`path`: expected a path that begins with `/`"), "{error}");
    }
    for (seconds, found) in [(59, "59"), (24 * 60 * 60 + 1, "86401")] {
        let error = service().max_age(Duration::from_secs(seconds)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`max_age`: expected 1 minute to 24 hours, found {found} s")
        );
    }
    service().max_age(Duration::from_secs(24 * 60 * 60)).unwrap();
}
