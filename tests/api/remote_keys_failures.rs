//! Sources of remote keys that fail: nothing is accepted that was not valid, and old keys stay for
//! a limited time.

use std::net::TcpListener;
use std::time::Duration as RealDuration;

use actix_web::http::header::RETRY_AFTER;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::key_set::KeySetSource;
use paseto_actix::{PublicKey, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{assert_accepted, send_bearer};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::key_server::{KeyServer, Reply, json, key_set, response};
use paseto_actix_tests::keys::{LOCAL_PASERK, SECRET_PASERK, SECRET_PEM};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::remote_keys::{
    REFRESH, builder, source, status, token, token_of, verifier, wait_for_fetch,
};
use serde_json::{Value, json as value};
use time::Duration;

const OTHER: &str = "https://other.example";

/// Asserts that the response is `503`. A random part of up to 50 % is subtracted from
/// `Retry-After`.
async fn assert_unavailable(verifier: &Verifier, token: &str, retry_after: u64) {
    let (response, runs) = send_bearer(verifier, token).await;
    assert_eq!((response.status.as_u16(), runs), (503, 0));
    let seconds: u64 =
        response.headers.get(RETRY_AFTER).unwrap().to_str().unwrap().parse().unwrap();
    assert!((retry_after.div_ceil(2)..=retry_after).contains(&seconds), "{seconds} s");
    assert_eq!(response.challenge(), "");
    assert_eq!(
        response.body,
        r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
    );
}

#[actix_web::test]
async fn a_server_that_is_down_at_the_start_is_asked_again() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let token = token(&key);
    let server = KeyServer::start(response("500 Internal Server Error", &[], ""));
    let verifier = verifier(&clock, &server);
    for (hits, retry_after) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
        // The first request waits for the fetch. The second one does not start another fetch.
        for _ in 0..2 {
            assert_unavailable(&verifier, &token, retry_after).await;
            assert_eq!(server.hits(), hits + 1);
        }
        let status = status(&verifier);
        assert!(!status.is_usable && status.last_success.is_none());
        assert_eq!(status.last_error.as_deref(), Some("expected status 200, found 500"));
        clock.advance(Duration::seconds(retry_after.cast_signed()));
    }
    server.reply(key_set(ISSUER, &[key.public_key()]));
    assert_accepted(&verifier, &token).await;
    assert_eq!(status(&verifier).last_success, Some(START + Duration::seconds(91)));
}

#[actix_web::test]
async fn a_port_without_a_server_is_a_failed_fetch() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let verifier = builder(&TestClock::new(), url).build().unwrap();
    assert_eq!(wait_for_fetch(&verifier).await.kind(), VerifyErrorKind::Unavailable);
}

#[actix_web::test]
async fn keys_are_used_until_they_are_too_old() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let token = token(&key);
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let source = source(&server).max_staleness(RealDuration::from_secs(3600));
    let verifier = builder(&clock, source).build().unwrap();
    assert_accepted(&verifier, &token).await;
    assert_eq!(verifier.token_cache_stats().entries, 1);
    server.reply(response("404 Not Found", &[], ""));
    clock.advance(Duration::HOUR - Duration::SECOND);
    wait_for_fetch(&verifier).await;
    assert_eq!(server.hits(), 2);
    assert_accepted(&verifier, &token).await;

    // Also the cached token is rejected, and its key is removed.
    server.hold();
    clock.advance(Duration::SECOND);
    let rejected = verifier.verify_str(&token).unwrap_err();
    assert_eq!(rejected.kind(), VerifyErrorKind::Unavailable);
    assert_eq!((verifier.token_cache_stats().entries, verifier.keys().len()), (0, 0));
    assert!(!status(&verifier).is_usable);
    server.release();
    assert_unavailable(&verifier, &token, 2).await;

    server.reply(key_set(ISSUER, &[key.public_key()]));
    clock.advance(Duration::seconds(2));
    assert_accepted(&verifier, &token).await;
    assert!(status(&verifier).is_usable);
}

/// A document with an entry per key, and other members of the issuer.
fn document(keys: &[PublicKey]) -> Value {
    let entry = |key: &PublicKey| value!({ "kid": key.kid(), "paserk": key.to_paserk() });
    value!({ "iss": ISSUER, "keys": keys.iter().map(entry).collect::<Vec<_>>() })
}

#[actix_web::test]
async fn invalid_documents_change_nothing() {
    let (clock, key, fixed) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier =
        builder(&clock, source(&server)).trust(OTHER, fixed.public_key()).build().unwrap();
    wait_for_fetch(&verifier).await;
    let good = SecretKey::generate().public_key();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = document(std::slice::from_ref(&good));
        change(&mut document);
        json(&document.to_string())
    };
    let weak = "k4.public.AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let weak = PublicKey::from_paserk(weak).unwrap();
    let many: Vec<_> = (0..65).map(|_| SecretKey::generate().public_key()).collect();
    let secret = "the key set contains a secret key or a symmetric key";
    for (reply, expected) in [
        (json("garbage"), "the key set is malformed: expected value at line 1 column 1"),
        (json(""), "the key set is malformed: EOF while parsing a value at line 1 column 0"),
        (with(&|document| document["iss"] = value!("https://issuer.example/")), "expected issuer"),
        (with(&|document| document["keys"] = value!([])), "contains no `k4.public` key"),
        (json(&document(&many).to_string()), "more than 64 keys"),
        (json(&document(&[good.clone(), good.clone()]).to_string()), "twice"),
        (json(&document(&[good.clone(), weak]).to_string()), "is weak"),
        (with(&|document| document["keys"][0]["kid"] = value!("k4.pid.A")), "`kid` is not the"),
        (with(&|document| document["keys"][0]["paserk"] = value!(SECRET_PASERK)), secret),
        (with(&|document| document["old"] = value!([LOCAL_PASERK])), secret),
        (with(&|document| document["old"] = value!(SECRET_PEM)), secret),
    ] {
        server.reply(reply);
        clock.advance(REFRESH);
        let hits = server.hits();
        assert_eq!(wait_for_fetch(&verifier).await.kind(), VerifyErrorKind::UnknownKey);
        assert_eq!(server.hits(), hits + 1, "{expected}");
        let status = status(&verifier);
        let error = status.last_error.unwrap();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(&SECRET_PASERK[20..40]) && !error.contains(&LOCAL_PASERK[20..40]));
        assert!(status.is_usable);
        let mut kids: Vec<_> = verifier.keys().into_iter().map(|key| key.key).collect();
        kids.sort_by_key(|kid| *kid == fixed.public_key());
        assert_eq!(kids, [key.public_key(), fixed.public_key()]);
        verifier.verify_str(&token(&key)).unwrap();
        verifier.verify_str(&token_of(OTHER, &fixed)).unwrap();
    }
    server.reply(key_set(ISSUER, std::slice::from_ref(&good)));
    clock.advance(REFRESH);
    wait_for_fetch(&verifier).await;
    assert_eq!(verifier.keys()[0].key, good);
}

/// Each client can cause these lines. The failed fetch is already an error in the log.
#[actix_web::test]
async fn requests_without_keys_are_logged_as_warnings() {
    let server = KeyServer::start(response("500 Internal Server Error", &[], ""));
    let verifier = verifier(&TestClock::new(), &server);
    let logs = Logs::capture();
    assert_unavailable(&verifier, &token(&SecretKey::generate()), 1).await;
    assert_eq!((logs.count("request rejected"), logs.count("ERROR")), (1, 0), "{logs:?}");
    assert_eq!(logs.count("WARN"), 1, "{logs:?}");
}

#[actix_web::test]
async fn slow_servers_are_a_failed_fetch() {
    let clock = TestClock::new();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n".to_vec();
    let endless_headers = [head.as_slice(), b"X: "].concat();
    let body = [head.as_slice(), b"Content-Length: 60000\r\n\r\n"].concat();
    for reply in [Reply::Silence, Reply::Slow(endless_headers), Reply::Slow(body)] {
        let server = KeyServer::start(reply);
        let source = KeySetSource::url(server.url()).timeout(RealDuration::from_millis(200));
        let verifier = builder(&clock, source).build().unwrap();
        assert_eq!(wait_for_fetch(&verifier).await.kind(), VerifyErrorKind::Unavailable);
        let error = status(&verifier).last_error.unwrap();
        assert!(error.contains("timeout"), "{error}");
    }
}
