//! Payloads in JSON and CBOR. The verifier accepts exactly the payloads that the model accepts,
//! with the same kind of error, and returns the claims that `serde_json` and `ciborium` read.

use ciborium::Value as Cbor;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::token::Format;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use time::Duration;

use crate::fixtures::{assert_no_secret, sign, verifier};
use crate::tree::{Reason, Tree, check};

/// The default leeway of a verifier.
pub const LEEWAY: Duration = Duration::seconds(5);

/// Claims of an application. The library reads them from an index of the payload.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Claims {
    #[serde(default)]
    a: Option<Json>,
    b: Option<String>,
    #[serde(default)]
    list: Vec<u8>,
}

/// Checks a payload in JSON.
pub fn json_target(data: &[u8]) {
    let Some(token) = verified(Format::Json, data, Tree::from_json(data)) else { return };
    let expected: Json = serde_json::from_slice(data).expect("JSON");
    let typed: Option<Claims> = serde_json::from_slice(data).ok();
    // The second call builds an index of the claims, and the third call uses it.
    for _ in 0..3 {
        assert_eq!(token.claims::<Json>().ok().as_ref(), Some(&expected));
        assert_eq!(token.claims::<Claims>().ok(), typed);
    }
    for (name, value) in [("sub", token.subject()), ("jti", token.token_id()), ("acr", token.acr())]
    {
        assert_eq!(expected.get(name).and_then(Json::as_str), value);
    }
}

/// Checks a payload in CBOR.
pub fn cbor_target(data: &[u8]) {
    let Some(token) = verified(Format::Cbor, data, Tree::from_cbor(data)) else { return };
    let expected: Result<Cbor, _> = ciborium::from_reader(data);
    // `ciborium` compares a NaN as different from itself, so the texts are compared.
    let text = |value: &Cbor| format!("{value:?}");
    let claims = token.claims::<Cbor>().ok();
    assert_eq!(claims.as_ref().map(text), expected.ok().as_ref().map(text));
}

/// Verifies a token with the payload, and compares the outcome with the model.
fn verified(
    format: Format,
    payload: &[u8],
    tree: Option<Tree>,
) -> Option<paseto_actix::VerifiedToken> {
    if payload.is_empty() || payload.len() > 5000 {
        return None;
    }
    let expected = check(tree, LEEWAY);
    match (verifier(format).verify_str(&sign(payload, b"")), expected) {
        (Ok(token), Ok(_)) => Some(token),
        (Err(error), Err(reason)) => {
            let kind = match reason {
                Reason::Malformed => Kind::Malformed,
                Reason::Missing => Kind::MissingClaim,
                Reason::Issuer => Kind::UntrustedIssuer,
                Reason::Expired => Kind::Expired,
                Reason::Early => Kind::NotYetValid,
                Reason::Audience => Kind::WrongAudience,
            };
            assert_eq!(error.kind(), kind, "{error}");
            // The log contains `iss` and `aud`, and no other value.
            if matches!(kind, Kind::Malformed | Kind::MissingClaim) {
                assert_no_secret(&error.to_string(), &String::from_utf8_lossy(payload));
            }
            None
        }
        (outcome, expected) => panic!("found {outcome:?}, the model expects {expected:?}"),
    }
}
