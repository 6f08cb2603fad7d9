//! The form of a token: what is refused whatever its payload says, and what a footer may be.

use actix_web::http::header::AUTHORIZATION;
use actix_web::test::TestRequest;
use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use paseto_actix::{SecretKey, Verifier};
use paseto_actix_tests::app::{
    assert_accepted, issuer_builder, send, send_bearer, verifier_builder,
};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::payloads::{cbor, cbor_head, cbor_text, json};
use paseto_actix_tests::rejections::assert_refused_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde_json::json;

fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// A verifier for tokens that no header could hold: they come in base64.
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

fn signed(payload: &[u8], footer: &[u8]) -> String {
    parts::sign(&keys::secret(), payload, footer, b"")
}

/// A good token of exactly this length, without a footer.
fn token_of(length: usize) -> String {
    let room = (length - "v4.public.".len()) * 3 / 4 - 64 - json(r#","pad":"""#).len();
    let token = signed(&json(&format!(r#","pad":"{:room$}""#, "")), b"");
    assert_eq!(token.len(), length);
    token
}

#[actix_web::test]
async fn over_8192_bytes() {
    let verifier = verifier();
    assert_accepted(&verifier, &token_of(8192)).await;

    let logs = Logs::capture();
    assert_refused_as(&verifier, &token_of(8193), Kind::Malformed).await;
    assert_eq!(
        (logs.signature_checks(), logs.count("the token is longer than 8,192 bytes")),
        (0, 1)
    );
}

#[actix_web::test]
async fn the_length_is_looked_at_before_base64() {
    let (verifier, logs) = (verifier(), Logs::capture());
    for (length, over) in [(8192, 0), (8193, 1)] {
        assert_refused_as(
            &verifier,
            &format!("v4.public.{}", "~".repeat(length - 10)),
            Kind::Malformed,
        )
        .await;
        assert_eq!(logs.count("the token is longer than 8,192 bytes"), over, "{length}: {logs:?}");
    }
}

#[actix_web::test]
async fn another_version_or_purpose() {
    let verifier = verifier_of_any_text();
    let token = signed(&json(""), b"");
    let rest = token.strip_prefix("v4.public.").unwrap();
    let (answer, runs) = send(&verifier, wrapped(&token)).await;
    assert_eq!((answer.status.as_u16(), runs), (200, 1));

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
        let (answer, runs) = send(&verifier, wrapped(&forged)).await;
        answer.assert_invalid_token();
        assert_eq!(runs, 0, "{header:?}");
    }
    assert_eq!(logs.signature_checks(), 0);
}

#[actix_web::test]
async fn any_bit_of_payload_signature_or_footer() {
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
        let (answer, runs) = send_bearer(&verifier, &parts::join(body, footer)).await;
        assert_eq!((answer.status.as_u16(), runs), (401, 0), "bit {bit}");
        answer.assert_invalid_token();
    }
}

#[actix_web::test]
async fn any_bit_of_the_text() {
    let verifier = verifier_of_any_text();
    // Lengths that leave bits over at the end of both parts, which a lenient reader would ignore.
    let token = signed(&json(r#","sub":"ada""#), b"footer-");
    let (body, footer) = parts::split(&token);
    assert!(body.len() % 3 != 0 && footer.len() % 3 != 0);
    assert_eq!(send(&verifier, wrapped(&token)).await.1, 1);

    for bit in (0..8 * token.len()).filter(|bit| bit % 8 != 7) {
        let mut text = token.clone().into_bytes();
        text[bit / 8] ^= 1 << (bit % 8);
        let (answer, runs) = send(&verifier, wrapped(&String::from_utf8(text).unwrap())).await;
        assert_eq!((answer.status.as_u16(), runs), (401, 0), "bit {bit}");
        answer.assert_invalid_token();
    }
}

#[actix_web::test]
async fn the_eighth_bit_makes_no_text_at_all() {
    let verifier = verifier();
    let token = signed(&json(""), b"footer");
    assert_accepted(&verifier, &token).await;
    for index in 0..token.len() {
        let mut header = format!("Bearer {token}").into_bytes();
        header["Bearer ".len() + index] ^= 0x80;
        let (answer, runs) =
            send(&verifier, TestRequest::get().insert_header((AUTHORIZATION, header))).await;
        answer.assert_invalid_request();
        assert_eq!(runs, 0);
    }
}

/// The same bytes in base64, but with a bit set that belongs to none of them.
fn with_a_trailing_bit(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    let part = text.rsplit('.').next().unwrap();
    assert!(
        !part.len().is_multiple_of(4) && value % 2 == 0,
        "a last letter whose last bit means nothing"
    );
    format!("{start}{}", char::from(ALPHABET[value + 1]))
}

#[actix_web::test]
async fn another_spelling_of_a_good_token() {
    let verifier = verifier_of_any_text();
    let token = signed(&json(r#","s":"?>?>?>~~~~""#), b"~~~?>?foot");
    let (without_footer, footer) = token.rsplit_once('.').unwrap();
    let body = without_footer.rsplit_once('.').unwrap().1;
    let bare = signed(&json(r#","s":"?>?>?>~~~~""#), b"");
    for good in [&token, &bare] {
        assert_eq!(send(&verifier, wrapped(good)).await.1, 1);
    }

    let mut spellings = vec![
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
        spellings.extend([
            format!("{bare}{end}"),
            format!("{token}{end}"),
            format!("{end}{token}"),
        ]);
        spellings.push(format!("{without_footer}{end}.{footer}"));
        spellings.push(format!("v4.public.{end}{body}.{footer}"));
        spellings.push(format!("{without_footer}.{end}{footer}"));
        spellings.push(token.replacen(
            &body[..40],
            &format!("{}{end}{}", &body[..20], &body[20..40]),
            1,
        ));
    }
    let logs = Logs::capture();
    for spelling in spellings {
        assert!(spelling != token && spelling != bare);
        let (answer, runs) = send(&verifier, wrapped(&spelling)).await;
        assert_eq!((answer.status.as_u16(), runs), (401, 0), "{spelling:?}");
        answer.assert_invalid_token();
    }
    assert_eq!(logs.signature_checks(), 0, "all of this is a matter of form");
}

#[actix_web::test]
async fn parts_that_are_missing() {
    let verifier = verifier_of_any_text();
    for token in ["v4.public.", "v4.public..", "v4.public.A", "v4.public.AAAA", "v4.public..AAAA"] {
        let (answer, runs) = send(&verifier, wrapped(token)).await;
        answer.assert_invalid_token();
        assert_eq!(runs, 0, "{token}");
    }
    // A signature of nothing, which PASETO does not allow.
    let (answer, runs) = send(&verifier, wrapped(&signed(b"", b""))).await;
    answer.assert_invalid_token();
    assert_eq!(runs, 0);
}

#[actix_web::test]
async fn a_footer_over_1024_bytes() {
    let verifier = verifier();
    assert_accepted(&verifier, &signed(&json(""), &[b'x'; 1024])).await;
    let logs = Logs::capture();
    for length in [1025, 1026, 1027, 4000] {
        assert_refused_as(&verifier, &signed(&json(""), &vec![b'x'; length]), Kind::Malformed)
            .await;
    }
    assert_eq!(logs.signature_checks(), 0);
}

#[actix_web::test]
async fn a_map_that_is_not_flat_or_says_something_twice() {
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
        assert_refused_as(&verifier, &signed(&json(""), bad.as_bytes()), Kind::Malformed).await;
        assert_eq!(logs.signature_checks(), 0, "{bad}");
    }
}

#[actix_web::test]
async fn a_cbor_map_that_is_not_flat_or_says_something_twice() {
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
        assert_refused_as(&verifier, &signed(&cbor(0, b""), &bad), Kind::Malformed).await;
        assert_eq!(logs.signature_checks(), 0, "{bad:x?}");
    }
}

#[actix_web::test]
async fn a_footer_that_is_no_map_is_opaque() {
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

#[actix_web::test]
async fn a_key_inside_a_footer_is_never_used() {
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
        assert_refused_as(&verifier, &token, kind).await;
        // Signed by the trusted key, all are in order but the one that names the stranger's.
        let verdict =
            verifier.verify_str(&signed(&json(""), &footer)).map_err(|error| error.kind());
        let names_stranger = String::from_utf8_lossy(&footer).contains(stranger.kid());
        assert_eq!(verdict.err(), names_stranger.then_some(Kind::UnknownKey));
    }
}

#[actix_web::test]
async fn another_implicit_assertion() {
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
            assert_refused_as(&verifier, &token, Kind::BadSignature).await;
            assert_refused_as(
                &verifier,
                &parts::sign(&keys::secret(), &json(""), b"", other.as_bytes()),
                Kind::UnknownKey,
            )
            .await;
        }
    }
}

#[actix_web::test]
async fn footer_and_assertion_are_not_run_together() {
    let verifier = verifier_builder(&TestClock::new()).implicit_assertion("bc").build().unwrap();
    for (footer, assertion, accepted) in
        [("a", "bc", true), ("ab", "c", false), ("abc", "", false), ("", "abc", false)]
    {
        let token =
            parts::sign(&keys::secret(), &json(""), footer.as_bytes(), assertion.as_bytes());
        // The same signature beside the footer that makes the verifier's assertion complete the same text.
        let moved = parts::join(&parts::split(&token).0, b"a");
        let (answer, runs) = send_bearer(&verifier, &moved).await;
        assert_eq!(
            (answer.status == 200, runs == 1),
            (accepted, accepted),
            "{footer:?} {assertion:?}"
        );
    }
}
