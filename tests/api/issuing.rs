//! The tokens that an issuer writes: the effect of each setting on the signed bytes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ciborium::Value as Cbor;
use paseto_actix::issuer::{IssuerBuilder, TokenBuilder};
use paseto_actix::token::Format;
use paseto_actix::{Issuer, SecretKey};
use paseto_actix_tests::app::{assert_accepted, assert_rejected, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::{ISSUER, keys, parts};
use serde::Serialize;
use serde_json::{Value, json};
use time::macros::datetime;

const START: &str = "2026-01-01T00:00:00Z";

/// Returns the payload without the signature, and the footer.
fn split(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut body, footer) = parts::split(token);
    body.truncate(body.len() - 64);
    (body, footer)
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&split(token).0).unwrap()
}

fn footer(token: &str) -> Value {
    serde_json::from_slice(&split(token).1).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// Returns an issuer with the key of the documentation and with these changes.
fn issuer(change: impl FnOnce(IssuerBuilder) -> IssuerBuilder) -> Issuer {
    change(issuer_builder(&TestClock::new())).build().unwrap()
}

/// Returns the payload of a token without claims of the application.
fn issue(
    issuer: &Issuer,
    change: impl FnOnce(TokenBuilder<'_, Value>) -> TokenBuilder<'_, Value>,
) -> Value {
    payload(&change(issuer.token(&json!({}))).issue().unwrap())
}

/// PASETO Implementation Guide, chapter "Claims".
#[test]
fn token_contains_the_default_claims_and_the_key_id() {
    let issuer = issuer(|builder| builder);
    let token = issuer.issue(&json!({ "user": "ada" })).unwrap();
    let jti = payload(&token)["jti"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"iss":"{ISSUER}","exp":"2026-01-01T01:00:00Z","nbf":"{START}","iat":"{START}","jti":"{jti}","user":"ada"}}"#
    );
    let (payload, footer) = split(&token);
    assert_eq!(text(&payload), expected);
    assert_eq!(text(&footer), format!(r#"{{"kid":"{}"}}"#, keys::secret().kid()));
    assert_eq!(
        token,
        parts::sign(&keys::secret(), &payload, &footer, b""),
        "a second implementation signs the same token"
    );
}

#[test]
fn each_registered_claim_can_be_omitted() {
    let names = |issuer: Issuer| {
        let payload = issue(&issuer, |token| token);
        let mut names: Vec<_> = payload.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(issuer(|builder| builder)), "exp iat iss jti nbf");
    assert_eq!(names(issuer(|builder| builder.include_iss(false))), "exp iat jti nbf");
    assert_eq!(names(issuer(|builder| builder.include_iat(false))), "exp iss jti nbf");
    assert_eq!(names(issuer(|builder| builder.include_nbf(false))), "exp iat iss jti");
    assert_eq!(names(issuer(|builder| builder.include_jti(false))), "exp iat iss nbf");
    assert_eq!(names(issuer(|builder| builder.dangerously_without_expiry())), "iat iss jti nbf");
    assert_eq!(
        names(issuer(|builder| builder.include_iss(false).include_iss(true))),
        "exp iat iss jti nbf"
    );

    let without_kid = issuer(|builder| builder.include_kid(false));
    let token = without_kid.issue(&json!({})).unwrap();
    assert_eq!(token.matches('.').count(), 2, "the token has no empty footer");
    // A claim that one token sets is written, even if the settings of the issuer omit the claim.
    let bare = issuer(|builder| {
        builder.include_nbf(false).include_jti(false).dangerously_without_expiry()
    });
    let time = datetime!(2026-01-02 00:00 UTC);
    let token =
        issue(&bare, |token| token.not_before(time).token_id("one").ttl(Duration::from_secs(60)));
    let expected = ["2026-01-02T00:00:00Z", "one", "2026-01-01T00:01:00Z"];
    assert_eq!([&token["nbf"], &token["jti"], &token["exp"]], expected);
}

#[test]
fn settings_of_one_token_override_the_issuer() {
    let issuer =
        issuer(|builder| builder.audience("https://api.example").ttl(Duration::from_secs(60)));
    let plain = issue(&issuer, |token| token);
    assert_eq!([&plain["aud"], &plain["exp"]], ["https://api.example", "2026-01-01T00:01:00Z"]);
    assert!(["sub", "scope", "auth_time"].iter().all(|name| plain.get(name).is_none()));

    let token = issue(&issuer, |token| {
        token
            .subject("ada")
            .audience("https://other.example")
            .ttl(Duration::from_secs(1))
            .not_before(datetime!(2026-06-01 12:00:00.999 +02:00))
            .token_id("one")
            .scopes(["write", "read"])
            .auth_time(datetime!(2025-12-31 23:59:59.5 UTC))
    });
    let expected = json!({
        "iss": ISSUER, "sub": "ada", "aud": "https://other.example", "exp": "2026-01-01T00:00:01Z",
        "nbf": "2026-06-01T10:00:00Z", "iat": START, "jti": "one", "scope": "write read",
        "auth_time": "2025-12-31T23:59:59Z",
    });
    assert_eq!(token, expected);
    assert_eq!(
        issue(&issuer, |token| token.scopes(["a"]).scopes(["b"]))["scope"],
        "b",
        "the last call counts"
    );
    assert_eq!(issue(&issuer, |token| token.scopes(Vec::<String>::new()))["scope"], "");
}

#[test]
fn times_are_rounded_to_whole_seconds() {
    let clock = TestClock::new();
    clock.advance(time::Duration::milliseconds(999));
    let issuer = issuer_builder(&clock).ttl(Duration::from_millis(1500)).build().unwrap();
    let token = issue(&issuer, |token| token);
    assert_eq!(
        [&token["nbf"], &token["iat"], &token["exp"]],
        [START, START, "2026-01-01T00:00:02Z"]
    );
}

#[actix_web::test]
async fn tokens_with_each_setting_are_accepted() {
    let clock = TestClock::new();
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let claims = json!({ "user": "ada" });
    for format in [Format::Json, Format::Cbor] {
        let issuer = issuer_builder(&clock).format(format).build().unwrap();
        let verifier =
            verifier_builder(&clock).accept_any_audience().format(format).build().unwrap();
        let token = || issuer.token(&claims);
        for token in [
            token(),
            token().subject("").audience("").token_id("").scopes([""; 0]),
            token()
                .subject("ada")
                .audience("bob")
                .scopes(["a", "b:c/d"])
                .auth_time(datetime!(0000-01-01 00:00 UTC)),
            token().ttl(Duration::from_secs(1)),
            token().ttl(century),
            token().footer(&json!({ "a": 1, "b": null, "c": 0.5, "d": "é" })),
            token().footer(&json!({})),
            token().footer_bytes("opaque"),
            token().footer_bytes(""),
            token().footer_bytes([0xff; 1024]),
        ] {
            assert_accepted(&verifier, &token.issue().unwrap()).await;
        }
    }
}

#[test]
fn footer_is_written_from_a_map_or_bytes() {
    #[derive(Serialize)]
    struct Footer {
        zone: u8,
        area: &'static str,
    }
    let issuer = issuer(|builder| builder.footer(&Footer { zone: 1, area: "a" }));
    let kid = keys::secret().kid().to_owned();
    let token = |change: fn(TokenBuilder<'_, Value>) -> TokenBuilder<'_, Value>| {
        split(&change(issuer.token(&json!({}))).issue().unwrap()).1
    };
    let plain = token(|token| token);
    assert_eq!(text(&plain), format!(r#"{{"kid":"{kid}","area":"a","zone":1}}"#));
    let own = token(|token| token.footer(&json!({ "b": 2 })));
    assert_eq!(
        text(&own),
        format!(r#"{{"kid":"{kid}","b":2}}"#),
        "the footer of the token replaces the footer of the issuer"
    );
    assert_eq!(token(|token| token.footer_bytes("opaque")), b"opaque");
    assert_eq!(token(|token| token.footer(&json!({ "b": 2 })).footer_bytes("")), b"");

    let cbor = issuer_builder(&TestClock::new())
        .format(Format::Cbor)
        .footer(&json!({ "b": 2 }))
        .build()
        .unwrap();
    let footer = split(&cbor.issue(&json!({})).unwrap()).1;
    let expected = Cbor::Map(vec![("kid".into(), kid.into()), ("b".into(), 2.into())]);
    assert_eq!(ciborium::from_reader::<Cbor, _>(&*footer).unwrap(), expected);
}

#[actix_web::test]
async fn announced_key_signs_if_the_token_selects_it() {
    let clock = TestClock::new();
    let announced = SecretKey::generate();
    let issuer = issuer_builder(&clock).build().unwrap();
    issuer.announce(announced.clone()).unwrap();
    let old = verifier_builder(&clock).build().unwrap();
    let new = verifier_builder(&clock).trust(ISSUER, announced.public_key()).build().unwrap();
    assert_eq!(issuer.public_keys().collect::<Vec<_>>(), [keys::public(), announced.public_key()]);

    let claims = json!({});
    for (kid, token) in [
        (keys::secret().kid(), issuer.token(&claims)),
        (keys::secret().kid(), issuer.token(&claims).key_id(keys::secret().kid())),
        (announced.kid(), issuer.token(&claims).key_id(announced.kid())),
        (announced.kid(), issuer.token(&claims).footer(&json!({ "a": 1 })).key_id(announced.kid())),
    ] {
        let token = token.issue().unwrap();
        assert_eq!(footer(&token)["kid"], kid);
        assert_accepted(&new, &token).await;
        if kid == announced.kid() {
            assert_rejected(&old, &token).await;
        } else {
            assert_accepted(&old, &token).await;
        }
    }
}

#[test]
fn implicit_assertion_is_signed_but_not_part_of_the_token() {
    let issuer = issuer(|builder| builder.implicit_assertion("of the issuer"));
    let signed = |token: String, assertion: &[u8]| {
        let (payload, footer) = split(&token);
        assert!(
            !token.contains(&Base64UrlUnpadded::encode_string(assertion)) || assertion.is_empty()
        );
        token == parts::sign(&keys::secret(), &payload, &footer, assertion)
    };
    let plain = issuer.issue(&json!({})).unwrap();
    let own = issuer.token(&json!({})).implicit_assertion("of the token").issue().unwrap();
    let none = issuer.token(&json!({})).implicit_assertion("").issue().unwrap();
    assert!(signed(plain.clone(), b"of the issuer") && !signed(plain, b""));
    assert!(signed(own.clone(), b"of the token") && !signed(own, b"of the issuer"));
    assert!(signed(none.clone(), b"") && !signed(none, b"of the issuer"));
}

#[test]
fn token_id_is_128_random_bits() {
    let issuer = issuer(|builder| builder);
    let ids: Vec<u128> = (0..200)
        .map(|_| {
            let bits = Base64UrlUnpadded::decode_vec(
                issue(&issuer, |token| token)["jti"].as_str().unwrap(),
            )
            .unwrap();
            u128::from_be_bytes(bits.try_into().expect("16 bytes"))
        })
        .collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    // If the IDs are random, the probability that one of the 128 bits has the same value in all 200
    // IDs is below 10^-57.
    assert_eq!(
        (ids.iter().fold(0, |all, id| all | id), ids.iter().fold(!0, |all, id| all & id)),
        (!0, 0)
    );
}

#[test]
fn equal_claims_are_encoded_to_equal_bytes() {
    /// Returns equal maps that iterate in different orders.
    fn claims() -> HashMap<&'static str, HashMap<u8, &'static str>> {
        ["b", "a", "c", "é", ""].map(|name| (name, (0..20).map(|n| (n, "x")).collect())).into()
    }
    for format in [Format::Json, Format::Cbor] {
        let issuer = issuer(|builder| {
            builder.format(format).include_jti(false).footer(&json!({ "z": 1, "a": 2 }))
        });
        let tokens: HashSet<_> = (0..50).map(|_| issuer.issue(&claims()).unwrap()).collect();
        assert_eq!(tokens.len(), 1, "{format:?}");
    }
}

#[test]
fn registered_claims_precede_sorted_claims() {
    #[derive(Serialize)]
    struct Claims {
        zeta: Inner,
        alpha: u8,
        #[serde(flatten)]
        more: HashMap<&'static str, bool>,
    }
    #[derive(Serialize)]
    struct Inner {
        y: u8,
        x: u8,
    }
    let claims = Claims {
        zeta: Inner { y: 1, x: 2 },
        alpha: 3,
        more: HashMap::from([("mu", true), ("beta", false)]),
    };
    let issuer_of =
        |format| issuer(|builder| builder.format(format).include_jti(false).include_iat(false));
    let token = issuer_of(Format::Json).token(&claims).subject("ada").issue().unwrap();
    let expected = format!(
        r#"{{"iss":"{ISSUER}","sub":"ada","exp":"2026-01-01T01:00:00Z","nbf":"{START}","alpha":3,"beta":false,"mu":true,"zeta":{{"x":2,"y":1}}}}"#
    );
    assert_eq!(text(&split(&token).0), expected);

    let token = issuer_of(Format::Cbor).token(&claims).subject("ada").issue().unwrap();
    let payload: Cbor = ciborium::from_reader(&*split(&token).0).unwrap();
    let names: Vec<_> =
        payload.as_map().unwrap().iter().map(|(name, _)| name.as_text().unwrap()).collect();
    assert_eq!(names, ["iss", "sub", "exp", "nbf", "alpha", "beta", "mu", "zeta"]);
    let inner = payload.as_map().unwrap().last().unwrap().1.as_map().unwrap();
    assert_eq!(inner, &[("x".into(), 2.into()), ("y".into(), 1.into())]);
}

#[test]
fn claims_can_be_issued_twice_by_reference() {
    #[derive(Serialize)]
    struct Claims(HashMap<String, String>);

    let claims = Claims(HashMap::from([("user".to_owned(), "ada".to_owned())]));
    let issuer = issuer(|builder| builder.include_jti(false));
    assert_eq!(issuer.issue(&claims).unwrap(), issuer.issue(&claims).unwrap());
}
