//! Errors of builders whose settings are invalid or contradict each other.

use std::time::Duration;

use paseto_actix::{Issuer, SecretKey, TokenSource, Verifier};
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::{Value, json};

use super::mistakes;

const OTHER: &str = "https://other.example";

fn verifier(
    configure: impl Fn(
        paseto_actix::verifier::VerifierBuilder,
    ) -> paseto_actix::verifier::VerifierBuilder,
) -> String {
    configure(verifier_builder(&TestClock::new())).build().unwrap_err().to_string()
}

fn issuer(
    configure: impl Fn(paseto_actix::issuer::IssuerBuilder) -> paseto_actix::issuer::IssuerBuilder,
) -> String {
    configure(issuer_builder(&TestClock::new())).build().unwrap_err().to_string()
}

fn issue(claims: Value) -> String {
    issuer_builder(&TestClock::new()).build().unwrap().issue(&claims).unwrap_err().to_string()
}

fn token(
    configure: impl Fn(
        paseto_actix::issuer::TokenBuilder<'_, Value>,
    ) -> paseto_actix::issuer::TokenBuilder<'_, Value>,
) -> String {
    let issuer =
        issuer_builder(&TestClock::new()).max_ttl(Duration::from_secs(3600)).build().unwrap();
    configure(issuer.token(&json!({}))).issue().unwrap_err().to_string()
}

mistakes! {
    verifier_without_a_key: Verifier::builder().build().unwrap_err() => "the Verifier does not trust an issuer: call `.trust(issuer, key)`, `.trust_issuer(&issuer)` or `.remote_keys(issuer, url)`, or set `public_keys` or `remote_keys`";
    issuer_without_a_key: Issuer::builder(ISSUER).build().unwrap_err() => "the Issuer has no signing key: call `.key(..)`, or set `private_keys`";
    issuer_without_a_name: Issuer::builder("").key(keys::secret()).build().unwrap_err() => "`iss`: the name of the issuer is empty";
    trusted_issuer_without_a_name: verifier(|builder| builder.trust("", SecretKey::generate().public_key())) => "`iss`: the name of the issuer is empty";
    key_that_is_trusted_twice: verifier(|builder| builder.trust(ISSUER, keys::public())) => "the key k4.pid.yh4-bJYjOYAG6CWy0zsfPmpKylxS7uAWrxqVmBN2KAiJ is given twice: remove one";
    key_that_is_trusted_for_two_issuers: verifier(|builder| builder.trust(OTHER, keys::public())) => "the key k4.pid.yh4-bJYjOYAG6CWy0zsfPmpKylxS7uAWrxqVmBN2KAiJ is trusted for two issuers, `https://issuer.example` and `https://other.example`: each issuer needs its own key";
    two_active_keys: issuer(|builder| builder.key(SecretKey::generate())) => "`key`: the keys are set twice: call `.key(..)` or `.keys(..)` once";
    lifetime_of_zero: issuer(|builder| builder.ttl(Duration::ZERO)) => "`ttl`: expected 1 second to 100 years, found 0 s";
    leeway_of_an_hour: verifier(|builder| builder.leeway(Duration::from_secs(3600))) => "`leeway`: expected at most 5 minutes, found 3600 s";
    audience_that_is_one_and_any: verifier(|builder| builder.audience(OTHER).accept_any_audience()) => "`audience`: `.audience(..)` and `.accept_any_audience()` contradict each other: remove one";
    realm_with_quotes: verifier(|builder| builder.realm("\"shop\"")) => "`realm`: expected visible ASCII and spaces, without `\"` and `\\`";
    token_cache_in_megabytes: verifier(|builder| builder.token_cache(64)) => "`token_cache`: 64 bytes are too few for one token: set a size in bytes, such as `16 << 20`, or 0 to turn the cache off";
    no_token_source: verifier(|builder| builder.token_from([])) => "`token_from`: the list of sources is empty";
    authorization_as_a_header: verifier(|builder| builder.token_from([TokenSource::header("Authorization")])) => "`token_from`: `Authorization` has a scheme before the token: use `TokenSource::bearer()`";
    cookie_as_a_header: verifier(|builder| builder.token_from([TokenSource::header("cookie")])) => "`token_from`: `Cookie` can contain several cookies: use `TokenSource::cookie(..)`";
    header_with_a_colon: verifier(|builder| builder.token_from([TokenSource::header("X-Token:")])) => "`token_from`: `X-Token:` is not a valid header name";
    cookie_with_a_space: verifier(|builder| builder.token_from([TokenSource::cookie("my token")])) => "`token_from`: `my token` is not a valid cookie name (RFC 6265, section 4.1.1)";
    origin_with_a_path: verifier(|builder| builder.trusted_origin("https://app.example/")) => "`trusted_origin`: `https://app.example/` has a path, a query or a fragment: write it as browsers send it in `Origin`, such as `https://app.example`";
    origin_without_a_scheme: verifier(|builder| builder.trusted_origin("app.example")) => "`trusted_origin`: `app.example` has no scheme: write it as browsers send it in `Origin`, such as `https://app.example`";
    reserved_claim: issue(json!({ "exp": 1_700_000_000 })) => "the Issuer writes the claim `exp`, so the claims must not contain it: set it with `.ttl(..)`";
    subject_in_the_claims: issue(json!({ "sub": "ada" })) => "the Issuer writes the claim `sub`, so the claims must not contain it: set it with `.subject(..)`";
    claims_that_are_a_string: issue(json!("ada")) => "expected claims that serialize as a struct or as a map with strings as keys";
    two_scopes_in_one_string: token(|token| token.scopes(["read write"])) => "`scopes`: expected one scope (RFC 6749, section 3.3) without space, quote and backslash, found `read write`";
    key_that_the_issuer_does_not_have: token(|token| token.key_id("k4.pid.AAAA")) => "no active or announced key has the ID `k4.pid.AAAA`: call `.announce(..)` on the Issuer";
    lifetime_beyond_the_maximum: token(|token| token.ttl(Duration::from_secs(7200))) => "`ttl`: expected at most 3600 s (`max_ttl` of the Issuer, by default the longer of its `ttl` and the `access_ttl` of RefreshTokens), found 7200 s: lower `ttl`, or raise `max_ttl`";
}
