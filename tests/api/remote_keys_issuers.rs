//! Remote issuers that publish keys of others, and keys and issuers that are removed.

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, mpsc};
use std::time::Duration as RealDuration;

use paseto_actix::error::VerifyErrorKind;
use paseto_actix::key_set::{KeySet, KeySetSource};
use paseto_actix::{SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::assert_accepted;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::key_server::{KeyServer, key_set};
use paseto_actix_tests::remote_keys::{
    REFRESH, builder, source, token, token_of, verifier, wait_for_fetch,
};
use time::Duration;

const OTHER: &str = "https://other.example";
const FIXED: &str = "https://fixed.example";
const PATIENCE: RealDuration = RealDuration::from_secs(30);

/// Waits for the fetch of the other issuer that is in flight or due.
async fn wait_for_other(verifier: &Verifier) {
    let unknown = token_of(OTHER, &SecretKey::generate());
    verifier.verify_str_async(&unknown).await.unwrap_err();
}

#[track_caller]
fn assert_untrusted(verifier: &Verifier, issuer: &str, key: &SecretKey) {
    let error = verifier.verify_str(&token_of(issuer, key)).unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::UntrustedIssuer, "{error}");
}

/// The other issuer copies keys of the first one, and its key set arrives first.
#[actix_web::test]
async fn a_copied_key_does_not_affect_its_issuer() {
    let (clock, own, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let (others, fixed) = (SecretKey::generate(), SecretKey::generate());
    let first = KeyServer::start(key_set(ISSUER, &[own.public_key()]));
    let copies = [&others, &own, &new, &fixed].map(SecretKey::public_key);
    let second = KeyServer::start(key_set(OTHER, &copies));
    first.hold();
    let verifier = builder(&clock, source(&first))
        .remote_keys(OTHER, source(&second))
        .trust(FIXED, fixed.public_key())
        .build()
        .unwrap();
    wait_for_other(&verifier).await;
    first.release();
    assert_accepted(&verifier, &token(&own)).await;
    assert!(verifier.key_set_status().iter().all(|status| status.last_error.is_none()));
    verifier.verify_str(&token_of(FIXED, &fixed)).unwrap();
    verifier.verify_str(&token_of(OTHER, &others)).unwrap();
    assert_untrusted(&verifier, ISSUER, &others);
    assert_untrusted(&verifier, FIXED, &others);
    assert_untrusted(&verifier, FIXED, &own);

    // The copy of a new key does not prevent the fetch of its issuer.
    first.reply(key_set(ISSUER, &[own.public_key(), new.public_key()]));
    assert_untrusted(&verifier, ISSUER, &new);
    clock.advance(Duration::seconds(30));
    assert_accepted(&verifier, &token(&new)).await;

    // The copies end with the other issuer.
    assert!(verifier.remove_issuer(OTHER));
    verifier.verify_str(&token(&new)).unwrap();
    verifier.verify_str(&token_of(FIXED, &fixed)).unwrap();
    assert_untrusted(&verifier, OTHER, &own);
}

#[actix_web::test]
async fn a_copied_key_can_be_trusted_for_its_issuer() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = verifier(&clock, &server);
    wait_for_fetch(&verifier).await;
    verifier.trust(FIXED, key.public_key()).unwrap();
    verifier.verify_str(&token_of(FIXED, &key)).unwrap();
    verifier.set_keys(FIXED, [key.public_key()]).unwrap();
    // The keys of the application have one issuer.
    verifier.trust(OTHER, key.public_key()).unwrap_err();
    verifier.set_keys(OTHER, [key.public_key()]).unwrap_err();
}

#[actix_web::test]
async fn a_removed_key_does_not_return_with_the_next_key_set() {
    let (clock, stolen, good) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let announced = SecretKey::generate();
    let keys = [&stolen, &good].map(SecretKey::public_key);
    let server = KeyServer::start(key_set(ISSUER, &keys));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&stolen)).await;
    assert!(verifier.remove_key(stolen.public_key().kid()));
    assert!(!verifier.remove_key(stolen.public_key().kid()));
    assert!(!verifier.remove_key(announced.public_key().kid()));
    let keys = [&stolen, &announced, &good].map(SecretKey::public_key);
    for keys in [&keys[..], &keys[2..], &keys[..]] {
        server.reply(key_set(ISSUER, keys));
        clock.advance(REFRESH);
        wait_for_fetch(&verifier).await;
        let trusted: Vec<_> = verifier.keys().into_iter().map(|key| key.key).collect();
        assert_eq!(trusted, [good.public_key()]);
        verifier.verify_str(&token(&good)).unwrap();
        for key in [&stolen, &announced] {
            let error = verifier.verify_str(&token(key)).unwrap_err();
            assert_eq!(error.kind(), VerifyErrorKind::UnknownKey);
        }
    }
    assert!(verifier.key_set_status()[0].last_error.is_none());
    verifier.trust(FIXED, stolen.public_key()).unwrap();
}

/// The issuer was followed, although no fetch has succeeded.
#[actix_web::test]
async fn removal_of_an_issuer_without_keys_is_reported() {
    let source = KeySetSource::from_fn(|| std::future::ready(Err::<KeySet, _>("down".to_owned())));
    let verifier = builder(&TestClock::new(), source).build().unwrap();
    assert!(verifier.remove_issuer(ISSUER) && !verifier.remove_issuer(ISSUER));
}

#[actix_web::test]
async fn a_removed_issuer_is_not_fetched() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    // The thread owns `started`.
    let (started, starts) = mpsc::channel::<()>();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let keys = KeySet::new(ISSUER, [key.public_key()]).unwrap();
    let source = KeySetSource::from_fn(move || {
        started.send(()).unwrap();
        held.lock().unwrap().recv().unwrap();
        std::future::ready(Ok::<_, String>(keys.clone()))
    });
    let other = SecretKey::generate();
    let builder = builder(&clock, source).trust(OTHER, other.public_key());
    let verifier = builder.build().unwrap();
    release.send(()).unwrap();
    verifier.verify_str_async(&token(&key)).await.unwrap();
    starts.recv().unwrap();
    clock.advance(REFRESH);
    verifier.verify_str(&token(&key)).unwrap();
    starts.recv_timeout(PATIENCE).unwrap();
    // A fetch is in flight.
    assert!(verifier.remove_issuer(ISSUER) && !verifier.remove_issuer(ISSUER));
    release.send(()).unwrap();
    let end = starts.recv_timeout(PATIENCE);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected), "the thread must end");
    assert_eq!((verifier.keys().len(), verifier.key_set_status().len()), (1, 0));
    let error = verifier.verify_str_async(&token(&key)).await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::UnknownKey);
    verifier.verify_str(&token_of(OTHER, &other)).unwrap();
    // The application can pin a key.
    verifier.trust(ISSUER, key.public_key()).unwrap();
    verifier.verify_str(&token(&key)).unwrap();
    assert!(verifier.remove_issuer(ISSUER));
}

#[actix_web::test]
async fn keys_does_not_return_keys_that_are_too_old() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = verifier(&clock, &server);
    wait_for_fetch(&verifier).await;
    assert_eq!(verifier.keys().len(), 1);
    server.hold();
    clock.advance(Duration::DAY);
    assert_eq!(verifier.keys().len(), 0);
}
