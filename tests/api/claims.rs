//! Whose word counts, for whom, and when.

use std::time::Duration as StdDuration;

use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix::{SecretKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, issuer_builder, send_bearer, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::{EXP, cbor, cbor_text, json};
use paseto_actix_tests::rejections::assert_refused_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::json;
use time::Duration;
use time::ext::NumericalDuration;

const OTHER: &str = "https://other.example";

fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

fn signed(rest: &str) -> String {
    parts::sign(&keys::secret(), &json(rest), b"", b"")
}

fn payload_of(issuer: &str) -> Vec<u8> {
    json!({ "iss": issuer, "exp": EXP }).to_string().into_bytes()
}

fn kid_of(kid: &str) -> Vec<u8> {
    json!({ "kid": kid }).to_string().into_bytes()
}

/// How many signatures are checked for a token, and the answer's status.
async fn checks(verifier: &Verifier, token: &str) -> (usize, u16) {
    let logs = Logs::capture();
    let (answer, runs) = send_bearer(verifier, token).await;
    assert_eq!(runs, usize::from(answer.status == 200));
    (logs.signature_checks(), answer.status.as_u16())
}

#[actix_web::test]
async fn a_pid_that_nobody_trusted() {
    let (verifier, stranger) = (verifier(), SecretKey::generate());
    let trusted = keys::secret();
    for (kid, expected) in [
        (trusted.kid(), (1, 200)),
        (stranger.kid(), (0, 401)),
        ("k4.pid.", (0, 401)),
        ("k4.pid.AAAA", (0, 401)),
        (&format!("{} ", trusted.kid()), (0, 401)),
        (&format!("{}=", trusted.kid()), (0, 401)),
    ] {
        // Even if it was the trusted key that signed: a signer who names another key has not meant this one.
        let token = parts::sign(&trusted, &json(""), &kid_of(kid), b"");
        assert_eq!(checks(&verifier, &token).await, expected, "{kid:?}");
        if expected.1 == 401 {
            assert_refused_as(&verifier, &token, Kind::UnknownKey).await;
        }
    }
    let own = parts::sign(&stranger, &json(""), &kid_of(stranger.kid()), b"");
    assert_eq!(checks(&verifier, &own).await, (0, 401));
    let pretended = parts::sign(&stranger, &json(""), &kid_of(trusted.kid()), b"");
    assert_eq!(checks(&verifier, &pretended).await, (1, 401));
    assert_refused_as(&verifier, &pretended, Kind::BadSignature).await;
}

#[actix_web::test]
async fn four_keys_of_the_claimed_issuer_are_tried() {
    let secrets: Vec<_> = (0..5).map(|_| SecretKey::generate()).collect();
    let (other, stranger) = (SecretKey::generate(), SecretKey::generate());
    let verifier = Verifier::builder()
        .trust(OTHER, other.public_key())
        .trust_keys(ISSUER, secrets.iter().map(SecretKey::public_key))
        .clock(TestClock::new())
        .build()
        .unwrap();
    // No kid; what PySETO writes, which no public key can reproduce; a name of the application's own; what is no map.
    let sid = kid_of("k4.sid.gHYyx8y5YzqKEZeYoMDqUOKejdSnY_AWhYZiSCMjR1V5");
    for footer in [b"".as_slice(), &sid, &kid_of("key-2026"), &kid_of(""), b"free text"] {
        let token = |key, issuer| parts::sign(key, &payload_of(issuer), footer, b"");
        for (tried, key) in secrets[..4].iter().enumerate() {
            assert_eq!(checks(&verifier, &token(key, ISSUER)).await, (tried + 1, 200));
        }
        for (key, issuer, expected) in [
            (&secrets[4], ISSUER, (4, 401)),
            (&stranger, ISSUER, (4, 401)),
            (&other, ISSUER, (4, 401)),
            (&other, OTHER, (1, 200)),
            (&stranger, OTHER, (1, 401)),
            (&secrets[0], OTHER, (1, 401)),
            (&secrets[0], "https://nobody.example", (0, 401)),
            (&secrets[0], "", (0, 401)),
        ] {
            let token = token(key, issuer);
            assert_eq!(checks(&verifier, &token).await, expected, "{issuer}");
            if expected.1 == 401 {
                let kind = if expected.0 == 0 { Kind::UntrustedIssuer } else { Kind::UnknownKey };
                assert_refused_as(&verifier, &token, kind).await;
            }
        }
    }
    // The fifth is not lost: its id finds it at once.
    let named = parts::sign(&secrets[4], &payload_of(ISSUER), &kid_of(secrets[4].kid()), b"");
    assert_eq!(checks(&verifier, &named).await, (1, 200));
}

#[actix_web::test]
async fn iss_of_another_key() {
    let (mine, others) = (keys::secret(), SecretKey::generate());
    let verifier =
        verifier_builder(&TestClock::new()).trust(OTHER, others.public_key()).build().unwrap();
    let with_slash = format!("{ISSUER}/");
    for (key, trusted_for, not_for) in [(&mine, ISSUER, OTHER), (&others, OTHER, ISSUER)] {
        for footer in [kid_of(key.kid()), Vec::new()] {
            let token = |iss: &str| parts::sign(key, &payload_of(iss), &footer, b"");
            assert_accepted(&verifier, &token(trusted_for)).await;
            let kind = if footer.is_empty() { Kind::UnknownKey } else { Kind::UntrustedIssuer };
            assert_refused_as(&verifier, &token(not_for), kind).await;
            for iss in ["", &with_slash, &trusted_for.to_uppercase(), "https://", "null"] {
                assert_refused_as(&verifier, &token(iss), Kind::UntrustedIssuer).await;
            }
        }
    }
}

#[actix_web::test]
async fn no_iss() {
    let clock = TestClock::new();
    for kid in [true, false] {
        let token = |iss| {
            issuer_builder(&clock)
                .include_kid(kid)
                .include_iss(iss)
                .build()
                .unwrap()
                .issue(&json!({}))
        };
        assert_accepted(&verifier(), &token(true).unwrap()).await;
        assert_refused_as(&verifier(), &token(false).unwrap(), Kind::MissingClaim).await;
    }
}

#[actix_web::test]
async fn exp_to_the_nanosecond() {
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
        assert_refused_as(&verifier, &token, Kind::Expired).await;
        clock.advance(100.weeks());
        assert_refused_as(&verifier, &token, Kind::Expired).await;
    }
}

#[actix_web::test]
async fn the_leeway_is_five_seconds_unless_said_otherwise() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    clock.advance(1.hours() + 5.seconds());
    assert_accepted(&verifier, &signed("")).await;
    clock.advance(1.nanoseconds());
    assert_refused_as(&verifier, &signed(""), Kind::Expired).await;
}

#[actix_web::test]
async fn nbf_and_iat_to_the_nanosecond() {
    for claim in ["nbf", "iat"] {
        let clock = TestClock::new();
        let verifier = verifier_builder(&clock).build().unwrap();
        let token = signed(&format!(r#","{claim}":"2026-01-01T00:00:30Z""#));
        assert_refused_as(&verifier, &token, Kind::NotYetValid).await;
        clock.advance(25.seconds() - 1.nanoseconds());
        assert_refused_as(&verifier, &token, Kind::NotYetValid).await;
        clock.advance(1.nanoseconds());
        assert_accepted(&verifier, &token).await;
    }
}

#[actix_web::test]
async fn times_are_compared_as_moments_not_as_texts() {
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
            assert_refused_as(&verifier, &token, Kind::Expired).await;
        }
    }
}

#[actix_web::test]
async fn no_exp() {
    let clock = TestClock::new();
    let token = issuer_builder(&clock)
        .dangerously_without_expiry()
        .build()
        .unwrap()
        .issue(&json!({}))
        .unwrap();
    assert_refused_as(&verifier(), &token, Kind::MissingClaim).await;
    let lenient =
        verifier_builder(&clock).dangerously_accept_tokens_without_expiry().build().unwrap();
    assert_accepted(&lenient, &token).await;
    // Lenient is not blind: an `exp` that is there counts.
    clock.advance(2.hours());
    assert_accepted(&lenient, &token).await;
    assert_refused_as(&lenient, &signed(""), Kind::Expired).await;
}

#[actix_web::test]
async fn a_registered_claim_of_the_wrong_type() {
    let verifier = verifier_builder(&TestClock::new()).accept_any_audience().build().unwrap();
    let time = r#""2026-01-01T00:00:00Z""#;
    for (claim, good) in [
        ("iss", format!("{ISSUER:?}")),
        ("sub", r#""ada""#.to_owned()),
        ("aud", r#""api""#.to_owned()),
        ("exp", format!("{EXP:?}")),
        ("nbf", time.to_owned()),
        ("iat", time.to_owned()),
        ("jti", r#""1""#.to_owned()),
        ("scope", r#""read write""#.to_owned()),
        ("auth_time", time.to_owned()),
    ] {
        let payload = |value: &str| {
            let mut claims = vec![("iss", format!("{ISSUER:?}")), ("exp", format!("{EXP:?}"))];
            claims.retain(|(name, _)| *name != claim);
            claims.push((claim, value.to_owned()));
            let entries: Vec<_> =
                claims.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
            parts::sign(&keys::secret(), format!("{{{}}}", entries.join(",")).as_bytes(), b"", b"")
        };
        assert_accepted(&verifier, &payload(&good)).await;
        for wrong in [
            "null",
            "true",
            "1",
            "1893456000",
            "1.5",
            "[]",
            "{}",
            &format!("[{good}]"),
            &format!("{{\"a\":{good}}}"),
        ] {
            assert_refused_as(&verifier, &payload(wrong), Kind::Malformed).await;
        }
    }
}

#[actix_web::test]
async fn a_registered_claim_of_the_wrong_type_in_cbor() {
    let verifier = verifier_builder(&TestClock::new())
        .format(Format::Cbor)
        .accept_any_audience()
        .build()
        .unwrap();
    for claim in ["sub", "aud", "nbf", "iat", "jti", "scope", "auth_time"] {
        let time = "2026-01-01T00:00:00Z";
        let token = |value: &[u8]| {
            parts::sign(&keys::secret(), &cbor(1, &[&cbor_text(claim), value].concat()), b"", b"")
        };
        assert_accepted(&verifier, &token(&cbor_text(time))).await;
        // Bytes, a tagged text (tag 0 is a date in text), seconds since 1970 with and without tag 1, null, a list.
        let bytes = [b"\x54".as_slice(), time.as_bytes()].concat();
        let tagged = [b"\xc0".as_slice(), &cbor_text(time)].concat();
        let list = [b"\x81".as_slice(), &cbor_text(time)].concat();
        for wrong in [
            &*bytes,
            &tagged,
            b"\x1a\x69\x55\xb9\x00",
            b"\xc1\x1a\x69\x55\xb9\x00",
            b"\xf6",
            b"\xf7",
            &list,
        ] {
            assert_refused_as(&verifier, &token(wrong), Kind::Malformed).await;
        }
    }
}

#[actix_web::test]
async fn a_time_that_is_not_in_strict_rfc_3339() {
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
            assert_refused_as(
                &verifier,
                &signed(&format!(r#","{claim}":"{bad}""#)),
                Kind::Malformed,
            )
            .await;
        }
    }
}

#[actix_web::test]
async fn another_audience() {
    let builder = verifier_builder(&TestClock::new())
        .audience("https://api.example")
        .audience("https://b.example");
    let verifier = builder.build().unwrap();
    let token = |aud: &str| signed(&format!(",\"aud\":{aud:?}"));
    for aud in ["https://api.example", "https://b.example"] {
        assert_accepted(&verifier, &token(aud)).await;
    }
    for aud in [
        "",
        "https://api",
        "https://api.exampl",
        "https://api.example/",
        "https://api.example.evil",
        "https://API.example",
        "HTTPS://API.EXAMPLE",
        " https://api.example",
        "https://api.example https://b.example",
        "*",
        "pi.example",
    ] {
        assert_refused_as(&verifier, &token(aud), Kind::WrongAudience).await;
    }
    assert_refused_as(&verifier, &signed(""), Kind::WrongAudience).await;
}

#[actix_web::test]
async fn an_audience_where_none_is_configured() {
    let clock = TestClock::new();
    let token = issuer_builder(&clock)
        .audience("https://api.example")
        .build()
        .unwrap()
        .issue(&json!({}))
        .unwrap();
    let logs = Logs::capture();
    assert_refused_as(&verifier(), &token, Kind::WrongAudience).await;
    assert_eq!(logs.count("call `.audience(..)`"), 1, "{logs:?}");
    assert_eq!(logs.count("`.accept_any_audience()`"), 1);
    drop(logs);

    assert_accepted(
        &verifier_builder(&clock).audience("https://api.example").build().unwrap(),
        &token,
    )
    .await;
    let gateway = verifier_builder(&clock).accept_any_audience().build().unwrap();
    assert_accepted(&gateway, &token).await;
    assert_accepted(&gateway, &signed("")).await;
}

/// One key, two purposes: what tells refresh tokens from access tokens is an assertion that is signed but not sent.
#[actix_web::test]
async fn a_refresh_token_is_no_access_token() {
    let clock = TestClock::new();
    let purposes = ["", "refresh https://app.example", "refresh https://other.example"];
    for signed_for in purposes {
        for kid in [true, false] {
            let issuer = issuer_builder(&clock)
                .implicit_assertion(signed_for)
                .include_kid(kid)
                .build()
                .unwrap();
            let token = issuer.token(&json!({ "family": 1 })).subject("ada").issue().unwrap();
            for verified_for in purposes {
                let verifier =
                    verifier_builder(&clock).implicit_assertion(verified_for).build().unwrap();
                if signed_for == verified_for {
                    assert_accepted(&verifier, &token).await;
                } else {
                    let kind = if kid { Kind::BadSignature } else { Kind::UnknownKey };
                    assert_refused_as(&verifier, &token, kind).await;
                }
            }
        }
    }
}
