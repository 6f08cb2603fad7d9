//! Cross-origin requests with tokens that a browser sends automatically.

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{ConfigError, TokenSource, Verifier};
use paseto_actix_tests::app::{BODY_403, send, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;

pub(crate) const SITE: &str = "sec-fetch-site";
pub(crate) const HOST: (&str, &str) = ("host", "api.example");
pub(crate) const EVIL: (&str, &str) = ("origin", "https://evil.example");
pub(crate) const CROSS: (&str, &str) = (SITE, "cross-site");

type Headers = Vec<(&'static str, &'static str)>;

/// Returns a verifier without a token cache, so that each verification checks a signature.
pub(crate) fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new()).without_token_cache()
}

fn verifier(sources: impl IntoIterator<Item = TokenSource>) -> Verifier {
    builder().token_from(sources).build().unwrap()
}

fn either() -> Verifier {
    verifier([TokenSource::bearer(), TokenSource::cookie("paseto")])
}

pub(crate) fn request(method: &str, headers: &[(&str, &str)]) -> TestRequest {
    let request = TestRequest::default().method(method.parse().unwrap());
    headers.iter().fold(request, |request, header| request.append_header(*header))
}

fn with_cookie(request: TestRequest, token: &str) -> TestRequest {
    request.append_header(("cookie", format!("theme=dark; paseto={token}")))
}

fn with_bearer(request: TestRequest, token: &str) -> TestRequest {
    request.append_header(("authorization", format!("Bearer {token}")))
}

/// Returns whether a request is accepted. A rejected request gets `403` without details and causes
/// no signature check.
pub(crate) async fn passes(verifier: &Verifier, request: TestRequest) -> bool {
    let logs = Logs::capture();
    let (response, runs) = send(verifier, request).await;
    if response.status == StatusCode::OK {
        assert_eq!((response.body.as_str(), runs, logs.signature_checks()), ("ada", 1, 1));
        return true;
    }
    assert_eq!((response.status, response.challenge()), (StatusCode::FORBIDDEN, ""));
    assert_eq!(response.body, BODY_403);
    assert_eq!((runs, logs.signature_checks()), (0, 0));
    assert_eq!(logs.count(".trusted_origin(..)"), 1, "the log names the setting: {logs:?}");
    false
}

/// Sends the request with the token in a cookie and expects `allowed`. Then sends it with a bearer
/// token, which is always accepted.
async fn expect(verifier: &Verifier, method: &str, headers: &[(&str, &str)], allowed: bool) {
    let case = format!("{method} {headers:?}");
    let token = token_of("ada");
    assert_eq!(
        passes(verifier, with_cookie(request(method, headers), &token)).await,
        allowed,
        "a cookie: {case}"
    );
    assert!(
        passes(verifier, with_bearer(request(method, headers), &token)).await,
        "a bearer token: {case}"
    );
    let both = with_bearer(with_cookie(request(method, headers), &token), &token);
    assert!(passes(verifier, both).await, "both: {case}");
}

/// W3C Fetch Metadata Request Headers, `Sec-Fetch-Site`.
#[actix_web::test]
async fn sec_fetch_site_decides_if_it_is_present() {
    let table: [(Headers, bool); 13] = [
        (vec![(SITE, "same-origin")], true),
        (vec![(SITE, "none")], true),
        (vec![(SITE, "same-site")], false),
        (vec![CROSS], false),
        (vec![(SITE, "")], false),
        (vec![(SITE, "Same-Origin")], false),
        (vec![(SITE, "same-origin, cross-site")], false),
        (vec![(SITE, "same-origin"), CROSS], false),
        (vec![CROSS, (SITE, "same-origin")], false),
        // With `Sec-Fetch-Site`, the `Origin` and `Host` headers are not compared.
        (vec![(SITE, "same-origin"), EVIL, HOST], true),
        (vec![(SITE, "none"), EVIL, HOST], true),
        (vec![CROSS, ("origin", "https://api.example"), HOST], false),
        (vec![(SITE, "same-site"), ("origin", "https://api.example"), HOST], false),
    ];
    for (headers, allowed) in table {
        expect(&either(), "POST", &headers, allowed).await;
    }
}

/// RFC 6454, section 7.
#[actix_web::test]
async fn origin_must_match_host_without_sec_fetch_site() {
    let table: [(Headers, bool); 14] = [
        (vec![HOST], true),
        (vec![], true),
        (vec![("origin", "https://api.example"), HOST], true),
        (vec![("origin", "http://api.example"), HOST], true),
        (vec![("origin", "https://api.example"), ("host", "API.Example")], true),
        (vec![("origin", "https://api.example:8443"), ("host", "api.example:8443")], true),
        (vec![EVIL, HOST], false),
        (vec![("origin", "null"), HOST], false),
        (vec![("origin", ""), HOST], false),
        (vec![("origin", "https://api.example.evil.example"), HOST], false),
        (vec![("origin", "https://evil.example/?api.example"), HOST], false),
        (vec![("origin", "https://api.example:8443"), HOST], false),
        (vec![("origin", "https://api.example"), EVIL, HOST], false),
        (vec![("origin", "https://api.example")], false),
    ];
    for (headers, allowed) in table {
        expect(&either(), "POST", &headers, allowed).await;
    }
}

/// A request in absolute form, and each HTTP/2 request, has the host of its target (RFC 9112,
/// section 3.2.2).
#[actix_web::test]
async fn origin_must_match_the_authority_of_the_target() {
    for (origin, allowed) in [("https://api.example", true), ("https://evil.example", false)] {
        let request = request("POST", &[("origin", origin), ("host", "evil.example")])
            .uri("https://api.example/");
        assert_eq!(
            passes(&either(), with_cookie(request, &token_of("ada"))).await,
            allowed,
            "{origin}"
        );
    }
}

#[actix_web::test]
async fn cross_origin_request_with_an_unsafe_method_is_rejected() {
    for origin in [CROSS, EVIL] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE", "PURGE", "get"] {
            expect(&either(), method, &[origin, HOST], false).await;
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            expect(&either(), method.as_str(), &[origin, HOST], true).await;
        }
    }
}

/// The same-origin policy does not apply to WebSockets (RFC 6455, section 10.2), so a cookie alone
/// must not open a WebSocket for another site.
#[actix_web::test]
async fn cross_origin_websocket_handshake_with_a_cookie_is_rejected() {
    let upgrade = [HOST, ("connection", "Upgrade"), ("upgrade", "websocket")];
    for (origin, allowed) in [
        (CROSS, false),
        (EVIL, false),
        ((SITE, "same-site"), false),
        ((SITE, "same-origin"), true),
        (("origin", "https://api.example"), true),
    ] {
        expect(&either(), "GET", &[upgrade.as_slice(), &[origin]].concat(), allowed).await;
    }

    // Another site does not know the token that the subprotocol contains.
    let protocol =
        verifier([TokenSource::websocket_subprotocol("paseto"), TokenSource::cookie("paseto")]);
    let named = || request("GET", &upgrade).append_header(EVIL);
    let with_protocol =
        named().append_header(("sec-websocket-protocol", format!("paseto, {}", token_of("ada"))));
    assert!(passes(&protocol, with_protocol).await);
    assert!(!passes(&protocol, with_cookie(named(), &token_of("ada"))).await);
}

#[actix_web::test]
async fn trusted_origin_is_accepted() {
    let app = ("origin", "https://app.example");
    let trusting = || {
        builder()
            .token_from([TokenSource::bearer(), TokenSource::cookie("paseto")])
            .trusted_origin("https://app.example")
            .trusted_origin("https://admin.example:8443")
            .build()
            .unwrap()
    };
    let table: [(Headers, bool); 13] = [
        (vec![app, HOST], true),
        (vec![app, CROSS, HOST], true),
        (vec![app, (SITE, "same-site"), HOST], true),
        (vec![app, CROSS, ("upgrade", "websocket"), HOST], true),
        (vec![("origin", "https://admin.example:8443"), CROSS], true),
        (vec![("origin", "https://admin.example"), CROSS], false),
        (vec![("origin", "http://app.example"), CROSS], false),
        (vec![("origin", "https://app.example.evil.example"), CROSS], false),
        (vec![("origin", "null"), CROSS], false),
        (vec![EVIL, HOST], false),
        (vec![EVIL, CROSS], false),
        (vec![app, EVIL, CROSS], false),
        (vec![CROSS], false),
    ];
    for (headers, allowed) in table {
        expect(&trusting(), "POST", &headers, allowed).await;
    }
    expect(&either(), "POST", &[app, CROSS, HOST], false).await;
}

#[actix_web::test]
async fn disabled_protection_accepts_cross_origin_requests() {
    let off = builder()
        .token_from([TokenSource::bearer(), TokenSource::cookie("paseto")])
        .dangerously_allow_cross_origin_requests()
        .build()
        .unwrap();
    for origin in [CROSS, EVIL] {
        expect(&off, "POST", &[origin, HOST], true).await;
        expect(&either(), "POST", &[origin, HOST], false).await;
    }
}

#[test]
fn trusted_origin_must_be_in_the_form_of_browsers() {
    let build = |origin: &str| builder().trusted_origin(origin).build();
    for (origin, cause) in [
        ("", "scheme"),
        ("null", "scheme"),
        ("*", "scheme"),
        ("app.example", "scheme"),
        ("://app.example", "scheme"),
        ("HTTPS://app.example", "scheme"),
        ("wss://app.example", "scheme"),
        ("https://", "host"),
        ("https://:8443", "host"),
        ("https://app..example", "host"),
        ("https://*.example", "host"),
        ("https://b\u{fc}cher.example", "host"),
        ("https://app.example ", "host"),
        ("https://::1", "host"),
        ("https://[::g]", "host"),
        ("https://app.example/", "path"),
        ("https://app.example?", "query"),
        ("https://app.example#", "fragment"),
        ("https://ada@app.example", "user name"),
        ("https://App.example", "upper-case"),
        ("https://app.example:443", "default port"),
        ("http://app.example:80", "default port"),
        ("https://app.example:", "port"),
        ("https://app.example:0", "port"),
        ("https://app.example:08443", "port"),
        ("https://app.example:+8443", "port"),
        ("https://app.example:65536", "port"),
    ] {
        let error = build(origin).unwrap_err();
        assert!(
            matches!(error, ConfigError::InvalidSetting { setting: "trusted_origin", .. }),
            "{origin}: {error}"
        );
        assert!(
            error.to_string().contains(cause) && error.to_string().contains(origin),
            "{origin}: {error}"
        );
    }
    for origin in [
        "https://app.example",
        "http://localhost:3000",
        "https://app.example:80",
        "http://app.example:443",
        "https://xn--bcher-kva.example",
        "http://192.0.2.1:8080",
        "http://[::1]:8080",
        "https://[2001:db8::1]",
    ] {
        assert!(build(origin).is_ok(), "{origin}");
    }
}

/// Browsers omit the default port. Other clients and proxies may send it.
#[actix_web::test]
async fn default_port_depends_on_the_scheme_of_the_origin() {
    for (origin, host, allowed) in [
        ("https://api.example", "api.example:443", true),
        ("https://api.example:443", "api.example", true),
        ("http://api.example", "api.example:80", true),
        ("https://[::1]", "[::1]:443", true),
        ("https://api.example", "api.example:80", false),
        ("http://api.example", "api.example:443", false),
        ("http://api.example:443", "api.example", false),
        ("https://api.example:80", "api.example", false),
        ("https://api.example", "api.example:4430", false),
        ("https://api.example:8443", "api.example:443", false),
        ("https://", "", false),
        ("https://:443", "", false),
        ("chrome-extension://api.example", "api.example", false),
    ] {
        expect(&either(), "POST", &[("origin", origin), ("host", host)], allowed).await;
    }
}

/// An attacker on the network can replace the pages of `http://host`, so they count as another
/// origin.
#[actix_web::test]
async fn http_origin_is_rejected_on_https() {
    let proto = ("x-forwarded-proto", "https");
    let forwarded = ("forwarded", "for=192.0.2.60;proto=https");
    let (secure, plain) = (("origin", "https://api.example"), ("origin", "http://api.example"));
    let table: [(Headers, bool); 9] = [
        (vec![secure, HOST, proto], true),
        (vec![plain, HOST, proto], false),
        (vec![plain, HOST, ("x-forwarded-proto", "HTTPS")], false),
        (vec![secure, HOST, forwarded], true),
        (vec![plain, HOST, forwarded], false),
        (vec![plain, HOST, ("x-forwarded-proto", "http")], true),
        (vec![secure, HOST, ("x-forwarded-proto", "http")], true),
        (vec![("origin", "http://api.example:80"), HOST, proto], false),
        // The browser has compared the schemes itself.
        (vec![(SITE, "same-origin"), plain, HOST, proto], true),
    ];
    for (headers, allowed) in table {
        expect(&either(), "POST", &headers, allowed).await;
    }
    let of_tls = |origin| request("POST", &[origin]).uri("https://api.example/");
    assert!(passes(&either(), with_cookie(of_tls(secure), &token_of("ada"))).await);
    assert!(!passes(&either(), with_cookie(of_tls(plain), &token_of("ada"))).await);
}

#[actix_web::test]
async fn repeated_headers_are_rejected() {
    let own = ("origin", "https://api.example");
    let table: [Headers; 4] = [
        vec![own, own, HOST],
        vec![(SITE, "same-origin"), (SITE, "same-origin")],
        vec![(SITE, "same-origin"), own, EVIL, HOST],
        vec![own, HOST, HOST],
    ];
    for headers in table {
        expect(&either(), "POST", &headers, false).await;
        expect(&either(), "GET", &headers, true).await;
    }
}
