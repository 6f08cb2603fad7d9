//! Refresh tokens: rotation, reuse, concurrent requests and settings.

use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use actix_web::ResponseError;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use futures_util::future::join_all;
use paseto_actix::event::Event;
use paseto_actix::keys::KeyRing;
use paseto_actix::refresh::{RefreshError, RefreshTokensBuilder, TokenPair};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, LocalKey, RefreshTokens, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Secrets;
use serde_json::{Value, json};
use time::Duration;

pub(crate) struct Application {
    pub(crate) clock: TestClock,
    key: LocalKey,
    families: MemoryTokenFamilyStore,
    pub(crate) revocations: MemoryRevocationStore,
    reuses: Arc<Mutex<Vec<String>>>,
}

impl Application {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new();
        let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
        let (families, reuses) =
            (MemoryTokenFamilyStore::new(1000).clock(clock.clone()), Arc::default());
        Self { clock, key: LocalKey::generate(), families, revocations, reuses }
    }

    pub(crate) fn builder(&self) -> RefreshTokensBuilder {
        let reuses = Arc::clone(&self.reuses);
        let issuer = issuer_builder(&self.clock).ttl(StdDuration::from_secs(900)).build().unwrap();
        RefreshTokens::builder(issuer, self.key.clone())
            .token_family_store(self.families.clone())
            .revocation_store(self.revocations.clone())
            .on_event(move |event| {
                if let Event::Reused { subject, .. } = event {
                    reuses.lock().unwrap().push((*subject).to_owned());
                }
            })
            .clock(self.clock.clone())
    }

    pub(crate) fn tokens(&self) -> RefreshTokens {
        self.builder().build().unwrap()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        verifier_builder(&self.clock).revocation_store(self.revocations.clone()).build().unwrap()
    }
}

pub(crate) async fn log_in(tokens: &RefreshTokens, subject: &str) -> TokenPair {
    tokens.login(subject).await.unwrap().issue(&json!({ "plan": "pro" })).unwrap()
}

pub(crate) async fn refresh(
    tokens: &RefreshTokens,
    pair: &TokenPair,
) -> Result<TokenPair, RefreshError> {
    tokens.refresh(&pair.refresh_token).await?.issue(&json!({ "plan": "pro" }))
}

/// RFC 6749, section 6.
#[actix_web::test]
async fn refresh_returns_a_new_pair_of_the_same_login() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let first = log_in(&tokens, "ada").await;
    let json = serde_json::to_value(&first).unwrap();
    assert_eq!((&json["token_type"], &json["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(json.as_object().unwrap().len(), 4, "{json}");
    let token = verifier.verify_str_async(&first.access_token).await.unwrap();
    assert_eq!(
        (token.subject(), token.claims::<Value>().unwrap()["plan"].as_str()),
        (Some("ada"), Some("pro"))
    );
    assert_eq!(token.auth_time(), Some(paseto_actix_tests::clock::START));
    assert!(first.refresh_token.starts_with("v4.local."));

    application.clock.advance(Duration::minutes(14));
    let second = refresh(&tokens, &first).await.unwrap();
    let next = verifier.verify_str_async(&second.access_token).await.unwrap();
    assert_eq!(next.session_id(), token.session_id(), "the access tokens belong to one login");
    assert_eq!(
        next.auth_time(),
        token.auth_time(),
        "a refresh does not change the time of the login"
    );
    assert_ne!(next.token_id(), token.token_id());
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_accepted(&verifier, &first.access_token).await;
    refresh(&tokens, &second).await.unwrap();
    assert!(application.reuses.lock().unwrap().is_empty());
}

/// RFC 9700, section 4.14.2.
#[actix_web::test]
async fn reused_refresh_token_revokes_the_login() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let (first, other) = (log_in(&tokens, "ada").await, log_in(&tokens, "ada").await);
    let second = refresh(&tokens, &first).await.unwrap();
    application.clock.advance(Duration::seconds(10) + Duration::NANOSECOND);
    let error = refresh(&tokens, &first).await.unwrap_err();
    assert!(matches!(error, RefreshError::Reused), "{error}");
    assert_eq!(*application.reuses.lock().unwrap(), ["ada"]);
    for pair in [&first, &second] {
        assert_rejected(&verifier, &pair.access_token).await;
        assert!(matches!(refresh(&tokens, pair).await, Err(RefreshError::Revoked)));
    }
    assert_accepted(&verifier, &other.access_token).await;
    refresh(&tokens, &other).await.unwrap();
}

/// RFC 6749, section 5.2.
#[actix_web::test]
async fn rejected_refresh_tokens_get_the_same_response() {
    let application = Application::new();
    let tokens = application.tokens();
    let mut responses = Vec::new();
    let first = log_in(&tokens, "ada").await;
    refresh(&tokens, &first).await.unwrap();
    application.clock.advance(Duration::MINUTE);
    for text in [first.refresh_token.as_str(), first.refresh_token.as_str(), "v4.local.AAAA", ""] {
        let response = tokens.refresh(text).await.unwrap_err().error_response();
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
        assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), "application/json");
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        let status = response.status().as_u16();
        responses.push((status, actix_web::body::to_bytes(response.into_body()).await.unwrap()));
    }
    responses.dedup();
    assert_eq!(responses, [(400, r#"{"error":"invalid_grant"}"#.into())]);
}

#[actix_web::test]
async fn concurrent_refreshes_within_the_grace_period_succeed() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let first = log_in(&tokens, "ada").await;
    let pairs = join_all((0..64).map(|_| refresh(&tokens, &first))).await;
    let pairs: Vec<_> = pairs.into_iter().map(Result::unwrap).collect();
    for pair in &pairs {
        assert_accepted(&verifier, &pair.access_token).await;
    }
    // All pairs contain encodings of the same next refresh token. Each encoding can be used first.
    application.clock.advance(Duration::minutes(5));
    let next = refresh(&tokens, &pairs[17]).await.unwrap();
    refresh(&tokens, &pairs[63]).await.unwrap();
    assert!(application.reuses.lock().unwrap().is_empty());
    application.clock.advance(Duration::minutes(5));
    assert!(
        matches!(refresh(&tokens, &pairs[0]).await, Err(RefreshError::Reused)),
        "reuse after the grace period revokes the login"
    );
    assert!(matches!(refresh(&tokens, &next).await, Err(RefreshError::Revoked)));
    assert_rejected(&verifier, &next.access_token).await;
}

#[actix_web::test]
async fn access_and_refresh_tokens_are_not_interchangeable() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let pair = log_in(&tokens, "ada").await;
    assert_rejected(&verifier, &pair.refresh_token).await;
    for text in [
        pair.access_token.clone(),
        format!("{}.", pair.refresh_token),
        pair.refresh_token.replacen('4', "3", 1),
    ] {
        assert!(matches!(tokens.refresh(&text).await, Err(RefreshError::Invalid)), "{text}");
        assert!(
            matches!(tokens.logout_with_refresh_token(&text).await, Err(RefreshError::Invalid)),
            "{text}"
        );
    }
    let other = application.builder().application("another").build().unwrap();
    assert!(matches!(other.refresh(&pair.refresh_token).await, Err(RefreshError::Invalid)));
    // A token that the issuer issued outside of a login.
    let text = issuer_builder(&application.clock).build().unwrap().issue(&json!({})).unwrap();
    let token = verifier.verify_str_async(&text).await.unwrap();
    // RFC 6750, section 3.1.
    let error = tokens.logout(&token).await.unwrap_err();
    assert!(matches!(error, RefreshError::ForeignAccessToken), "{error}");
    let response = error.error_response();
    assert_eq!(response.status().as_u16(), 401);
    let challenge = response.headers().get(WWW_AUTHENTICATE).unwrap().to_str().unwrap();
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    refresh(&tokens, &pair).await.unwrap();
}

#[actix_web::test]
async fn refresh_token_with_a_changed_character_is_rejected() {
    let application = Application::new();
    let tokens = application.tokens();
    let text = log_in(&tokens, "ada").await.refresh_token;
    for index in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(matches!(tokens.refresh(&changed).await, Err(RefreshError::Invalid)), "{index}");
    }
}

#[actix_web::test]
async fn login_expires_30_days_after_it_began() {
    let application = Application::new();
    let tokens = application.tokens();
    let mut pair = log_in(&tokens, "ada").await;
    for _ in 0..29 {
        application.clock.advance(Duration::DAY);
        pair = refresh(&tokens, &pair).await.unwrap();
    }
    application.clock.advance(Duration::DAY);
    assert!(matches!(refresh(&tokens, &pair).await, Err(RefreshError::Expired)));
}

#[actix_web::test]
async fn refresh_tokens_of_a_retired_key_are_accepted() {
    let application = Application::new();
    let pair = log_in(&application.tokens(), "ada").await;
    let new = LocalKey::generate();
    let issuer = || issuer_builder(&application.clock).build().unwrap();
    let with = |keys: KeyRing| {
        RefreshTokens::builder(issuer(), keys)
            .token_family_store(application.families.clone())
            .revocation_store(application.revocations.clone())
            .clock(application.clock.clone())
            .build()
            .unwrap()
    };
    let both = with(KeyRing::new(new.clone(), [application.key.clone()]).unwrap());
    let next = refresh(&both, &pair).await.unwrap();
    refresh(&with(new.into()), &next).await.unwrap();
}

#[actix_web::test]
async fn login_fails_while_the_store_is_full() {
    let application = Application::new();
    let tokens =
        application.builder().token_family_store(MemoryTokenFamilyStore::new(0)).build().unwrap();
    let error = tokens.login("ada").await.unwrap_err();
    assert!(matches!(error, RefreshError::TokenFamily(_)), "{error}");
    assert_eq!(error.status_code().as_u16(), 503);
}

#[test]
fn missing_stores_and_excessive_durations_are_errors() {
    let application = Application::new();
    let issuer = || issuer_builder(&application.clock).build().unwrap();
    let without = RefreshTokens::builder(issuer(), application.key.clone());
    assert!(
        without
            .token_family_store(MemoryTokenFamilyStore::new(1))
            .build()
            .unwrap_err()
            .to_string()
            .contains("revocation_store")
    );
    let without = RefreshTokens::builder(issuer(), application.key.clone());
    assert!(
        without
            .revocation_store(MemoryRevocationStore::new(1))
            .build()
            .unwrap_err()
            .to_string()
            .contains("token_family_store")
    );
    let long = StdDuration::from_secs(101 * 365 * 24 * 60 * 60);
    for builder in [
        application.builder().access_ttl(StdDuration::ZERO),
        application.builder().access_ttl(long),
        application.builder().lifetime(long),
        application.builder().grace_period(StdDuration::from_secs(301)),
    ] {
        assert!(matches!(builder.build(), Err(ConfigError::DurationOutOfRange { .. })));
    }
}

#[actix_web::test]
async fn debug_output_shows_no_token() {
    let application = Application::new();
    let tokens = application.tokens();
    let login = tokens.login("ada").await.unwrap();
    let shown = format!("{tokens:?} {login:?} {:?}", application.builder());
    let pair = login.issue(&json!({})).unwrap();
    let mut secrets = Secrets::default();
    secrets.key(&application.key.to_paserk());
    secrets.token(&pair.access_token);
    secrets.token(&pair.refresh_token);
    secrets.assert_not_in(&format!("{shown} {pair:?}"), "the `Debug` output");
    assert!(shown.contains(application.key.kid()), "the key ID is not a secret: {shown}");
}
