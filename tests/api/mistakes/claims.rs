//! Log lines and errors of tokens with a valid signature and unacceptable claims.

use std::time::Duration;

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::error::Rejection;
use paseto_actix::issuer::TokenBuilder;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token::Format;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{Issuer, PasetoRequired, SecretKey, VerifiedToken};
use paseto_actix_tests::app::{call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{ISSUER, keys, parts, payloads};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{log_of, mistakes, reason};

fn verifier() -> VerifierBuilder {
    verifier_builder(&TestClock::new())
}

fn bearer(token: &str) -> TestRequest {
    TestRequest::get().insert_header(("Authorization", format!("Bearer {token}")))
}

/// Returns the log of a request whose token has these claims in addition to `iss` and `exp`.
async fn with(rest: &str) -> String {
    log_of(verifier(), bearer(&parts::sign(&keys::secret(), &payloads::json(rest), b"", b""))).await
}

async fn issued(builder: VerifierBuilder, issuer: Issuer) -> String {
    log_of(builder, bearer(&issuer.issue(&json!({})).unwrap())).await
}

fn issuer() -> paseto_actix::issuer::IssuerBuilder {
    issuer_builder(&TestClock::new())
}

fn at(seconds: i64) -> TestClock {
    let clock = TestClock::new();
    clock.advance(time::Duration::seconds(seconds));
    clock
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Me {
    tenant: String,
    plan: Option<Plan>,
    address: Option<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Plan {
    Free,
    Pro,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Address {
    city: String,
}

fn unexpected(claims: serde_json::Value) -> String {
    let token = verifier()
        .build()
        .unwrap()
        .verify_str(&issuer().build().unwrap().issue(&claims).unwrap())
        .unwrap();
    token.claims::<Me>().unwrap_err().to_string()
}

mistakes! {
    expired: issued(verifier().clock(at(3640)), issuer().build().unwrap()).await => "DEBUG expired: `exp` passed 40 s ago, the leeway is 5 s";
    clock_that_is_behind: issued(verifier(), issuer().clock(at(120)).build().unwrap()).await => "WARN not_yet_valid: `nbf` is 120 s in the future, the leeway is 5 s: synchronize the clocks, or raise `.leeway(..)`";
    issuer_with_a_slash: {
        let issuer = Issuer::builder(format!("{ISSUER}/")).key(keys::secret()).clock(TestClock::new()).build();
        issued(verifier(), issuer.unwrap()).await
    } => "WARN untrusted_issuer: expected issuer `https://issuer.example`, for which the key is trusted, found `https://issuer.example/`";
    issuer_with_a_slash_and_no_key_id: {
        let issuer = Issuer::builder(format!("{ISSUER}/")).key(keys::secret()).clock(TestClock::new());
        issued(verifier(), issuer.include_kid(false).build().unwrap()).await
    } => "WARN untrusted_issuer: expected issuer `https://issuer.example`, found `https://issuer.example/`";
    key_that_is_not_trusted: {
        let key = SecretKey::from_pem(keys::SECRET_PEM).unwrap();
        let other = VerifierBuilder::trust(paseto_actix::Verifier::builder(), ISSUER, SecretKey::generate().public_key());
        let text = issued(other, Issuer::builder(ISSUER).key(key.clone()).build().unwrap()).await;
        text.replace(key.kid(), "KID")
    } => "WARN unknown_key: the footer contains the unknown key ID `KID`: call `.trust(..)` with the key of the issuer";
    no_issuer: issued(verifier(), issuer().include_iss(false).build().unwrap()).await => "WARN missing_claim: the token has no `iss`: an Issuer adds it unless `include_iss(false)` is set";
    no_expiry: issued(verifier(), issuer().dangerously_without_expiry().build().unwrap()).await => "WARN missing_claim: the token has no `exp`: issue tokens with a `ttl`";
    another_audience: issued(verifier().audience("https://api.example"), issuer().audience("https://api.example/").build().unwrap()).await => "WARN wrong_audience: expected `aud` `https://api.example`, found `https://api.example/`";
    one_of_two_audiences: issued(verifier().audience("a").audience("b"), issuer().audience("c").build().unwrap()).await => "WARN wrong_audience: expected `aud` `a` or `b`, found `c`";
    no_audience_in_the_token: issued(verifier().audience("https://api.example"), issuer().build().unwrap()).await => "WARN wrong_audience: expected `aud` `https://api.example`, found no `aud`: call `.audience(..)` on the builder of the Issuer or the token";
    no_audience_in_the_verifier: issued(verifier(), issuer().audience("https://api.example").build().unwrap()).await => "WARN wrong_audience: expected no `aud`, found `https://api.example`: call `.audience(..)` on the builder of the Verifier with the name of this service, or `.accept_any_audience()`";
    another_format: issued(verifier().format(Format::Cbor), issuer().build().unwrap()).await => "WARN malformed: expected CBOR, found JSON: set `.format(..)`";
    cbor_for_a_verifier_of_json: issued(verifier(), issuer().format(Format::Cbor).build().unwrap()).await => "WARN malformed: expected JSON, found CBOR: set `.format(..)`";
    another_assertion: issued(verifier().implicit_assertion("tenant"), issuer().build().unwrap()).await.replace(keys::public().kid(), "KID") => "WARN bad_signature: the key does not verify the signature: the token was changed, or the implicit assertions differ";
    no_token_id_for_revocations: issued(verifier().revocation_store(MemoryRevocationStore::new(10)), issuer().include_jti(false).build().unwrap()).await => "WARN missing_claim: the token has no `jti`, which a Verifier with a revocation store requires: an Issuer adds it unless `include_jti(false)` is set";
    issuer_among_many: {
        let others = (0..6).map(|index| format!("https://{index}.example"));
        let many = others.fold(verifier(), |builder, other| builder.trust(other, SecretKey::generate().public_key()));
        let issuer = Issuer::builder("https://unknown.example").key(keys::secret()).clock(TestClock::new());
        issued(many, issuer.include_kid(false).build().unwrap()).await
    } => "WARN untrusted_issuer: expected one of the 7 trusted issuers, found `https://unknown.example`";
    payload_that_is_a_string: log_of(verifier(), bearer(&parts::sign(&keys::secret(), b"\"ada is ill\"", b"", b""))).await => "WARN malformed: expected a map of claims, found a string";
    check_with_line_breaks: issued(verifier().check(|_| Err(Rejection::invalid("no\nERROR \u{1b}[31mforged"))), issuer().build().unwrap()).await => "INFO rejected: no\\nERROR \\u{1b}[31mforged";
    rejected_by_a_check: issued(verifier().check(|_| Err(Rejection::invalid("the user is suspended"))), issuer().build().unwrap()).await => "INFO rejected: the user is suspended";
    subject_that_is_a_number: with(r#","sub":17"#).await => "WARN malformed: claim `sub`: expected a string, found a number";
    scopes_as_a_list: with(r#","scope":["read"]"#).await => "WARN malformed: claim `scope`: expected a string of scopes, each separated by one space, found a list";
    scopes_with_commas_and_spaces: with(r#","scope":"read, write ""#).await => "WARN malformed: claim `scope`: expected a string of scopes, each separated by one space, found another string";
    login_time_as_a_number: with(r#","auth_time":1700000000"#).await => "WARN malformed: claim `auth_time`: expected a time in RFC 3339, such as `2026-01-01T00:00:00Z`, found a number";
    login_time_without_a_zone: with(r#","auth_time":"2026-01-01 00:00:00""#).await => "WARN malformed: claim `auth_time`: expected a time in RFC 3339, such as `2026-01-01T00:00:00Z`, found another string";
    audiences_as_a_list: with(r#","aud":["a","b"]"#).await => "WARN malformed: claim `aud`: expected a string, found a list";
    claim_that_occurs_twice: with(r#","plan":1,"plan":2"#).await => "WARN malformed: the key `plan` occurs twice in one map";
    missing_claim_of_the_type: unexpected(json!({ "email": "ada@example.org" })) => "unexpected_claims: the claims do not fit `api::mistakes::claims::Me`: missing field `tenant`";
    missing_claim_inside_of_another: unexpected(json!({ "tenant": "a", "address": {} })) => "unexpected_claims: the claims do not fit `api::mistakes::claims::Me`: `address`: missing field `city`";
    claim_of_another_type: unexpected(json!({ "tenant": 17 })) => "unexpected_claims: the claims do not fit `api::mistakes::claims::Me`: `tenant`: expected a string, found a number";
    unknown_variant: unexpected(json!({ "tenant": "a", "plan": "gold" })) => "unexpected_claims: the claims do not fit `api::mistakes::claims::Me`: `plan`: unknown variant, expected `free` or `pro`";
}

#[test]
fn error_texts_are_bounded() {
    let long = "a".repeat(5000);
    let issuer = Issuer::builder(long)
        .key(keys::secret())
        .clock(TestClock::new())
        .ttl(Duration::from_secs(60))
        .build();
    let token = issuer.unwrap().issue(&json!({})).unwrap();
    let error = verifier().build().unwrap().verify_str(&token).unwrap_err();
    assert!(error.to_string().len() < 600, "{error}");
}

/// Returns the log of a request whose token is valid, but does not meet the handler's requirements.
async fn guarded(
    required: PasetoRequired,
    configure: fn(TokenBuilder<'_, Value>) -> TokenBuilder<'_, Value>,
) -> String {
    let verifier = verifier().build().unwrap();
    let route = web::resource("/").wrap(required).to(async || "served");
    let app = init_service(App::new().app_data(verifier).service(route)).await;
    let issuer = issuer().build().unwrap();
    let token = configure(issuer.token(&json!({}))).issue().unwrap();
    let logs = Logs::capture();
    assert!(call(&app, bearer(&token).to_request()).await.status.is_client_error());
    reason(&logs)
}

fn required() -> PasetoRequired {
    PasetoRequired::new()
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

mistakes! {
    missing_scope: guarded(required().scopes(["read", "write"]), |token| token.scopes(["read"])).await => "INFO insufficient_scope: the token lacks `write`";
    none_of_several_scopes: guarded(required().any_scope(["editor", "admin"]), |token| token.scopes(["Admin"])).await => "INFO insufficient_scope: the token lacks `editor` or `admin`";
    login_that_is_long_ago: guarded(required().fresh(TEN_MINUTES), |token| token.auth_time(START - Duration::from_secs(3600))).await => "DEBUG insufficient_user_authentication: expected `auth_time` at most 600 s ago, found 3600 s ago: log in again";
    no_login_time: guarded(required().fresh(TEN_MINUTES), |token| token).await => "DEBUG insufficient_user_authentication: the token has no `auth_time`: set it with `.auth_time(..)` when you issue the token";
    weaker_login: guarded(required().acr(["phr", "phrh"]), |token| token.acr("pwd")).await => "DEBUG insufficient_user_authentication: expected `acr` `phr` or `phrh`, found `pwd`";
    no_class_of_the_login: guarded(required().acr(["phr"]), |token| token).await => "DEBUG insufficient_user_authentication: expected `acr` `phr`, found no `acr`: set it with `.acr(..)` when you issue the token";
    forbidden_by_a_check: guarded(required().check(|_, _: &VerifiedToken| Err(Rejection::forbidden("the post belongs to another user"))), |token| token).await => "INFO forbidden: the post belongs to another user";
}
