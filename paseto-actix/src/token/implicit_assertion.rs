//! Implicit assertions that separate the kinds of tokens under the same key. A token of one kind,
//! such as a session, does not decrypt as another kind.

use super::public::le64;

/// Returns the implicit assertion for a kind of token, an application, and the name of a cookie or
/// an issuer. The length precedes each name, so different lists of names have different assertions.
pub(crate) fn implicit_assertion(kind: &str, application: &str, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in ["paseto-actix", kind, application, name] {
        bytes.extend_from_slice(&le64(piece.len()));
        bytes.extend_from_slice(piece.as_bytes());
    }
    bytes
}
