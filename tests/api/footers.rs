//! The footer and the implicit assertion of a token.

use paseto_actix::SecretKey;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix_tests::app::{assert_accepted, issuer_builder, send_bearer, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::{cbor, cbor_head, cbor_text, json};
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::json;

use crate::form::{signed, verifier};

#[actix_web::test]
async fn footer_over_1024_bytes_is_rejected() {
    let verifier = verifier();
    assert_accepted(&verifier, &signed(&json(""), &[b'x'; 1024])).await;
    let logs = Logs::capture();
    for length in [1025, 1026, 1027, 4000] {
        assert_rejected_as(&verifier, &signed(&json(""), &vec![b'x'; length]), Kind::Malformed)
            .await;
    }
    assert_eq!(logs.signature_checks(), 0);
}

/// PASETO Implementation Guide, chapter "Payload Processing".
#[actix_web::test]
async fn json_footer_that_is_nested_or_has_duplicate_names_is_rejected() {
    let verifier = verifier();
    for (good, bad) in [
        (r#"{"a":1}"#, r#"{"a":{}}"#),
        (r#"{"a":"x"}"#, r#"{"a":["x"]}"#),
        (r#"{"a":null,"b":true}"#, r#"{"a":null,"b":[]}"#),
        (r#"{"kid":"x"}"#, r#"{"kid":1}"#),
        (r#"{"kid":""}"#, r#"{"kid":null}"#),
        (r#"{"kid":"null"}"#, r#"{"kid":["x"]}"#),
        (r#"{"kid":"{}"}"#, r#"{"kid":{"kid":"x"}}"#),
        (r#"{"kid":"x","KID":"y"}"#, r#"{"kid":"x","kid":"x"}"#),
        (r#"{"kid":"x","a":1}"#, r#"{"kid":"x","a":1,"a":1}"#),
        (r#"{"kid":"x","k":"y"}"#, r#"{"kid":"x","\u006bid":"y"}"#),
        (r#" {"a":1} "#, r#" {"a":1}}"#),
        ("{}", "{"),
    ] {
        assert_accepted(&verifier, &signed(&json(""), good.as_bytes())).await;
        let logs = Logs::capture();
        assert_rejected_as(&verifier, &signed(&json(""), bad.as_bytes()), Kind::Malformed).await;
        assert_eq!(logs.signature_checks(), 0, "{bad}");
    }
}

#[actix_web::test]
async fn cbor_footer_that_is_nested_or_has_duplicate_names_is_rejected() {
    let verifier = verifier_builder(&TestClock::new()).format(Format::Cbor).build().unwrap();
    let kid = cbor_text("kid");
    let map = |entries: u8, rest: &[&[u8]]| [vec![0xa0 | entries], rest.concat()].concat();
    for (good, bad) in [
        (map(1, &[&kid, b"\x61x"]), map(1, &[&kid, b"\x41x"])),
        (map(1, &[b"\x61a", b"\x01"]), map(1, &[&kid, b"\x01"])),
        (map(1, &[b"\x61a", b"\x01"]), map(1, &[b"\x61a", b"\x80"])),
        (map(1, &[b"\x61a", b"\xf6"]), map(1, &[b"\x61a", b"\xa0"])),
        (map(1, &[b"\x61a", b"\x61x"]), map(1, &[&kid, b"\xc1\x61x"])),
        (map(2, &[&kid, b"\x61x", b"\x01\x01"]), map(2, &[&kid, b"\x61x", &kid, b"\x61x"])),
        (map(2, &[b"\x01\x01", b"\x02\x01"]), map(2, &[b"\x01\x01", b"\x01\x01"])),
        (map(0, &[]), map(0, &[b"\0"])),
        (map(0, &[]), map(1, &[])),
        (map(0, &[]), vec![0xbf]),
        (map(0, &[]), cbor_head(5, u64::MAX)),
        (vec![0xb8, 0], vec![0xbc]),
    ] {
        assert_accepted(&verifier, &signed(&cbor(0, b""), &good)).await;
        let logs = Logs::capture();
        assert_rejected_as(&verifier, &signed(&cbor(0, b""), &bad), Kind::Malformed).await;
        assert_eq!(logs.signature_checks(), 0, "{bad:x?}");
    }
}

#[actix_web::test]
async fn footer_that_is_not_a_map_is_opaque() {
    let clock = TestClock::new();
    let stranger = SecretKey::generate();
    let list = format!(r#"["kid","{}"]"#, stranger.kid());
    let footers: [&[u8]; 7] = [
        b"free text",
        list.as_bytes(),
        br#""{\"kid\":1}""#,
        b"1",
        b"null",
        b"\xef\xbb\xbf{",
        b"\xff\0\xfe",
    ];
    for (format, payload) in [(Format::Json, json("")), (Format::Cbor, cbor(0, b""))] {
        let verifier = verifier_builder(&clock).format(format).build().unwrap();
        for footer in footers {
            let token = signed(&payload, footer);
            assert_accepted(&verifier, &token).await;
            assert_eq!(verifier.verify_str(&token).unwrap().footer(), footer);
        }
    }
}

/// PASETO Implementation Guide, chapter "Payload Processing".
#[actix_web::test]
async fn key_in_a_footer_is_never_used() {
    let verifier = verifier();
    let stranger = SecretKey::generate();
    let (paserk, secret) = (stranger.public_key().to_paserk(), stranger.to_paserk());
    for (footer, kind) in [
        (json!({ "kid": stranger.kid(), "key": paserk }), Kind::UnknownKey),
        (json!({ "kid": paserk }), Kind::UnknownKey),
        (json!({ "kid": keys::public().kid(), "key": paserk }), Kind::BadSignature),
        (json!({ "key": paserk, "jwk": paserk, "wpk": *secret }), Kind::UnknownKey),
        (json!({ "iss": ISSUER, "k4.public": paserk }), Kind::UnknownKey),
        (json!(paserk), Kind::UnknownKey),
    ] {
        let footer = footer.to_string().into_bytes();
        let token = parts::sign(&stranger, &json(""), &footer, b"");
        assert_rejected_as(&verifier, &token, kind).await;
        // Signed by the trusted key, each token is valid except the one that names the stranger's
        // key.
        let verdict =
            verifier.verify_str(&signed(&json(""), &footer)).map_err(|error| error.kind());
        let names_stranger = String::from_utf8_lossy(&footer).contains(stranger.kid());
        assert_eq!(verdict.err(), names_stranger.then_some(Kind::UnknownKey));
    }
}

#[actix_web::test]
async fn token_with_another_implicit_assertion_is_rejected() {
    let clock = TestClock::new();
    for (assertion, others) in [
        ("", ["tenant-1", "\0", " "]),
        ("tenant-1", ["", "tenant-2", "tenant-11"]),
        ("tenant-1", ["Tenant-1", "tenant-", "tenant-1\0"]),
    ] {
        let issuer = issuer_builder(&clock).implicit_assertion(assertion).build().unwrap();
        let verifier = verifier_builder(&clock).implicit_assertion(assertion).build().unwrap();
        assert_accepted(&verifier, &issuer.issue(&json!({})).unwrap()).await;
        for other in others {
            let token = issuer.token(&json!({})).implicit_assertion(other).issue().unwrap();
            assert_rejected_as(&verifier, &token, Kind::BadSignature).await;
            assert_rejected_as(
                &verifier,
                &parts::sign(&keys::secret(), &json(""), b"", other.as_bytes()),
                Kind::UnknownKey,
            )
            .await;
        }
    }
}

/// PASETO Version 4, pre-authentication encoding.
#[actix_web::test]
async fn footer_and_implicit_assertion_are_separate_in_the_signature() {
    let verifier = verifier_builder(&TestClock::new()).implicit_assertion("bc").build().unwrap();
    for (footer, assertion, accepted) in
        [("a", "bc", true), ("ab", "c", false), ("abc", "", false), ("", "abc", false)]
    {
        let token =
            parts::sign(&keys::secret(), &json(""), footer.as_bytes(), assertion.as_bytes());
        // The same signature with another footer, so that footer and assertion are the same bytes
        // if they are concatenated.
        let moved = parts::join(&parts::split(&token).0, b"a");
        let (response, runs) = send_bearer(&verifier, &moved).await;
        assert_eq!(
            (response.status == 200, runs == 1),
            (accepted, accepted),
            "{footer:?} {assertion:?}"
        );
    }
}
