//! Tokens that wait for a fetch, and closures that block or panic.

use std::cell::Cell;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration as RealDuration;

use actix_web::rt::System;
use actix_web::rt::task::spawn_blocking;
use futures_util::future::{join, join_all};
use paseto_actix::clock::Clock;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::event::Event;
use paseto_actix::key_set::{KeySet, KeySetSource};
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::assert_accepted;
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::key_server::{KeyServer, key_set};
use paseto_actix_tests::remote_keys::{REFRESH, builder, source, token, verifier, wait_for_fetch};
use serde_json::json;
use time::{Duration, OffsetDateTime};

const PATIENCE: RealDuration = RealDuration::from_secs(30);

#[actix_web::test]
async fn tokens_with_other_times_or_audiences_start_no_fetch() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&key)).await;
    clock.advance(Duration::seconds(30));
    for include_kid in [true, false] {
        let issuer = Issuer::builder(ISSUER).key(SecretKey::generate()).include_kid(include_kid);
        let issuer = issuer.clock(TestClock::new()).build().unwrap();
        let empty = json!({});
        let expired = issuer.token(&empty).ttl(RealDuration::from_secs(1)).issue();
        let early = issuer.token(&empty).not_before(START + Duration::minutes(1)).issue();
        let other = issuer.token(&empty).audience("https://other.example").issue();
        for token in [expired, early, other] {
            let error = verifier.verify_str_async(&token.unwrap()).await.unwrap_err();
            assert_eq!(error.kind(), VerifyErrorKind::UnknownKey);
        }
    }
    assert_eq!(server.hits(), 1);
    wait_for_fetch(&verifier).await;
    assert_eq!(server.hits(), 2);
}

thread_local! {
    /// The number of calls of the clock until a fetch completes during a verification.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// A clock that completes a fetch while a thread reads it.
#[derive(Debug)]
struct FetchingClock {
    server: Arc<KeyServer>,
    has_keys: Mutex<mpsc::Receiver<()>>,
}

impl Clock for FetchingClock {
    fn now(&self) -> OffsetDateTime {
        if CALLS.replace(CALLS.get().saturating_sub(1)) == 1 {
            self.server.release();
            self.has_keys.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        START
    }
}

#[actix_web::test]
async fn keys_that_arrive_during_a_verification_are_used() {
    // The verification reads the clock before it looks for the key, and after it.
    for calls in [1, 2] {
        let key = SecretKey::generate();
        let server = Arc::new(KeyServer::start(key_set(ISSUER, &[key.public_key()])));
        server.hold();
        let (sender, has_keys) = mpsc::channel();
        let source = source(&server);
        let verifier = Verifier::builder()
            .clock(FetchingClock { server: Arc::clone(&server), has_keys: Mutex::new(has_keys) })
            .remote_keys(ISSUER, source)
            .on_event(move |event| {
                if matches!(event, Event::KeysChanged { .. }) {
                    sender.send(()).unwrap();
                }
            })
            .build()
            .unwrap();
        let token = token(&key);
        server.wait_for_hits(1);
        CALLS.set(calls);
        verifier.verify_str(&token).unwrap();
        assert_eq!(CALLS.get(), 0);
    }
}

/// Returns a server with a new key, whose next response waits, a verifier that trusts the old key,
/// and a token of the new key.
async fn new_key_at_a_held_server() -> (KeyServer, Verifier, String) {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[old.public_key()]));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&old)).await;
    server.reply(key_set(ISSUER, &[new.public_key()]));
    clock.advance(Duration::seconds(30));
    server.hold();
    let token = token(&new);
    (server, verifier, token)
}

#[actix_web::test]
async fn at_most_1024_tokens_wait() {
    let (server, verifier, token) = new_key_at_a_held_server().await;
    // The requests are polled first, and all of them wait.
    let requests = join_all((0..1024).map(|_| verifier.verify_str_async(&token)));
    let release = async {
        server.wait_for_hits(2);
        let error = verifier.verify_str_async(&token).await.unwrap_err();
        assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
        assert_eq!(error.retry_after(), Some(RealDuration::from_secs(1)));
        server.release();
    };
    let (verified, ()) = join(requests, release).await;
    assert!(verified.iter().all(Result::is_ok));
    verifier.verify_str_async(&token).await.unwrap();
}

#[actix_web::test]
async fn tokens_of_several_threads_wait_for_one_fetch() {
    let (server, verifier, token) = new_key_at_a_held_server().await;
    thread::scope(|scope| {
        let wait = || System::new().block_on(verifier.verify_str_async(&token));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(wait)).collect();
        server.wait_for_hits(2);
        server.release();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    });
    assert_eq!(server.hits(), 2);
}

#[actix_web::test]
async fn no_token_waits_longer_for_a_closure_that_blocks() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let keys = KeySet::new(ISSUER, [key.public_key()]).unwrap();
    let source = KeySetSource::from_fn(move || {
        let _ = blocked.lock().unwrap().recv();
        std::future::ready(Ok::<_, String>(keys.clone()))
    });
    let (events, received) = mpsc::channel();
    let hook = move |_: &Event<'_>| events.send(()).unwrap();
    let source = source.timeout(RealDuration::from_millis(100));
    let verifier = builder(&clock, source).on_event(hook).build().unwrap();
    // The first token waits for the timeout and 1 second, the second one does not wait.
    for _ in 0..2 {
        let error = verifier.verify_str_async(&token(&key)).await.unwrap_err();
        assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
        clock.advance(Duration::seconds(2));
    }
    drop(release);
    received.recv_timeout(PATIENCE).unwrap();
    verifier.verify_str(&token(&key)).unwrap();
}

#[actix_web::test]
async fn fetches_continue_after_an_event_hook_panicked() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[old.public_key()]));
    let hook = |event: &Event<'_>| {
        assert!(!matches!(event, Event::KeysChanged { .. }), "a test");
    };
    let verifier = builder(&clock, source(&server)).on_event(hook).build().unwrap();
    assert_accepted(&verifier, &token(&old)).await;
    server.reply(key_set(ISSUER, &[new.public_key()]));
    clock.advance(REFRESH);
    assert_accepted(&verifier, &token(&new)).await;
    let status = verifier.key_set_status().remove(0);
    assert_eq!((status.is_usable, status.last_error), (true, None));
}

#[actix_web::test]
async fn the_thread_ends_without_the_blocking_tasks_of_a_closure() {
    let key = SecretKey::generate();
    let keys = KeySet::new(ISSUER, [key.public_key()]).unwrap();
    let (unblock, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(Some(blocked));
    let source = KeySetSource::from_fn(move || {
        let blocked = blocked.lock().unwrap().take();
        spawn_blocking(move || blocked.map(|blocked| blocked.recv()));
        std::future::ready(Ok::<_, String>(keys.clone()))
    });
    // The verifier and the thread own the clock.
    let (alive, ended) = mpsc::channel::<()>();
    let clock = move || {
        let _ = &alive;
        START
    };
    let verifier = paseto_actix::Verifier::builder().clock(clock).remote_keys(ISSUER, source);
    let verifier = verifier.build().unwrap();
    assert_accepted(&verifier, &token(&key)).await;
    drop(verifier);
    let end = ended.recv_timeout(PATIENCE);
    assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected), "the thread must end");
    drop(unblock);
}
