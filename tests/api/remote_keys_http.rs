//! The rules for responses with remote keys.

use std::net::TcpListener;
use std::process::Command;
use std::{env, io};

use paseto_actix::SecretKey;
use paseto_actix::key_set::KeySet;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::key_server::{KeyServer, Reply, key_set, response};
use paseto_actix_tests::remote_keys::{
    REFRESH, builder, source, status, token, verifier, wait_for_fetch,
};

const JSON: &str = "Content-Type: application/json";

fn document() -> String {
    KeySet::new(ISSUER, [SecretKey::generate().public_key()]).unwrap().to_json()
}

/// Returns the error of a fetch with this reply, or an empty string.
async fn error_of(reply: Reply) -> (KeyServer, String) {
    let server = KeyServer::start(reply);
    let verifier = verifier(&TestClock::new(), &server);
    wait_for_fetch(&verifier).await;
    (server, status(&verifier).last_error.unwrap_or_default())
}

#[actix_web::test]
async fn other_status_codes_are_rejected() {
    for status in ["204 No Content", "206 Partial Content", "304 Not Modified", "404 Not Found"] {
        let body = if status.starts_with("206") { document() } else { String::new() };
        let (_, error) = error_of(response(status, &[JSON], &body)).await;
        assert_eq!(error, format!("expected status 200, found {}", &status[..3]));
    }
}

#[actix_web::test]
async fn other_content_types_are_rejected() {
    for accepted in
        ["application/json; charset=utf-8", "Application/JSON", "application/jwk-set+json"]
    {
        let header = format!("Content-Type: {accepted}");
        assert_eq!(error_of(response("200 OK", &[&header], &document())).await.1, "", "{accepted}");
    }
    for rejected in ["text/html", "text/json", "application/jsonp", "application/octet-stream", ""]
    {
        let header = format!("Content-Type: {rejected}");
        let error = error_of(response("200 OK", &[&header], &document())).await.1;
        let expected = format!("expected the content type `application/json`, found `{rejected}`");
        assert_eq!(error, expected);
    }
    let error = error_of(response("200 OK", &[], &document())).await.1;
    assert_eq!(error, "expected the content type `application/json`, found ``");
}

#[actix_web::test]
async fn long_bodies_are_not_read_to_their_end() {
    let (_, error) = error_of(response("200 OK", &[JSON], &" ".repeat(10 << 20))).await;
    assert_eq!(error, "the document is longer than 64 KiB");
    // Without `Content-Length`. The buffers of the connection hold a part of the body.
    for framing in ["", "Transfer-Encoding: chunked\r\n"] {
        let chunk = if framing.is_empty() { "" } else { "fffffff\r\n" };
        let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n{framing}\r\n{chunk}");
        let (server, error) = error_of(Reply::Endless(head.into_bytes())).await;
        assert_eq!(error, "the document is longer than 64 KiB");
        assert!(server.sent() < 20 << 20, "{} bytes", server.sent());
    }
    // The maximum length.
    let document = document();
    let padded = document.clone() + &" ".repeat((64 << 10) - document.len());
    assert_eq!(error_of(response("200 OK", &[JSON], &padded)).await.1, "");
    let (_, error) = error_of(response("200 OK", &[JSON], &(padded + " "))).await;
    assert_eq!(error, "the document is longer than 64 KiB");
}

#[actix_web::test]
async fn a_truncated_body_is_rejected() {
    let document = document();
    let length = document.len() + 1;
    let reply = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: {length}\r\n\r\n{document}");
    let (_, error) = error_of(Reply::Response(reply.into_bytes())).await;
    assert!(error.starts_with("reading the body failed"), "{error}");
}

#[actix_web::test]
async fn redirects_to_another_origin_are_rejected() {
    let other = KeyServer::start(key_set(ISSUER, &[SecretKey::generate().public_key()]));
    let server = KeyServer::start(Reply::Silence);
    let same = server.url();
    let port = same.trim_start_matches("http://127.0.0.1");
    for location in [
        other.url(),
        other.url().replace("http://", "//"),
        server.url_of("localhost"),
        format!("https://127.0.0.1{port}"),
        format!("http://127.0.0.1.evil.example{port}"),
        format!("http://ada:password@127.0.0.1{port}"),
        "http://127.0.0.1/keys.json".to_owned(),
        "keys.json".to_owned(),
        "\\\\evil.example/keys.json".to_owned(),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ] {
        for status in ["301 Moved", "302 Found", "303 See Other", "307 Moved", "308 Moved"] {
            let header = format!("Location: {location}");
            server.reply(response(status, &[&header], ""));
            let verifier = verifier(&TestClock::new(), &server);
            wait_for_fetch(&verifier).await;
            let error = status_of(&verifier);
            assert!(error.starts_with("expected a redirect to the same scheme"), "{error}");
        }
    }
    assert_eq!(other.hits(), 0);
    let (_, error) = error_of(response("302 Found", &[], "")).await;
    assert_eq!(error, "the redirect has no `Location`");
}

fn status_of(verifier: &paseto_actix::Verifier) -> String {
    status(verifier).last_error.unwrap_or_default()
}

#[actix_web::test]
async fn at_most_3_redirects_to_the_same_origin_are_followed() {
    let server = KeyServer::start(Reply::Silence);
    for location in ["/next.json?a=b".to_owned(), server.url().replace("keys", "next")] {
        server.reply(response("302 Found", &[&format!("Location: {location}")], ""));
        let hits = server.hits();
        let source = verifier(&TestClock::new(), &server);
        wait_for_fetch(&source).await;
        assert_eq!(status_of(&source), "more than 3 redirects");
        assert_eq!(server.hits(), hits + 4);
        assert!(server.last_request().starts_with("GET /next.json"), "{}", server.last_request());
    }
    // The third redirect leads to the document.
    server.hold();
    server.reply(response("307 Moved", &["Location: /other.json"], ""));
    let hits = server.hits();
    let verifier = builder(&TestClock::new(), source(&server)).build().unwrap();
    for redirects in 1..=3 {
        server.wait_for_hits(hits + redirects);
        server.release_one();
    }
    server.wait_for_hits(hits + 4);
    server.reply(key_set(ISSUER, &[SecretKey::generate().public_key()]));
    server.release();
    wait_for_fetch(&verifier).await;
    assert_eq!(status_of(&verifier), "");
    assert!(server.last_request().starts_with("GET /other.json"));
}

/// An `ETag` is only unique for its URL.
#[actix_web::test]
async fn a_tag_is_sent_only_to_its_url() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let document = KeySet::new(ISSUER, [key.public_key()]).unwrap().to_json();
    let tagged = |tag: &str| response("200 OK", &[JSON, &format!("ETag: \"{tag}\"")], &document);
    let server = KeyServer::start(tagged("one"));
    let verifier = verifier(&clock, &server);
    verifier.verify_str_async(&token(&key)).await.unwrap();
    server.hold();
    for tag in ["", "if-none-match: \"two\"\r\n"] {
        let hits = server.hits();
        server.reply(response("302 Found", &["Location: /other.json"], ""));
        clock.advance(REFRESH);
        verifier.verify_str(&token(&key)).unwrap();
        server.wait_for_hits(hits + 1);
        // The tag of `/keys.json` is known in the first round, that of `/other.json` in the second.
        assert_eq!(server.last_request().contains("if-none-match: \"one\""), tag.is_empty());
        server.release_one();
        server.wait_for_hits(hits + 2);
        let head = server.last_request();
        assert!(head.starts_with("GET /other.json"), "{head}");
        assert_eq!(head.contains("if-none-match"), !tag.is_empty(), "{head}");
        assert!(head.contains(tag), "{head}");
        server.reply(tagged("two"));
        server.release_one();
        wait_for_fetch(&verifier).await;
        assert_eq!(status_of(&verifier), "");
    }
}

#[actix_web::test]
async fn a_fetch_for_an_unknown_key_is_not_answered_by_a_cache() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = verifier(&clock, &server);
    verifier.verify_str_async(&token(&key)).await.unwrap();
    assert!(!server.last_request().contains("cache-control"), "{}", server.last_request());
    clock.advance(time::Duration::seconds(30));
    wait_for_fetch(&verifier).await;
    assert!(server.last_request().contains("cache-control: no-cache\r\n"));
    clock.advance(REFRESH);
    verifier.verify_str(&token(&key)).unwrap();
    server.wait_for_hits(3);
    assert!(!server.last_request().contains("cache-control"), "{}", server.last_request());
}

/// Environment variables of a process cannot change while it has threads, so a child fetches.
#[actix_web::test]
async fn proxies_in_environment_variables_are_not_used() {
    const URL: &str = "PASETO_ACTIX_TEST_KEY_SET_URL";
    if let Ok(url) = env::var(URL) {
        let verifier = builder(&TestClock::new(), url).build().unwrap();
        wait_for_fetch(&verifier).await;
        assert_eq!(status_of(&verifier), "");
        return;
    }
    let server = KeyServer::start(key_set(ISSUER, &[SecretKey::generate().public_key()]));
    let proxy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    proxy.set_nonblocking(true).unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "remote_keys_http::proxies_in_environment_variables_are_not_used"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        child.env(name, &proxy_url);
    }
    let output = child.env(URL, server.url()).env_remove("NO_PROXY").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.hits(), 1);
    assert_eq!(proxy.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
