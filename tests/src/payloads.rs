//! Payloads with the required claims and additional claims of a test.

use crate::ISSUER;

/// One hour after [`START`](crate::clock::START).
pub const EXP: &str = "2026-01-01T01:00:00Z";

/// Returns a JSON payload that is valid at [`START`](crate::clock::START). `rest` contains further
/// members, each after a comma.
pub fn json(rest: &str) -> Vec<u8> {
    format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}"{rest}}}"#).into_bytes()
}

/// Returns the payload in CBOR. `rest` contains `entries` further entries.
pub fn cbor(entries: usize, rest: &[u8]) -> Vec<u8> {
    let mut bytes = cbor_head(5, entries as u64 + 2);
    for text in ["iss", ISSUER, "exp", EXP] {
        bytes.extend(cbor_text(text));
    }
    bytes.extend(rest);
    bytes
}

/// Returns a string in CBOR.
pub fn cbor_text(text: &str) -> Vec<u8> {
    let mut bytes = cbor_head(3, text.len() as u64);
    bytes.extend(text.as_bytes());
    bytes
}

/// Returns the head of a CBOR item. The argument is a number, a length or a tag.
pub fn cbor_head(major: u8, argument: u64) -> Vec<u8> {
    let (information, argument) = match argument {
        0..24 => return vec![major << 5 | argument as u8],
        24..0x100 => (24, argument.to_be_bytes()[7..].to_vec()),
        0x100..0x1_0000 => (25, argument.to_be_bytes()[6..].to_vec()),
        0x1_0000..0x1_0000_0000 => (26, argument.to_be_bytes()[4..].to_vec()),
        _ => (27, argument.to_be_bytes().to_vec()),
    };
    [vec![major << 5 | information], argument].concat()
}
