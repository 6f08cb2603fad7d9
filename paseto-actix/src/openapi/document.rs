//! Reads the operations of a document, and their security requirements.

use std::collections::BTreeSet;

use actix_web::http::Method;
use serde_json::{Map, Value};

/// The fields of a path item that are operations ([OpenAPI 3.1, section 4.8.9]).
///
/// [OpenAPI 3.1, section 4.8.9]: https://spec.openapis.org/oas/v3.1.0#path-item-object
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An operation of a document.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    /// `None` if a request needs no credential.
    pub(super) security: Option<Security>,
}

/// The security requirement of an operation.
#[derive(Debug, Default)]
pub(super) struct Security {
    pub(super) schemes: BTreeSet<String>,
    /// The scopes of all alternatives.
    pub(super) scopes: BTreeSet<String>,
}

/// Returns all operations of a document, in the order of their paths.
pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let global = document.get("security");
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |name| {
                let operation = item.get(name)?;
                Some(Operation {
                    method: name.to_uppercase().parse().ok()?,
                    path: path.clone(),
                    security: security(operation.get("security").or(global)),
                })
            })
        })
        .collect()
}

/// Returns the names of the security schemes that a document defines.
pub(super) fn schemes(document: &Value) -> BTreeSet<String> {
    let schemes = document.pointer("/components/securitySchemes").and_then(Value::as_object);
    schemes.map(Map::keys).into_iter().flatten().cloned().collect()
}

/// Reads a list of alternatives. An empty list or an empty alternative makes the security optional
/// ([OpenAPI 3.1, section 4.8.10]).
///
/// [OpenAPI 3.1, section 4.8.10]: https://spec.openapis.org/oas/v3.1.0#operation-object
fn security(alternatives: Option<&Value>) -> Option<Security> {
    let alternatives = alternatives?.as_array()?;
    let mut security = Security::default();
    for alternative in alternatives {
        let alternative = alternative.as_object().filter(|schemes| !schemes.is_empty())?;
        for (scheme, scopes) in alternative {
            security.schemes.insert(scheme.clone());
            let scopes = scopes.as_array().into_iter().flatten().filter_map(Value::as_str);
            security.scopes.extend(scopes.map(str::to_owned));
        }
    }
    (!alternatives.is_empty()).then_some(security)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn security_of(operation: &Value, global: Option<Value>) -> Option<Security> {
        let mut document = json!({ "paths": { "/": { "get": operation } } });
        if let Some(global) = global {
            document["security"] = global;
        }
        operations(&document).remove(0).security
    }

    #[test]
    fn operation_without_security_has_the_security_of_the_document() {
        let global = Some(json!([{ "paseto": ["a"] }]));
        assert!(security_of(&json!({}), global.clone()).is_some());
        assert!(security_of(&json!({ "security": [] }), global).is_none());
        assert!(security_of(&json!({}), None).is_none());
    }

    #[test]
    fn empty_alternative_makes_the_security_optional() {
        let alternatives = json!([{ "paseto": [] }, {}]);
        assert!(security_of(&json!({ "security": alternatives }), None).is_none());
    }

    #[test]
    fn scopes_of_all_alternatives_are_collected() {
        let alternatives = json!([{ "paseto": ["a", "b"] }, { "paseto": ["a", "c"] }]);
        let security = security_of(&json!({ "security": alternatives }), None).unwrap();
        assert_eq!(security.scopes.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
