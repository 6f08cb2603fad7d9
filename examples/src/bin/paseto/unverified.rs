//! Reads tokens without a verification, to show them to people. Do not use this code to decide
//! about a request: it has no key.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::token::Format;
use paseto_actix::{ConfigError, SecretKey, Verifier, VerifyError};
use serde_json::{Value, json};

/// The length of an Ed25519 signature in bytes.
const SIGNATURE_LEN: usize = 64;
/// The maximum length of a token in bytes. The library rejects longer tokens.
const MAX_TOKEN_LEN: usize = 8192;

/// The parts of a token. Its creator is unknown.
#[derive(Debug)]
pub(crate) struct Unverified<'a> {
    /// `v4.public` or `v4.local`.
    pub(crate) header: &'static str,
    /// The payload of a `v4.public` token. `None` for `v4.local`, whose payload is encrypted.
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) footer: Vec<u8>,
    footer_text: &'a str,
}

impl<'a> Unverified<'a> {
    /// Splits and decodes a token. Returns `None` if the string is not a token of version 4.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        if token.len() > MAX_TOKEN_LEN {
            return None;
        }
        let (header, parts) = ["v4.public", "v4.local"]
            .into_iter()
            .find_map(|header| Some((header, token.strip_prefix(header)?.strip_prefix('.')?)))?;
        let (body, footer_text) = match parts.split_once('.') {
            Some((_, "")) => return None,
            parts_and_footer => parts_and_footer.unwrap_or((parts, "")),
        };
        let mut body = BASE64_URL_SAFE_NO_PAD.decode(body).ok()?;
        let footer = BASE64_URL_SAFE_NO_PAD.decode(footer_text).ok()?;
        let payload = if header == "v4.public" {
            let payload_len = body.len().checked_sub(SIGNATURE_LEN).filter(|length| *length > 0)?;
            body.truncate(payload_len);
            Some(body)
        } else {
            None
        };
        Some(Self { header, payload, footer, footer_text })
    }

    /// Returns why each verifier rejects the claims.
    pub(crate) fn claims_problem(&self, format: Format) -> Result<Option<String>, ConfigError> {
        let Some(payload) = &self.payload else { return Ok(None) };
        problem(&unsigned(payload, ""), format)
    }

    /// Returns why each verifier rejects the footer.
    pub(crate) fn footer_problem(&self, format: Format) -> Result<Option<String>, ConfigError> {
        problem(&unsigned(b"{}", self.footer_text), format)
    }
}

/// Returns a token whose signature is zero bytes. The library checks the form of a token also if it
/// does not trust the key, so the error shows whether the footer or the claims are malformed.
fn unsigned(payload: &[u8], footer: &str) -> String {
    let body = BASE64_URL_SAFE_NO_PAD.encode([payload, &[0; SIGNATURE_LEN]].concat());
    let dot = if footer.is_empty() { "" } else { "." };
    format!("v4.public.{body}{dot}{footer}")
}

/// Returns why the library calls the token malformed. Rules that need a key are not checked.
pub(crate) fn problem(token: &str, format: Format) -> Result<Option<String>, ConfigError> {
    let stranger = SecretKey::generate().public_key();
    let verifier = Verifier::builder().trust("stranger", stranger).format(format).build()?;
    let is_malformed = |error: &VerifyError| {
        matches!(error.kind(), VerifyErrorKind::Malformed | VerifyErrorKind::UnsupportedToken)
    };
    Ok(verifier.verify_str(token).err().filter(is_malformed).map(|error| error.to_string()))
}

/// Returns the format of a map: CBOR if the first three bits are the major type of a map (RFC 8949,
/// section 3.1), otherwise JSON.
pub(crate) fn detect_format(bytes: &[u8]) -> Format {
    if bytes.first().is_some_and(|first| first >> 5 == 5) { Format::Cbor } else { Format::Json }
}

/// Returns the bytes as a map of this format. Of a key that occurs twice, it has only one value.
pub(crate) fn map(bytes: &[u8], format: Format) -> Option<Value> {
    let value = match format {
        Format::Cbor => ciborium::from_reader(bytes).ok()?,
        _ => serde_json::from_slice(bytes).ok()?,
    };
    Some(value).filter(Value::is_object)
}

/// Returns the bytes as JSON: a map in JSON or CBOR, another text as a string, or other bytes in
/// base64url. Returns `null` for no bytes.
pub(crate) fn content(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    map(bytes, detect_format(bytes)).unwrap_or_else(|| match str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64url": BASE64_URL_SAFE_NO_PAD.encode(bytes) }),
    })
}
