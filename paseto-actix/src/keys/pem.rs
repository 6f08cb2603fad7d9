//! Decodes a PEM key: one block, with optional text around it.
//!
//! Source: [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468), section 2, which allows explanatory
//! text before and after the block. In addition to the RFC, this parser accepts missing line breaks
//! and line breaks that are written as `\n`.

use base64ct::{Base64, Encoding};
use ed25519_dalek::pkcs8::ObjectIdentifier;
use zeroize::Zeroizing;

use super::text;
use super::text::ESCAPES;
use crate::error::ConfigError;

/// The maximum length in bytes. It is sufficient for an Ed25519 key with comments. It also admits
/// an RSA key, so that the error names RSA and not the length.
const MAX_LEN: usize = 8192;

const BEGIN: &str = "-----BEGIN ";

/// Labels that the error for a wrong type can name.
const KNOWN_LABELS: [&str; 11] = [
    "PRIVATE KEY",
    "PUBLIC KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "RSA PRIVATE KEY",
    "RSA PUBLIC KEY",
    "EC PRIVATE KEY",
    "EC PARAMETERS",
    "DSA PRIVATE KEY",
    "CERTIFICATE",
    "CERTIFICATE REQUEST",
];

pub(super) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Decodes the block with the label `expected`. It must be the only block of the string.
pub(super) fn decode(
    text: &str,
    expected: &'static str,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let malformed = |problem: String| Err(ConfigError::MalformedKey(problem.into()));
    let text = text::trim(text);
    if text.len() > MAX_LEN {
        return malformed(format!("expected at most {MAX_LEN} bytes, found {}", text.len()));
    }
    let Some((before, block)) = text.split_once(BEGIN) else { return Err(not_pem(text, expected)) };
    if block.contains(BEGIN) {
        return malformed("the string has more than one PEM block: keep one key".to_owned());
    }
    // A block in a comment (`# -----BEGIN …`) is probably a key that was replaced.
    let indented = before.trim_end_matches([' ', '\t']);
    let is_line_break = |end: &str| indented.ends_with(end);
    if !(indented.is_empty()
        || is_line_break("\n")
        || is_line_break("\r")
        || ESCAPES.into_iter().any(is_line_break))
    {
        return malformed("the PEM block does not begin on a line of its own".to_owned());
    }
    let Some((label, rest)) = block.split_once("-----").filter(|(label, _)| is_label(label)) else {
        return malformed(format!(
            "the first line of the PEM block is not `{BEGIN}{expected}-----`"
        ));
    };
    if label != expected {
        return Err(match KNOWN_LABELS.into_iter().find(|known| *known == label) {
            Some(found) => ConfigError::WrongKeyType { expected, found },
            None => {
                ConfigError::MalformedKey(format!("the PEM block is not a `{expected}`").into())
            }
        });
    }
    let is_end = |end: &str| end.strip_prefix(label).is_some_and(|rest| rest.starts_with("-----"));
    let Some((body, end)) = rest.split_once("-----END ").filter(|(_, end)| is_end(end)) else {
        return malformed(format!(
            "the PEM block has no last line `-----END {expected}-----`: the string is cut off"
        ));
    };
    let after = end[label.len()..].trim_start_matches('-');
    if [before, after].into_iter().any(may_be_key) {
        return malformed(
            "the text around the PEM block may be another key: keep one key".to_owned(),
        );
    }
    decode_body(body)
}

/// Returns whether a string can be a PASERK or a PEM block with a typing error.
fn may_be_key(text: &str) -> bool {
    text.contains("---")
        || ["k1.", "k2.", "k3.", "k4."].into_iter().any(|header| text.contains(header))
}

fn is_label(text: &str) -> bool {
    text.len() < 40 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn decode_body(mut rest: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    // With this capacity, the buffer does not grow. Growing would leave a copy of the key in freed
    // memory.
    let mut base64 = Zeroizing::new(Vec::with_capacity(rest.len()));
    while let Some(first) = rest.chars().next() {
        if let Some(after) = ESCAPES.into_iter().find_map(|escape| rest.strip_prefix(escape)) {
            rest = after;
            continue;
        }
        if !first.is_whitespace() {
            let byte = u8::try_from(first)
                .ok()
                .filter(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
            base64.push(byte.ok_or(ConfigError::MalformedKey(
                "the PEM block has a character that is not base64".into(),
            ))?);
        }
        rest = &rest[first.len_utf8()..];
    }
    let mut der = Zeroizing::new(vec![0; base64.len() / 4 * 3 + 3]);
    let len = match Base64::decode(base64.as_slice(), der.as_mut_slice()) {
        Ok(decoded) => decoded.len(),
        Err(_) => {
            return Err(ConfigError::MalformedKey(
                "the PEM block is not base64: a part is missing".into(),
            ));
        }
    };
    der.truncate(len);
    Ok(der)
}

fn not_pem(text: &str, expected: &'static str) -> ConfigError {
    text::common_mistake(text, expected).unwrap_or_else(|| {
        if text.starts_with("ssh-") {
            return ConfigError::WrongKeyType { expected, found: "ssh" };
        }
        let problem =
            format!("the string has no PEM block, which begins with `{BEGIN}{expected}-----`");
        ConfigError::MalformedKey(problem.into())
    })
}

/// Returns the error for DER that is not an Ed25519 key in the expected form.
pub(super) fn not_ed25519(algorithm: Option<ObjectIdentifier>, form: &'static str) -> ConfigError {
    let found = match algorithm.map(|oid| oid.to_string()).as_deref() {
        Some("1.2.840.113549.1.1.1") => "RSA",
        Some("1.2.840.10045.2.1") => "EC",
        Some("1.3.101.110") => "X25519",
        Some("1.3.101.111") => "X448",
        Some("1.3.101.113") => "Ed448",
        Some("1.3.101.112") | None => {
            let problem =
                format!("the PEM block is not the {form} of an Ed25519 key: it is damaged");
            return ConfigError::MalformedKey(problem.into());
        }
        Some(_) => "another algorithm",
    };
    ConfigError::WrongKeyType { expected: "Ed25519", found }
}
