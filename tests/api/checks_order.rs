//! The order of checks, and the tokens and requests for which they run.

use actix_web::rt::task::yield_now;
use paseto_actix::VerifiedToken;
use paseto_actix::error::Rejection;
use paseto_actix_tests::app::{
    assert_accepted, assert_rejected, issuer_builder, send_bearer, token_of, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use serde_json::json;

use crate::checks::{Events, builder, send, verdict};

/// All checks of a `Verifier` must pass. They run in order, the asynchronous ones last, and stop at
/// the first rejection.
#[actix_web::test]
async fn checks_run_in_order_until_the_first_rejection() {
    for (no, expected) in [
        (None, ["first", "second", "slow first", "slow second"].as_slice()),
        (Some("first"), &["first"]),
        (Some("second"), &["first", "second"]),
        (Some("slow first"), &["first", "second", "slow first"]),
        (Some("slow second"), &["first", "second", "slow first", "slow second"]),
    ] {
        let events = Events::default();
        let check = move |events: &Events, name| {
            events.push(name);
            if no == Some(name) { Err(Rejection::invalid("no")) } else { Ok(()) }
        };
        let sync = |name| {
            let events = events.clone();
            move |_: &VerifiedToken| check(&events, name)
        };
        let slow = |name| {
            let events = events.clone();
            move |_: VerifiedToken| {
                let events = events.clone();
                async move {
                    yield_now().await;
                    check(&events, name)
                }
            }
        };
        let verifier = builder()
            .check_async(slow("slow first"))
            .check(sync("first"))
            .check_async(slow("slow second"))
            .check(sync("second"))
            .build()
            .unwrap();
        let (response, runs) = send_bearer(&verifier, &token_of("ada")).await;
        assert_eq!(
            (response.status.is_success(), runs),
            (no.is_none(), usize::from(no.is_none())),
            "{no:?}"
        );
        assert_eq!(events.take(), expected, "{no:?}");
        assert_eq!(
            verifier.verify_str_async(&token_of("ada")).await.is_ok(),
            no.is_none(),
            "{no:?}"
        );
        assert_eq!(events.take(), expected, "{no:?}");
    }
}

/// Checks see only tokens whose signature and claims are valid.
#[actix_web::test]
async fn checks_run_only_for_valid_tokens() {
    let clock = TestClock::new();
    let events = Events::default();
    let (sync, slow) = (events.clone(), events.clone());
    let verifier = verifier_builder(&clock)
        .check(move |_| {
            sync.push("sync");
            Ok(())
        })
        .check_async(move |_| {
            slow.push("slow");
            async { Ok(()) }
        })
        .build()
        .unwrap();
    let token = token_of("ada");
    let other_audience =
        issuer_builder(&clock).audience("another").build().unwrap().issue(&json!({})).unwrap();
    for bad in [
        token.replace("v4.", "v3."),
        token.replacen("v4.public.e", "v4.public.f", 1),
        other_audience,
    ] {
        assert_rejected(&verifier, &bad).await;
    }
    assert_eq!(events.take(), [""; 0]);
    assert_accepted(&verifier, &token).await;
    assert_eq!(events.take(), ["sync", "slow"]);
    clock.advance(time::Duration::hours(2));
    assert_rejected(&verifier, &token).await;
    assert_eq!(events.take(), [""; 0]);
}

/// The body is read after the check has passed, so a rejected request never gets an error about its
/// body.
#[actix_web::test]
async fn asynchronous_check_runs_before_extractors_and_body() {
    let events = Events::default();
    let verifier = || {
        let events = events.clone();
        let check = move |token: VerifiedToken| {
            let events = events.clone();
            async move {
                events.push("check begins");
                for _ in 0..3 {
                    yield_now().await;
                }
                events.push("check ends");
                verdict(&token)
            }
        };
        builder().check_async(check).build().unwrap()
    };
    for (body, subject, status) in [("{}", "ada", 200), ("{nope", "ada", 400)] {
        let (response, runs) =
            send(verifier(), events.clone(), "/attribute", &token_of(subject), body).await;
        assert_eq!(
            (response.status.as_u16(), runs),
            (status, usize::from(status == 200)),
            "{body}"
        );
        assert_eq!(events.take(), ["check begins", "check ends", "extracted"], "{body}");
    }
    for (subject, status) in [("ivan", 401), ("frank", 403), ("uma", 503)] {
        let (response, runs) =
            send(verifier(), events.clone(), "/attribute", &token_of(subject), "{nope").await;
        assert_eq!((response.status.as_u16(), runs), (status, 0), "{subject}");
        assert_eq!(events.take(), ["check begins", "check ends"], "{subject}");
    }
}
