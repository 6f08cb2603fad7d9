//! Documents with the public keys of an issuer. A document that is read and written is read as the
//! same key set. Errors contain no key of the document, and accepted documents contain no secret
//! key.

use paseto_actix::Verifier;
use paseto_actix::key_set::KeySet;
use serde_json::Value as Json;

use crate::fixtures::{assert_no_secret, without_ids};
use crate::tree::Tree;

/// Reads one document.
pub fn target(data: &[u8]) {
    match KeySet::from_json(data) {
        Ok(keys) => {
            let written = keys.to_json();
            assert_eq!(KeySet::from_json(written.as_bytes()), Ok(keys.clone()));
            let document: Json = serde_json::from_slice(data).expect("JSON");
            assert_eq!(document["iss"], keys.issuer());
            let paserks = document["keys"].as_array().expect("a list").iter();
            let paserks: Vec<_> = paserks.filter_map(|key| key["paserk"].as_str()).collect();
            for key in keys.keys() {
                assert!(paserks.contains(&&*key.to_paserk()));
            }
            let own = paserks.iter().filter(|key| key.starts_with("k4.")).count();
            assert_eq!(own, keys.keys().len());
            assert!(Tree::from_json(data).is_some_and(|tree| has_unique_names(&tree)));

            let verifier = Verifier::builder()
                .trust_keys(keys.issuer(), keys.keys().iter().cloned())
                .build()
                .expect("a verifier");
            assert_eq!(verifier.keys().len(), keys.keys().len());
            assert!(!contains_secret(&document));
        }
        Err(error) => {
            let text = String::from_utf8_lossy(data);
            // The errors name public keys by their IDs.
            let message = format!("{error} {error:?}");
            let parts = text.split(['"', ' ']).filter(|part| !part.contains("k4.pid."));
            parts.for_each(|part| assert_no_secret(&without_ids(&message), part));
        }
    }
}

fn has_unique_names(tree: &Tree) -> bool {
    match tree {
        Tree::List(items) => items.iter().all(has_unique_names),
        Tree::Map(entries) => entries.iter().enumerate().all(|(index, (name, value))| {
            entries[..index].iter().all(|(other, _)| other != name) && has_unique_names(value)
        }),
        _ => true,
    }
}

fn contains_secret(value: &Json) -> bool {
    let is_secret = |text: &str| {
        ["k4.secret.", "k4.local.", "k4.seal."].iter().any(|header| {
            let data = text.split(header).nth(1).unwrap_or_default();
            let is_base64 = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
            data.chars().take_while(is_base64).count() >= 43
        }) || text.contains("-----BEGIN PRIVATE KEY")
    };
    match value {
        Json::String(text) => is_secret(text),
        Json::Array(items) => items.iter().any(contains_secret),
        Json::Object(entries) => {
            entries.iter().any(|(name, value)| is_secret(name) || contains_secret(value))
        }
        _ => false,
    }
}
