use zeroize::Zeroizing;

use super::Blake2b;

/// BLAKE2b states that have absorbed a key, from which the keys of a token are derived.
///
/// Each derivation first hashes the key's block. Doing this once per key, not twice per token,
/// saves a fifth of the hashing of a short token.
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

    /// The key and the nonce of the cipher, 32 and 24 bytes.
    pub(crate) fn encryption(&self, nonce: &[u8]) -> Zeroizing<[u8; 56]> {
        self.encryption.clone().update(nonce).finalize()
    }

    /// The key of the authentication tag.
    pub(crate) fn authentication(&self, nonce: &[u8]) -> Zeroizing<[u8; 32]> {
        self.authentication.clone().update(nonce).finalize()
    }
}
