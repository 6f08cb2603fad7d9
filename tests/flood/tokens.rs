//! Floods of tokens.

use std::time::Duration;

use paseto_actix::error::VerifyErrorKind;
use paseto_actix::revocation::{
    CachedRevocationStore, MemoryRevocationStore, RevocationQuery, RevocationStore,
};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, RefreshTokens};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys;
use paseto_actix_tests::parts::{join, sign, tampered};
use serde_json::json;

use crate::allocator::Growth;
use crate::{NO_STATE, alone};

/// Without a limit of the cache, these tokens would use more than 5 MiB.
#[test]
fn valid_tokens_use_no_more_memory_than_the_cache_may_have() {
    alone(async || {
        let clock = TestClock::new();
        let issuer = issuer_builder(&clock).build().unwrap();
        let cache = 1 << 20;
        let growth = Growth::start();
        let verifier = verifier_builder(&clock).token_cache(cache).build().unwrap();
        for number in 0..3_000 {
            let claims = json!({ "number": number, "padding": "x".repeat(1500) });
            verifier.verify_str(&issuer.issue(&claims).unwrap()).unwrap();
        }
        assert!(verifier.token_cache_stats().bytes > cache / 2);
        // The table of the key takes 31 KiB.
        growth.assert_at_most(cache + cache / 8 + NO_STATE);
    });
}

#[test]
fn rejected_tokens_use_no_memory() {
    alone(async || {
        let clock = TestClock::new();
        let issuer = issuer_builder(&clock).build().unwrap();
        let verifier = verifier_builder(&clock).build().unwrap();
        verifier.verify_str(&issuer.issue(&json!({})).unwrap()).unwrap();
        let footer = json!({ "kid": keys::secret().kid() }).to_string();
        let growth = Growth::start();
        let assert_rejected = |token: &str, kind| {
            assert_eq!(verifier.verify_str(token).unwrap_err().kind(), kind);
        };
        for number in 0..6_000 {
            let payload = json!({ "iss": ISSUER, "exp": "2026-01-02T00:00:00Z", "n": number });
            let body = [payload.to_string().as_bytes(), &[7; 64]].concat();
            assert_rejected(&join(&body, footer.as_bytes()), VerifyErrorKind::BadSignature);
            let unknown = format!(r#"{{"kid":"k4.pid.{number:044}"}}"#);
            assert_rejected(&join(&body, unknown.as_bytes()), VerifyErrorKind::UnknownKey);
            assert_rejected(&format!("v4.public.{number}"), VerifyErrorKind::Malformed);
        }
        // A token whose signature is correct, and which has expired.
        for number in 0..1_000 {
            let payload = json!({ "iss": ISSUER, "exp": "2025-01-02T00:00:00Z", "n": number });
            let payload = payload.to_string();
            let token = sign(&keys::secret(), payload.as_bytes(), footer.as_bytes(), b"");
            assert_rejected(&token, VerifyErrorKind::Expired);
        }
        growth.assert_at_most(NO_STATE);
    });
}

#[test]
fn cached_results_use_no_more_memory_than_the_capacity() {
    alone(async || {
        let clock = TestClock::new();
        let store = MemoryRevocationStore::new(1).clock(clock.clone());
        let capacity = 1000;
        let growth = Growth::start();
        let age = Duration::from_secs(60);
        let cached = CachedRevocationStore::with_capacity(store, age, capacity);
        let cached = cached.clock(clock.clone());
        for number in 0..50_000 {
            let id = format!("id-{number}");
            assert!(!cached.is_revoked(RevocationQuery::new(ISSUER, &id)).await.unwrap());
        }
        // While a table grows, the old and the new table are allocated.
        growth.assert_at_most(2 * 120 * capacity + NO_STATE);
    });
}

/// A revoked refresh token is authentic, so the stores are asked for it.
#[test]
fn rejected_refresh_tokens_use_no_memory() {
    alone(async || {
        let clock = TestClock::new();
        let issuer = issuer_builder(&clock).build().unwrap();
        let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
            .application("flood")
            .token_family_store(MemoryTokenFamilyStore::new(10).clock(clock.clone()))
            .revocation_store(MemoryRevocationStore::new(10).clock(clock.clone()))
            .clock(clock.clone())
            .build()
            .unwrap();
        let log_in_and_out = async || {
            let pair = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
            tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
            pair.refresh_token
        };
        log_in_and_out().await;
        let growth = Growth::start();
        for _ in 0..500 {
            // The records of the last login expire.
            clock.advance(time::Duration::hours(2));
            let revoked = log_in_and_out().await;
            for rejected in [&revoked, &tampered(&revoked), "v4.local.AAAA"] {
                assert!(tokens.refresh(rejected).await.is_err());
            }
        }
        growth.assert_at_most(NO_STATE);
    });
}
