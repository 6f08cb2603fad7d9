//! What an issuer does not write: an error, and no token that every verifier would refuse.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, ResponseError, web};
use ciborium::Value as Cbor;
use paseto_actix::issuer::TokenBuilder;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::token::Format;
use paseto_actix::{IssueError, Issuer, SecretKey, Verifier};
use paseto_actix_tests::app::{TestResponse, assert_accepted, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::SECRET_PASERK;
use paseto_actix_tests::logs::Logs;
use paseto_actix_tests::{ISSUER, keys};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use time::macros::datetime;

const FORMATS: [Format; 2] = [Format::Json, Format::Cbor];
const RESERVED: [&str; 12] = [
    "acr",
    "aud",
    "auth_time",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "scope",
    "sid",
    "sub",
    "sub_gen",
];
const BODY_500: &str = r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#;

fn issuer(format: Format) -> Issuer {
    issuer_builder(&TestClock::new()).format(format).build().unwrap()
}

fn verifier(format: Format) -> Verifier {
    verifier_builder(&TestClock::new()).format(format).build().unwrap()
}

fn error_of(change: impl FnOnce(TokenBuilder<'_, Value>) -> TokenBuilder<'_, Value>) -> IssueError {
    change(issuer(Format::Json).token(&json!({}))).issue().unwrap_err()
}

#[test]
fn the_claims_that_an_issuer_can_write_are_the_reserved_ones() {
    let (issuer, time) = (issuer(Format::Json), datetime!(2026-01-01 00:00 UTC));
    let claims = json!({});
    let token = issuer
        .token(&claims)
        .subject("ada")
        .audience("https://api.example")
        .scopes(["read"])
        .acr("phr");
    let token = token
        .not_before(time)
        .auth_time(time)
        .token_id("one")
        .session_id("two")
        .generation(1)
        .issue()
        .unwrap();
    let verifier =
        verifier_builder(&TestClock::new()).audience("https://api.example").build().unwrap();
    let written: BTreeMap<String, Value> = verifier.verify_str(&token).unwrap().claims().unwrap();
    assert_eq!(written.keys().collect::<Vec<_>>(), RESERVED.each_ref());
}

#[test]
fn claims_with_a_registered_name() {
    for format in FORMATS {
        let bare = issuer_builder(&TestClock::new())
            .format(format)
            .include_iss(false)
            .include_nbf(false)
            .include_iat(false)
            .include_jti(false)
            .dangerously_without_expiry()
            .build()
            .unwrap();
        for reserved in RESERVED {
            for value in [json!("text"), json!("2027-01-01T00:00:00Z"), json!(null), json!({})] {
                let claims = json!({ "user": "ada", reserved: value });
                for issuer in [&issuer(format), &bare] {
                    match issuer.issue(&claims) {
                        Err(IssueError::ReservedClaim { name, instead }) => {
                            assert_eq!((name, instead.is_empty()), (reserved, false));
                        }
                        other => panic!("{reserved} in {format:?}: {other:?}"),
                    }
                }
            }
            // By another way into the same map.
            let flat = Flat { user: "ada", more: HashMap::from([(reserved.to_owned(), 1)]) };
            assert!(
                matches!(issuer(format).issue(&flat), Err(IssueError::ReservedClaim { name, .. }) if name == reserved)
            );
        }
    }
}

#[derive(Serialize)]
struct Flat {
    user: &'static str,
    #[serde(flatten)]
    more: HashMap<String, u8>,
}

#[actix_web::test]
async fn names_that_only_look_registered() {
    for format in FORMATS {
        let claims = json!({ "Exp": 1, "ISS": 2, "exp ": 3, "expires": 4, "kid": 5, "nonce": 6, "inner": { "exp": 7 } });
        assert_accepted(&verifier(format), &issuer(format).issue(&claims).unwrap()).await;
    }
}

#[test]
fn claims_that_are_no_map() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Pair(u8, u8);
    fn refuses<C: Serialize + ?Sized>(claims: &C) {
        for format in FORMATS {
            assert!(matches!(issuer(format).issue(claims), Err(IssueError::NotAMap)), "{format:?}");
        }
    }
    refuses(&());
    refuses(&Unit);
    refuses(&Pair(1, 2));
    refuses("text");
    refuses(&1);
    refuses(&[("a", 1)][..]);
    refuses(&None::<Flat>);
    refuses(&json!([{ "a": 1 }]));
    for format in FORMATS {
        assert!(issuer(format).issue(&Some(Flat { user: "ada", more: HashMap::new() })).is_ok());
    }
}

/// A claim that refuses to be written.
struct Unwilling;

impl Serialize for Unwilling {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

/// A map with any key and value under the claim `odd`.
struct Odd<K, V>(K, V);

impl<K: Serialize, V: Serialize> Serialize for Odd<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Inner<'a, K, V>(&'a K, &'a V);
        impl<K: Serialize, V: Serialize> Serialize for Inner<'_, K, V> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(self.0, self.1)?;
                map.end()
            }
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("odd", &Inner(&self.0, &self.1))?;
        map.end()
    }
}

/// Issues in both formats: there is an error, or a token that a verifier takes. Says which.
async fn issued<C: Serialize>(claims: C) -> [bool; 2] {
    let mut issued = [false; 2];
    for (format, issued) in FORMATS.into_iter().zip(&mut issued) {
        match issuer(format).issue(&claims) {
            Ok(token) => {
                assert_accepted(&verifier(format), &token).await;
                *issued = true;
            }
            Err(IssueError::Serialize(_) | IssueError::Unverifiable(_) | IssueError::NotAMap) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    issued
}

#[actix_web::test]
async fn odd_claims_are_verifiable_or_not_issued() {
    const BOTH: [bool; 2] = [true, true];
    const CBOR_ONLY: [bool; 2] = [false, true];
    const JSON_ONLY: [bool; 2] = [true, false];
    const NEITHER: [bool; 2] = [false, false];

    assert_eq!(
        issued(json!({ "": "", "é\0": ["\u{10ffff}"], "a": null, "b": {}, "c": [] })).await,
        BOTH
    );
    assert_eq!(
        issued(Odd("numbers", (u64::MAX, i64::MIN, f64::MAX, f64::MIN_POSITIVE, f32::EPSILON)))
            .await,
        BOTH
    );
    assert_eq!(issued(Odd("NaN", (f64::NAN, f64::INFINITY))).await, BOTH);
    assert_eq!(issued(Odd("a wide number", u128::MAX)).await, CBOR_ONLY);
    assert_eq!(issued(Odd("a wide number", i128::MIN)).await, CBOR_ONLY);
    assert_eq!(issued(Odd("bytes", Cbor::Bytes(vec![0xff; 3]))).await, BOTH);
    assert_eq!(issued(Odd("a variant", Ok::<_, ()>(Some(1)))).await, BOTH);
    assert_eq!(issued(Odd(1, -1)).await, BOTH);
    assert_eq!(issued(Odd('a', 'b')).await, BOTH);
    assert_eq!(issued(Odd(i128::MIN, 1)).await, BOTH);
    assert_eq!(issued(Odd(true, 1)).await, JSON_ONLY);
    assert_eq!(issued(Odd(0.5, 1)).await, JSON_ONLY);
    assert_eq!(issued(Odd((1, 2), 1)).await, NEITHER);
    assert_eq!(issued(Odd(Cbor::Bytes(vec![1]), 1)).await, NEITHER);
    assert_eq!(issued(Odd("unwilling", Unwilling)).await, NEITHER);
    assert!(issued(Odd("tagged", Cbor::Tag(24, Box::new(Cbor::Text("x".to_owned()))))).await[1]);
    // JSON writes a number as the text of a key, the claims of CBOR have names.
    assert_eq!(issued(HashMap::from([(1, "a")])).await, JSON_ONLY);
}

#[actix_web::test]
async fn the_longest_token_and_the_next() {
    for format in FORMATS {
        let issuer = issuer(format);
        let issue = |length: usize| issuer.issue(&json!({ "pad": "x".repeat(length) }));
        let lengths: Vec<_> = (0..8192).collect();
        let longest = lengths.partition_point(|&length| issue(length).is_ok()) - 1;
        let token = issue(longest).unwrap();
        assert!((8189..=8192).contains(&token.len()), "{} bytes", token.len());
        assert_accepted(&verifier(format), &token).await;
        for length in [longest + 1, 8192, 100_000] {
            assert!(matches!(issue(length), Err(IssueError::Unverifiable(_))), "{length}");
        }
        // The footer is part of the token.
        let with_footer =
            issuer.token(&json!({ "pad": "x".repeat(longest) })).footer_bytes([0xff; 1000]).issue();
        assert!(matches!(with_footer, Err(IssueError::Unverifiable(_))));
    }
}

#[actix_web::test]
async fn the_deepest_claims_and_the_next() {
    let nested = |depth: usize, around: fn(Value) -> Value| json!({ "inner": (0..depth).fold(json!(1), |inner, _| around(inner)) });
    for format in FORMATS {
        for around in [|inner| json!([inner]), |inner| json!({ "a": inner })] {
            // The payload itself is the first of 16 levels.
            assert_accepted(&verifier(format), &issuer(format).issue(&nested(15, around)).unwrap())
                .await;
            for depth in [16, 100] {
                let result = issuer(format).issue(&nested(depth, around));
                assert!(
                    matches!(result, Err(IssueError::Unverifiable(_))),
                    "{format:?}, {depth}: {result:?}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn the_most_keys_and_the_next() {
    let keys = |count: usize| (0..count).map(|n| (n.to_string(), n)).collect::<HashMap<_, _>>();
    for format in FORMATS {
        // Five of 256 are registered claims.
        assert_accepted(&verifier(format), &issuer(format).issue(&keys(251)).unwrap()).await;
        assert!(matches!(issuer(format).issue(&keys(252)), Err(IssueError::Unverifiable(_))));
        assert_accepted(
            &verifier(format),
            &issuer(format).issue(&json!({ "inner": [keys(250)] })).unwrap(),
        )
        .await;
        assert!(matches!(
            issuer(format).issue(&json!({ "inner": [keys(251)] })),
            Err(IssueError::Unverifiable(_))
        ));
    }
}

#[test]
fn footers_of_one_token() {
    for bad in [
        json!([]),
        json!("text"),
        json!({ "kid": "k4.pid." }),
        json!({ "a": [] }),
        json!({ "a": { "b": 1 } }),
        json!({ "a": "x".repeat(1024) }),
    ] {
        for format in FORMATS {
            let result = issuer(format).token(&json!({})).footer(&bad).issue();
            assert!(
                matches!(result, Err(IssueError::Footer(_))),
                "{bad} in {format:?}: {result:?}"
            );
        }
    }
    assert!(matches!(error_of(|token| token.footer(&Unwilling)), IssueError::Serialize(_)));
    // Bytes that a verifier takes for a map are held to the rules of one.
    for bad in [&b"{"[..], br#"{"a":{}}"#, br#"{"a":1,"a":2}"#, br#" {"kid":1}"#, &[b'x'; 1025]] {
        assert!(matches!(error_of(|token| token.footer_bytes(bad)), IssueError::Footer(_)));
    }
    let of_another = SecretKey::generate();
    for kid in [of_another.kid(), "k4.sid.", ""] {
        let bytes = json!({ "kid": kid }).to_string();
        assert!(
            matches!(error_of(|token| token.footer_bytes(bytes)), IssueError::Footer(_)),
            "{kid}"
        );
    }
    let own = json!({ "kid": keys::secret().kid() }).to_string();
    assert!(issuer(Format::Json).token(&json!({})).footer_bytes(own).issue().is_ok());
}

/// Of two claims of one name, serde's maps keep the last: whoever flattens a client's map could be overruled by it.
#[test]
fn a_claim_that_stands_twice() {
    #[derive(Serialize)]
    struct Claims {
        user: &'static str,
        #[serde(flatten)]
        more: HashMap<&'static str, &'static str>,
    }
    for format in FORMATS {
        let issue = |name| {
            issuer(format).issue(&Claims { user: "ada", more: HashMap::from([(name, "root")]) })
        };
        assert!(matches!(issue("user"), Err(IssueError::Unverifiable(_))), "{format:?}");
        assert!(issue("role").is_ok(), "{format:?}");
    }
}

#[test]
fn settings_of_one_token_that_cannot_be() {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    for bad in [
        Duration::ZERO,
        Duration::from_nanos(999_999_999),
        century + Duration::from_nanos(1),
        Duration::MAX,
    ] {
        assert!(
            matches!(error_of(|token| token.ttl(bad)), IssueError::Lifetime { ttl } if ttl == bad),
            "{bad:?}"
        );
    }
    for bad in ["", " ", "a b", "a\"", "\\", "é", "a\n", "\u{7f}"] {
        match error_of(|token| token.scopes(["read", bad])) {
            IssueError::InvalidScope(scope) => assert_eq!(scope, bad),
            other => panic!("{bad:?}: {other:?}"),
        }
    }
    let unknown = SecretKey::generate();
    for kid in [unknown.kid(), "", "k4.pid.", &keys::secret().kid()[..50]] {
        assert!(
            matches!(error_of(|token| token.key(kid)), IssueError::UnknownKey(id) if id == kid)
        );
    }
    let error = error_of(|token| token.key(SECRET_PASERK));
    assert!(
        !format!("{error} {error:?}").contains(&SECRET_PASERK[10..20]),
        "a key in place of its id: {error}"
    );
}

#[test]
fn the_ends_of_the_calendar() {
    let at = |now: OffsetDateTime| Issuer::builder(ISSUER).key(keys::secret()).clock(move || now);
    let issue =
        |builder: paseto_actix::issuer::IssuerBuilder| builder.build().unwrap().issue(&json!({}));
    let last = datetime!(9999-12-31 23:59:59.999 UTC);
    assert!(issue(at(last - time::Duration::hours(1))).is_ok());
    assert!(issue(at(last).dangerously_without_expiry()).is_ok());
    for now in [last, last - time::Duration::minutes(59), datetime!(-0001-12-31 23:59:59 UTC)] {
        assert!(matches!(issue(at(now)), Err(IssueError::InvalidTime { .. })), "{now}");
    }
    // Times whose offset leads out of the calendar.
    for odd in [datetime!(9999-12-31 23:59:59 -01:00), datetime!(-9999-01-01 00:00 +01:00)] {
        assert!(issue(at(odd).dangerously_without_expiry()).is_err(), "{odd}");
        assert!(
            matches!(
                error_of(|token| token.not_before(odd)),
                IssueError::InvalidTime { claim: "nbf" }
            ),
            "{odd}"
        );
        assert!(
            matches!(
                error_of(|token| token.auth_time(odd)),
                IssueError::InvalidTime { claim: "auth_time" }
            ),
            "{odd}"
        );
    }
}

async fn login(issuer: Issuer, claims: web::Json<Value>) -> Result<HttpResponse, IssueError> {
    Ok(HttpResponse::Ok().body(issuer.issue(&claims)?))
}

#[actix_web::test]
async fn a_handler_that_cannot_issue_answers_500() {
    async fn post(issuer: Option<Issuer>, claims: Value) -> TestResponse {
        let app = App::new().route("/", web::post().to(login));
        let request = TestRequest::post().uri("/").set_json(claims).to_request();
        let response = match issuer {
            Some(issuer) => {
                init_service(app.app_data(web::Data::new(issuer))).await.call(request).await
            }
            None => init_service(app).await.call(request).await,
        };
        TestResponse::read(response.unwrap()).await
    }
    let issuer = issuer(Format::Json);
    let answer = post(Some(issuer.clone()), json!({ "user": "ada" })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_accepted(&verifier(Format::Json), &answer.body).await;
    let logs = Logs::capture();
    for claims in [json!({ "exp": "never" }), json!([]), json!({ "pad": "x".repeat(9000) })] {
        let answer = post(Some(issuer.clone()), claims).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (500, BODY_500));
    }
    assert_eq!(logs.count("no issuer in app data"), 0);
    let answer = post(None, json!({ "user": "ada" })).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (500, BODY_500));
    assert_eq!(logs.count("no issuer in app data"), 1);
}

#[actix_web::test]
async fn every_error_is_the_same_response() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>(_: &T) {}
    for error in [
        error_of(|token| token.footer(&json!({ "kid": 1 }))),
        error_of(|token| token.footer(&Unwilling)),
        error_of(|token| token.ttl(Duration::ZERO)),
        error_of(|token| token.key("nobody")),
        error_of(|token| token.scopes([""])),
        issuer(Format::Json).issue(&json!({ "iss": "me" })).unwrap_err(),
        IssueError::NotAMap,
        IssueError::NoIssuer,
        IssueError::Signing,
    ] {
        is_error(&error);
        assert_eq!(error.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
        let response = error.error_response();
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        assert_eq!(actix_web::body::to_bytes(response.into_body()).await.unwrap(), BODY_500);
    }
    let source = error_of(|token| token.footer(&Unwilling));
    assert!(std::error::Error::source(&source).unwrap().to_string().contains("not today"));
}
