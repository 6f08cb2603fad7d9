//! The official test vectors of PASETO version 4. `test-vectors/README.md` describes the file.

use serde_json::Value;

/// Returns the vectors of both purposes, `v4.local` and `v4.public`.
pub(super) fn official_vectors() -> Vec<Value> {
    let mut file: Value = serde_json::from_str(include_str!("../../test-vectors/v4.json"))
        .expect("the file contains JSON");
    serde_json::from_value(file["tests"].take()).expect("`tests` is a list")
}

/// Decodes hexadecimal digits.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}
