//! The token cache. A `Verifier` with a cache accepts only tokens that it accepts without the
//! cache.

use std::time::Duration as StdDuration;

use paseto_actix::error::{Rejection, VerifyErrorKind};
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::token::Format;
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::parts::sign;
use paseto_actix_tests::revocation::failing_revocations;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::json;
use time::Duration;

pub(crate) fn token(issuer: &Issuer) -> String {
    issuer.token(&json!({ "plan": "pro" })).subject("ada").issue().unwrap()
}

/// Verifies a token. Returns the number of signature checks and the outcome.
pub(crate) fn verify(verifier: &Verifier, text: &str) -> (usize, Result<(), VerifyErrorKind>) {
    let logs = Logs::capture();
    let outcome = verifier.verify_str(text).map(|_| ()).map_err(|error| error.kind());
    (logs.signature_checks(), outcome)
}

pub(crate) fn entries(verifier: &Verifier) -> usize {
    verifier.token_cache_stats().entries
}

#[test]
fn cached_token_needs_no_signature_check() {
    let clock = TestClock::new();
    let text = token(&issuer_builder(&clock).build().unwrap());
    let (verifier, without) = (
        verifier_builder(&clock).build().unwrap(),
        verifier_builder(&clock).without_token_cache().build().unwrap(),
    );
    for again in [false, true, true] {
        assert_eq!(verify(&verifier, &text), (usize::from(!again), Ok(())));
        assert_eq!(verify(&without, &text), (1, Ok(())));
    }
    assert_eq!(verify(&verifier.clone(), &text), (0, Ok(())), "a clone is the same verifier");
    let (first, second) = (verifier.verify_str(&text).unwrap(), without.verify_str(&text).unwrap());
    assert_eq!(first.issuer(), second.issuer());
    assert_eq!(
        first.claims::<serde_json::Value>().unwrap(),
        second.claims::<serde_json::Value>().unwrap()
    );
}

/// A token is looked up by all its bytes.
#[test]
fn changed_token_is_not_found_in_the_cache() {
    let clock = TestClock::new();
    let text = token(&issuer_builder(&clock).build().unwrap());
    let verifier = verifier_builder(&clock).build().unwrap();
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let (_, outcome) = verify(&verifier, std::str::from_utf8(&bytes).unwrap());
        assert!(outcome.is_err(), "byte {at}");
    }
    for other in [
        format!("{text}."),
        format!("{text}="),
        format!(" {text}"),
        text[..text.len() - 1].to_owned(),
    ] {
        assert!(verify(&verifier, &other).1.is_err(), "{other}");
    }
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
}

#[actix_web::test]
async fn cached_token_is_rejected_after_exp() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).leeway(StdDuration::from_secs(5)).build().unwrap();
    let text = token(&issuer_builder(&clock).ttl(StdDuration::from_secs(60)).build().unwrap());
    assert_accepted(&verifier, &text).await;
    assert_eq!(entries(&verifier), 1);
    clock.advance(Duration::seconds(65));
    assert_eq!(verify(&verifier, &text), (0, Ok(())), "at `exp` plus the leeway");
    clock.advance(Duration::nanoseconds(1));
    assert_rejected(&verifier, &text).await;
    assert_eq!(verify(&verifier, &text), (1, Err(VerifyErrorKind::Expired)));
    assert_eq!(entries(&verifier), 0, "the entry of an expired token is removed");
    // If the clock is set back, the token is valid again. The entry does not come back.
    clock.advance(Duration::seconds(-30));
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    // If the clock is set back further, the token is not valid yet.
    clock.advance(Duration::minutes(-10));
    assert_eq!(verify(&verifier, &text), (0, Err(VerifyErrorKind::NotYetValid)));
}

/// The first sweep removes nothing, because no token has expired.
#[test]
fn expired_tokens_are_removed_after_as_many_new_tokens() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(60)).build().unwrap();
    for _ in 0..2 {
        for _ in 0..1100 {
            verifier.verify_str(&token(&issuer)).unwrap();
        }
        assert_eq!(entries(&verifier), 1100);
        clock.advance(Duration::minutes(2));
    }
}

#[actix_web::test]
async fn cached_token_is_rejected_after_its_revocation() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(10).clock(clock.clone());
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();
    let issuer = issuer_builder(&clock).build().unwrap();
    let (one, other) = (token(&issuer), token(&issuer));
    for text in [&one, &other] {
        assert_accepted(&verifier, text).await;
    }
    verifier.revoke(&verifier.verify_str_async(&one).await.unwrap()).await.unwrap();
    assert_rejected(&verifier, &one).await;
    assert_accepted(&verifier, &other).await;
    store.revoke_subject(ISSUER, "ada", None, START + Duration::HOUR).await.unwrap();
    assert_rejected(&verifier, &other).await;
}

#[actix_web::test]
async fn cached_token_is_rejected_while_the_store_is_unavailable() {
    let clock = TestClock::new();
    let store = failing_revocations(&clock, 1);
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_accepted(&verifier, &text).await;
    store.set_failing(true);
    let error = verifier.verify_str_async(&text).await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
}

#[actix_web::test]
async fn stricter_verifier_does_not_share_entries() {
    let clock = TestClock::new();
    let builder = || verifier_builder(&clock);
    let any = || builder().accept_any_audience();
    let lenient = any().leeway(StdDuration::from_secs(300)).build().unwrap();
    let issuer = issuer_builder(&clock)
        .audience("https://api.example")
        .ttl(StdDuration::from_secs(60))
        .build()
        .unwrap();
    let text = token(&issuer);
    assert_accepted(&lenient, &text).await;
    let other_key = Verifier::builder().trust(ISSUER, SecretKey::generate().public_key());
    let other_issuer =
        Verifier::builder().trust(ISSUER.replace("issuer", "iguana"), keys::public());
    // The numbers of signature checks in the first and in the second verification.
    let stricter = [
        ("audience", builder(), [1, 1]),
        ("another audience", builder().audience("https://other.example"), [1, 1]),
        ("a check", any().check(|_| Err(Rejection::invalid("closed"))), [1, 0]),
        ("format", any().format(Format::Cbor), [0, 0]),
        ("assertion", any().implicit_assertion("other"), [1, 1]),
        ("key", other_key.clock(clock.clone()).accept_any_audience(), [0, 0]),
        ("issuer", other_issuer.clock(clock.clone()).accept_any_audience(), [1, 1]),
    ];
    for (difference, verifier, signature_checks) in stricter {
        let verifier = verifier.build().unwrap();
        for expected in signature_checks {
            let (made, outcome) = verify(&verifier, &text);
            assert_eq!(made, expected, "{difference}");
            assert!(outcome.is_err(), "{difference}");
        }
        assert_rejected(&verifier, &text).await;
        assert_accepted(&lenient, &text).await;
    }
    clock.advance(Duration::seconds(70));
    assert_accepted(&lenient, &text).await;
    assert_rejected(&any().build().unwrap(), &text).await;
}

#[test]
fn stats_count_hits_misses_and_entries() {
    let clock = TestClock::new();
    let issuer = issuer_builder(&clock).build().unwrap();
    let verifier = verifier_builder(&clock).build().unwrap();
    let figures = |verifier: &Verifier| {
        let stats = verifier.token_cache_stats();
        (stats.hits, stats.misses, stats.entries)
    };
    let (one, other) = (token(&issuer), token(&issuer));
    assert_eq!(figures(&verifier), (0, 0, 0));
    assert_eq!(verifier.token_cache_stats().bytes, 0);
    for text in [&one, &one, &one, &other] {
        verify(&verifier, text).1.unwrap();
    }
    assert_eq!(figures(&verifier.clone()), (2, 2, 2), "clones share the cache");
    let per_token = verifier.token_cache_stats().bytes / 2;
    assert!((one.len() / 2..2000).contains(&per_token), "{per_token} bytes");
    verify(&verifier, "not a token").1.unwrap_err();
    verify(&verifier, &format!("{one}{}", "A".repeat(8192))).1.unwrap_err();
    assert_eq!(figures(&verifier), (2, 2, 2), "strings that cannot be tokens are not counted");
    verify(&verifier, &one[..one.len() - 1]).1.unwrap_err();
    assert_eq!(figures(&verifier), (2, 3, 2));

    for without in
        [verifier_builder(&clock).without_token_cache(), verifier_builder(&clock).token_cache(0)]
    {
        let without = without.build().unwrap();
        verify(&without, &one).1.unwrap();
        assert_eq!(without.token_cache_stats(), Default::default());
    }
}

/// A claim adds 8 bytes for the index of the payload. A text adds 16 bytes for its allocation. The
/// tokens of a key share the memory of the first footer.
#[test]
fn stats_estimate_the_bytes_of_each_token() {
    let clock = TestClock::new();
    let text = |claims: &str, footer: &str| {
        let exp = "2100-01-01T00:00:00Z";
        let payload = format!(r#"{{"iss":"{ISSUER}","exp":"{exp}"{claims}}}"#);
        sign(&keys::secret(), payload.as_bytes(), footer.as_bytes(), b"")
    };
    let bytes = |claims, footer| {
        let verifier = verifier_builder(&clock).build().unwrap();
        let size_after = |text: &str| {
            verify(&verifier, text).1.unwrap();
            verifier.token_cache_stats().bytes
        };
        let first = size_after(&text(r#","first":true"#, ""));
        size_after(&text(claims, footer)) - first
    };
    let least = bytes("", "");
    let [short, long] = [",\"plan\":\"pro\"", ",\"plan\":\"professional\""];
    assert_eq!(bytes(short, ""), least + short.len() + 8);
    assert_eq!(bytes(long, ""), least + long.len() + 8);
    let subject = ",\"sub\":\"ada\"";
    assert_eq!(bytes(subject, ""), least + subject.len() + 8 + "ada".len() + 16);
    assert_eq!(bytes("", "another footer"), least + "another footer".len() + 16);
}

#[test]
fn token_without_exp_is_not_cached() {
    let clock = TestClock::new();
    let verifier =
        verifier_builder(&clock).dangerously_accept_tokens_without_expiry().build().unwrap();
    let payload = json!({ "iss": ISSUER }).to_string();
    let text = sign(&keys::secret(), payload.as_bytes(), b"", b"");
    for _ in 0..2 {
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
    }
    assert_eq!(entries(&verifier), 0);
}

#[test]
fn cache_never_exceeds_its_capacity() {
    let clock = TestClock::new();
    let capacity = 64 << 10;
    let verifier = verifier_builder(&clock).token_cache(capacity).build().unwrap();
    let stats = || verifier.token_cache_stats();
    let issuer = issuer_builder(&clock).build().unwrap();
    let mut most = 0;
    for i in 0..500 {
        let text =
            issuer.token(&json!({ "i": i, "padding": "x".repeat(i % 7 * 300) })).issue().unwrap();
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
        assert!(stats().bytes <= capacity, "{:?}", stats());
        most = most.max(stats().entries);
    }
    assert!(
        most >= 20 && stats().bytes > capacity / 2,
        "the cache stores several tokens: {most}, {:?}",
        stats()
    );
    // A token that is larger than the cache is verified, but not stored.
    let verifier = verifier_builder(&clock).token_cache(1024).build().unwrap();
    let text = issuer.token(&json!({ "padding": "x".repeat(3000) })).issue().unwrap();
    for _ in 0..2 {
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
    }
    assert_eq!(entries(&verifier), 0);
}

#[test]
fn insertions_remove_expired_entries() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let issue = |count, seconds| {
        let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(seconds)).build().unwrap();
        for _ in 0..count {
            verifier.verify_str(&issuer.issue(&json!({})).unwrap()).unwrap();
        }
    };
    issue(600, 60);
    issue(100, 3600);
    assert_eq!(entries(&verifier), 700);
    clock.advance(Duration::minutes(2));
    issue(324, 3600);
    assert_eq!(entries(&verifier), 424);
}
