//! Floods of key IDs that a remote issuer does not have.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use paseto_actix::SecretKey;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::key_set::{KeySet, KeySetSource};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::parts::join;
use paseto_actix_tests::remote_keys::{builder, token};
use serde_json::json;

use crate::allocator::Growth;
use crate::{NO_STATE, alone};

/// The clock does not move, so only the first unknown key ID can start a fetch.
#[test]
fn unknown_key_ids_use_no_memory_and_start_one_fetch() {
    alone(async || {
        let (clock, key) = (TestClock::new(), SecretKey::generate());
        let fetches = Arc::new(AtomicUsize::new(0));
        let source = {
            let (fetches, key) = (Arc::clone(&fetches), key.public_key());
            KeySetSource::from_fn(move || {
                fetches.fetch_add(1, SeqCst);
                let keys = KeySet::new(ISSUER, [key.clone()]);
                async { keys }
            })
        };
        let verifier = builder(&clock, source).build().unwrap();
        verifier.verify_str_async(&token(&key)).await.unwrap();
        let payload = json!({ "iss": ISSUER, "exp": "2026-01-02T00:00:00Z" }).to_string();
        let body = [payload.as_bytes(), &[7; 64]].concat();
        clock.advance(time::Duration::seconds(30));
        let unknown = |number| {
            let footer = format!(r#"{{"kid":"k4.pid.{number:044}"}}"#);
            join(&body, footer.as_bytes())
        };
        // The first unknown key ID waits for its fetch.
        verifier.verify_str_async(&unknown(0)).await.unwrap_err();
        assert_eq!(fetches.load(SeqCst), 2);
        let growth = Growth::start();
        for number in 0..10_000 {
            let error = verifier.verify_str_async(&unknown(number)).await.unwrap_err();
            assert_eq!(error.kind(), VerifyErrorKind::UnknownKey);
        }
        assert_eq!(fetches.load(SeqCst), 2);
        growth.assert_at_most(NO_STATE);
    });
}
