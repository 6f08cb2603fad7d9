//! Log lines of requests whose token is missing, misplaced or malformed.

use actix_web::test::TestRequest;
use paseto_actix::TokenSource;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::PUBLIC_PASERK;
use serde_json::json;

use super::{log_of, mistakes};

fn token() -> String {
    issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({})).unwrap()
}

fn verifier() -> VerifierBuilder {
    verifier_builder(&TestClock::new())
}

fn cookie() -> VerifierBuilder {
    verifier().token_from([TokenSource::cookie("paseto")])
}

fn get() -> TestRequest {
    TestRequest::get()
}

fn with(name: &'static str, value: impl Into<String>) -> TestRequest {
    get().insert_header((name, value.into()))
}

async fn bearer(token: &str) -> String {
    log_of(verifier(), with("Authorization", format!("Bearer {token}"))).await
}

fn preflight() -> TestRequest {
    with("Origin", "https://app.example")
        .method(actix_web::http::Method::OPTIONS)
        .insert_header(("Access-Control-Request-Method", "GET"))
}

fn cross_origin() -> TestRequest {
    with("Cookie", format!("paseto={}", token()))
        .method(actix_web::http::Method::POST)
        .insert_header(("Sec-Fetch-Site", "cross-site"))
}

mistakes! {
    no_header: log_of(verifier(), get()).await => "DEBUG missing_token: the request has no token in `Authorization: Bearer`: send it there, or add another source with `.token_from(..)`";
    no_scheme: log_of(verifier(), with("Authorization", token())).await => "WARN invalid_request: `Authorization` has a token without the scheme `Bearer`: send `Authorization: Bearer <token>`";
    scheme_of_django: log_of(verifier(), with("Authorization", format!("Token {}", token()))).await => "DEBUG missing_token: the request has no token in `Authorization: Bearer`: send it there, or add another source with `.token_from(..)`; expected the scheme `Bearer`, found `Token`";
    password_in_place_of_a_token: log_of(verifier(), with("Authorization", "Basic YWRhOnNlY3JldA==")).await => "DEBUG missing_token: the request has no token in `Authorization: Bearer`: send it there, or add another source with `.token_from(..)`; expected the scheme `Bearer`, found `Basic`";
    secret_in_place_of_a_token: log_of(verifier(), with("Authorization", "s3cretApiKey1234")).await => "DEBUG missing_token: the request has no token in `Authorization: Bearer`: send it there, or add another source with `.token_from(..)`; expected the scheme `Bearer`, found another string";
    token_without_a_scheme_beside_a_cookie: {
        let verifier = verifier().token_from([TokenSource::bearer(), TokenSource::cookie("paseto")]);
        let request = with("Authorization", token()).insert_header(("Cookie", format!("paseto={}", token())));
        log_of(verifier, request).await
    } => "WARN invalid_request: `Authorization` has a token without the scheme `Bearer`: send `Authorization: Bearer <token>`";
    quotes_around_the_header: log_of(verifier(), with("Authorization", format!("\"Bearer {}\"", token()))).await => "DEBUG missing_token: the request has no token in `Authorization: Bearer`: send it there, or add another source with `.token_from(..)`; expected the scheme `Bearer`, found `\\\"Bearer`";
    nothing_after_bearer: log_of(verifier(), with("Authorization", "Bearer ")).await => "WARN invalid_request: `Authorization: Bearer` has no token";
    bearer_twice: bearer(&format!("Bearer {}", token())).await => "WARN invalid_request: the token after `Bearer` has a character that is not allowed: RFC 6750, section 2.1";
    header_for_a_verifier_of_cookies: log_of(cookie(), with("Authorization", format!("Bearer {}", token()))).await => "DEBUG missing_token: the request has no token in cookie `paseto`: send it there, or add another source with `.token_from(..)`";
    cookie_for_a_verifier_of_headers: log_of(verifier(), with("Cookie", format!("paseto={}", token()))).await => "DEBUG missing_token: the request has no token in `Authorization: Bearer`: send it there, or add another source with `.token_from(..)`";
    emptied_cookie: log_of(cookie(), with("Cookie", "paseto=")).await => "DEBUG missing_token: the request has no token in cookie `paseto`: send it there, or add another source with `.token_from(..)`";
    two_cookies: log_of(cookie(), with("Cookie", format!("paseto={}; paseto=old", token()))).await => "WARN invalid_request: the request has two different cookies of one name";
    cookie_from_another_site: log_of(cookie(), cross_origin()).await => "WARN cross_origin: the token is in a cookie, and the request is from another origin: call `.trusted_origin(..)` on the builder of the Verifier to allow that origin";
    cors_inside_of_the_guard: log_of(verifier(), preflight()).await => "INFO missing_token: a CORS preflight has no token: wrap `Cors` outside of the guard, as the last `wrap`";
    json_web_token: bearer("eyJhbGciOiJIUzI1NiJ9.e30.AAAA").await => "WARN unsupported_token: expected a `v4.public` token, found a JSON Web Token";
    variable_of_javascript_that_is_not_set: bearer("undefined").await => "WARN unsupported_token: expected a `v4.public` token, found `undefined`, an unset variable of JavaScript";
    token_in_quotes: bearer(&format!("\"{}\"", token())).await => "WARN invalid_request: the token after `Bearer` has a character that is not allowed: RFC 6750, section 2.1";
    token_of_a_session: bearer("v4.local.AAAA").await => "WARN unsupported_token: expected a `v4.public` token, found a `v4.local` token";
    key_in_place_of_a_token: bearer(PUBLIC_PASERK).await => "WARN unsupported_token: expected a `v4.public` token, found a key as PASERK";
    token_that_is_cut_off: bearer(&token()[..60]).await => "WARN malformed: the token is not base64url without padding: a part is missing or changed";
    token_in_url_encoding: bearer("v4%2Epublic").await => "WARN invalid_request: the token after `Bearer` has a character that is not allowed: RFC 6750, section 2.1";
}
