//! Refresh tokens: rotation, reuse, races, and what a logout ends.

use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use actix_web::ResponseError;
use actix_web::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use futures_util::future::join_all;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::event::Event;
use paseto_actix::keys::KeyRing;
use paseto_actix::refresh::{RefreshError, RefreshTokensBuilder, TokenPair};
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, LocalKey, RefreshTokens, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{assert_accepted, assert_refused, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Secrets;
use serde_json::{Value, json};
use time::Duration;

struct House {
    clock: TestClock,
    key: LocalKey,
    families: MemoryTokenFamilyStore,
    revocations: MemoryRevocationStore,
    reuses: Arc<Mutex<Vec<String>>>,
}

impl House {
    fn new() -> Self {
        let clock = TestClock::new();
        let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
        let (families, reuses) =
            (MemoryTokenFamilyStore::new(1000).clock(clock.clone()), Arc::default());
        Self { clock, key: LocalKey::generate(), families, revocations, reuses }
    }

    fn builder(&self) -> RefreshTokensBuilder {
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

    fn tokens(&self) -> RefreshTokens {
        self.builder().build().unwrap()
    }

    fn verifier(&self) -> Verifier {
        verifier_builder(&self.clock).revocation_store(self.revocations.clone()).build().unwrap()
    }
}

async fn begin(tokens: &RefreshTokens, subject: &str) -> TokenPair {
    tokens.login(subject).await.unwrap().issue(&json!({ "plan": "pro" })).unwrap()
}

async fn refresh(tokens: &RefreshTokens, pair: &TokenPair) -> Result<TokenPair, RefreshError> {
    tokens.refresh(&pair.refresh_token).await?.issue(&json!({ "plan": "pro" }))
}

#[actix_web::test]
async fn a_pair_and_the_next() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let first = begin(&tokens, "ada").await;
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

    house.clock.advance(Duration::minutes(14));
    let second = refresh(&tokens, &first).await.unwrap();
    let next = verifier.verify_str_async(&second.access_token).await.unwrap();
    assert_eq!(next.session_id(), token.session_id(), "one login");
    assert_eq!(next.auth_time(), token.auth_time(), "and one time of it");
    assert_ne!(next.token_id(), token.token_id());
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_accepted(&verifier, &first.access_token).await;
    refresh(&tokens, &second).await.unwrap();
    assert!(house.reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_token_that_is_used_again_ends_all() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let (first, other) = (begin(&tokens, "ada").await, begin(&tokens, "ada").await);
    let second = refresh(&tokens, &first).await.unwrap();
    house.clock.advance(Duration::seconds(10) + Duration::NANOSECOND);
    let error = refresh(&tokens, &first).await.unwrap_err();
    assert!(matches!(error, RefreshError::Reused), "{error}");
    assert_eq!(*house.reuses.lock().unwrap(), ["ada"]);
    for pair in [&first, &second] {
        assert_refused(&verifier, &pair.access_token).await;
        assert!(matches!(refresh(&tokens, pair).await, Err(RefreshError::Revoked)));
    }
    assert_accepted(&verifier, &other.access_token).await;
    refresh(&tokens, &other).await.unwrap();
}

#[actix_web::test]
async fn what_the_client_sees_of_a_refusal() {
    let house = House::new();
    let tokens = house.tokens();
    let mut answers = Vec::new();
    let first = begin(&tokens, "ada").await;
    refresh(&tokens, &first).await.unwrap();
    house.clock.advance(Duration::MINUTE);
    for text in [first.refresh_token.as_str(), first.refresh_token.as_str(), "v4.local.AAAA", ""] {
        let response = tokens.refresh(text).await.unwrap_err().error_response();
        assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
        let challenge =
            response.headers().get(WWW_AUTHENTICATE).unwrap().to_str().unwrap().to_owned();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        answers.push((challenge, body));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "whatever the cause");
}

#[actix_web::test]
async fn two_at_once_and_a_lost_response() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let first = begin(&tokens, "ada").await;
    let pairs = join_all((0..64).map(|_| refresh(&tokens, &first))).await;
    let pairs: Vec<_> = pairs.into_iter().map(Result::unwrap).collect();
    for pair in &pairs {
        assert_accepted(&verifier, &pair.access_token).await;
    }
    // One new token, and copies of it: the first of them that comes back is the one that counts.
    house.clock.advance(Duration::minutes(5));
    let next = refresh(&tokens, &pairs[17]).await.unwrap();
    refresh(&tokens, &pairs[63]).await.unwrap();
    assert!(house.reuses.lock().unwrap().is_empty());
    house.clock.advance(Duration::minutes(5));
    assert!(
        matches!(refresh(&tokens, &pairs[0]).await, Err(RefreshError::Reused)),
        "after the grace: all dead"
    );
    assert!(matches!(refresh(&tokens, &next).await, Err(RefreshError::Revoked)));
    assert_refused(&verifier, &next.access_token).await;
}

#[actix_web::test]
async fn a_logout_ends_the_login_and_no_other() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let (here, there) = (begin(&tokens, "ada").await, begin(&tokens, "ada").await);
    let renewed = refresh(&tokens, &here).await.unwrap();
    tokens.logout_with_refresh_token(&renewed.refresh_token).await.unwrap();
    for pair in [&here, &renewed] {
        assert_refused(&verifier, &pair.access_token).await;
        assert!(refresh(&tokens, pair).await.is_err());
    }
    assert_accepted(&verifier, &there.access_token).await;

    let token = verifier.verify_str_async(&there.access_token).await.unwrap();
    tokens.logout(&token).await.unwrap();
    assert_refused(&verifier, &there.access_token).await;
    assert!(refresh(&tokens, &there).await.is_err());
    house.clock.advance(Duration::minutes(21));
    assert!(house.revocations.is_empty(), "forgotten once nobody would accept them");
}

/// What revocation rests on is not for the settings of one token to change.
#[actix_web::test]
async fn settings_do_not_detach_a_token_from_its_login() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let login = tokens.login("ada").await.unwrap();
    let day = StdDuration::from_secs(24 * 60 * 60);
    let pair = login
        .issue_with(&json!({}), |token| {
            token.subject("bob").session_id("none").generation(u64::MAX).ttl(day).scopes(["a"])
        })
        .unwrap();
    let token = verifier.verify_str_async(&pair.access_token).await.unwrap();
    assert!(token.has_scope("a"));
    assert_eq!((token.subject(), token.generation()), (Some("ada"), 0));
    assert_eq!(token.expires_at(), Some(paseto_actix_tests::clock::START + Duration::minutes(15)));
    tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
    assert_refused(&verifier, &pair.access_token).await;
}

/// Of a logout and a refresh at once, the logout wins: what the refresh issued is of the same login.
#[actix_web::test]
async fn logout_beats_renewal() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let pair = begin(&tokens, "ada").await;
    let going_on = tokens.refresh(&pair.refresh_token).await.unwrap();
    tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
    let late = going_on.issue(&json!({})).unwrap();
    assert_refused(&verifier, &late.access_token).await;
    assert!(refresh(&tokens, &late).await.is_err());
}

#[actix_web::test]
async fn all_logins_of_a_subject() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let (one, two, bob) =
        (begin(&tokens, "ada").await, begin(&tokens, "ada").await, begin(&tokens, "bob").await);
    tokens.logout_all("ada").await.unwrap();
    for pair in [&one, &two] {
        assert_refused(&verifier, &pair.access_token).await;
        assert!(refresh(&tokens, pair).await.is_err());
    }
    assert_accepted(&verifier, &bob.access_token).await;
    let again = begin(&tokens, "ada").await;
    assert_accepted(&verifier, &again.access_token).await;
    refresh(&tokens, &again).await.unwrap();
}

/// The record of the subject ends with the last access token from before: 15 minutes, and the longest leeway of 5 minutes.
#[actix_web::test]
async fn logins_that_were_ended_stay_ended_over_time() {
    let house = House::new();
    let tokens = house.tokens();
    let leeway = StdDuration::from_secs(300);
    let verifier = verifier_builder(&house.clock)
        .leeway(leeway)
        .revocation_store(house.revocations.clone())
        .build()
        .unwrap();
    let kind = async |pair: &TokenPair| {
        verifier
            .verify_str_async(&pair.access_token)
            .await
            .map(|_| ())
            .map_err(|error| error.kind())
    };
    let (ended, bob) = (begin(&tokens, "ada").await, begin(&tokens, "bob").await);
    // A refresh that is rejected revokes the session id of its login. So the access token is that of another login.
    let refreshed = begin(&tokens, "ada").await;
    tokens.logout_all("ada").await.unwrap();
    let mut later = begin(&tokens, "ada").await;
    // The lifetime of an access token, the longest leeway, and 5 seconds for clocks that differ.
    let end = Duration::minutes(20) + Duration::seconds(5);
    let mut now = Duration::ZERO;
    for (at, expected) in [
        (Duration::ZERO, Kind::Revoked),
        (Duration::minutes(14), Kind::Revoked),
        (Duration::minutes(20), Kind::Revoked),
        (end, Kind::Expired),
        (end + Duration::NANOSECOND, Kind::Expired),
        (end + Duration::HOUR, Kind::Expired),
    ] {
        house.clock.advance(at - now);
        now = at;
        assert_eq!(kind(&ended).await, Err(expected), "{at}");
        let generation = house.revocations.generation(ISSUER, "ada").await.unwrap();
        assert_eq!(generation != 0, at <= end, "{at}: the record of the subject");
        assert!(matches!(refresh(&tokens, &refreshed).await, Err(RefreshError::Revoked)), "{at}");
        assert_eq!(
            kind(&bob).await,
            if at <= Duration::minutes(20) { Ok(()) } else { Err(Kind::Expired) },
            "{at}"
        );
        later = refresh(&tokens, &later).await.unwrap();
        assert_eq!(kind(&later).await, Ok(()), "{at}: a login from after the revocation goes on");
    }

    // The record has ended. A second revocation ends the logins of each generation all the same.
    let newest = begin(&tokens, "ada").await;
    tokens.logout_all("ada").await.unwrap();
    for pair in [&later, &newest] {
        assert_eq!(kind(pair).await, Err(Kind::Revoked));
        assert!(matches!(refresh(&tokens, pair).await, Err(RefreshError::Revoked)));
    }
}

#[actix_web::test]
async fn neither_passes_as_the_other() {
    let house = House::new();
    let (tokens, verifier) = (house.tokens(), house.verifier());
    let pair = begin(&tokens, "ada").await;
    assert_refused(&verifier, &pair.refresh_token).await;
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
    let other = house.builder().application("another").build().unwrap();
    assert!(matches!(other.refresh(&pair.refresh_token).await, Err(RefreshError::Invalid)));
    // A token of the issuer's that no login began.
    let text = issuer_builder(&house.clock).build().unwrap().issue(&json!({})).unwrap();
    let token = verifier.verify_str_async(&text).await.unwrap();
    assert!(matches!(tokens.logout(&token).await, Err(RefreshError::Invalid)));
    refresh(&tokens, &pair).await.unwrap();
}

#[actix_web::test]
async fn any_character_changed() {
    let house = House::new();
    let tokens = house.tokens();
    let text = begin(&tokens, "ada").await.refresh_token;
    for index in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(matches!(tokens.refresh(&changed).await, Err(RefreshError::Invalid)), "{index}");
    }
}

#[actix_web::test]
async fn a_login_ends_a_month_after_it_began() {
    let house = House::new();
    let tokens = house.tokens();
    let mut pair = begin(&tokens, "ada").await;
    for _ in 0..29 {
        house.clock.advance(Duration::DAY);
        pair = refresh(&tokens, &pair).await.unwrap();
    }
    house.clock.advance(Duration::DAY);
    assert!(matches!(refresh(&tokens, &pair).await, Err(RefreshError::Expired)));
}

#[actix_web::test]
async fn keys_are_rotated() {
    let house = House::new();
    let pair = begin(&house.tokens(), "ada").await;
    let new = LocalKey::generate();
    let issuer = || issuer_builder(&house.clock).build().unwrap();
    let with = |keys: KeyRing| {
        RefreshTokens::builder(issuer(), keys)
            .token_family_store(house.families.clone())
            .revocation_store(house.revocations.clone())
            .clock(house.clock.clone())
            .build()
            .unwrap()
    };
    let both = with(KeyRing::new(new.clone(), [house.key.clone()]).unwrap());
    let next = refresh(&both, &pair).await.unwrap();
    refresh(&with(new.into()), &next).await.unwrap();
}

#[actix_web::test]
async fn no_login_while_a_store_is_full() {
    let house = House::new();
    let tokens =
        house.builder().token_family_store(MemoryTokenFamilyStore::new(0)).build().unwrap();
    let error = tokens.login("ada").await.unwrap_err();
    assert!(matches!(error, RefreshError::TokenFamily(_)), "{error}");
    assert_eq!(error.status_code().as_u16(), 503);
}

#[test]
fn settings_of_refresh_tokens() {
    let house = House::new();
    let issuer = || issuer_builder(&house.clock).build().unwrap();
    let without = RefreshTokens::builder(issuer(), house.key.clone());
    assert!(
        without
            .token_family_store(MemoryTokenFamilyStore::new(1))
            .build()
            .unwrap_err()
            .to_string()
            .contains("revocations")
    );
    let without = RefreshTokens::builder(issuer(), house.key.clone());
    assert!(
        without
            .revocation_store(MemoryRevocationStore::new(1))
            .build()
            .unwrap_err()
            .to_string()
            .contains("families")
    );
    let long = StdDuration::from_secs(101 * 365 * 24 * 60 * 60);
    for builder in [
        house.builder().access_ttl(StdDuration::ZERO),
        house.builder().access_ttl(long),
        house.builder().lifetime(long),
        house.builder().grace_period(StdDuration::from_secs(301)),
    ] {
        assert!(matches!(builder.build(), Err(ConfigError::DurationOutOfRange { .. })));
    }
}

#[actix_web::test]
async fn debug_shows_no_token() {
    let house = House::new();
    let tokens = house.tokens();
    let login = tokens.login("ada").await.unwrap();
    let shown = format!("{tokens:?} {login:?} {:?}", house.builder());
    let pair = login.issue(&json!({})).unwrap();
    let mut secrets = Secrets::default();
    secrets.key(&house.key.to_paserk());
    secrets.token(&pair.access_token);
    secrets.token(&pair.refresh_token);
    secrets.assert_not_in(&format!("{shown} {pair:?}"), "what `Debug` shows");
    assert!(shown.contains(house.key.kid()), "what is no secret is shown: {shown}");
}
