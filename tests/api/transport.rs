//! Where a token is looked for, and which credentials are none.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::test::TestRequest;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{ConfigError, TokenSource, Verifier};
use paseto_actix_tests::app::{issuer_builder, send, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{keys, parts};
use serde_json::json;

/// What a request is answered.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// Served as Ada.
    Ada,
    NoToken,
    InvalidRequest,
}

use Expected::{Ada, InvalidRequest, NoToken};

fn token_of(subject: &str) -> String {
    issuer_builder(&TestClock::new())
        .build()
        .unwrap()
        .token(&json!({}))
        .subject(subject)
        .issue()
        .unwrap()
}

/// Without a cache, each request that comes so far costs a signature check.
fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new()).without_token_cache()
}

fn verifier(sources: impl IntoIterator<Item = TokenSource>) -> Verifier {
    builder().token_from(sources).build().unwrap()
}

/// A request with these headers, in this order, the same name perhaps several times.
fn get(path: &str, headers: &[(&str, &str)]) -> TestRequest {
    let request = TestRequest::with_uri(path);
    headers.iter().fold(request, |request, header| request.append_header(*header))
}

/// Sends a request. What the transport refuses costs no signature check.
async fn expect(expected: Expected, verifier: &Verifier, request: TestRequest, case: &str) {
    let logs = Logs::capture();
    let (answer, runs) = send(verifier, request).await;
    let (status, served) = match expected {
        Ada => (StatusCode::OK, 1),
        NoToken => (StatusCode::UNAUTHORIZED, 0),
        InvalidRequest => (StatusCode::BAD_REQUEST, 0),
    };
    assert_eq!((answer.status, runs, logs.signature_checks()), (status, served, served), "{case}");
    match expected {
        Ada => assert_eq!(answer.body, "ada", "{case}"),
        NoToken => answer.assert_no_token(),
        InvalidRequest => answer.assert_invalid_request(),
    }
}

#[actix_web::test]
async fn no_credentials() {
    let everywhere = || {
        [
            TokenSource::bearer(),
            TokenSource::header("X-Token"),
            TokenSource::cookie("paseto"),
            TokenSource::websocket_subprotocol("paseto"),
            TokenSource::query("token"),
            TokenSource::custom(|_| None),
        ]
    };
    let token = token_of("ada");
    for (path, headers) in [
        ("/", vec![]),
        ("/?", vec![]),
        ("/?other=1", vec![]),
        ("/", vec![("Authorization", "Basic YWRhOnNlY3JldA==")]),
        ("/", vec![("Authorization", "PASETO v4.public.x")]),
        ("/", vec![("Authorization", "Bearertoken")]),
        ("/", vec![("Cookie", "other=1; pasetos=2")]),
        ("/", vec![("Cookie", "")]),
        ("/", vec![("Sec-WebSocket-Protocol", "chat, pasetos")]),
        ("/", vec![("X-Tokens", token.as_str())]),
    ] {
        let case = format!("{path} {headers:?}");
        expect(NoToken, &verifier(everywhere()), get(path, &headers), &case).await;
        expect(NoToken, &verifier([TokenSource::bearer()]), get(path, &headers), &case).await;
    }
    let request = get("/", &[("Authorization", &format!("Bearer {token}"))]);
    expect(Ada, &verifier(everywhere()), request, "the control").await;
}

#[actix_web::test]
async fn each_place_is_looked_at_only_if_chosen() {
    let token = token_of("ada");
    let bearer = format!("Bearer {token}");
    let cookie = format!("theme=dark; paseto={token}; lang=en");
    let (first, second) = (format!("paseto, {token}"), format!("chat,paseto,{token},soap"));
    type Source = fn() -> TokenSource;
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let places: [(Source, &str, Headers<'_>); 7] = [
        (TokenSource::bearer, "/", vec![("Authorization", &bearer)]),
        (|| TokenSource::header("X-Token"), "/", vec![("x-token", &token)]),
        (|| TokenSource::cookie("paseto"), "/", vec![("Cookie", &cookie)]),
        (
            || TokenSource::websocket_subprotocol("paseto"),
            "/",
            vec![("Sec-WebSocket-Protocol", &first)],
        ),
        (
            || TokenSource::websocket_subprotocol("paseto"),
            "/",
            vec![("Sec-WebSocket-Protocol", &second)],
        ),
        (|| TokenSource::query("token"), &format!("/?a=b&token={token}"), vec![]),
        (
            || TokenSource::custom(|req| req.path().strip_prefix("/t/").map(str::to_owned)),
            &format!("/t/{token}"),
            vec![],
        ),
    ];
    for (chosen, (source, ..)) in places.iter().enumerate() {
        for (given, (other, path, headers)) in places.iter().enumerate() {
            let (own, other) = (format!("{:?}", source()), format!("{:?}", other()));
            let expected = if own == other { Ada } else { NoToken };
            let case = format!("{own} ({chosen}) is chosen, {other} ({given}) is given");
            expect(expected, &verifier([source()]), get(path, headers), &case).await;
        }
    }
}

#[actix_web::test]
async fn two_authorization_headers() {
    let (ada, eve) = (format!("Bearer {}", token_of("ada")), format!("Bearer {}", token_of("eve")));
    let verifier = verifier([TokenSource::bearer()]);
    for second in [ada.as_str(), &eve, "Bearer", "Basic YWRhOnNlY3JldA==", ""] {
        for (first, second) in [(ada.as_str(), second), (second, &ada)] {
            let request = get("/", &[("Authorization", first), ("Authorization", second)]);
            expect(InvalidRequest, &verifier, request, second).await;
        }
    }
    expect(Ada, &verifier, get("/", &[("Authorization", &ada)]), "the control").await;
}

#[actix_web::test]
async fn two_places_with_different_tokens() {
    let (ada, eve) = (token_of("ada"), token_of("eve"));
    let sources: [fn() -> TokenSource; 6] = [
        TokenSource::bearer,
        || TokenSource::header("X-Token"),
        || TokenSource::cookie("paseto"),
        || TokenSource::websocket_subprotocol("paseto"),
        || TokenSource::query("token"),
        || {
            TokenSource::custom(|req| {
                Some(req.headers().get("X-Other")?.to_str().unwrap().to_owned())
            })
        },
    ];
    let headers = |place, token: &str| match place {
        0 => vec![("Authorization", format!("Bearer {token}"))],
        1 => vec![("X-Token", token.to_owned())],
        2 => vec![("Cookie", format!("paseto={token}"))],
        3 => vec![("Sec-WebSocket-Protocol", format!("paseto, {token}"))],
        4 => vec![],
        _ => vec![("X-Other", token.to_owned())],
    };
    let request = |first: (usize, &str), second: (usize, &str)| {
        let token = [first, second]
            .into_iter()
            .find(|(place, _)| *place == 4)
            .map_or("", |(_, token)| token);
        let path = if token.is_empty() { "/".to_owned() } else { format!("/?token={token}") };
        let all = [headers(first.0, first.1), headers(second.0, second.1)].concat();
        all.into_iter().fold(TestRequest::with_uri(&path), TestRequest::append_header)
    };
    for first in 0..sources.len() {
        for second in (0..sources.len()).filter(|second| *second != first) {
            let verifier = verifier([sources[first](), sources[second]()]);
            let case = format!("{first} and {second}");
            expect(InvalidRequest, &verifier, request((first, &ada), (second, &eve)), &case).await;
            expect(
                InvalidRequest,
                &verifier,
                request((first, &ada), (second, "v4.public.x")),
                &case,
            )
            .await;
            expect(Ada, &verifier, request((first, &ada), (second, &ada)), &case).await;
        }
    }
}

#[actix_web::test]
async fn two_tokens_in_one_place() {
    let (ada, eve) = (token_of("ada"), token_of("eve"));
    let header = || verifier([TokenSource::header("X-Token")]);
    let query = || verifier([TokenSource::query("token")]);
    let websocket = || verifier([TokenSource::websocket_subprotocol("paseto")]);
    for other in [&ada, &eve] {
        let request = get("/", &[("X-Token", &ada), ("X-Token", other)]);
        expect(InvalidRequest, &header(), request, "a header twice").await;
        let request = get(&format!("/?token={ada}&token={other}"), &[]);
        expect(InvalidRequest, &query(), request, "a parameter twice").await;
        let protocols = format!("paseto, {ada}, paseto, {other}");
        let request = get("/", &[("Sec-WebSocket-Protocol", &protocols)]);
        expect(InvalidRequest, &websocket(), request, "a marker twice").await;
    }
    expect(Ada, &header(), get("/", &[("X-Token", &ada)]), "a header once").await;
    expect(Ada, &query(), get(&format!("/?token={ada}"), &[]), "a parameter once").await;
    let parts = [("Sec-WebSocket-Protocol", "paseto"), ("Sec-WebSocket-Protocol", ada.as_str())];
    expect(Ada, &websocket(), get("/", &parts), "a marker once, the token in a header of its own")
        .await;
}

#[actix_web::test]
async fn the_scheme_in_any_case() {
    let token = token_of("ada");
    let verifier = verifier([TokenSource::bearer()]);
    for prefix in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer    "] {
        expect(Ada, &verifier, get("/", &[("Authorization", &format!("{prefix}{token}"))]), prefix)
            .await;
    }
}

#[actix_web::test]
async fn empty_or_malformed_credentials() {
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
        expect(InvalidRequest, &bearer, get("/", &[("Authorization", &value)]), &value).await;
    }
    let bytes = HeaderValue::from_bytes(&[b"Bearer ", token.as_bytes(), b"\xff"].concat()).unwrap();
    let request = TestRequest::get().insert_header((AUTHORIZATION, bytes));
    expect(InvalidRequest, &bearer, request, "bytes that are no text").await;

    let header = verifier([TokenSource::header("X-Token")]);
    for value in
        ["", "=", &format!("Bearer {token}"), &format!("{token}, {token}"), &format!("{token};")]
    {
        expect(InvalidRequest, &header, get("/", &[("X-Token", value)]), value).await;
    }
    let query = verifier([TokenSource::query("token")]);
    for value in
        ["", "=", &format!("{token}%20"), &format!("{token}+{token}"), &format!("{token}%00")]
    {
        expect(InvalidRequest, &query, get(&format!("/?token={value}"), &[]), value).await;
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
        expect(InvalidRequest, &websocket, get("/", &[("Sec-WebSocket-Protocol", value)]), value)
            .await;
    }
}

/// A good token in the second place does not make up for what stands in the first.
#[actix_web::test]
async fn malformed_credentials_in_a_chain() {
    let cookie = format!("paseto={}", token_of("ada"));
    for sources in [
        [TokenSource::bearer(), TokenSource::cookie("paseto")],
        [TokenSource::cookie("paseto"), TokenSource::bearer()],
    ] {
        let verifier = verifier(sources);
        expect(
            InvalidRequest,
            &verifier,
            get("/", &[("Authorization", "Bearer"), ("Cookie", &cookie)]),
            "",
        )
        .await;
        expect(
            Ada,
            &verifier,
            get("/", &[("Authorization", "Basic eA=="), ("Cookie", &cookie)]),
            "",
        )
        .await;
    }
}

#[actix_web::test]
async fn a_token_in_the_query_string() {
    let token = token_of("ada");
    for name in ["token", "access_token", "paseto", "bearer", "authorization"] {
        let path = format!("/?{name}={token}");
        expect(NoToken, &builder().build().unwrap(), get(&path, &[]), name).await;
        let others =
            [TokenSource::header(name.replace("authorization", "x")), TokenSource::cookie(name)];
        expect(NoToken, &verifier(others), get(&path, &[]), name).await;
        expect(NoToken, &verifier([TokenSource::query("another")]), get(&path, &[]), name).await;
        expect(Ada, &verifier([TokenSource::query(name)]), get(&path, &[]), name).await;
    }
}

#[actix_web::test]
async fn a_token_of_over_8192_bytes() {
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
            let (answer, runs) = send(&verifier, TestRequest::get().insert_header(header)).await;
            assert_eq!(
                (runs, logs.signature_checks()),
                (usize::from(accepted), usize::from(accepted))
            );
            if accepted {
                assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "ada"));
            } else {
                answer.assert_invalid_token();
                assert_eq!(logs.count("the token is longer than 8,192 bytes"), 1, "{logs:?}");
            }
        }
    }

    // `~` is no letter of base64url: the reason shows that the length was looked at first.
    for (length, too_long) in [(8192, 0), (8193, 1)] {
        let logs = Logs::capture();
        let token = format!("{:~<length$}", "v4.public.");
        let (answer, runs) =
            send(&verifier, get("/", &[("Authorization", &format!("Bearer {token}"))])).await;
        answer.assert_invalid_token();
        let rejections =
            (logs.count("reason=malformed: "), logs.count("the token is longer than 8,192 bytes"));
        assert_eq!((runs, rejections), (0, (1, too_long)), "{logs:?}");
    }
}

#[test]
fn places_that_cannot_hold_a_token() {
    let names = |name: &'static str| {
        [
            TokenSource::cookie(name),
            TokenSource::query(name),
            TokenSource::websocket_subprotocol(name),
        ]
    };
    let headers =
        ["", "no name", "Authorization", "authorization", "Cookie"].map(TokenSource::header);
    let bad = headers
        .into_iter()
        .chain(names(""))
        .chain(["a;b", "a b", "a=b", "ü"].map(TokenSource::cookie))
        .map(|source| vec![source])
        .chain([vec![]]);
    for sources in bad {
        let case = format!("{sources:?}");
        let error = builder().token_from(sources).build().unwrap_err();
        assert!(
            matches!(error, ConfigError::InvalidSetting { setting: "token_from", .. }),
            "{case}: {error}"
        );
    }
    for source in names("paseto").into_iter().chain([TokenSource::header("X-Token")]) {
        assert!(builder().token_from([source]).build().is_ok());
    }
}
