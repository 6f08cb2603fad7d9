use zeroize::Zeroizing;

use super::Blake2b;

/// BLAKE2b states with the key of the application, to derive the two keys of each token.
///
/// Each derivation starts with the hash of the key block. Computing it once per key, and not twice
/// per token, saves a fifth of the hash computations for a short token.
pub(crate) struct Derivation {
    encryption: Blake2b<56>,
    authentication: Blake2b<32>,
}

impl Derivation {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let (mut encryption, mut authentication) = (Blake2b::keyed(key), Blake2b::keyed(key));
        encryption.update(b"paseto-encryption-key");
        authentication.update(b"paseto-auth-key-for-aead");
        Self { encryption, authentication }
    }

    /// Derives the key (32 bytes) and the nonce (24 bytes) of the cipher.
    pub(crate) fn encryption(&self, nonce: &[u8]) -> Zeroizing<[u8; 56]> {
        self.encryption.clone().update(nonce).finalize()
    }

    /// Derives the key of the authentication tag.
    pub(crate) fn authentication(&self, nonce: &[u8]) -> Zeroizing<[u8; 32]> {
        self.authentication.clone().update(nonce).finalize()
    }
}
