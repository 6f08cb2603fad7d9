//! The logs of Redis failures contain the reason, but no part of a password, token, key or subject.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use paseto_actix::RedisStore;
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{Issuer, LocalKey, RefreshTokens, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::send_bearer;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::{Logs, Secrets};
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::session::{Kind, routes};
use serde_json::json;

const PASSWORD: &str = "a-private-password";
const SUBJECT: &str = "a-private-subject";

/// Longer than a response takes on a busy machine.
const LONG_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends requests that need this server. Asserts that each request fails, that the log contains the
/// reason, and that no line contains a part of a secret.
async fn assert_failures_are_logged_without_secrets(url: &str, timeout: Duration, reason: &str) {
    let logs = Logs::capture();
    let mut secrets = Secrets::default();
    let (secret, local, clock) = (SecretKey::generate(), LocalKey::generate(), TestClock::new());
    secrets.key(&secret.to_paserk());
    secrets.key(&local.to_paserk());
    secrets.add("a password", PASSWORD);
    secrets.add("a subject", SUBJECT);
    let revocations = RedisStore::builder(url).timeout(timeout).build().unwrap().revocation_store();
    let family = RedisStore::builder(url).timeout(timeout).build().unwrap().token_family_store();
    secrets.assert_not_in(&format!("{revocations:?} {family:?}"), "the `Debug` output");

    // A request and a logout.
    let verifier = || Verifier::builder().trust(ISSUER, secret.public_key());
    let checking = verifier().revocation_store(revocations.clone()).build().unwrap();
    let issuer = Issuer::builder(ISSUER).key(secret.clone()).build().unwrap();
    let text = issuer.token(&json!({})).subject(SUBJECT).issue().unwrap();
    secrets.token(&text);
    assert_eq!(send_bearer(&checking, &text).await.0.status, StatusCode::SERVICE_UNAVAILABLE);
    let token = verifier().build().unwrap().verify_str(&text).unwrap();
    checking.revoke(&token).await.unwrap_err().error_response();

    // Refresh tokens with each store on Redis.
    let tokens = || RefreshTokens::builder(issuer.clone(), local.clone());
    let in_memory = tokens()
        .token_family_store(MemoryTokenFamilyStore::new(9))
        .revocation_store(MemoryRevocationStore::new(9))
        .build()
        .unwrap();
    let pair = in_memory.login(SUBJECT).await.unwrap().issue(&json!({})).unwrap();
    secrets.token(&pair.access_token);
    secrets.token(&pair.refresh_token);
    let on_redis = [
        tokens()
            .token_family_store(MemoryTokenFamilyStore::new(9))
            .revocation_store(revocations.clone())
            .build()
            .unwrap(),
        tokens()
            .token_family_store(family)
            .revocation_store(MemoryRevocationStore::new(9))
            .build()
            .unwrap(),
    ];
    for tokens in on_redis {
        tokens.login(SUBJECT).await.unwrap_err().error_response();
        tokens.refresh(&pair.refresh_token).await.unwrap_err().error_response();
        tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap_err().error_response();
        tokens.logout_all(SUBJECT).await.unwrap_err().error_response();
    }

    // A session.
    let site = Kind::Middleware.site_revoking(local, &clock, revocations, routes).await;
    let mut browser = Browser::new();
    browser.get(&site, &format!("/set?user={SUBJECT}")).await;
    secrets.add("a cookie", &Kind::Middleware.value(&browser));
    assert_eq!(browser.get(&site, "/").await.status, StatusCode::SERVICE_UNAVAILABLE);

    let scenarios = [
        "reason=unavailable",
        "revocation::error message=the revocation store failed",
        "a login, a refresh or a logout failed",
        "session::failure message=the revocation store failed",
    ];
    logs.assert_no_secret(&scenarios, &secrets);
    for line in logs.lines().iter().filter(|line| line.starts_with("ERROR")) {
        assert!(line.contains(reason), "{line}");
    }
}

/// Returns the URL of a server on this port, with a user name and a password.
fn url(port: u16) -> String {
    format!("redis://user:{PASSWORD}@127.0.0.1:{port}/")
}

#[actix_web::test]
async fn logs_of_redis_being_down_contain_no_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_failures_are_logged_without_secrets(&url(closed), LONG_TIMEOUT, "Connection refused")
        .await;
}

#[actix_web::test]
async fn logs_of_redis_timeouts_contain_no_secret() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url(silent.local_addr().unwrap().port());
    assert_failures_are_logged_without_secrets(
        &url,
        Duration::from_millis(100),
        "no reply within 100ms",
    )
    .await;
}

#[actix_web::test]
async fn logs_of_failed_redis_authentication_contain_no_secret() {
    let Some(redis) = Redis::start() else { return };
    let url = redis.url().replace("//", &format!("//:{PASSWORD}@"));
    assert_eq!(redis.command(&["CONFIG", "SET", "requirepass", "another"]), "OK");
    assert_failures_are_logged_without_secrets(&url, LONG_TIMEOUT, "AuthenticationFailed").await;
}

/// A server that does not know `HELLO` repeats its arguments in the error. They contain the
/// password.
#[actix_web::test]
async fn logs_of_redis_errors_that_repeat_commands_contain_no_secret() {
    let Some(mut redis) = Redis::start() else { return };
    redis.restart(&["--rename-command", "HELLO", "HIDDEN"]);
    assert!(
        redis.command(&["HELLO", "3", "AUTH", "user", PASSWORD]).contains(PASSWORD),
        "Redis repeats the arguments"
    );
    let url = redis.url().replace("//", &format!("//user:{PASSWORD}@"));
    assert_failures_are_logged_without_secrets(
        &format!("{url}?protocol=resp3"),
        LONG_TIMEOUT,
        "unknown command 'HELLO'",
    )
    .await;
}
