//! Verifiers with remote keys, and tokens for them.

use std::time::Duration;

use paseto_actix::key_set::KeySetSource;
use paseto_actix::verifier::{KeySetStatus, VerifierBuilder};
use paseto_actix::{Issuer, SecretKey, Verifier, VerifyError};
use serde_json::json;
use time::Duration as ClockDuration;

use crate::ISSUER;
use crate::clock::TestClock;
use crate::key_server::KeyServer;

/// A time after which a regular fetch is due.
pub const REFRESH: ClockDuration = ClockDuration::minutes(5);

/// Returns a builder with this clock and this source of the keys of the issuer.
pub fn builder(clock: &TestClock, source: impl Into<KeySetSource>) -> VerifierBuilder {
    Verifier::builder().clock(clock.clone()).remote_keys(ISSUER, source)
}

/// Returns the source with the keys of this server. A fetch takes at most 30 seconds, because
/// other tests can slow it down.
pub fn source(server: &KeyServer) -> KeySetSource {
    KeySetSource::url(server.url()).timeout(Duration::from_secs(30))
}

/// Returns a verifier with the keys of this server.
pub fn verifier(clock: &TestClock, server: &KeyServer) -> Verifier {
    builder(clock, source(server)).build().expect("a verifier")
}

/// Returns a token of this issuer that expires in 30 days.
pub fn token_of(issuer: &str, key: &SecretKey) -> String {
    let issuer = Issuer::builder(issuer).key(key.clone()).clock(TestClock::new());
    let issuer = issuer.ttl(Duration::from_secs(30 * 24 * 60 * 60)).build().expect("an issuer");
    issuer.issue(&json!({})).expect("a token")
}

/// Returns a token of the issuer that expires in 30 days.
pub fn token(key: &SecretKey) -> String {
    token_of(ISSUER, key)
}

/// Waits for the fetch that is in flight or due, with a token of an unknown key.
pub async fn wait_for_fetch(verifier: &Verifier) -> VerifyError {
    let unknown = token(&SecretKey::generate());
    verifier.verify_str_async(&unknown).await.expect_err("an unknown key")
}

/// Returns the state of the only remote issuer.
pub fn status(verifier: &Verifier) -> KeySetStatus {
    let mut status = verifier.key_set_status();
    assert_eq!(status.len(), 1);
    status.remove(0)
}
