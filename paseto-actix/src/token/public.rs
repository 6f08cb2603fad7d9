//! `v4.public`: a signature over the pre-authentication encoding of header, payload, footer and implicit assertion.
//!
//! Source: PASETO, [version 4] and [pre-authentication encoding].
//!
//! [version 4]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Version4.md
//! [pre-authentication encoding]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Common.md#pae-definition

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey, ed25519::signature::MultipartVerifier};
use pasetors::version4::PublicToken;

use super::{MAX_FOOTER_LEN, MAX_TOKEN_LEN};
use crate::{IssueError, SecretKey, VerifyError, VerifyErrorKind as Kind, keys::clear_stack_after};

const HEADER: &str = PublicToken::HEADER;
/// The order of Ed25519's group, little-endian ([RFC 8032, section 5.1]). A signature whose `S` is not below it is another
/// spelling of one whose `S` is. ed25519-dalek refuses it too, unless its feature `legacy_compatibility` is on, which any
/// crate of a build may turn on for all.
///
/// [RFC 8032, section 5.1]: https://www.rfc-editor.org/rfc/rfc8032#section-5.1
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
/// The base64url of the longest footer.
const MAX_FOOTER_TEXT_LEN: usize = MAX_FOOTER_LEN.div_ceil(3) * 4;

/// The parts of a token, nothing of which is to be believed yet.
pub(crate) struct Unverified {
    payload: Vec<u8>,
    footer: Vec<u8>,
    signature: Signature,
}

impl Unverified {
    /// Takes a token apart. Every check that needs no base64 comes first.
    ///
    /// pasetors could do this, but it reads `v4.public.payload.` as a second spelling of `v4.public.payload`, and decodes in
    /// constant time, which nothing here calls for: a token is no secret to whoever sent it. That alone takes a fifth of the
    /// time of a signature check.
    pub(crate) fn parse(token: &str) -> Result<Self, VerifyError> {
        let malformed = |detail| VerifyError::new(Kind::Malformed, detail);
        if token.len() > MAX_TOKEN_LEN {
            return Err(malformed("a token of over 8,192 bytes"));
        }
        let Some(parts) = token.strip_prefix(HEADER) else {
            return Err(VerifyError::new(Kind::UnsupportedToken, "not a v4.public token"));
        };
        let (body, footer) = match parts.split_once('.') {
            Some((_, "")) => return Err(malformed("an empty footer after a dot")),
            Some((body, footer)) => (body, footer),
            None => (parts, ""),
        };
        if footer.len() > MAX_FOOTER_TEXT_LEN {
            return Err(malformed("a footer of over 1,024 bytes"));
        }
        let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed("not the base64url of anything"));
        let footer = decode(footer)?;
        let mut payload = decode(body)?;
        let Some((&[_, ..], signature)) = payload.split_last_chunk() else {
            return Err(malformed("nothing but a signature, or less"));
        };
        let signature = Signature::from_bytes(signature);
        if !signature.s_bytes().iter().rev().lt(GROUP_ORDER.iter().rev()) {
            return Err(malformed("a signature in a second spelling"));
        }
        payload.truncate(payload.len() - Signature::BYTE_SIZE);
        Ok(Self { payload, footer, signature })
    }

    /// The payload, not to be believed before [`verify`](Self::verify).
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The footer, not to be believed before [`verify`](Self::verify).
    pub(crate) fn footer(&self) -> &[u8] {
        &self.footer
    }

    /// Payload and footer, to keep.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Vec<u8>) {
        (self.payload, self.footer)
    }

    /// Whether the signature is that of the key.
    ///
    /// pasetors gives a payload only as a `String`, which raw CBOR is not, so the signature is checked here. `key` has
    /// passed [`PublicKey::trusted`](crate::PublicKey::trusted), which is why plain verification is as good as
    /// `verify_strict`: what the latter adds is the refusal of small-order points at every call.
    pub(crate) fn verify(&self, key: &VerifyingKey, implicit_assertion: &[u8]) -> bool {
        let pieces = [HEADER.as_bytes(), &self.payload, &self.footer, implicit_assertion];
        let lengths = pieces.map(|piece| le64(piece.len()));
        let [header, payload, footer, assertion] = &pieces;
        let pre_authentication_encoding: [&[u8]; 9] = [
            &le64(pieces.len()),
            &lengths[0],
            header,
            &lengths[1],
            payload,
            &lengths[2],
            footer,
            &lengths[3],
            assertion,
        ];
        is_signed(key, &pre_authentication_encoding, &self.signature)
    }
}

/// Whether a text is worth any work: it has the header of a token, and not too many bytes.
pub(crate) fn may_be_token(text: &str) -> bool {
    text.len() <= MAX_TOKEN_LEN && text.starts_with(HEADER)
}

/// Whether the signature is the key's, of a message in pieces.
fn is_signed(key: &VerifyingKey, message: &[&[u8]], signature: &Signature) -> bool {
    key.multipart_verify(message, signature).is_ok()
}

/// A length as the pre-authentication encoding has it: little-endian, the highest bit clear.
pub(super) fn le64(length: usize) -> [u8; 8] {
    (length as u64 & (u64::MAX >> 1)).to_le_bytes()
}

/// Signs a token.
pub(crate) fn sign(
    key: &SecretKey,
    payload: &[u8],
    footer: &[u8],
    implicit_assertion: &[u8],
) -> Result<String, IssueError> {
    let sign = || PublicToken::sign(key.signing(), payload, Some(footer), Some(implicit_assertion));
    let token = clear_stack_after(sign).map_err(|_| IssueError::Signing)?;
    if token.len() > MAX_TOKEN_LEN {
        return Err(IssueError::Unverifiable(format!("{} bytes, the limit is {MAX_TOKEN_LEN}", token.len())));
    }
    Ok(token)
}

#[cfg(test)]
mod tests;
