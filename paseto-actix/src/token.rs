//! Parses, validates, signs and encrypts tokens. This module does not depend on HTTP requests.

mod claim_index;
mod claims;
mod footer;
#[cfg(feature = "session")]
mod implicit_assertion;
#[cfg(feature = "session")]
mod local;
mod payload;
mod public;
mod serde_message;
mod signer;
mod structure;
mod validation;
#[cfg(test)]
mod vectors;
mod verified;

pub(crate) use claims::{RESERVED, RegisteredClaims, format_time, is_scope_token};
pub(crate) use footer::{Footer, MAX_FOOTER_LEN};
#[cfg(feature = "session")]
pub(crate) use implicit_assertion::implicit_assertion;
#[cfg(feature = "session")]
pub(crate) use local::{Ciphertext, Plaintext, decrypt_json, encrypt_json, token_len};
pub use payload::Format;
pub(crate) use payload::{encode_footer, encode_payload, scan};
pub(crate) use public::{Unverified, after_header, sign};
pub(crate) use signer::Signer;
pub(crate) use validation::{Audience, ClaimsValidation, Times};
pub use verified::VerifiedToken;

/// The maximum length of a token in bytes. Many servers reject longer headers.
const MAX_TOKEN_LEN: usize = 8192;
