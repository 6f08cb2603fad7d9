//! Keys of remote issuers: unknown keys, refreshes, events and the end of the thread.

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration as RealDuration;

use futures_util::future::{join, join_all};
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::event::Event;
use paseto_actix::key_set::{KeySet, KeySetSource};
use paseto_actix::{SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{assert_accepted, assert_rejected, send_bearer};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::key_server::{KeyServer, key_set, response};
use paseto_actix_tests::remote_keys::{
    REFRESH, builder, source, status, token, token_of, verifier, wait_for_fetch,
};
use time::Duration;

const OTHER: &str = "https://other.example";

fn kids(verifier: &Verifier) -> Vec<String> {
    verifier.keys().into_iter().map(|key| key.key.kid().to_owned()).collect()
}

#[actix_web::test]
async fn first_requests_wait_for_the_first_fetch() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&key)).await;
    assert_eq!(server.hits(), 1);
    let head = server.last_request().to_ascii_lowercase();
    for line in ["get /keys.json http/1.1", "accept: application/json", "user-agent: paseto-actix/"]
    {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("if-none-match") && !head.contains("accept-encoding"), "{head}");
    let status = status(&verifier);
    assert_eq!((status.issuer.as_str(), status.last_success), (ISSUER, Some(START)));
    assert!(status.is_usable && status.last_error.is_none());
}

#[actix_web::test]
async fn requests_with_a_new_key_wait_for_one_fetch() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[old.public_key()]));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&old)).await;
    server.reply(key_set(ISSUER, &[old.public_key(), new.public_key()]));
    // Less than the time until the next regular fetch.
    clock.advance(Duration::seconds(30));
    server.hold();
    let tokens: Vec<_> = (0..64).map(|_| token(&new)).collect();
    let requests = join_all(tokens.iter().map(|token| send_bearer(&verifier, token)));
    // The requests are polled first, and all of them wait.
    let release = async {
        server.wait_for_hits(2);
        server.release();
    };
    let (responses, ()) = join(requests, release).await;
    assert!(responses.iter().all(|(response, runs)| (response.status.as_u16(), *runs) == (200, 1)));
    assert_eq!(server.hits(), 2);
}

#[actix_web::test]
async fn unknown_keys_start_at_most_one_fetch_in_30_seconds() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&key)).await;
    let unknown = unknown_tokens(10_000);
    for hits in 1..=3 {
        for token in &unknown {
            let error = verifier.verify_str_async(token).await.unwrap_err();
            assert_eq!(error.kind(), VerifyErrorKind::UnknownKey);
        }
        assert_eq!(server.hits(), hits);
        clock.advance(Duration::seconds(30));
    }
    assert_rejected(&verifier, &unknown[0]).await;
}

/// Returns tokens with random key IDs.
fn unknown_tokens(count: usize) -> Vec<String> {
    let key = SecretKey::generate();
    let payload = format!(r#"{{"iss":"{ISSUER}","exp":"2026-01-02T00:00:00Z"}}"#);
    let kid = |number| format!(r#"{{"kid":"k4.pid.{number:044}"}}"#);
    let sign = |number| {
        let footer: String = kid(number);
        paseto_actix_tests::parts::sign(&key, payload.as_bytes(), footer.as_bytes(), b"")
    };
    (0..count).map(sign).collect()
}

#[actix_web::test]
async fn tokens_without_a_key_id_start_a_fetch() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[old.public_key()]));
    let verifier = verifier(&clock, &server);
    let payload = format!(r#"{{"iss":"{ISSUER}","exp":"2026-01-02T00:00:00Z"}}"#);
    let sign = |key| paseto_actix_tests::parts::sign(key, payload.as_bytes(), b"", b"");
    assert_accepted(&verifier, &sign(&old)).await;
    server.reply(key_set(ISSUER, &[new.public_key()]));
    assert_rejected(&verifier, &sign(&new)).await;
    clock.advance(Duration::seconds(30));
    assert_accepted(&verifier, &sign(&new)).await;
    assert_rejected(&verifier, &sign(&old)).await;
    assert_eq!(server.hits(), 2);
}

#[actix_web::test]
async fn an_unknown_key_starts_a_fetch_of_its_issuer_only() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let (first, second) = (
        KeyServer::start(key_set(ISSUER, &[key.public_key()])),
        KeyServer::start(key_set(OTHER, &[SecretKey::generate().public_key()])),
    );
    let verifier =
        builder(&clock, source(&first)).remote_keys(OTHER, source(&second)).build().unwrap();
    let unknown = |issuer| token_of(issuer, &SecretKey::generate());
    for issuer in [ISSUER, OTHER] {
        verifier.verify_str_async(&unknown(issuer)).await.unwrap_err();
    }
    clock.advance(Duration::seconds(30));
    verifier.verify_str_async(&unknown(OTHER)).await.unwrap_err();
    verifier.verify_str_async(&unknown("https://unknown.example")).await.unwrap_err();
    // A key of the first issuer with the name of the second one.
    let error = verifier.verify_str_async(&token_of(OTHER, &key)).await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::UntrustedIssuer);
    assert_eq!((first.hits(), second.hits()), (1, 2));
}

#[actix_web::test]
async fn verify_str_starts_a_fetch_and_does_not_wait() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    server.hold();
    let verifier = verifier(&clock, &server);
    let error = verifier.verify_str(&token(&key)).unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
    assert_eq!(error.retry_after(), Some(RealDuration::from_secs(1)));
    server.release();
    verifier.verify_str_async(&token(&key)).await.unwrap();
    verifier.verify_str(&token(&key)).unwrap();

    clock.advance(Duration::seconds(30));
    let unknown = token(&SecretKey::generate());
    assert_eq!(verifier.verify_str(&unknown).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
    server.wait_for_hits(2);
}

#[actix_web::test]
async fn a_due_refresh_adds_and_removes_keys() {
    let (clock, old, new) = (TestClock::new(), SecretKey::generate(), SecretKey::generate());
    let (events, received) = mpsc::channel();
    let events = Mutex::new(events);
    let hook = move |event: &Event<'_>| {
        if matches!(event, Event::KeysChanged { .. }) {
            events.lock().unwrap().send(format!("{event:?}")).unwrap();
        }
    };
    let server = KeyServer::start(key_set(ISSUER, &[old.public_key()]));
    let verifier = builder(&clock, source(&server)).on_event(hook).build().unwrap();
    assert_accepted(&verifier, &token(&old)).await;
    server.reply(key_set(ISSUER, &[new.public_key()]));
    clock.advance(REFRESH);
    // The old key is valid until the fetch is complete.
    server.hold();
    assert_accepted(&verifier, &token(&old)).await;
    server.release();
    assert_accepted(&verifier, &token(&new)).await;
    assert_rejected(&verifier, &token(&old)).await;
    assert_eq!(server.hits(), 2);
    let event = |added: &[&str], removed: &[&str]| {
        format!("KeysChanged {{ issuer: {ISSUER:?}, added: {added:?}, removed: {removed:?} }}")
    };
    let (old, new) = (old.public_key(), new.public_key());
    // The hook runs on the thread, after the requests that waited.
    for expected in [event(&[old.kid()], &[]), event(&[new.kid()], &[old.kid()])] {
        assert_eq!(received.recv_timeout(RealDuration::from_secs(30)).unwrap(), expected);
    }
}

#[actix_web::test]
async fn a_clock_that_jumps_starts_a_fetch() {
    for jump in [Duration::hours(3), Duration::hours(-3)] {
        let (clock, key) = (TestClock::new(), SecretKey::generate());
        clock.advance(Duration::hours(12));
        let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
        let verifier = verifier(&clock, &server);
        let token = token(&key);
        assert_accepted(&verifier, &token).await;
        clock.advance(jump);
        assert_accepted(&verifier, &token).await;
        server.wait_for_hits(2);
    }
}

#[actix_web::test]
async fn max_age_sets_the_time_of_the_next_fetch() {
    let key = SecretKey::generate();
    let document = KeySet::new(ISSUER, [key.public_key()]).unwrap().to_json();
    for (cache_control, at_most) in [
        ("no-store", 60),
        ("max-age=600", 600),
        ("max-age=600\r\nAge: 500", 100),
        ("public", 300),
        // Half of the time for which the keys are used.
        ("max-age=99999999999999999999", 12 * 60 * 60),
    ] {
        let clock = TestClock::new();
        let cache_control = format!("Cache-Control: {cache_control}");
        let headers = ["Content-Type: application/json", &cache_control];
        let server = KeyServer::start(response("200 OK", &headers, &document));
        let verifier = verifier(&clock, &server);
        assert_accepted(&verifier, &token(&key)).await;
        clock.advance(Duration::seconds(at_most));
        assert_accepted(&verifier, &token(&key)).await;
        server.wait_for_hits(2);
    }
}

#[actix_web::test]
async fn an_unchanged_document_is_not_sent_again() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let document = KeySet::new(ISSUER, [key.public_key()]).unwrap().to_json();
    let headers = ["Content-Type: application/json", "ETag: \"one\""];
    let server = KeyServer::start(response("200 OK", &headers, &document));
    let verifier = verifier(&clock, &server);
    assert_accepted(&verifier, &token(&key)).await;
    server.reply(response("304 Not Modified", &["ETag: \"one\""], ""));
    for _ in 0..3 {
        clock.advance(REFRESH);
        wait_for_fetch(&verifier).await;
        assert!(server.last_request().contains("if-none-match: \"one\"\r\n"));
        let status = status(&verifier);
        assert!(status.is_usable && status.last_error.is_none(), "{status:?}");
    }
    // After the time limit, the keys of the last document are used again.
    clock.advance(Duration::DAY);
    assert_accepted(&verifier, &token(&key)).await;
}

#[actix_web::test]
async fn a_closure_is_a_source() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let keys = Arc::new(Mutex::new(Err("the database is down\n")));
    let source = {
        let keys = Arc::clone(&keys);
        KeySetSource::from_fn(move || {
            let keys = keys.lock().unwrap().clone();
            async move {
                actix_web::rt::task::yield_now().await;
                keys
            }
        })
    };
    let verifier = builder(&clock, source).build().unwrap();
    assert_eq!(wait_for_fetch(&verifier).await.kind(), VerifyErrorKind::Unavailable);
    assert_eq!(status(&verifier).last_error.as_deref(), Some("`the database is down\\n`"));
    *keys.lock().unwrap() = Ok(KeySet::new(ISSUER, [key.public_key()]).unwrap());
    clock.advance(Duration::SECOND);
    assert_accepted(&verifier, &token(&key)).await;
    *keys.lock().unwrap() = Ok(KeySet::new(OTHER, [key.public_key()]).unwrap());
    clock.advance(REFRESH);
    assert_eq!(wait_for_fetch(&verifier).await.kind(), VerifyErrorKind::UnknownKey);
    let expected = "expected issuer `https://issuer.example`, found `https://other.example`";
    assert_eq!(status(&verifier).last_error.as_deref(), Some(expected));
    assert_eq!(kids(&verifier), [key.public_key().kid()]);
}

#[actix_web::test]
async fn a_closure_that_panics_or_hangs_is_a_failed_fetch() {
    let clock = TestClock::new();
    let panicking = KeySetSource::from_fn(|| async { panic!("a test") as Result<KeySet, String> });
    let hanging = KeySetSource::from_fn(std::future::pending::<Result<KeySet, String>>);
    let hanging = hanging.timeout(RealDuration::from_millis(100));
    let at_once = KeySetSource::from_fn(|| {
        let closed = std::hint::black_box(true);
        assert!(!closed, "a test");
        std::future::ready(Err::<KeySet, _>("not reached"))
    });
    for (source, expected) in [
        (panicking, "the source panicked"),
        (at_once, "the source panicked"),
        (hanging, "the source did not respond within 0.1 s"),
    ] {
        let verifier = builder(&clock, source).build().unwrap();
        for _ in 0..3 {
            let error = wait_for_fetch(&verifier).await;
            assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
            assert_eq!(status(&verifier).last_error.as_deref(), Some(expected));
            clock.advance(Duration::seconds(30));
        }
    }
}

#[actix_web::test]
async fn dropping_the_last_clone_ends_the_thread() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let (alive, ended) = mpsc::channel::<()>();
    let alive = Mutex::new(alive);
    let keys = KeySet::new(ISSUER, [key.public_key()]).unwrap();
    let source = KeySetSource::from_fn(move || {
        // The thread owns the sender.
        let _ = &alive;
        std::future::ready(Ok::<_, String>(keys.clone()))
    });
    let verifier = builder(&clock, source).build().unwrap();
    let clone = verifier.clone();
    assert_accepted(&verifier, &token(&key)).await;
    drop(verifier);
    assert_accepted(&clone, &token(&key)).await;
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(clone);
    let end = ended.recv_timeout(RealDuration::from_secs(30));
    assert_eq!(end, Err(RecvTimeoutError::Disconnected), "the thread must end");
}

#[actix_web::test]
async fn asynchronous_checks_run_after_the_wait() {
    let (clock, key) = (TestClock::new(), SecretKey::generate());
    let server = KeyServer::start(key_set(ISSUER, &[key.public_key()]));
    let forbid = |_| async { Err(paseto_actix::error::Rejection::forbidden("a test")) };
    let verifier = builder(&clock, source(&server)).check_async(forbid).build().unwrap();
    let (response, runs) = send_bearer(&verifier, &token(&key)).await;
    assert_eq!((response.status.as_u16(), runs), (403, 0));
}

#[test]
fn debug_output_does_not_contain_the_url() {
    let source = KeySetSource::url("https://ada:s3cret-pass@issuer.example");
    let builder = Verifier::builder().remote_keys(ISSUER, source);
    assert!(!format!("{builder:?}").contains("s3cret"));
}
