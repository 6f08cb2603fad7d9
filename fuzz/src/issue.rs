//! Claims of applications. If an issuer accepts them, the verifier accepts the token and returns
//! the same claims. The first byte selects the format.

use std::sync::LazyLock;

use ciborium::Value as Cbor;
use paseto_actix::token::Format;
use paseto_actix::{IssueError, Issuer};
use serde_json::{Value as Json, json};

use crate::fixtures::{issuer_builder, verifier};
use crate::tree::Tree;

static JSON: LazyLock<Issuer> = LazyLock::new(|| issuer_builder().build().expect("an issuer"));
static CBOR: LazyLock<Issuer> =
    LazyLock::new(|| issuer_builder().format(Format::Cbor).build().expect("an issuer"));

/// The claims that only the issuer writes.
const REGISTERED: [&str; 12] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "auth_time",
    "acr",
    "sid",
    "sub_gen",
];

/// The number of claims that the issuer adds: `iss`, `exp`, `nbf`, `iat` and `jti`.
const ADDED: usize = 5;

/// Issues a token with the claims.
pub fn target(data: &[u8]) {
    let Some((selector, data)) = data.split_first() else { return };
    if data.len() > 4000 {
        return;
    }
    if selector % 2 == 0 { json(data) } else { cbor(data) }
}

fn json(data: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<Json>(data) else { return };
    let text = serde_json::to_vec(&claims).expect("JSON");
    let token = match JSON.issue(&claims) {
        Ok(token) => token,
        Err(error) => {
            let tree = Tree::from_json(&text).expect("JSON");
            return assert_justified(&JSON, &error, &tree, claims.is_object(), text.len());
        }
    };
    let token = verifier(Format::Json).verify_str(&token).expect("a valid token");
    let mut read: Json = token.claims().expect("claims");
    let read = read.as_object_mut().expect("a map");
    for name in REGISTERED {
        read.remove(name);
    }
    // `serde_json` reads some numbers with an error in the last digit, so both are read from a text.
    let claims: Json = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(Some(&*read), claims.as_object());
}

fn cbor(data: &[u8]) {
    let Ok(claims) = ciborium::from_reader::<Cbor, _>(data) else { return };
    let mut bytes = Vec::new();
    ciborium::into_writer(&claims, &mut bytes).expect("CBOR");
    let token = match CBOR.issue(&claims) {
        Ok(token) => token,
        Err(error) => {
            let Some(tree) = Tree::from_cbor(&bytes) else { return };
            return assert_justified(&CBOR, &error, &tree, claims.is_map(), bytes.len());
        }
    };
    let token = verifier(Format::Cbor).verify_str(&token).expect("a valid token");
    let Cbor::Map(read) = token.claims().expect("claims") else { panic!("no map") };
    let own = |(name, _): &(Cbor, Cbor)| name.as_text().is_none_or(|t| !REGISTERED.contains(&t));
    let read: Vec<_> = read.into_iter().filter(own).collect();
    assert_eq!(text(&Cbor::Map(read)), text(&claims));
}

/// Returns the text of a value. `ciborium` compares a NaN as different from itself, so the texts
/// are compared. The issuer sorts maps.
fn text(value: &Cbor) -> String {
    match value {
        Cbor::Map(entries) => {
            let entry = |(name, value): &(Cbor, Cbor)| format!("{name:?}: {}", text(value));
            let mut texts: Vec<_> = entries.iter().map(entry).collect();
            texts.sort();
            format!("{{{}}}", texts.join(", "))
        }
        Cbor::Array(items) => format!("{:?}", items.iter().map(text).collect::<Vec<_>>()),
        Cbor::Tag(tag, inner) => format!("{tag}({})", text(inner)),
        scalar => format!("{scalar:?}"),
    }
}

/// Panics if the issuer has no reason to reject the claims.
fn assert_justified(issuer: &Issuer, error: &IssueError, claims: &Tree, is_map: bool, len: usize) {
    let has_text_keys = match claims {
        Tree::Map(entries) => entries.iter().all(|(name, _)| matches!(name, Tree::Text(_))),
        _ => false,
    };
    match error {
        IssueError::ReservedClaim { name, .. } => assert!(claims.get(name).is_some()),
        IssueError::NotAMap => assert!(!is_map || !has_text_keys),
        IssueError::Unverifiable(problem) => {
            let own = issuer.issue(&json!({})).expect("a token");
            let is_large = own.len() + (len * 4).div_ceil(3) > 8192;
            let has_many_keys = claims.keys() + ADDED > 256;
            let is_justified = !claims.is_well_formed() || is_large || has_many_keys;
            assert!(is_justified, "{problem}: {claims:?}");
        }
        other => panic!("{other}"),
    }
}
