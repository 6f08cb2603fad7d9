//! Claims of applications. If an issuer accepts them, the verifier accepts the token and returns
//! the same claims. The first byte selects the format.

use std::sync::LazyLock;

use ciborium::Value as Cbor;
use paseto_actix::token::Format;
use paseto_actix::{IssueError, Issuer};
use serde_json::Value as Json;

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
            return assert_justified(&error, &tree, claims.is_object(), text.len());
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
            return assert_justified(&error, &tree, claims.is_map(), bytes.len());
        }
    };
    let token = verifier(Format::Cbor).verify_str(&token).expect("a valid token");
    let Cbor::Map(read) = token.claims().expect("claims") else { panic!("no map") };
    let own = |(name, _): &(Cbor, Cbor)| name.as_text().is_none_or(|t| !REGISTERED.contains(&t));
    let read: Vec<_> = read.into_iter().filter(own).collect();
    assert_eq!(read.len(), claims.as_map().expect("a map").len());
}

/// Panics if the issuer has no reason to reject the claims.
fn assert_justified(error: &IssueError, claims: &Tree, is_map: bool, len: usize) {
    let has_text_keys = match claims {
        Tree::Map(entries) => entries.iter().all(|(name, _)| matches!(name, Tree::Text(_))),
        _ => false,
    };
    match error {
        IssueError::ReservedClaim { name, .. } => assert!(claims.get(name).is_some()),
        IssueError::NotAMap => assert!(!is_map || !has_text_keys),
        // The issuer adds 7 claims. The limit of a token is 8,192 bytes.
        IssueError::Unverifiable(problem) => {
            let is_large = len > 3000 || problem.contains("256 keys");
            assert!(!claims.is_well_formed() || is_large, "{problem}: {claims:?}");
        }
        other => panic!("{other}"),
    }
}
