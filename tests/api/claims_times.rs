//! Verification of times: `exp`, `nbf`, `iat` and `auth_time`.

use std::time::Duration as StdDuration;

use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix_tests::app::{assert_accepted, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::json;
use time::Duration;
use time::ext::NumericalDuration;

use crate::claims::{signed, verifier};

#[actix_web::test]
async fn token_expires_one_nanosecond_after_exp_plus_leeway() {
    for leeway in [0, 5, 300] {
        let clock = TestClock::new();
        let token = issuer_builder(&clock)
            .ttl(StdDuration::from_secs(60))
            .build()
            .unwrap()
            .issue(&json!({}))
            .unwrap();
        let verifier =
            verifier_builder(&clock).leeway(StdDuration::from_secs(leeway)).build().unwrap();
        assert_accepted(&verifier, &token).await;
        clock.advance(60.seconds() + Duration::seconds(leeway as i64));
        assert_accepted(&verifier, &token).await;
        clock.advance(1.nanoseconds());
        assert_rejected_as(&verifier, &token, Kind::Expired).await;
        clock.advance(100.weeks());
        assert_rejected_as(&verifier, &token, Kind::Expired).await;
    }
}

#[actix_web::test]
async fn default_leeway_is_five_seconds() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    clock.advance(1.hours() + 5.seconds());
    assert_accepted(&verifier, &signed("")).await;
    clock.advance(1.nanoseconds());
    assert_rejected_as(&verifier, &signed(""), Kind::Expired).await;
}

#[actix_web::test]
async fn token_is_rejected_until_nbf_and_iat_minus_leeway() {
    for claim in ["nbf", "iat"] {
        let clock = TestClock::new();
        let verifier = verifier_builder(&clock).build().unwrap();
        let token = signed(&format!(r#","{claim}":"2026-01-01T00:00:30Z""#));
        assert_rejected_as(&verifier, &token, Kind::NotYetValid).await;
        clock.advance(25.seconds() - 1.nanoseconds());
        assert_rejected_as(&verifier, &token, Kind::NotYetValid).await;
        clock.advance(1.nanoseconds());
        assert_accepted(&verifier, &token).await;
    }
}

#[test]
fn verified_token_returns_its_times() {
    let times = r#","nbf":"2025-12-31T22:00:00Z","iat":"2025-12-31T23:00:00Z""#;
    let token = verifier().verify_str(&signed(times)).unwrap();
    assert_eq!(token.not_before(), Some(START - 2.hours()));
    assert_eq!(token.issued_at(), Some(START - 1.hours()));
    assert_eq!(token.expires_at(), Some(START + 1.hours()));
    let without = verifier().verify_str(&signed("")).unwrap();
    assert_eq!((without.not_before(), without.issued_at()), (None, None));
}

#[actix_web::test]
async fn times_with_offsets_are_compared_as_instants() {
    let verifier = verifier();
    for (exp, accepted) in [
        ("2026-01-01T01:00:00+02:00", false),
        ("2025-12-31T23:00:00-02:00", true),
        ("2025-12-31T23:59:54.999999999Z", false),
        ("2025-12-31T23:59:55.000000000Z", true),
        ("9999-12-31T23:59:59Z", true),
        ("0000-01-01T00:00:00Z", false),
    ] {
        let payload = json!({ "iss": ISSUER, "exp": exp }).to_string();
        let token = parts::sign(&keys::secret(), payload.as_bytes(), b"", b"");
        if accepted {
            assert_accepted(&verifier, &token).await;
        } else {
            assert_rejected_as(&verifier, &token, Kind::Expired).await;
        }
    }
}

#[actix_web::test]
async fn token_without_exp_is_rejected_by_default() {
    let clock = TestClock::new();
    let token = issuer_builder(&clock)
        .dangerously_without_expiry()
        .build()
        .unwrap()
        .issue(&json!({}))
        .unwrap();
    assert_rejected_as(&verifier(), &token, Kind::MissingClaim).await;
    let lenient =
        verifier_builder(&clock).dangerously_accept_tokens_without_expiry().build().unwrap();
    assert_accepted(&lenient, &token).await;
    // The verifier accepts tokens without `exp`. It still checks an `exp` claim.
    clock.advance(2.hours());
    assert_accepted(&lenient, &token).await;
    assert_rejected_as(&lenient, &signed(""), Kind::Expired).await;
}

/// RFC 3339, section 5.6, with upper-case `T` and `Z`.
#[actix_web::test]
async fn time_must_be_strict_rfc_3339() {
    let verifier = verifier();
    for claim in ["nbf", "iat", "auth_time"] {
        for good in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2025-12-31T19:00:00-05:00"]
        {
            assert_accepted(&verifier, &signed(&format!(r#","{claim}":"{good}""#))).await;
        }
        let bad = "|2026|2026-01-01|2026-01-01 00:00:00Z|2026-01-01_00:00:00Z|2026-01-01t00:00:00Z|2026-01-01T00:00:00z|\
            2026-01-01T00:00:00|2026-01-01T00:00Z|2026-01-01T00:00:00+0000|2026-01-01T00:00:00 Z|\
            2026-01-01T00:00:00UTC| 2026-01-01T00:00:00Z|2026-01-01T00:00:00Z |2026-1-1T0:0:0.0000000Z|\
            2025-02-29T00:00:00Z|2026-13-01T00:00:00Z|2025-12-31T24:00:00Z|2026-01-01T00:00:00.Z|\
            2026-01-01T00:00:00,5Z|+2026-01-01T00:00:00Z|20260101T000000Z000000|2026-001T00:00:00.000Z|\
            2026-W01-4T00:00:00.0Z|1767225600|Thu, 01 Jan 2026 00:00:00 GMT";
        for bad in bad.split('|') {
            assert_rejected_as(
                &verifier,
                &signed(&format!(r#","{claim}":"{bad}""#)),
                Kind::Malformed,
            )
            .await;
        }
    }
}
