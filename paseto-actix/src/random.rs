//! Random ids.

use base64ct::{Base64UrlUnpadded, Encoding};

/// Returns 128 random bits of the operating system.
pub(crate) fn random_bits() -> Result<[u8; 16], getrandom::Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(bits)
}

/// Returns 128 random bits in base64url, 22 characters. [RFC 7519, section 4.1.7] requires an id
/// with a negligible probability of a second use.
///
/// [RFC 7519, section 4.1.7]: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.7
pub(crate) fn random_id() -> Result<String, getrandom::Error> {
    random_bits().map(|bits| Base64UrlUnpadded::encode_string(&bits))
}
