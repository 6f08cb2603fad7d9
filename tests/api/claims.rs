//! Verification of claims: key, issuer, audience and types.

use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix::{SecretKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, issuer_builder, send_bearer, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::{EXP, cbor, cbor_text, json};
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::json;

const OTHER: &str = "https://other.example";

pub(crate) fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

pub(crate) fn signed(rest: &str) -> String {
    parts::sign(&keys::secret(), &json(rest), b"", b"")
}

fn payload_of(issuer: &str) -> Vec<u8> {
    json!({ "iss": issuer, "exp": EXP }).to_string().into_bytes()
}

fn kid_of(kid: &str) -> Vec<u8> {
    json!({ "kid": kid }).to_string().into_bytes()
}

/// Sends a token. Returns the number of signature checks and the status of the response.
async fn checks(verifier: &Verifier, token: &str) -> (usize, u16) {
    let logs = Logs::capture();
    let (response, runs) = send_bearer(verifier, token).await;
    assert_eq!(runs, usize::from(response.status == 200));
    (logs.signature_checks(), response.status.as_u16())
}

#[actix_web::test]
async fn token_with_an_unknown_key_id_is_rejected_without_signature_check() {
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
        // The trusted key signed the token, but the footer names another key. The token is
        // rejected.
        let token = parts::sign(&trusted, &json(""), &kid_of(kid), b"");
        assert_eq!(checks(&verifier, &token).await, expected, "{kid:?}");
        if expected.1 == 401 {
            assert_rejected_as(&verifier, &token, Kind::UnknownKey).await;
        }
    }
    let own = parts::sign(&stranger, &json(""), &kid_of(stranger.kid()), b"");
    assert_eq!(checks(&verifier, &own).await, (0, 401));
    let pretended = parts::sign(&stranger, &json(""), &kid_of(trusted.kid()), b"");
    assert_eq!(checks(&verifier, &pretended).await, (1, 401));
    assert_rejected_as(&verifier, &pretended, Kind::BadSignature).await;
}

#[actix_web::test]
async fn token_without_a_known_key_id_is_checked_with_four_keys_of_its_issuer() {
    let secrets: Vec<_> = (0..5).map(|_| SecretKey::generate()).collect();
    let (other, stranger) = (SecretKey::generate(), SecretKey::generate());
    let verifier = Verifier::builder()
        .trust(OTHER, other.public_key())
        .trust_keys(ISSUER, secrets.iter().map(SecretKey::public_key))
        .clock(TestClock::new())
        .build()
        .unwrap();
    // No key ID; the `k4.sid` that PySETO writes, which cannot be computed from a public key; a key
    // ID of the application; and a footer that is not a map.
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
            (&secrets[0], "https://unknown.example", (0, 401)),
            (&secrets[0], "", (0, 401)),
        ] {
            let token = token(key, issuer);
            assert_eq!(checks(&verifier, &token).await, expected, "{issuer}");
            if expected.1 == 401 {
                let kind = if expected.0 == 0 { Kind::UntrustedIssuer } else { Kind::UnknownKey };
                assert_rejected_as(&verifier, &token, kind).await;
            }
        }
    }
    // The fifth key is found by its key ID.
    let named = parts::sign(&secrets[4], &payload_of(ISSUER), &kid_of(secrets[4].kid()), b"");
    assert_eq!(checks(&verifier, &named).await, (1, 200));
}

#[actix_web::test]
async fn token_with_the_iss_of_another_key_is_rejected() {
    let (mine, others) = (keys::secret(), SecretKey::generate());
    let verifier =
        verifier_builder(&TestClock::new()).trust(OTHER, others.public_key()).build().unwrap();
    let with_slash = format!("{ISSUER}/");
    for (key, trusted_for, not_for) in [(&mine, ISSUER, OTHER), (&others, OTHER, ISSUER)] {
        for footer in [kid_of(key.kid()), Vec::new()] {
            let token = |iss: &str| parts::sign(key, &payload_of(iss), &footer, b"");
            assert_accepted(&verifier, &token(trusted_for)).await;
            let kind = if footer.is_empty() { Kind::UnknownKey } else { Kind::UntrustedIssuer };
            assert_rejected_as(&verifier, &token(not_for), kind).await;
            for iss in ["", &with_slash, &trusted_for.to_uppercase(), "https://", "null"] {
                assert_rejected_as(&verifier, &token(iss), Kind::UntrustedIssuer).await;
            }
        }
    }
}

#[actix_web::test]
async fn token_without_iss_is_rejected() {
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
        assert_rejected_as(&verifier(), &token(false).unwrap(), Kind::MissingClaim).await;
    }
}

#[actix_web::test]
async fn registered_claim_with_a_wrong_json_type_is_rejected() {
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
            assert_rejected_as(&verifier, &payload(wrong), Kind::Malformed).await;
        }
    }
}

#[actix_web::test]
async fn registered_claim_with_a_wrong_cbor_type_is_rejected() {
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
        // Bytes, a tagged string (tag 0 marks a date), seconds since 1970 with and without tag 1,
        // null, undefined and a list.
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
            assert_rejected_as(&verifier, &token(wrong), Kind::Malformed).await;
        }
    }
}

#[actix_web::test]
async fn token_for_another_audience_is_rejected() {
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
        assert_rejected_as(&verifier, &token(aud), Kind::WrongAudience).await;
    }
    assert_rejected_as(&verifier, &signed(""), Kind::WrongAudience).await;
}

#[actix_web::test]
async fn token_with_aud_is_rejected_if_no_audience_is_configured() {
    let clock = TestClock::new();
    let token = issuer_builder(&clock)
        .audience("https://api.example")
        .build()
        .unwrap()
        .issue(&json!({}))
        .unwrap();
    let logs = Logs::capture();
    assert_rejected_as(&verifier(), &token, Kind::WrongAudience).await;
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

/// Refresh tokens and access tokens have the same key. An implicit assertion, which is signed but
/// not part of the token, separates them.
#[actix_web::test]
async fn token_with_another_implicit_assertion_is_rejected() {
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
                    assert_rejected_as(&verifier, &token, kind).await;
                }
            }
        }
    }
}
