//! Routes that require an authentication context class (`acr`), as RFC 9470 defines.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::web;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, ResponseError};
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::token::Format;
use paseto_actix::{IssueError, PasetoRequired, paseto_required};
use paseto_actix_tests::app::{
    BODY_401, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::{cbor, cbor_text, json as payload};
use paseto_actix_tests::{keys, parts};
use serde_json::json;
use time::ext::NumericalDuration;

#[paseto_required(acr("phr", "phrh"))]
async fn strong(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

#[paseto_required(acr("phr"), fresh = "10m")]
async fn strong_and_fresh(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn unguarded(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

fn services(app: &mut ServiceConfig) {
    let required = PasetoRequired::new;
    for (path, required) in [
        ("strong", required().acr(["phr", "phrh"])),
        ("both", required().fresh(Duration::from_secs(600)).acr(["phr"])),
        ("in_each", required().acr(["a", "b", "c"]).acr(["c", "d", "b"])),
        ("in_none", required().acr(["a"]).acr(["b"])),
        ("empty", required().acr([""; 0])),
    ] {
        app.service(
            web::scope(&format!("/middleware/{path}"))
                .wrap(required)
                .default_service(web::to(unguarded)),
        );
    }
    app.route("/attribute/strong", web::to(strong))
        .route("/attribute/both", web::to(strong_and_fresh));
}

struct Outcome {
    response: TestResponse,
    runs: usize,
    logs: Logs,
}

impl Outcome {
    #[track_caller]
    fn assert_served(&self) {
        assert_eq!((self.response.status, self.runs), (StatusCode::OK, 1), "{:?}", self.logs);
    }

    /// Asserts that the request was rejected. `rest` contains the parameters of the challenge after
    /// the description, `detail` the cause in the log.
    #[track_caller]
    fn assert_insufficient(&self, rest: &str, detail: &str) {
        let description = "a more recent or stronger login is needed";
        let code = "insufficient_user_authentication";
        let challenge = format!(
            r#"Bearer realm="api", error="{code}", error_description="{description}"{rest}"#
        );
        assert_eq!(self.response.challenge(), challenge);
        assert_eq!(
            (self.response.status, &*self.response.body, self.runs),
            (StatusCode::UNAUTHORIZED, BODY_401, 0)
        );
        assert_eq!(self.logs.count(&format!("{code}: {detail}")), 1, "{:?}", self.logs);
    }
}

/// Sends a request whose token has this `acr` and this age of the login.
async fn send_request(
    path: &str,
    acr: Option<&str>,
    login: Option<time::Duration>,
    is_async: bool,
) -> Outcome {
    let (clock, runs) = (TestClock::new(), Runs::default());
    let issuer = issuer_builder(&clock).build().unwrap();
    let claims = json!({});
    let mut token = issuer.token(&claims);
    if let Some(acr) = acr {
        token = token.acr(acr);
    }
    if let Some(login) = login {
        token = token.auth_time(START);
        clock.advance(login);
    }
    let token = token.issue().unwrap();
    let mut verifier = verifier_builder(&clock);
    if is_async {
        verifier = verifier.check_async(async |_| {
            yield_now().await;
            Ok(())
        });
    }
    let data = web::Data::new(runs.clone());
    let app = init_service(
        App::new().app_data(verifier.build().unwrap()).app_data(data).configure(services),
    )
    .await;
    let logs = Logs::capture();
    let request =
        TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {token}")));
    let response = call(&app, request.to_request()).await;
    Outcome { response, runs: runs.count(), logs }
}

/// RFC 9470, section 3.
#[actix_web::test]
async fn acr_must_be_in_the_list() {
    const CHALLENGE: &str = r#", acr_values="phr phrh""#;
    for path in ["/attribute/strong", "/middleware/strong"] {
        for is_async in [false, true] {
            for acr in ["phr", "phrh"] {
                send_request(path, Some(acr), None, is_async).await.assert_served();
            }
            for acr in ["pwd", "PHR", "ph", "phrhh", "phr,phrh"] {
                let detail = format!("expected `acr` `phr` or `phrh`, found `{acr}`");
                send_request(path, Some(acr), None, is_async)
                    .await
                    .assert_insufficient(CHALLENGE, &detail);
            }
            let detail = "expected `acr` `phr` or `phrh`, found no `acr`: set it with `.acr(..)` when you issue the token";
            send_request(path, None, None, is_async).await.assert_insufficient(CHALLENGE, detail);
        }
    }
}

#[actix_web::test]
async fn challenge_contains_both_requirements_if_one_fails() {
    const CHALLENGE: &str = r#", max_age="600", acr_values="phr""#;
    let (fresh, stale) = (Some(10.minutes()), Some(20.minutes()));
    let too_old = "expected `auth_time` at most 600 s ago, found 1200 s ago: log in again";
    let too_weak = "expected `acr` `phr`, found `pwd`";
    let no_time =
        "the token has no `auth_time`: set it with `.auth_time(..)` when you issue the token";
    for path in ["/attribute/both", "/middleware/both"] {
        send_request(path, Some("phr"), fresh, false).await.assert_served();
        send_request(path, Some("phr"), stale, false).await.assert_insufficient(CHALLENGE, too_old);
        send_request(path, Some("pwd"), fresh, false)
            .await
            .assert_insufficient(CHALLENGE, too_weak);
        send_request(path, Some("phr"), None, false).await.assert_insufficient(CHALLENGE, no_time);
        let both = format!("{too_old}; {too_weak}");
        send_request(path, Some("pwd"), stale, false).await.assert_insufficient(CHALLENGE, &both);
        let ahead = "`auth_time` is 60 s in the future: compare the clocks of issuer and verifier";
        send_request(path, Some("phr"), Some(-1.minutes()), false)
            .await
            .assert_insufficient(CHALLENGE, ahead);
    }
}

#[actix_web::test]
async fn acr_must_be_in_each_list() {
    for acr in ["b", "c"] {
        send_request("/middleware/in_each", Some(acr), None, false).await.assert_served();
    }
    for acr in ["a", "d"] {
        // The challenge contains only the values that satisfy both lists.
        let detail = format!("expected `acr` `c` or `b`, found `{acr}`");
        let outcome = send_request("/middleware/in_each", Some(acr), None, false).await;
        outcome.assert_insufficient(r#", acr_values="c b""#, &detail);
    }
    for path in ["/middleware/in_none", "/middleware/empty"] {
        let detail = "expected an `acr` of an empty list, which rejects each request, found ";
        for acr in [Some("a"), Some("b"), None] {
            send_request(path, acr, None, false).await.assert_insufficient("", detail);
        }
    }
}

/// Other issuers may use any characters. The log must escape them, so that a value cannot add a
/// line.
#[actix_web::test]
async fn acr_of_a_token_is_escaped_in_the_log() {
    let clock = TestClock::new();
    let text = parts::sign(&keys::secret(), &payload(r#","acr":"a\nb \"c\"""#), b"", b"");
    let verifier = verifier_builder(&clock).build().unwrap();
    assert_eq!(verifier.verify_str(&text).unwrap().acr(), Some("a\nb \"c\""));

    let logs = Logs::capture();
    let app = init_service(App::new().app_data(verifier).configure(services)).await;
    let request = TestRequest::with_uri("/middleware/strong")
        .insert_header(("authorization", format!("Bearer {text}")));
    assert_eq!(call(&app, request.to_request()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(logs.count(r#"found `a\nb \"c\"`"#), 1, "{logs:?}");
}

#[test]
fn acr_that_is_not_a_string_is_rejected() {
    let json_verifier = verifier_builder(&TestClock::new()).build().unwrap();
    let sign = |rest: &str| parts::sign(&keys::secret(), &payload(rest), b"", b"");
    assert_eq!(json_verifier.verify_str(&sign(r#","acr":"phr""#)).unwrap().acr(), Some("phr"));
    assert_eq!(json_verifier.verify_str(&sign("")).unwrap().acr(), None);
    for wrong in ["null", "1", "true", "[\"phr\"]", "{}"] {
        let error = json_verifier.verify_str(&sign(&format!(r#","acr":{wrong}"#))).unwrap_err();
        assert_eq!(error.kind(), VerifyErrorKind::Malformed, "{wrong}");
    }
    let cbor_verifier = verifier_builder(&TestClock::new()).format(Format::Cbor).build().unwrap();
    let sign = |value: &[u8]| {
        parts::sign(&keys::secret(), &cbor(1, &[&cbor_text("acr"), value].concat()), b"", b"")
    };
    assert_eq!(cbor_verifier.verify_str(&sign(&cbor_text("phr"))).unwrap().acr(), Some("phr"));
    assert_eq!(
        cbor_verifier.verify_str(&sign(b"\xf6")).unwrap_err().kind(),
        VerifyErrorKind::Malformed
    );
}

#[test]
fn issuer_rejects_acr_values_that_a_challenge_cannot_contain() {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    for acr in ["", "a b", "a\"", "a\\", "a\n", "caf\u{e9}"] {
        match issuer.token(&json!({})).acr(acr).issue() {
            Err(IssueError::InvalidAcr(found)) => assert_eq!(found, acr),
            other => panic!("{acr:?}: {other:?}"),
        }
    }
    assert!(issuer.token(&json!({})).acr("urn:mace:incommon:iap:silver").issue().is_ok());
}

/// The application can redirect the browser to its login page with the required `acr` values.
#[actix_web::test]
async fn error_handler_gets_the_required_login() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).error_handler(|_, error| match error.kind() {
        VerifyErrorKind::InsufficientUserAuthentication => {
            let (acr, age) =
                (error.acr_values().join("+"), error.max_age().map(|age| age.as_secs()));
            HttpResponse::SeeOther().body(format!("/login?acr={acr}&age={age:?}"))
        }
        _ => error.error_response(),
    });
    let app =
        init_service(App::new().app_data(verifier.build().unwrap()).configure(services)).await;
    let token =
        issuer_builder(&clock).build().unwrap().token(&json!({})).acr("pwd").issue().unwrap();
    for path in ["/attribute/strong", "/middleware/strong"] {
        let request =
            TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {token}")));
        let response = call(&app, request.to_request()).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (StatusCode::SEE_OTHER, "/login?acr=phr+phrh&age=None"),
            "{path}"
        );
    }
}

#[cfg(feature = "session")]
mod refreshed_logins {
    use paseto_actix::refresh::{RefreshError, TokenPair};
    use paseto_actix::revocation::MemoryRevocationStore;
    use paseto_actix::token_family::MemoryTokenFamilyStore;
    use paseto_actix::{LocalKey, RefreshTokens, Verifier};

    use super::*;

    fn tokens_and_verifier() -> (RefreshTokens, Verifier) {
        let clock = TestClock::new();
        let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
        let issuer = issuer_builder(&clock).ttl(Duration::from_secs(900)).build().unwrap();
        let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
            .token_family_store(MemoryTokenFamilyStore::new(1000).clock(clock.clone()))
            .revocation_store(revocations.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        (tokens, verifier_builder(&clock).revocation_store(revocations).build().unwrap())
    }

    async fn acr_of(verifier: &Verifier, pair: &TokenPair) -> Option<String> {
        verifier.verify_str_async(&pair.access_token).await.unwrap().acr().map(str::to_owned)
    }

    #[actix_web::test]
    async fn acr_of_a_login_is_in_all_its_access_tokens() {
        let (tokens, verifier) = tokens_and_verifier();
        for acr in [Some("phr"), None] {
            let mut pending = tokens.start_login("ada").await.unwrap();
            if let Some(acr) = acr {
                pending = pending.acr(acr);
            }
            let login = pending.complete().await.unwrap();
            assert_eq!(login.acr(), acr);
            let mut pair = login.issue(&json!({})).unwrap();
            assert_eq!(acr_of(&verifier, &pair).await.as_deref(), acr);
            for _ in 0..2 {
                let login = tokens.refresh(&pair.refresh_token).await.unwrap();
                assert_eq!(login.acr(), acr);
                pair = login.issue(&json!({})).unwrap();
                assert_eq!(acr_of(&verifier, &pair).await.as_deref(), acr);
            }
        }
    }

    #[actix_web::test]
    async fn login_with_an_invalid_acr_does_not_begin() {
        let (tokens, _) = tokens_and_verifier();
        let outcome = tokens.start_login("ada").await.unwrap().acr("phr phrh").complete().await;
        assert!(
            matches!(outcome, Err(RefreshError::Issue(IssueError::InvalidAcr(acr))) if acr == "phr phrh")
        );
        assert_eq!(tokens.logins("ada").await.unwrap().len(), 0);
    }
}
