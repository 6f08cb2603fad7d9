//! Implicit assertions that keep tokens of one purpose from passing as those of another under the same key.

use super::public::le64;

/// The assertion of a purpose, an application and a cookie, each with its length, so that no two lists of names make the same.
pub(crate) fn assertion(purpose: &str, application: &str, cookie: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in ["paseto-actix", purpose, application, cookie] {
        bytes.extend_from_slice(&le64(piece.len()));
        bytes.extend_from_slice(piece.as_bytes());
    }
    bytes
}
