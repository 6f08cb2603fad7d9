//! Tokens in cookies, among cookies of other applications.

use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderValue};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::{MaybePaseto, PasetoRequired, TokenSource, Verifier};
use paseto_actix_tests::app::{call, send, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;

fn verifier(name: &str) -> Verifier {
    let sources = [TokenSource::bearer(), TokenSource::cookie(name)];
    verifier_builder(&TestClock::new()).token_from(sources).build().unwrap()
}

/// Returns a request with these `Cookie` headers.
fn get<B: AsRef<[u8]>>(headers: impl IntoIterator<Item = B>) -> TestRequest {
    let value = |header: B| (COOKIE, HeaderValue::from_bytes(header.as_ref()).unwrap());
    headers.into_iter().map(value).fold(TestRequest::get(), TestRequest::append_header)
}

async fn assert_ada(verifier: &Verifier, request: TestRequest, case: &str) {
    let (response, runs) = send(verifier, request).await;
    assert_eq!(
        (response.status, response.body.as_str(), runs),
        (StatusCode::OK, "ada", 1),
        "{case}"
    );
}

async fn assert_no_token(verifier: &Verifier, request: TestRequest, case: &str) {
    let (response, runs) = send(verifier, request).await;
    assert_eq!((response.status, runs), (StatusCode::UNAUTHORIZED, 0), "{case}");
    response.assert_no_token();
}

/// A browser does not treat `%5F%5FHost-paseto` as a `__Host-` cookie. So the browser does not
/// enforce the rules of the prefix (RFC 6265bis, section 4.1.3.2).
#[actix_web::test]
async fn encoded_name_is_another_cookie() {
    let token = token_of("ada");
    let verifier = verifier("__Host-paseto");
    assert_ada(&verifier, get([format!("__Host-paseto={token}")]), "the configured name").await;
    for name in [
        "%5F%5FHost-paseto",
        "__Host%2Dpaseto",
        "__host-paseto",
        "x__Host-paseto",
        "__Host-paseto2",
        "",
    ] {
        assert_no_token(&verifier, get([format!("{name}={token}")]), name).await;
    }
}

/// Other cookies of a browser must not affect the token, whatever their syntax.
#[actix_web::test]
async fn other_cookies_do_not_affect_the_token() {
    let token = token_of("ada");
    let verifier = verifier("paseto");
    let (utf_8, latin_1) = ("name=caf\u{e9}".as_bytes(), b"name=caf\xe9".as_slice());
    for other in [
        utf_8,
        latin_1,
        b"=x",
        b"x",
        b"paseto",
        b"a=b=c",
        b"a=\"b\"",
        b"a=\"b;c\"",
        b"=",
        b";;",
        b"",
        b" ",
        b"%=%",
        b"pasetos=1",
    ] {
        let case = other.escape_ascii().to_string();
        let own = format!("paseto={token}");
        for both in [[other, own.as_bytes()], [own.as_bytes(), other]] {
            assert_ada(&verifier, get([both.join(b"; ".as_slice())]), &case).await;
            assert_ada(&verifier, get(both), &case).await;
        }
        assert_no_token(&verifier, get([other]), &case).await;
        let bearer = get([other]).insert_header((AUTHORIZATION, format!("Bearer {token}")));
        assert_ada(&verifier, bearer, &case).await;
    }
}

/// Another site of the same domain can add a cookie with this name but cannot remove the first
/// cookie (RFC 6265, section 8.6).
#[actix_web::test]
async fn different_cookies_of_one_name_are_rejected() {
    let (ada, eve) = (token_of("ada"), token_of("eve"));
    let verifier = verifier("paseto");
    for (first, second) in [(ada.as_str(), eve.as_str()), (&eve, &ada), (&ada, "caf\u{e9}")] {
        let (first, second) = (format!("paseto={first}"), format!("paseto={second}"));
        for request in [get([format!("{first}; theme=dark; {second}")]), get([first, second])] {
            let logs = Logs::capture();
            let (response, runs) = send(&verifier, request).await;
            response.assert_invalid_request();
            assert_eq!((runs, logs.signature_checks()), (0, 0));
        }
    }
    let own = format!("paseto={ada}");
    assert_ada(&verifier, get([format!("{own};{own} ;  {own}")]), "three equal cookies").await;
    assert_ada(&verifier, get([&own, &own]), "two equal cookies in two headers").await;
}

/// After a server has removed a cookie, some clients still send the cookie, with an empty value.
#[actix_web::test]
async fn empty_cookie_is_no_token() {
    let (verifier, token) = (verifier("paseto"), token_of("ada"));
    let loader = verifier_builder(&TestClock::new())
        .token_loader(|req| Some(req.cookie("paseto")?.value().to_owned()))
        .build()
        .unwrap();
    for emptied in ["paseto=", "paseto=\"\"", "paseto=; paseto=\"\"", " paseto = ", "paseto"] {
        for verifier in [&verifier, &loader] {
            assert_no_token(verifier, get([emptied]), emptied).await;
        }
        assert_ada(&verifier, get([format!("{emptied}; paseto={token}")]), emptied).await;
        assert_ada(&verifier, get([format!("paseto={token}; {emptied}")]), emptied).await;
        let app = App::new().app_data(verifier.clone()).route("/", web::get().to(greet));
        let app = init_service(app).await;
        let response = call(&app, get([emptied]).to_request()).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (StatusCode::OK, "stranger"),
            "{emptied}"
        );
    }
    let five = "paseto=; ".repeat(5);
    let (response, _) = send(&verifier, get([five])).await;
    response.assert_invalid_request();
}

async fn greet(MaybePaseto(paseto): MaybePaseto<serde_json::Value>) -> String {
    paseto.map_or_else(
        || "stranger".to_owned(),
        |paseto| paseto.token().subject().unwrap_or_default().to_owned(),
    )
}

#[actix_web::test]
async fn token_in_quotes_is_accepted() {
    let token = token_of("ada");
    let verifier = verifier("paseto");
    assert_ada(&verifier, get([format!("paseto=\"{token}\"")]), "quotes").await;
    assert_ada(&verifier, get([format!("a=\"b\"; paseto = \"{token}\" ")]), "quotes and spaces")
        .await;
    assert_ada(
        &verifier,
        get([format!("paseto={token}; paseto=\"{token}\"")]),
        "with and without quotes",
    )
    .await;
    for value in [format!("\"{token}"), format!("{token}\""), format!("\"\"{token}\"\"")] {
        let (response, runs) = send(&verifier, get([format!("paseto={value}")])).await;
        response.assert_invalid_token();
        assert_eq!(runs, 0, "{value}");
    }
}

#[actix_web::test]
async fn cookie_that_is_not_utf_8_is_rejected_and_does_not_hide_a_token() {
    let token = token_of("ada");
    let verifier = verifier("paseto");
    let neighbor = [b"name=M\xFCller; paseto=".as_slice(), token.as_bytes()].concat();
    assert_ada(&verifier, get([neighbor]), "another cookie in the header").await;
    let own = [b"paseto=\xFC".as_slice(), token.as_bytes()].concat();
    let (response, runs) = send(&verifier, get([own])).await;
    response.assert_invalid_request();
    assert_eq!(runs, 0);
}

#[actix_web::test]
async fn at_most_four_cookies_of_the_name_are_read() {
    let verifier = verifier("paseto");
    let own = format!("paseto={}", token_of("ada"));
    for (count, accepted) in [(4, true), (5, false), (1000, false)] {
        for request in [get([vec![own.as_str(); count].join("; ")]), get(vec![&own; count])] {
            if accepted {
                assert_ada(&verifier, request, "four").await;
                continue;
            }
            let (response, runs) = send(&verifier, request).await;
            response.assert_invalid_request();
            assert_eq!(runs, 0, "{count}");
        }
    }
}

/// `HttpRequest::cookies` decodes names and caches the result for all later readers.
#[actix_web::test]
async fn encoded_name_is_another_cookie_after_a_middleware_has_read_the_cookies() {
    let token = token_of("ada");
    let verifier = verifier("__Host-paseto");
    let app = init_service(
        App::new()
            .app_data(verifier)
            .wrap(PasetoRequired::new())
            .wrap_fn(|req, service| {
                assert!(
                    req.cookie("__Host-paseto").is_some(),
                    "the middleware sees the decoded name"
                );
                service.call(req)
            })
            .default_service(web::to(async || "served")),
    )
    .await;
    for (name, status) in
        [("%5F%5FHost-paseto", StatusCode::UNAUTHORIZED), ("__Host-paseto", StatusCode::OK)]
    {
        let response = call(&app, get([format!("{name}={token}")]).to_request()).await;
        assert_eq!(response.status, status, "{name}");
    }
}
