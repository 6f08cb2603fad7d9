//! A token as the request contains it, and its grammar.

use std::borrow::Cow;

use crate::error::{VerifyError, VerifyErrorKind as Kind};

/// A token as the request contains it.
pub(super) struct Credential<'r> {
    /// The bytes from the client, which may not be a token. A lookup in the cache needs no check of
    /// the grammar, because the cache contains only tokens that passed it.
    pub(super) bytes: Cow<'r, [u8]>,
    /// Whether a browser may have added the token automatically.
    pub(super) ambient: bool,
    pub(super) grammar: Grammar,
}

/// The grammar that a credential must match, and the error if it does not.
#[derive(Clone, Copy)]
pub(super) enum Grammar {
    /// The credentials of [RFC 9110, section
    /// 11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2).
    Token68(&'static str),
    Utf8(&'static str),
}

pub(super) const NOT_UTF8: &str = "the token is not UTF-8";

impl<'r> Credential<'r> {
    pub(super) fn token68(bytes: impl Into<Cow<'r, [u8]>>, problem: &'static str) -> Self {
        Self { bytes: bytes.into(), ambient: false, grammar: Grammar::Token68(problem) }
    }

    /// Returns the token string, if the credential matches its grammar.
    pub(super) fn text(&self) -> Result<&str, VerifyError> {
        let (is_well_formed, problem) = match self.grammar {
            Grammar::Token68(problem) => (is_token68(&self.bytes), problem),
            Grammar::Utf8(problem) => (true, problem),
        };
        str::from_utf8(&self.bytes)
            .ok()
            .filter(|_| is_well_formed)
            .ok_or_else(|| invalid_request(problem))
    }
}

impl<'r> From<&'r str> for Credential<'r> {
    fn from(token: &'r str) -> Self {
        Self { bytes: token.as_bytes().into(), ambient: false, grammar: Grammar::Utf8(NOT_UTF8) }
    }
}

pub(super) fn invalid_request(detail: &'static str) -> VerifyError {
    VerifyError::new(Kind::InvalidRequest, detail)
}

/// The grammar is `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &bytes[..bytes.len() - padding];
    let fits = |byte: u8| {
        // Without branches, the compiler can check several bytes at once.
        let (letter, digit) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'0') < 10);
        letter
            | digit
            | matches!(byte, b'-'..=b'/')
            | (byte == b'+')
            | (byte == b'_')
            | (byte == b'~')
    };
    !body.is_empty() && body.iter().fold(true, |all, byte| all & fits(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token68_byte_by_byte() {
        for byte in 0..=u8::MAX {
            let fits = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            for text in [vec![byte], vec![b'a', byte, b'a'], vec![b'a', byte, b'=', b'=']] {
                let is_padding =
                    byte == b'=' && text[0] == b'a' && *text.last().expect("a byte") == b'=';
                assert_eq!(is_token68(&text), fits || is_padding, "{text:?}");
            }
        }
        assert!(!is_token68(b"") && !is_token68(b"=") && !is_token68(b"a=a"));
    }
}
