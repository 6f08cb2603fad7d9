//! Changes of a valid token. The input is a list of edits. The verifier rejects each string that
//! differs from the token.

use std::sync::LazyLock;

use paseto_actix::token::Format;

use crate::fixtures::{ISSUER, issuer_builder, sign, verifier};

/// Valid tokens: with a key ID, without a footer, with an opaque footer.
static TOKENS: LazyLock<[String; 3]> = LazyLock::new(|| {
    let payload = format!(r#"{{"iss":"{ISSUER}","exp":"2030-01-01T00:00:00Z","sub":"ada"}}"#);
    let issuer = issuer_builder().build().expect("an issuer");
    [
        issuer.issue(&serde_json::json!({ "plan": "pro" })).expect("a token"),
        sign(payload.as_bytes(), b""),
        sign(payload.as_bytes(), b"an opaque footer"),
    ]
});

/// Applies the edits. Each edit has four bytes: operation, position (two bytes), byte.
pub fn target(data: &[u8]) {
    let Some((selector, edits)) = data.split_first() else { return };
    let original = &TOKENS[usize::from(*selector) % TOKENS.len()];
    let mut token = original.clone().into_bytes();
    for edit in edits.chunks_exact(4).take(64) {
        let [operation, high, low, byte] = *edit else { continue };
        let position = usize::from(u16::from_be_bytes([high, low])) % (token.len() + 1);
        let end = (position + usize::from(byte)).min(token.len());
        match operation % 7 {
            0 if position < token.len() => token[position] = byte,
            1 => token.insert(position, byte),
            2 if position < token.len() => _ = token.remove(position),
            3 => token.truncate(position),
            4 => token.extend_from_within(position..end),
            5 => _ = token.drain(position..end),
            // A part of another token.
            6 => {
                let other = TOKENS[usize::from(byte) % TOKENS.len()].as_bytes();
                token.truncate(position);
                token.extend(other.get(position..).unwrap_or_default());
            }
            _ => {}
        }
    }
    let Ok(token) = String::from_utf8(token) else { return };
    let is_original = TOKENS.contains(&token);
    for _ in 0..2 {
        assert_eq!(verifier(Format::Json).verify_str(&token).is_ok(), is_original, "{token}");
    }
}
