//! Requests with credentials that are empty, malformed or too long.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::test::TestRequest;
use paseto_actix::TokenSource;
use paseto_actix_tests::app::{send, token_of};
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{keys, parts};
use serde_json::json;

use crate::transport::Expected::{Ada, InvalidRequest};
use crate::transport::{assert_response, get, verifier};

/// RFC 6750, section 2.1, defines the syntax `b64token`.
#[actix_web::test]
async fn empty_or_malformed_credentials_are_an_invalid_request() {
    let token = token_of("ada");
    let bearer = verifier([TokenSource::bearer()]);
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer    ".to_owned(),
        "bearer =".to_owned(),
        format!("Bearer {token} "),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},{token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer \"{token}\""),
        format!("Bearer token={token};"),
        format!("Bearer \t{token}"),
        format!("Bearer Bearer {token}"),
    ] {
        assert_response(InvalidRequest, &bearer, get("/", &[("Authorization", &value)]), &value)
            .await;
    }
    let bytes = HeaderValue::from_bytes(&[b"Bearer ", token.as_bytes(), b"\xff"].concat()).unwrap();
    let request = TestRequest::get().insert_header((AUTHORIZATION, bytes));
    assert_response(InvalidRequest, &bearer, request, "bytes that are not UTF-8").await;

    let header = verifier([TokenSource::header("X-Token")]);
    for value in
        ["", "=", &format!("Bearer {token}"), &format!("{token}, {token}"), &format!("{token};")]
    {
        assert_response(InvalidRequest, &header, get("/", &[("X-Token", value)]), value).await;
    }
    let query = verifier([TokenSource::query("token")]);
    for value in
        ["", "=", &format!("{token}%20"), &format!("{token}+{token}"), &format!("{token}%00")]
    {
        assert_response(InvalidRequest, &query, get(&format!("/?token={value}"), &[]), value).await;
    }
    let websocket = verifier([TokenSource::websocket_subprotocol("paseto")]);
    for value in [
        "paseto",
        "paseto,",
        "paseto, ,",
        "paseto, \"x\"",
        &format!("{token}, paseto"),
        "paseto, paseto",
    ] {
        assert_response(
            InvalidRequest,
            &websocket,
            get("/", &[("Sec-WebSocket-Protocol", value)]),
            value,
        )
        .await;
    }
}

/// A valid token in the second source must not hide malformed credentials in the first source.
#[actix_web::test]
async fn malformed_credentials_are_not_skipped_for_the_next_source() {
    let cookie = format!("paseto={}", token_of("ada"));
    for sources in [
        [TokenSource::bearer(), TokenSource::cookie("paseto")],
        [TokenSource::cookie("paseto"), TokenSource::bearer()],
    ] {
        let verifier = verifier(sources);
        assert_response(
            InvalidRequest,
            &verifier,
            get("/", &[("Authorization", "Bearer"), ("Cookie", &cookie)]),
            "",
        )
        .await;
        assert_response(
            Ada,
            &verifier,
            get("/", &[("Authorization", "Basic eA=="), ("Cookie", &cookie)]),
            "",
        )
        .await;
    }
}

#[actix_web::test]
async fn token_over_8192_bytes_is_rejected_without_a_signature_check() {
    let payload = |length: usize| {
        let start = json!({ "iss": "https://issuer.example", "sub": "ada", "exp": "2026-01-01T01:00:00Z", "fill": "" });
        let start = start.to_string().replace(r#""fill":"""#, r#""fill":"#);
        let end = start.find(r#""fill":"#).unwrap() + r#""fill":"#.len();
        let fill = "x".repeat(length - start.len() - 2);
        format!("{}\"{fill}\"{}", &start[..end], &start[end..])
    };
    let verifier = verifier([TokenSource::bearer(), TokenSource::cookie("paseto")]);
    for (length, accepted) in [(6072, true), (6073, false), (60_000, false)] {
        let token = parts::sign(&keys::secret(), payload(length).as_bytes(), b"", b"");
        assert_eq!((token.len() <= 8192, length == 6072), (accepted, token.len() == 8192));
        for header in
            [("Authorization", format!("Bearer {token}")), ("Cookie", format!("paseto={token}"))]
        {
            let logs = Logs::capture();
            let (response, runs) = send(&verifier, TestRequest::get().insert_header(header)).await;
            assert_eq!(
                (runs, logs.signature_checks()),
                (usize::from(accepted), usize::from(accepted))
            );
            if accepted {
                assert_eq!((response.status, response.body.as_str()), (StatusCode::OK, "ada"));
            } else {
                response.assert_invalid_token();
                assert_eq!(logs.count("the token is longer than 8,192 bytes"), 1, "{logs:?}");
            }
        }
    }

    // `~` is not in the base64url alphabet. The reason proves that the length is checked first.
    for (length, too_long) in [(8192, 0), (8193, 1)] {
        let logs = Logs::capture();
        let token = format!("{:~<length$}", "v4.public.");
        let (response, runs) =
            send(&verifier, get("/", &[("Authorization", &format!("Bearer {token}"))])).await;
        response.assert_invalid_token();
        let rejections =
            (logs.count("reason=malformed: "), logs.count("the token is longer than 8,192 bytes"));
        assert_eq!((runs, rejections), (0, (1, too_long)), "{logs:?}");
    }
}
