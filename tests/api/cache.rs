//! Tokens that are remembered: a cache never says yes where the verifier would say no.

use std::{
    sync::{Arc, OnceLock},
    time::Duration as StdDuration,
};

use paseto_actix::{
    Clock, Format, Issuer, MemoryRevocations, Refusal, Revocations, SecretKey, VerifiedCache, Verifier,
    VerifierBuilder, VerifyErrorKind,
};
use paseto_actix_tests::{
    ISSUER,
    app::{assert_accepted, assert_refused, issuer_builder, verifier_builder},
    clock::{START, TestClock},
    keys,
    logs::Logs,
    revocation::Failing,
};
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

#[test]
fn a_token_that_comes_again_costs_no_signature_check() {
    let clock = TestClock::new();
    let text = token(&issuer_builder(&clock).build().unwrap());
    let (verifier, without) =
        (verifier_builder(&clock).build().unwrap(), verifier_builder(&clock).without_cache().build().unwrap());
    for again in [false, true, true] {
        assert_eq!(verify(&verifier, &text), (usize::from(!again), Ok(())));
        assert_eq!(verify(&without, &text), (1, Ok(())));
    }
    assert_eq!(verify(&verifier.clone(), &text), (0, Ok(())), "a clone is the same verifier");
    let (first, second) = (verifier.verify_str(&text).unwrap(), without.verify_str(&text).unwrap());
    assert_eq!(first.issuer(), second.issuer());
    assert_eq!(first.claims::<serde_json::Value>().unwrap(), second.claims::<serde_json::Value>().unwrap());
}

/// Whatever differs is another token, however little it is.
#[test]
fn b53_nothing_but_the_very_text_is_known() {
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
    for other in [format!("{text}."), format!("{text}="), format!(" {text}"), text[..text.len() - 1].to_owned()] {
        assert!(verify(&verifier, &other).1.is_err(), "{other}");
    }
    assert_eq!(verify(&verifier, &text), (0, Ok(())));
}

#[actix_web::test]
async fn b53_cached_and_then_expired() {
    let clock = TestClock::new();
    let cache = VerifiedCache::new(1 << 20);
    let verifier = verifier_builder(&clock).leeway(StdDuration::from_secs(5)).cache(cache.clone()).build().unwrap();
    let text = token(&issuer_builder(&clock).ttl(StdDuration::from_secs(60)).build().unwrap());
    assert_accepted(&verifier, &text).await;
    assert_eq!(cache.len(), 1);
    clock.advance(Duration::seconds(65));
    assert_eq!(verify(&verifier, &text), (0, Ok(())), "the last moment");
    clock.advance(Duration::nanoseconds(1));
    assert_refused(&verifier, &text).await;
    assert_eq!(verify(&verifier, &text), (1, Err(VerifyErrorKind::Expired)));
    assert!(cache.is_empty(), "it lives no longer than the token");
    // A clock that is set back makes the token good again, not the entry.
    clock.advance(Duration::seconds(-30));
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    // And one that is set back too far makes it one that is not good yet.
    clock.advance(Duration::minutes(-10));
    assert_eq!(verify(&verifier, &text), (0, Err(VerifyErrorKind::NotYetValid)));
}

#[actix_web::test]
async fn b53_cached_and_then_revoked() {
    let clock = TestClock::new();
    let store = MemoryRevocations::new(10).clock(clock.clone());
    let verifier = verifier_builder(&clock).revocations(store.clone()).build().unwrap();
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
async fn b50_a_store_that_is_down_lets_no_cached_token_pass() {
    let clock = TestClock::new();
    let store = Failing::new(&clock, 1);
    let verifier = verifier_builder(&clock).revocations(store.clone()).build().unwrap();
    let text = token(&issuer_builder(&clock).build().unwrap());
    assert_accepted(&verifier, &text).await;
    store.set_down(true);
    let error = verifier.verify_str_async(&text).await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
}

#[actix_web::test]
async fn b53_cached_and_then_the_key_or_the_issuer_is_removed() {
    let clock = TestClock::new();
    let text = token(&issuer_builder(&clock).build().unwrap());
    let kid = keys::public().kid().to_owned();
    for remove in [&(|verifier: &Verifier| verifier.distrust_key(&kid)) as &dyn Fn(&Verifier) -> bool, &|verifier| {
        verifier.distrust_issuer(ISSUER)
    }] {
        let verifier = verifier_builder(&clock).trust(OTHER, SecretKey::generate().public_key()).build().unwrap();
        let worker = verifier.clone();
        assert_accepted(&worker, &text).await;
        assert!(remove(&verifier));
        assert_refused(&worker, &text).await;
        assert!(!remove(&verifier), "it is gone");
        // For another issuer, it is not the same key.
        verifier.trust(OTHER, keys::public()).unwrap();
        assert_eq!(verify(&worker, &text).1, Err(VerifyErrorKind::UntrustedIssuer));
        assert!(verifier.distrust_issuer(OTHER));
        verifier.trust(ISSUER, keys::public()).unwrap();
        assert_accepted(&worker, &text).await;
    }
}

/// The clock is read once a signature was found right, so a clock can do what another thread might do in that moment.
#[test]
fn b53_what_was_found_by_keys_that_change_meanwhile_is_not_kept() {
    for changes in [false, true] {
        let clock = TestClock::new();
        let cache = VerifiedCache::new(1 << 20);
        let verifier = Arc::new(OnceLock::<Verifier>::new());
        let changing = {
            let (clock, verifier) = (clock.clone(), Arc::clone(&verifier));
            move || {
                if let Some(verifier) = verifier.get().filter(|_| changes) {
                    assert!(verifier.distrust_issuer(ISSUER));
                }
                clock.now()
            }
        };
        let built = Verifier::builder().trust(ISSUER, keys::public()).cache(cache.clone()).clock(changing).build();
        let verifier = verifier.get_or_init(|| built.unwrap());
        let text = token(&issuer_builder(&clock).build().unwrap());
        assert_eq!(verify(verifier, &text), (1, Ok(())), "it was right when it began");
        assert_eq!(cache.len(), usize::from(!changes));
        let again = if changes { Err(VerifyErrorKind::UnknownKey) } else { Ok(()) };
        assert_eq!(verify(verifier, &text), (0, again));
    }
}

#[test]
fn b53_keys_that_come_are_those_that_a_builder_takes() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let key = SecretKey::generate();
    let text = token(&Issuer::builder(OTHER).key(key.clone()).clock(clock.clone()).build().unwrap());
    assert_eq!(verify(&verifier, &text).1, Err(VerifyErrorKind::UnknownKey));
    assert!(verifier.trust("", key.public_key()).is_err());
    assert!(verifier.trust(OTHER, keys::public()).is_err(), "it is of another issuer");
    assert!(verifier.trust(ISSUER, keys::public()).is_err(), "it is known");
    verifier.trust(OTHER, key.public_key()).unwrap();
    assert_eq!(verify(&verifier, &text), (1, Ok(())));
    assert!(!verifier.distrust_key("k4.pid.none") && !verifier.distrust_issuer("nobody"));
}

#[actix_web::test]
async fn b54_one_cache_and_a_stricter_verifier() {
    let clock = TestClock::new();
    let cache = VerifiedCache::new(1 << 20);
    let builder = || verifier_builder(&clock).cache(cache.clone());
    let lenient = builder().accept_any_audience().leeway(StdDuration::from_secs(300)).build().unwrap();
    let issuer =
        issuer_builder(&clock).audience("https://api.example").ttl(StdDuration::from_secs(60)).build().unwrap();
    let text = token(&issuer);
    assert_accepted(&lenient, &text).await;
    assert_eq!(verify(&builder().audience("https://api.example").build().unwrap(), &text), (0, Ok(())), "shared");

    let any = || builder().accept_any_audience();
    let other_key = || Verifier::builder().trust(ISSUER, SecretKey::generate().public_key());
    let other_issuer = || Verifier::builder().trust(ISSUER.replace("issuer", "iguana"), keys::public());
    let of = |builder: VerifierBuilder| builder.clock(clock.clone()).cache(cache.clone()).accept_any_audience();
    let stricter = [
        ("audience", builder().build()),
        ("another audience", builder().audience("https://other.example").build()),
        ("a check", any().check(|_| Err(Refusal::invalid("nobody"))).build()),
        ("format", any().format(Format::Cbor).build()),
        ("assertion", any().implicit_assertion("other").build()),
        ("key", of(other_key()).build()),
        ("issuer", of(other_issuer()).build()),
    ];
    for (what, verifier) in stricter {
        assert_refused(&verifier.unwrap(), &text).await;
        assert_accepted(&lenient, &text).await;
        assert_eq!(cache.len(), 1, "{what}");
    }
    clock.advance(Duration::seconds(70));
    assert_accepted(&lenient, &text).await;
    assert_refused(&any().build().unwrap(), &text).await;
}

#[test]
fn b54_one_cache_and_another_assertion_of_the_same_length() {
    let clock = TestClock::new();
    let cache = VerifiedCache::new(1 << 20);
    let [one, other] = ["app-a", "app-b"]
        .map(|assertion| verifier_builder(&clock).implicit_assertion(assertion).cache(cache.clone()).build().unwrap());
    let text = token(&issuer_builder(&clock).implicit_assertion("app-a").build().unwrap());
    assert_eq!(verify(&one, &text), (1, Ok(())));
    assert_eq!(verify(&other, &text), (1, Err(VerifyErrorKind::BadSignature)));
    assert_eq!(verify(&one, &text), (0, Ok(())));
}

#[test]
fn a_token_that_never_expires_is_not_kept() {
    let clock = TestClock::new();
    let cache = VerifiedCache::new(1 << 20);
    let verifier =
        verifier_builder(&clock).dangerously_accept_tokens_without_expiry().cache(cache.clone()).build().unwrap();
    let payload = json!({ "iss": ISSUER }).to_string();
    let text = paseto_actix_tests::parts::sign(&keys::secret(), payload.as_bytes(), b"", b"");
    for _ in 0..2 {
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
    }
    assert!(cache.is_empty());
}

#[test]
fn b56_a_flood_of_tokens_keeps_to_the_bound() {
    let clock = TestClock::new();
    let capacity = 64 << 10;
    let cache = VerifiedCache::new(capacity);
    let verifier = verifier_builder(&clock).cache(cache.clone()).build().unwrap();
    let issuer = issuer_builder(&clock).build().unwrap();
    let mut most = 0;
    for i in 0..500 {
        let text = issuer.token(&json!({ "i": i, "padding": "x".repeat(i % 7 * 300) })).issue().unwrap();
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
        assert!(cache.weight() <= capacity, "{cache:?}");
        most = most.max(cache.len());
    }
    assert!(most >= 20 && cache.weight() > capacity / 2, "it is used: {most}, {cache:?}");
    // What has no room at all is judged as ever, and drives nothing out.
    let tiny = VerifiedCache::new(700);
    let verifier = verifier_builder(&clock).cache(tiny.clone()).build().unwrap();
    let text = issuer.token(&json!({ "padding": "x".repeat(3000) })).issue().unwrap();
    for _ in 0..2 {
        assert_eq!(verify(&verifier, &text), (1, Ok(())));
    }
    assert!(tiny.is_empty());
}

#[test]
fn b56_those_that_have_expired_leave_unasked() {
    let clock = TestClock::new();
    let cache = VerifiedCache::new(16 << 20);
    let verifier = verifier_builder(&clock).cache(cache.clone()).build().unwrap();
    let issue = |count, seconds| {
        let issuer = issuer_builder(&clock).ttl(StdDuration::from_secs(seconds)).build().unwrap();
        for _ in 0..count {
            verifier.verify_str(&issuer.issue(&json!({})).unwrap()).unwrap();
        }
    };
    issue(600, 60);
    issue(100, 3600);
    assert_eq!(cache.len(), 700);
    clock.advance(Duration::minutes(2));
    issue(324, 3600);
    assert_eq!(cache.len(), 424);
}
