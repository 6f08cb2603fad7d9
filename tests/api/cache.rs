//! The token cache: a Verifier with a cache accepts no token that it rejects without one.

use std::sync::{Arc, OnceLock};
use std::time::Duration as StdDuration;

use paseto_actix::clock::Clock;
use paseto_actix::error::{Rejection, VerifyErrorKind};
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::token::Format;
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_refused, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::revocation::Failing;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::json;
use time::Duration;

const OTHER: &str = "https://other.example";

fn token(issuer: &Issuer) -> String {
    issuer.token(&json!({ "plan": "pro" })).subject("ada").issue().unwrap()
}

/// How many signatures a verification costs, and what comes of it.
fn verify(verifier: &Verifier, text: &str) -> (usize, Result<(), VerifyErrorKind>) {
    let logs = Logs::capture();
    let outcome = verifier.verify_str(text).map(|_| ()).map_err(|error| error.kind());
    (logs.signature_checks(), outcome)
}

fn entries(verifier: &Verifier) -> usize {
    verifier.token_cache_stats().entries
}

#[test]
fn a_token_that_comes_again_costs_no_signature_check() {
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

/// A text with one other byte is another token.
#[test]
fn a_changed_text_is_not_found_in_the_cache() {
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
async fn a_cached_token_is_rejected_after_exp() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).leeway(StdDuration::from_secs(5)).build().unwrap();
    let text = token(&issuer_builder(&clock).ttl(StdDuration::from_secs(60)).build().unwrap());
    assert_accepted(&verifier, &text).await;
    assert_eq!(entries(&verifier), 1);
    clock.advance(Duration::seconds(65));
    assert_eq!(verify(&verifier, &text), (0, Ok(())), "the last moment");
    clock.advance(Duration::nanoseconds(1));
    assert_refused(&verifier, &text).await;
    assert_eq!(verify(&verifier, &text), (1, Err(VerifyErrorKind::Expired)));
    assert_eq!(entries(&verifier), 0, "the entry ends with the token");
    // A clock that is set back makes the token good again, not the entry.
    clock.advance(Duration::seconds(-30));
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    // And one that is set back too far makes it one that is not good yet.
    clock.advance(Duration::minutes(-10));
    assert_eq!(verify(&verifier, &text), (0, Err(VerifyErrorKind::NotYetValid)));
}

#[actix_web::test]
async fn a_cached_token_is_rejected_after_its_revocation() {
    let clock = TestClock::new();
    let store = MemoryRevocationStore::new(10).clock(clock.clone());
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();
    let issuer = issuer_builder(&clock).build().unwrap();
    let (one, other) = (token(&issuer), token(&issuer));
    for text in [&one, &other] {
        assert_accepted(&verifier, text).await;
    }
    verifier.revoke(&verifier.verify_str_async(&one).await.unwrap()).await.unwrap();
    assert_refused(&verifier, &one).await;
    assert_accepted(&verifier, &other).await;
    store.revoke_subject(ISSUER, "ada", None, START + Duration::HOUR).await.unwrap();
    assert_refused(&verifier, &other).await;
}

#[actix_web::test]
async fn a_cached_token_is_rejected_while_the_store_is_down() {
    let clock = TestClock::new();
    let store = Failing::new(&clock, 1);
    let verifier = verifier_builder(&clock).revocation_store(store.clone()).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_accepted(&verifier, &text).await;
    store.set_down(true);
    let error = verifier.verify_str_async(&text).await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
}

#[actix_web::test]
async fn a_cached_token_is_rejected_after_its_key_or_issuer_is_removed() {
    let clock = TestClock::new();
    let text = token(&issuer_builder(&clock).build().unwrap());
    let kid = keys::public().kid().to_owned();
    for remove in [
        &(|verifier: &Verifier| verifier.remove_key(&kid)) as &dyn Fn(&Verifier) -> bool,
        &|verifier| verifier.remove_issuer(ISSUER),
    ] {
        let verifier = verifier_builder(&clock)
            .trust(OTHER, SecretKey::generate().public_key())
            .build()
            .unwrap();
        let worker = verifier.clone();
        assert_accepted(&worker, &text).await;
        assert!(remove(&verifier));
        assert_eq!(entries(&worker), 0, "the claims of a removed key leave the memory");
        assert_refused(&worker, &text).await;
        assert!(!remove(&verifier), "it is gone");
        // For another issuer, it is not the same key.
        verifier.trust(OTHER, keys::public()).unwrap();
        assert_eq!(verify(&worker, &text).1, Err(VerifyErrorKind::UntrustedIssuer));
        assert!(verifier.remove_issuer(OTHER));
        verifier.trust(ISSUER, keys::public()).unwrap();
        assert_accepted(&worker, &text).await;
    }
}

/// The Verifier reads the clock after the check of the signature, so the clock of this test can do
/// what another thread might do at that time.
#[test]
fn an_entry_is_dead_if_its_key_is_removed_before_it_is_stored() {
    for changes in [false, true] {
        let clock = TestClock::new();
        let verifier = Arc::new(OnceLock::<Verifier>::new());
        let changing = {
            let (clock, verifier) = (clock.clone(), Arc::clone(&verifier));
            move || {
                if let Some(verifier) = verifier.get().filter(|_| changes) {
                    assert!(verifier.remove_issuer(ISSUER));
                }
                clock.now()
            }
        };
        let built = Verifier::builder().trust(ISSUER, keys::public()).clock(changing).build();
        let verifier = verifier.get_or_init(|| built.unwrap());
        let text = token(&issuer_builder(&clock).build().unwrap());
        assert_eq!(verify(verifier, &text), (1, Ok(())), "it was right when it began");
        let again = if changes { Err(VerifyErrorKind::UnknownKey) } else { Ok(()) };
        assert_eq!(verify(verifier, &text), (0, again));
        assert_eq!(entries(verifier), usize::from(!changes));
    }
}

#[test]
fn trust_rejects_the_keys_that_the_builder_rejects() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let key = SecretKey::generate();
    let text =
        token(&Issuer::builder(OTHER).key(key.clone()).clock(clock.clone()).build().unwrap());
    assert_eq!(verify(&verifier, &text).1, Err(VerifyErrorKind::UnknownKey));
    assert!(verifier.trust("", key.public_key()).is_err());
    assert!(verifier.trust(OTHER, keys::public()).is_err(), "it is of another issuer");
    assert!(verifier.trust(ISSUER, keys::public()).is_err(), "it is known");
    verifier.trust(OTHER, key.public_key()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert!(
        !verifier.remove_key("k4.pid.none") && !verifier.remove_issuer("https://unknown.example")
    );
}

/// A key that is trusted again is another key for the cache.
#[test]
fn an_entry_stays_dead_if_its_key_is_trusted_again() {
    let clock = TestClock::new();
    let verifier =
        verifier_builder(&clock).trust(OTHER, SecretKey::generate().public_key()).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
    assert!(verifier.remove_key(keys::public().kid()));
    verifier.trust(OTHER, keys::public()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Err(VerifyErrorKind::UntrustedIssuer)));
    assert!(verifier.remove_key(keys::public().kid()));
    verifier.trust(ISSUER, keys::public()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
}

/// Only a change of the token's own key makes the token cost a signature check again.
#[test]
fn other_keys_come_and_go_without_a_signature_check() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    let other = SecretKey::generate().public_key();
    verifier.trust(ISSUER, other.clone()).unwrap();
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
    assert!(verifier.remove_key(other.kid()));
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
}

#[actix_web::test]
async fn a_stricter_verifier_shares_no_entry() {
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
    // How many signature checks the token costs the first time, and the second time.
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
        assert_refused(&verifier, &text).await;
        assert_accepted(&lenient, &text).await;
    }
    clock.advance(Duration::seconds(70));
    assert_accepted(&lenient, &text).await;
    assert_refused(&any().build().unwrap(), &text).await;
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
    assert_eq!(figures(&verifier), (2, 2, 2), "the text cannot be a token");
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

#[test]
fn a_token_without_exp_is_not_cached() {
    let clock = TestClock::new();
    let verifier =
        verifier_builder(&clock).dangerously_accept_tokens_without_expiry().build().unwrap();
    let payload = json!({ "iss": ISSUER }).to_string();
    let text = paseto_actix_tests::parts::sign(&keys::secret(), payload.as_bytes(), b"", b"");
    for _ in 0..2 {
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
    }
    assert_eq!(entries(&verifier), 0);
}

#[test]
fn many_tokens_stay_below_the_size_of_the_cache() {
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
    assert!(most >= 20 && stats().bytes > capacity / 2, "the cache is used: {most}, {:?}", stats());
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
