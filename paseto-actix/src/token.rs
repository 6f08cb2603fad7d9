//! A token's life: its claims, its payload and footer, its signature, and what is accepted.
//!
//! Nothing here knows of requests.

mod claims;
mod fields;
mod footer;
mod kept;
#[cfg(feature = "session")]
mod local;
mod payload;
mod policy;
mod public;
#[cfg(feature = "session")]
mod purpose;
mod strict;
mod time_claim;
#[cfg(test)]
mod vectors;
mod verified;

pub(crate) use claims::{RESERVED, RegisteredClaims, is_scope_token};
pub(crate) use footer::{Footer, MAX_FOOTER_LEN};
pub(crate) use kept::{KeptClaims, Signer};
#[cfg(feature = "session")]
pub(crate) use local::{Ciphertext, Plaintext, decrypt_json, encrypt_json, token_len};
pub use payload::Format;
pub(crate) use payload::{encode_footer, encode_payload, scan};
pub(crate) use policy::{Audience, Policy};
pub(crate) use public::{Unverified, may_be_token, sign};
#[cfg(feature = "session")]
pub(crate) use purpose::assertion;
pub(crate) use time_claim::format_time;
pub use verified::VerifiedToken;

/// The longest token that is looked at, in bytes. Whatever is longer fits no header or cookie that a server takes.
const MAX_TOKEN_LEN: usize = 8192;
