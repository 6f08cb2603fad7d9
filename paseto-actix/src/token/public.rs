//! Signs and parses `v4.public` tokens: an Ed25519 signature over the pre-authentication encoding
//! of header, payload, footer and implicit assertion.
//!
//! Source: PASETO, [version 4] and [pre-authentication encoding].
//!
//! [version 4]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Version4.md
//! [pre-authentication encoding]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Common.md#pae-definition

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pasetors::version4::PublicToken;

use super::{MAX_FOOTER_LEN, MAX_TOKEN_LEN};
use crate::error::{IssueError, VerifyError, VerifyErrorKind as Kind};
use crate::keys::{CanonicalSignature, SecretKey, VerificationKey};

const HEADER: &str = PublicToken::HEADER;
const SIGNATURE_LEN: usize = 64;
/// The maximum length of a footer in base64url.
const MAX_FOOTER_TEXT_LEN: usize = MAX_FOOTER_LEN.div_ceil(3) * 4;

/// The parts of a token before its signature is verified.
pub(crate) struct Unverified {
    payload: Vec<u8>,
    footer: Vec<u8>,
    signature: CanonicalSignature,
}

impl Unverified {
    /// Splits and decodes a token. Checks that do not need the decoded bytes run first.
    ///
    /// This crate does not use the parser of pasetors for two reasons. That parser accepts
    /// `v4.public.payload.` as a second encoding of `v4.public.payload`. It also decodes in
    /// constant time, which takes a fifth of the time of a signature check. Constant time is not
    /// necessary, because the client that sent the token knows it.
    pub(crate) fn parse(token: &str) -> Result<Self, VerifyError> {
        let malformed = |detail| VerifyError::new(Kind::Malformed, detail);
        if token.len() > MAX_TOKEN_LEN {
            return Err(malformed("the token is longer than 8,192 bytes"));
        }
        let Some(parts) = token.strip_prefix(HEADER) else { return Err(unsupported(token)) };
        let (body, footer) = match parts.split_once('.') {
            Some((_, "")) => {
                return Err(malformed("the token ends in a dot without a footer"));
            }
            Some((body, footer)) => (body, footer),
            None => (parts, ""),
        };
        if footer.len() > MAX_FOOTER_TEXT_LEN {
            return Err(malformed("the footer is longer than 1,024 bytes"));
        }
        let decode = |text| {
            BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| {
                malformed(
                    "the token is not base64url without padding: a part is missing or changed",
                )
            })
        };
        let footer = decode(footer)?;
        let mut payload = decode(body)?;
        let Some((&[_, ..], signature)) = payload.split_last_chunk::<SIGNATURE_LEN>() else {
            return Err(malformed("the token is too short for a payload and a signature"));
        };
        let signature = CanonicalSignature::from_bytes(signature)
            .ok_or_else(|| malformed("`S` of the signature is not below the group order"))?;
        payload.truncate(payload.len() - SIGNATURE_LEN);
        Ok(Self { payload, footer, signature })
    }

    /// The payload. Do not trust it before [`verify`](Self::verify).
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The footer. Do not trust it before [`verify`](Self::verify).
    pub(crate) fn footer(&self) -> &[u8] {
        &self.footer
    }

    /// Returns whether the key made the signature.
    ///
    /// This crate does not use the verification of pasetors, because pasetors returns the payload
    /// as a `String`, and a CBOR payload is not UTF-8.
    pub(crate) fn verify(&self, key: &VerificationKey, implicit_assertion: &[u8]) -> bool {
        let verify = |message: &[&[u8]]| key.verify(message, &self.signature);
        with_message(&self.payload, &self.footer, implicit_assertion, verify)
    }
}

/// Returns the bytes of a token after its header. Returns `None` for bytes that are too long or do
/// not begin with the header.
pub(crate) fn after_header(token: &[u8]) -> Option<&[u8]> {
    if token.len() > MAX_TOKEN_LEN { None } else { token.strip_prefix(HEADER.as_bytes()) }
}

/// Calls a function with the pieces of the signed message, the pre-authentication encoding.
fn with_message<T>(
    payload: &[u8],
    footer: &[u8],
    implicit_assertion: &[u8],
    call: impl FnOnce(&[&[u8]]) -> T,
) -> T {
    let pieces = [HEADER.as_bytes(), payload, footer, implicit_assertion];
    let count = le64(pieces.len());
    let lengths = pieces.map(|piece| le64(piece.len()));
    let mut message = [count.as_slice(); 9];
    for (index, (length, piece)) in lengths.iter().zip(pieces).enumerate() {
        message[1 + 2 * index] = length;
        message[2 + 2 * index] = piece;
    }
    call(&message)
}

/// Returns the error for a string that is not a `v4.public` token. The error names its kind.
fn unsupported(text: &str) -> VerifyError {
    let named = |(header, _): &(&str, &str)| text.starts_with(header);
    let found = KNOWN_HEADERS.into_iter().find(named).map_or("another string", |(_, name)| name);
    let found = if text.is_empty() { "an empty string" } else { found };
    VerifyError::new(Kind::UnsupportedToken, format!("expected a `v4.public` token, found {found}"))
}

/// The beginnings of strings that clients often send instead of a token.
const KNOWN_HEADERS: [(&str, &str); 9] = [
    ("v4.local.", "a `v4.local` token"),
    ("v3.", "a token of version 3"),
    ("v2.", "a token of version 2"),
    ("v1.", "a token of version 1"),
    ("k4.", "a key as PASERK"),
    ("eyJ", "a JSON Web Token"),
    ("Bearer ", "the scheme `Bearer`"),
    ("undefined", "`undefined`, an unset variable of JavaScript"),
    ("null", "`null`, an empty variable of JavaScript"),
];

/// Encodes a length for the pre-authentication encoding: little-endian, the highest bit clear.
pub(super) fn le64(length: usize) -> [u8; 8] {
    (length as u64 & (u64::MAX >> 1)).to_le_bytes()
}

/// Returns a signed token.
pub(crate) fn sign(
    key: &SecretKey,
    payload: &[u8],
    footer: &[u8],
    implicit_assertion: &[u8],
) -> Result<String, IssueError> {
    let signature = with_message(payload, footer, implicit_assertion, |message| key.sign(message))?;
    let bytes = payload.len() + signature.len() + footer.len();
    let mut token = String::with_capacity(HEADER.len() + (bytes * 4).div_ceil(3) + 4);
    token.push_str(HEADER);
    BASE64_URL_SAFE_NO_PAD.encode_string([payload, &signature].concat(), &mut token);
    if !footer.is_empty() {
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(footer, &mut token);
    }
    if token.len() > MAX_TOKEN_LEN {
        return Err(IssueError::Unverifiable(format!(
            "{} bytes, the limit is {MAX_TOKEN_LEN}",
            token.len()
        )));
    }
    Ok(token)
}

#[cfg(test)]
mod tests;
