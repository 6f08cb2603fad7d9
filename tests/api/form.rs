//! The structure of a token. Malformed tokens are rejected independent of their payload.

use actix_web::http::header::AUTHORIZATION;
use actix_web::test::TestRequest;
use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::{IssueError, Verifier};
use paseto_actix_tests::app::{
    assert_accepted, issuer_builder, send, send_bearer, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::json;
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::json;

pub(crate) fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// Returns a verifier that reads base64 of a token, so that tests can send tokens that are not
/// valid header values.
fn verifier_of_any_text() -> Verifier {
    let builder = verifier_builder(&TestClock::new()).token_loader(|req| {
        let wrapped = req.headers().get("x-wrapped")?.to_str().ok()?;
        String::from_utf8(Base64UrlUnpadded::decode_vec(wrapped).ok()?).ok()
    });
    builder.build().unwrap()
}

fn wrapped(token: &str) -> TestRequest {
    TestRequest::get()
        .insert_header(("x-wrapped", Base64UrlUnpadded::encode_string(token.as_bytes())))
}

pub(crate) fn signed(payload: &[u8], footer: &[u8]) -> String {
    parts::sign(&keys::secret(), payload, footer, b"")
}

/// Returns a valid token of exactly this length without a footer.
fn token_of(length: usize) -> String {
    let room = (length - "v4.public.".len()) * 3 / 4 - 64 - json(r#","pad":"""#).len();
    let token = signed(&json(&format!(r#","pad":"{:room$}""#, "")), b"");
    assert_eq!(token.len(), length);
    token
}

#[actix_web::test]
async fn token_over_8192_bytes_is_rejected() {
    let verifier = verifier();
    assert_accepted(&verifier, &token_of(8192)).await;

    let logs = Logs::capture();
    assert_rejected_as(&verifier, &token_of(8193), Kind::Malformed).await;
    assert_eq!(
        (logs.signature_checks(), logs.count("the token is longer than 8,192 bytes")),
        (0, 1)
    );
}

#[actix_web::test]
async fn length_is_checked_before_base64() {
    let (verifier, logs) = (verifier(), Logs::capture());
    for (length, over) in [(8192, 0), (8193, 1)] {
        assert_rejected_as(
            &verifier,
            &format!("v4.public.{}", "~".repeat(length - 10)),
            Kind::Malformed,
        )
        .await;
        assert_eq!(logs.count("the token is longer than 8,192 bytes"), over, "{length}: {logs:?}");
    }
}

#[actix_web::test]
async fn token_of_another_version_or_purpose_is_rejected() {
    let verifier = verifier_of_any_text();
    let token = signed(&json(""), b"");
    let rest = token.strip_prefix("v4.public.").unwrap();
    let (response, runs) = send(&verifier, wrapped(&token)).await;
    assert_eq!((response.status.as_u16(), runs), (200, 1));

    let logs = Logs::capture();
    let headers = "v1.public.|v2.public.|v3.public.|v5.public.|v1.local.|v2.local.|v3.local.|v4.local.|V4.public.|v4.Public.|\
        v4.PUBLIC.|V4.PUBLIC.|v4.publiC.|v04.public.|v4..public.|v4public.|v4.public|v4.public\0|v4-public.|v4.|\
        public.|.|| v4.public.|\u{feff}v4.public.|v4.secret.|k4.public.|v4.public:|ｖ4.public.";
    for header in headers.split('|') {
        let forged = format!("{header}{rest}");
        assert_eq!(
            verifier.verify_str(&forged).unwrap_err().kind(),
            Kind::UnsupportedToken,
            "{header:?}"
        );
        let (response, runs) = send(&verifier, wrapped(&forged)).await;
        response.assert_invalid_token();
        assert_eq!(runs, 0, "{header:?}");
    }
    assert_eq!(logs.signature_checks(), 0);
}

#[actix_web::test]
async fn changed_bit_in_payload_signature_or_footer_is_rejected() {
    let clock = TestClock::new();
    let token =
        issuer_builder(&clock).build().unwrap().token(&json!({})).subject("ada").issue().unwrap();
    let verifier = verifier_builder(&clock).build().unwrap();
    assert_accepted(&verifier, &token).await;

    let (body, footer) = parts::split(&token);
    assert!(!footer.is_empty());
    for bit in 0..8 * (body.len() + footer.len()) {
        let mut all = [&*body, &*footer].concat();
        all[bit / 8] ^= 1 << (bit % 8);
        let (body, footer) = all.split_at(body.len());
        let (response, runs) = send_bearer(&verifier, &parts::join(body, footer)).await;
        assert_eq!((response.status.as_u16(), runs), (401, 0), "bit {bit}");
        response.assert_invalid_token();
    }
}

#[actix_web::test]
async fn changed_bit_in_the_encoded_token_is_rejected() {
    let verifier = verifier_of_any_text();
    // The last character of both parts has unused bits. A lenient decoder would ignore them.
    let token = signed(&json(r#","sub":"ada""#), b"footer-");
    let (body, footer) = parts::split(&token);
    assert!(body.len() % 3 != 0 && footer.len() % 3 != 0);
    assert_eq!(send(&verifier, wrapped(&token)).await.1, 1);

    for bit in (0..8 * token.len()).filter(|bit| bit % 8 != 7) {
        let mut text = token.clone().into_bytes();
        text[bit / 8] ^= 1 << (bit % 8);
        let (response, runs) = send(&verifier, wrapped(&String::from_utf8(text).unwrap())).await;
        assert_eq!((response.status.as_u16(), runs), (401, 0), "bit {bit}");
        response.assert_invalid_token();
    }
}

#[actix_web::test]
async fn header_that_is_not_ascii_is_an_invalid_request() {
    let verifier = verifier();
    let token = signed(&json(""), b"footer");
    assert_accepted(&verifier, &token).await;
    for index in 0..token.len() {
        let mut header = format!("Bearer {token}").into_bytes();
        header["Bearer ".len() + index] ^= 0x80;
        let (response, runs) =
            send(&verifier, TestRequest::get().insert_header((AUTHORIZATION, header))).await;
        response.assert_invalid_request();
        assert_eq!(runs, 0);
    }
}

/// Returns the base64 of the same bytes with an unused bit set.
fn with_a_trailing_bit(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    let part = text.rsplit('.').next().unwrap();
    assert!(
        !part.len().is_multiple_of(4) && value % 2 == 0,
        "the last character must have unused bits"
    );
    format!("{start}{}", char::from(ALPHABET[value + 1]))
}

#[actix_web::test]
async fn non_canonical_encoding_is_rejected() {
    let verifier = verifier_of_any_text();
    let token = signed(&json(r#","s":"?>?>?>~~~~""#), b"~~~?>?foot");
    let (without_footer, footer) = token.rsplit_once('.').unwrap();
    let body = without_footer.rsplit_once('.').unwrap().1;
    let bare = signed(&json(r#","s":"?>?>?>~~~~""#), b"");
    for good in [&token, &bare] {
        assert_eq!(send(&verifier, wrapped(good)).await.1, 1);
    }

    let mut encodings = vec![
        format!("{bare}."),
        format!("{bare}.."),
        format!("{token}."),
        format!("{token}.."),
        format!("{token}.{footer}"),
        format!("{token}.{footer}.{footer}"),
        format!("{without_footer}..{footer}"),
        format!("v4.public..{body}.{footer}"),
        format!("v4.public..{footer}"),
        format!("{without_footer}=.{footer}"),
        format!("{without_footer}%3D.{footer}"),
        with_a_trailing_bit(&bare),
        with_a_trailing_bit(&token),
        format!("{}.{footer}", with_a_trailing_bit(without_footer)),
        token.replace('_', "/"),
        token.replace('-', "+"),
        format!("Bearer {token}"),
        format!("\"{token}\""),
    ];
    for end in ["=", "==", "===", " ", "\n", "\r\n", "\t", "\0", "\u{a0}"] {
        encodings.extend([
            format!("{bare}{end}"),
            format!("{token}{end}"),
            format!("{end}{token}"),
        ]);
        encodings.push(format!("{without_footer}{end}.{footer}"));
        encodings.push(format!("v4.public.{end}{body}.{footer}"));
        encodings.push(format!("{without_footer}.{end}{footer}"));
        encodings.push(token.replacen(
            &body[..40],
            &format!("{}{end}{}", &body[..20], &body[20..40]),
            1,
        ));
    }
    let logs = Logs::capture();
    for encoding in encodings {
        assert!(encoding != token && encoding != bare);
        let (response, runs) = send(&verifier, wrapped(&encoding)).await;
        assert_eq!((response.status.as_u16(), runs), (401, 0), "{encoding:?}");
        response.assert_invalid_token();
    }
    assert_eq!(logs.signature_checks(), 0, "malformed tokens cause no signature check");
}

#[actix_web::test]
async fn token_without_payload_or_signature_is_rejected() {
    let verifier = verifier_of_any_text();
    for token in ["v4.public.", "v4.public..", "v4.public.A", "v4.public.AAAA", "v4.public..AAAA"] {
        let (response, runs) = send(&verifier, wrapped(token)).await;
        response.assert_invalid_token();
        assert_eq!(runs, 0, "{token}");
    }
    // A signature of an empty payload.
    let (response, runs) = send(&verifier, wrapped(&signed(b"", b""))).await;
    response.assert_invalid_token();
    assert_eq!(runs, 0);
}

/// A token of 8,192 bytes is issued, accepted and cached. A longer token is not.
#[test]
fn token_has_at_most_8192_bytes() {
    let clock = TestClock::new();
    let verifier = verifier_builder(&clock).build().unwrap();
    let with_payload_of = |length: usize| {
        let start = format!(r#"{{"iss":"{ISSUER}","exp":"2100-01-01T00:00:00Z","padding":""#);
        let padding = "x".repeat(length - start.len() - 2);
        signed(format!("{start}{padding}\"}}").as_bytes(), b"")
    };
    let (longest, too_long) = (with_payload_of(6072), with_payload_of(6073));
    assert_eq!((longest.len(), too_long.len()), (8192, 8193));
    for _ in 0..2 {
        verifier.verify_str(&longest).unwrap();
    }
    assert_eq!(verifier.token_cache_stats().hits, 1);
    let error = verifier.verify_str(&too_long).unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
    assert!(error.to_string().contains("longer than 8,192 bytes"), "{error}");

    let issuer = issuer_builder(&clock).build().unwrap();
    let issue = |length| issuer.issue(&json!({ "padding": "x".repeat(length) }));
    let near = (8192 - issue(0).unwrap().len()) * 3 / 4;
    let outcomes: Vec<_> = (near - 4..near + 5).map(issue).collect();
    assert_eq!(outcomes.iter().flatten().map(String::len).max(), Some(8192));
    assert!(matches!(outcomes.last(), Some(Err(IssueError::Unverifiable(_)))));
}

/// A footer of 1,027 bytes is rejected before it is decoded.
#[test]
fn footer_has_at_most_1024_bytes() {
    let rejection_of = |length: usize| {
        let token = signed(&json(""), &vec![b'x'; length]);
        verifier().verify_str(&token).map(drop).map_err(|error| (error.kind(), error.to_string()))
    };
    assert_eq!(rejection_of(1024), Ok(()));
    for (length, expected) in [
        (1025, "malformed: the footer has 1025 bytes, the limit is 1024"),
        (1027, "malformed: the footer is longer than 1,024 bytes"),
    ] {
        assert_eq!(rejection_of(length), Err((Kind::Malformed, expected.to_owned())));
    }
}
