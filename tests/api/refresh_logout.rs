//! Logouts revoke the access tokens and the refresh tokens of a login.

use std::time::Duration as StdDuration;

use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::refresh::{RefreshError, TokenPair};
use paseto_actix::revocation::RevocationStore;
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use serde_json::json;
use time::Duration;

use crate::refresh::{Application, log_in, refresh};

#[actix_web::test]
async fn logout_revokes_only_its_own_login() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let (here, there) = (log_in(&tokens, "ada").await, log_in(&tokens, "ada").await);
    let renewed = refresh(&tokens, &here).await.unwrap();
    tokens.logout_with_refresh_token(&renewed.refresh_token).await.unwrap();
    for pair in [&here, &renewed] {
        assert_rejected(&verifier, &pair.access_token).await;
        assert!(refresh(&tokens, pair).await.is_err());
    }
    assert_accepted(&verifier, &there.access_token).await;

    let token = verifier.verify_str_async(&there.access_token).await.unwrap();
    tokens.logout(&token).await.unwrap();
    assert_rejected(&verifier, &there.access_token).await;
    assert!(refresh(&tokens, &there).await.is_err());
    application.clock.advance(Duration::minutes(21));
    assert!(
        application.revocations.is_empty(),
        "records are removed when all their tokens have expired"
    );
}

/// Revocation depends on `sub`, `sid` and the generation, so the closure must not change them.
#[actix_web::test]
async fn issue_with_cannot_detach_a_token_from_its_login() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let login = tokens.login("ada").await.unwrap();
    assert_eq!(login.subject(), "ada");
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
    assert_rejected(&verifier, &pair.access_token).await;
}

/// The tokens of a refresh belong to the same login. So a concurrent logout revokes them.
#[actix_web::test]
async fn logout_revokes_the_tokens_of_a_concurrent_refresh() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let pair = log_in(&tokens, "ada").await;
    let refreshed = tokens.refresh(&pair.refresh_token).await.unwrap();
    tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
    let late = refreshed.issue(&json!({})).unwrap();
    assert_rejected(&verifier, &late.access_token).await;
    assert!(refresh(&tokens, &late).await.is_err());
}

#[actix_web::test]
async fn logout_all_revokes_all_logins_of_the_subject() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let (one, two, bob) =
        (log_in(&tokens, "ada").await, log_in(&tokens, "ada").await, log_in(&tokens, "bob").await);
    tokens.logout_all("ada").await.unwrap();
    for pair in [&one, &two] {
        assert_rejected(&verifier, &pair.access_token).await;
        assert!(refresh(&tokens, pair).await.is_err());
    }
    assert_accepted(&verifier, &bob.access_token).await;
    let again = log_in(&tokens, "ada").await;
    assert_accepted(&verifier, &again.access_token).await;
    refresh(&tokens, &again).await.unwrap();
}

#[actix_web::test]
async fn logout_others_keeps_only_the_login_of_the_token() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let (here, there, bob) =
        (log_in(&tokens, "ada").await, log_in(&tokens, "ada").await, log_in(&tokens, "bob").await);
    let token = verifier.verify_str_async(&here.access_token).await.unwrap();
    let other = verifier.verify_str_async(&there.access_token).await.unwrap();
    tokens.logout_others(&token).await.unwrap();
    assert_rejected(&verifier, &there.access_token).await;
    assert!(refresh(&tokens, &there).await.is_err());
    assert!(tokens.logout_others(&other).await.is_err(), "a revoked login revokes no other");
    for pair in [&here, &bob] {
        assert_accepted(&verifier, &pair.access_token).await;
        refresh(&tokens, pair).await.unwrap();
    }

    let issuer = issuer_builder(&application.clock).build().unwrap();
    let of_no_login = issuer.token(&json!({})).subject("eve").issue().unwrap();
    let of_no_login = verifier.verify_str_async(&of_no_login).await.unwrap();
    let error = tokens.logout_others(&of_no_login).await.unwrap_err();
    assert!(matches!(error, RefreshError::ForeignAccessToken), "{error:?}");
    assert_eq!(error.code(), Some("invalid_token"));
}

#[actix_web::test]
async fn logout_by_id_revokes_only_a_login_of_the_subject() {
    let application = Application::new();
    let (tokens, verifier) = (application.tokens(), application.verifier());
    let (ada, bob) = (log_in(&tokens, "ada").await, log_in(&tokens, "bob").await);
    let login = tokens.logins("ada").await.unwrap()[0].id;
    tokens.logout_by_id("bob", login).await.unwrap();
    assert_accepted(&verifier, &ada.access_token).await;
    tokens.logout_by_id("ada", login).await.unwrap();
    assert_rejected(&verifier, &ada.access_token).await;
    assert!(refresh(&tokens, &ada).await.is_err());
    assert_accepted(&verifier, &bob.access_token).await;
}

/// The record of the subject must outlive each access token that existed before the logout. An
/// access token is valid for 15 minutes and the longest leeway of 5 minutes.
#[actix_web::test]
async fn logout_all_stays_effective_after_its_record_expires() {
    let application = Application::new();
    let tokens = application.tokens();
    let leeway = StdDuration::from_secs(300);
    let verifier = verifier_builder(&application.clock)
        .leeway(leeway)
        .revocation_store(application.revocations.clone())
        .build()
        .unwrap();
    let kind = async |pair: &TokenPair| {
        verifier
            .verify_str_async(&pair.access_token)
            .await
            .map(|_| ())
            .map_err(|error| error.kind())
    };
    let (revoked, bob) = (log_in(&tokens, "ada").await, log_in(&tokens, "bob").await);
    // A rejected refresh revokes the session ID of its login. So the access token above belongs to
    // another login.
    let refreshed = log_in(&tokens, "ada").await;
    tokens.logout_all("ada").await.unwrap();
    let mut later = log_in(&tokens, "ada").await;
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
        application.clock.advance(at - now);
        now = at;
        assert_eq!(kind(&revoked).await, Err(expected), "{at}");
        let generation = application.revocations.generation(ISSUER, "ada").await.unwrap();
        assert_eq!(generation != 0, at <= end, "{at}: the record of the subject");
        assert!(matches!(refresh(&tokens, &refreshed).await, Err(RefreshError::Revoked)), "{at}");
        assert_eq!(
            kind(&bob).await,
            if at <= Duration::minutes(20) { Ok(()) } else { Err(Kind::Expired) },
            "{at}"
        );
        later = refresh(&tokens, &later).await.unwrap();
        assert_eq!(kind(&later).await, Ok(()), "{at}: a login after the revocation stays valid");
    }

    // The record has expired. A second revocation still revokes the logins of all generations.
    let newest = log_in(&tokens, "ada").await;
    tokens.logout_all("ada").await.unwrap();
    for pair in [&later, &newest] {
        assert_eq!(kind(pair).await, Err(Kind::Revoked));
        assert!(matches!(refresh(&tokens, pair).await, Err(RefreshError::Revoked)));
    }
}
