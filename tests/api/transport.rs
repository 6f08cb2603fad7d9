//! Sources of tokens, and requests without a token or with several tokens.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{ConfigError, TokenSource, Verifier};
use paseto_actix_tests::app::{send, token_of, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;

/// The expected response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// The handler runs with a token of Ada.
    Ada,
    NoToken,
    InvalidRequest,
}

use Expected::{Ada, InvalidRequest, NoToken};

/// Returns a builder without a token cache, so that each verification checks the signature.
fn builder() -> VerifierBuilder {
    verifier_builder(&TestClock::new()).without_token_cache()
}

pub(crate) fn verifier(sources: impl IntoIterator<Item = TokenSource>) -> Verifier {
    builder().token_from(sources).build().unwrap()
}

/// Returns a request with these headers in this order. A name may occur several times.
pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> TestRequest {
    let request = TestRequest::with_uri(path);
    headers.iter().fold(request, |request, header| request.append_header(*header))
}

/// Sends a request and checks the response. A malformed request must not cause a signature check.
pub(crate) async fn assert_response(
    expected: Expected,
    verifier: &Verifier,
    request: TestRequest,
    case: &str,
) {
    let logs = Logs::capture();
    let (response, runs) = send(verifier, request).await;
    let (status, served) = match expected {
        Ada => (StatusCode::OK, 1),
        NoToken => (StatusCode::UNAUTHORIZED, 0),
        InvalidRequest => (StatusCode::BAD_REQUEST, 0),
    };
    assert_eq!(
        (response.status, runs, logs.signature_checks()),
        (status, served, served),
        "{case}"
    );
    match expected {
        Ada => assert_eq!(response.body, "ada", "{case}"),
        NoToken => response.assert_no_token(),
        InvalidRequest => response.assert_invalid_request(),
    }
}

#[actix_web::test]
async fn request_without_credentials_has_no_token() {
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
        assert_response(NoToken, &verifier(everywhere()), get(path, &headers), &case).await;
        assert_response(NoToken, &verifier([TokenSource::bearer()]), get(path, &headers), &case)
            .await;
    }
    let request = get("/", &[("Authorization", &format!("Bearer {token}"))]);
    assert_response(Ada, &verifier(everywhere()), request, "the control").await;
}

#[actix_web::test]
async fn only_configured_sources_are_read() {
    let token = token_of("ada");
    let bearer = format!("Bearer {token}");
    let cookie = format!("theme=dark; paseto={token}; lang=en");
    let (first, second) = (format!("paseto, {token}"), format!("chat,paseto,{token},soap"));
    type Source = fn() -> TokenSource;
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let sources: [(Source, &str, Headers<'_>); 7] = [
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
    for (chosen, (source, ..)) in sources.iter().enumerate() {
        for (given, (other, path, headers)) in sources.iter().enumerate() {
            let (own, other) = (format!("{:?}", source()), format!("{:?}", other()));
            let expected = if own == other { Ada } else { NoToken };
            let case = format!("{own} ({chosen}) is chosen, {other} ({given}) is given");
            assert_response(expected, &verifier([source()]), get(path, headers), &case).await;
        }
    }
}

#[actix_web::test]
async fn two_authorization_headers_are_an_invalid_request() {
    let (ada, eve) = (format!("Bearer {}", token_of("ada")), format!("Bearer {}", token_of("eve")));
    let verifier = verifier([TokenSource::bearer()]);
    for second in [ada.as_str(), &eve, "Bearer", "Basic YWRhOnNlY3JldA==", ""] {
        for (first, second) in [(ada.as_str(), second), (second, &ada)] {
            let request = get("/", &[("Authorization", first), ("Authorization", second)]);
            assert_response(InvalidRequest, &verifier, request, second).await;
        }
    }
    assert_response(Ada, &verifier, get("/", &[("Authorization", &ada)]), "the control").await;
}

/// RFC 6750, section 2: a client must not send the token by more than one method.
#[actix_web::test]
async fn different_tokens_in_two_sources_are_an_invalid_request() {
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
            assert_response(
                InvalidRequest,
                &verifier,
                request((first, &ada), (second, &eve)),
                &case,
            )
            .await;
            assert_response(
                InvalidRequest,
                &verifier,
                request((first, &ada), (second, "v4.public.x")),
                &case,
            )
            .await;
            assert_response(Ada, &verifier, request((first, &ada), (second, &ada)), &case).await;
        }
    }
}

#[actix_web::test]
async fn two_tokens_in_one_source_are_an_invalid_request() {
    let (ada, eve) = (token_of("ada"), token_of("eve"));
    let header = || verifier([TokenSource::header("X-Token")]);
    let query = || verifier([TokenSource::query("token")]);
    let websocket = || verifier([TokenSource::websocket_subprotocol("paseto")]);
    for other in [&ada, &eve] {
        let request = get("/", &[("X-Token", &ada), ("X-Token", other)]);
        assert_response(InvalidRequest, &header(), request, "a header twice").await;
        let request = get(&format!("/?token={ada}&token={other}"), &[]);
        assert_response(InvalidRequest, &query(), request, "a parameter twice").await;
        let protocols = format!("paseto, {ada}, paseto, {other}");
        let request = get("/", &[("Sec-WebSocket-Protocol", &protocols)]);
        assert_response(InvalidRequest, &websocket(), request, "a marker twice").await;
    }
    assert_response(Ada, &header(), get("/", &[("X-Token", &ada)]), "a header once").await;
    assert_response(Ada, &query(), get(&format!("/?token={ada}"), &[]), "a parameter once").await;
    let parts = [("Sec-WebSocket-Protocol", "paseto"), ("Sec-WebSocket-Protocol", ada.as_str())];
    assert_response(
        Ada,
        &websocket(),
        get("/", &parts),
        "a marker once, the token in a header of its own",
    )
    .await;
}

/// RFC 9110, section 11.1.
#[actix_web::test]
async fn bearer_scheme_is_case_insensitive() {
    let token = token_of("ada");
    let verifier = verifier([TokenSource::bearer()]);
    for prefix in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer    "] {
        assert_response(
            Ada,
            &verifier,
            get("/", &[("Authorization", &format!("{prefix}{token}"))]),
            prefix,
        )
        .await;
    }
}

/// RFC 9700, section 4.3.2: a client must not pass an access token in the query string.
#[actix_web::test]
async fn token_in_the_query_string_is_read_only_if_configured() {
    let token = token_of("ada");
    for name in ["token", "access_token", "paseto", "bearer", "authorization"] {
        let path = format!("/?{name}={token}");
        assert_response(NoToken, &builder().build().unwrap(), get(&path, &[]), name).await;
        let others =
            [TokenSource::header(name.replace("authorization", "x")), TokenSource::cookie(name)];
        assert_response(NoToken, &verifier(others), get(&path, &[]), name).await;
        assert_response(NoToken, &verifier([TokenSource::query("another")]), get(&path, &[]), name)
            .await;
        assert_response(Ada, &verifier([TokenSource::query(name)]), get(&path, &[]), name).await;
    }
}

#[test]
fn invalid_names_of_sources_are_configuration_errors() {
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
