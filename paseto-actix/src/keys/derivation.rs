use std::hint::black_box;

use blake2b_simd::{Hash, Params, State};

/// BLAKE2b states that have absorbed a key, from which the keys of a token are derived.
///
/// Each derivation first hashes the key's block. Doing this once per key, not twice per token,
/// saves a fifth of the hashing of a short token.
pub(crate) struct Derivation {
    encryption: State,
    authentication: State,
}

impl Derivation {
    pub(super) fn new(key: &[u8]) -> Self {
        let absorbed = |domain: &[u8], length| {
            let mut params = Params::new();
            let mut state = params.hash_length(length).key(key).to_state();
            wipe(&mut params);
            state.update(domain);
            state
        };
        Self {
            encryption: absorbed(b"paseto-encryption-key", 56),
            authentication: absorbed(b"paseto-auth-key-for-aead", 32),
        }
    }

    /// The key and the nonce of the cipher, 32 and 24 bytes.
    pub(crate) fn encryption(&self, nonce: &[u8]) -> Hash {
        derive(&self.encryption, nonce)
    }

    /// The key of the authentication tag, 32 bytes.
    pub(crate) fn authentication(&self, nonce: &[u8]) -> Hash {
        derive(&self.authentication, nonce)
    }
}

impl Drop for Derivation {
    fn drop(&mut self) {
        wipe(&mut self.encryption);
        wipe(&mut self.authentication);
    }
}

/// The hash of a nonce, after the key and the domain.
fn derive(state: &State, nonce: &[u8]) -> Hash {
    let mut state = state.clone();
    let hash = state.update(nonce).finalize();
    wipe(&mut state);
    hash
}

/// Clears a value that depends on the key, because `blake2b_simd` does not. `black_box` keeps the
/// compiler from removing the assignment.
fn wipe<T: Default>(value: &mut T) {
    *value = T::default();
    black_box(value);
}
