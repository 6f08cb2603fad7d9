//! Precomputed tables of public keys.
//!
//! A table speeds up the signature check of a frequently used key. It must not change the result.

use std::thread;
use std::time::{Duration as StdDuration, Instant};

use paseto_actix::error::VerifyErrorKind;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{Issuer, SecretKey, Verifier};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::json;

const ISSUER: &str = "https://issuer.example";
/// The number of tokens after which the verifier computes a table for a key.
const TOKENS: usize = 16;

struct Tenant {
    secret: SecretKey,
    issuer: Issuer,
}

fn tenant(clock: &TestClock) -> Tenant {
    let secret = SecretKey::generate();
    let issuer = Issuer::builder(ISSUER).key(secret.clone()).clock(clock.clone()).build().unwrap();
    Tenant { secret, issuer }
}

impl Tenant {
    fn token(&self) -> String {
        self.issuer.issue(&json!({ "plan": "pro" })).unwrap()
    }

    fn use_tokens(&self, verifier: &Verifier, count: usize) {
        for _ in 0..count {
            verifier.verify_str(&self.token()).unwrap();
        }
    }

    fn kid(&self) -> &str {
        self.secret.kid()
    }
}

fn trusting<'a>(
    clock: &TestClock,
    tenants: impl IntoIterator<Item = &'a Tenant>,
) -> VerifierBuilder {
    let keys = tenants.into_iter().map(|tenant| tenant.secret.public_key());
    Verifier::builder().trust_keys(ISSUER, keys).clock(clock.clone())
}

/// Waits until the background thread has computed `count` tables. It needs about a millisecond, and
/// more on a busy machine.
fn wait_for_tables(verifier: &Verifier, count: usize) {
    let start = Instant::now();
    while verifier.precomputed_keys() != count {
        assert!(
            start.elapsed() < StdDuration::from_secs(60),
            "{} tables",
            verifier.precomputed_keys()
        );
        thread::yield_now();
    }
}

/// Verifies tokens of the key until it has a table. One token is not enough, because a signature
/// check does not start a thread while another thread computes a table.
fn use_tokens_until_table(verifier: &Verifier, tenant: &Tenant, count: usize) {
    let start = Instant::now();
    while verifier.precomputed_keys() != count {
        assert!(
            start.elapsed() < StdDuration::from_secs(60),
            "{} tables",
            verifier.precomputed_keys()
        );
        tenant.use_tokens(verifier, 1);
    }
}

/// Asserts that only `other` has a table. One thread computes the tables in order of request. If
/// `other` requested its table later and has it, then keys without a table did not request one.
fn assert_no_table_but_of(verifier: &Verifier, other: &Tenant) {
    other.use_tokens(verifier, TOKENS);
    wait_for_tables(verifier, 1);
    assert!(verifier.remove_key(other.kid()));
    assert_eq!(verifier.precomputed_keys(), 0, "only the other key has a table");
}

#[test]
fn key_gets_a_table_after_16_tokens() {
    let clock = TestClock::new();
    let [one, other] = [tenant(&clock), tenant(&clock)];
    let verifier = trusting(&clock, [&one, &other]).build().unwrap();
    one.use_tokens(&verifier, TOKENS - 1);
    assert_no_table_but_of(&verifier, &other);
    use_tokens_until_table(&verifier, &one, 1);
    one.use_tokens(&verifier, 100);
    assert_eq!(verifier.clone().precomputed_keys(), 1);
}

/// A client without a valid token of the key cannot trigger the computation of a table. A client
/// that repeats one cached token cannot trigger it either.
#[test]
fn rejected_and_cached_tokens_do_not_count_toward_a_table() {
    let clock = TestClock::new();
    let [one, other, stranger] = [tenant(&clock), tenant(&clock), tenant(&clock)];
    let verifier = trusting(&clock, [&one, &other]).build().unwrap();
    let token = one.token();
    let signed_by_stranger = stranger.issuer.issue(&json!({})).unwrap();
    let (body, _) = signed_by_stranger.rsplit_once('.').unwrap();
    let (_, footer) = token.rsplit_once('.').unwrap();
    let forged = format!("{body}.{footer}");
    let expired = one.issuer.token(&json!({})).ttl(StdDuration::from_secs(1)).issue().unwrap();
    let for_another_audience =
        one.issuer.token(&json!({})).audience("https://other.example").issue().unwrap();
    clock.advance(time::Duration::seconds(30));
    for (token, kind) in [
        (&token, None),
        (&forged, Some(VerifyErrorKind::BadSignature)),
        (&expired, Some(VerifyErrorKind::Expired)),
        (&for_another_audience, Some(VerifyErrorKind::WrongAudience)),
    ] {
        for _ in 0..3 * TOKENS {
            assert_eq!(verifier.verify_str(token).err().map(|error| error.kind()), kind);
        }
    }
    assert_no_table_but_of(&verifier, &other);
}

/// Unit tests of the verifier's key set cover the bound itself. This test covers the setting.
#[test]
fn max_precomputed_keys_bounds_the_tables() {
    let clock = TestClock::new();
    let tenants = [tenant(&clock), tenant(&clock), tenant(&clock)];
    let verifier = trusting(&clock, &tenants).max_precomputed_keys(2).build().unwrap();
    use_tokens_until_table(&verifier, &tenants[0], 1);
    use_tokens_until_table(&verifier, &tenants[1], 2);
    tenants[2].use_tokens(&verifier, 20 * TOKENS);
    assert_eq!(verifier.precomputed_keys(), 2);
    assert!(verifier.remove_key(tenants[0].kid()));
    use_tokens_until_table(&verifier, &tenants[2], 2);
}

/// Both code paths reject a token with any changed byte, and return the same error kind.
#[test]
fn changed_tokens_are_rejected_equally_with_and_without_a_table() {
    let clock = TestClock::new();
    let one = tenant(&clock);
    let with_table = trusting(&clock, [&one]).without_token_cache().build().unwrap();
    let without_table =
        trusting(&clock, [&one]).without_token_cache().max_precomputed_keys(0).build().unwrap();
    one.use_tokens(&with_table, TOKENS);
    wait_for_tables(&with_table, 1);
    let token = one.token();
    let kind = |verifier: &Verifier, token: &str| {
        verifier.verify_str(token).err().map(|error| error.kind())
    };
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(kind(&with_table, &changed).is_some(), "byte {at}");
        assert_eq!(kind(&with_table, &changed), kind(&without_table, &changed), "byte {at}");
    }
    let logs = Logs::capture();
    assert_eq!(kind(&with_table, &token), None);
    assert_eq!(logs.signature_checks(), 1);
}
