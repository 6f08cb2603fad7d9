//! Encrypts and decrypts `v4.local` tokens: XChaCha20, then a BLAKE2b tag over the
//! pre-authentication encoding.
//!
//! Source: PASETO, [version 4]. The code uses `blake2b_simd` and `chacha20`, because they are
//! vectorized.
//!
//! [version 4]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Version4.md

use std::{io, mem};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use serde::Serialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::public::le64;
use crate::keys::{Blake2b, KeyRing, KeyState, LocalKey};

const HEADER: &str = "v4.local.";
const NONCE_LEN: usize = 32;
const TAG_LEN: usize = 32;

/// Returns the length in bytes of the token of a payload. Tokens of this crate have no footer.
pub(crate) const fn token_len(payload_len: usize) -> usize {
    HEADER.len() + ((NONCE_LEN + payload_len + TAG_LEN) * 4).div_ceil(3)
}

/// A payload in a buffer with space for the nonce and the tag, so that encryption copies nothing.
pub(crate) struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Returns an empty payload with capacity for `payload_len` bytes.
    pub(crate) fn with_capacity(payload_len: usize) -> Self {
        let mut body = Vec::with_capacity(NONCE_LEN + payload_len + TAG_LEN);
        body.resize(NONCE_LEN, 0);
        Self(body)
    }

    /// Returns the length in bytes of the token of this payload.
    pub(crate) fn token_len(&self) -> usize {
        token_len(self.0.len() - NONCE_LEN)
    }

    /// Encrypts the payload with a random nonce, and appends the token to `text`.
    ///
    /// # Errors
    ///
    /// An error if the operating system does not return random bytes.
    pub(crate) fn encrypt(
        self,
        key: &LocalKey,
        assertion: &[u8],
        text: &mut String,
    ) -> Result<(), getrandom::Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        self.encrypt_with_nonce(key, &nonce, &[], assertion, text);
        Ok(())
    }

    fn encrypt_with_nonce(
        mut self,
        key: &LocalKey,
        nonce: &[u8; NONCE_LEN],
        footer: &[u8],
        assertion: &[u8],
        text: &mut String,
    ) {
        let keys = DerivedKeys::derive(key, nonce);
        // The next lines encrypt this buffer in place, so `drop` does not need to clear it.
        let mut body = mem::take(&mut self.0);
        body[..NONCE_LEN].copy_from_slice(nonce);
        keys.cipher().apply_keystream(&mut body[NONCE_LEN..]);
        let tag = keys.tag(nonce, &body[NONCE_LEN..], footer, assertion);
        body.extend_from_slice(tag.as_slice());

        text.push_str(HEADER);
        BASE64_URL_SAFE_NO_PAD.encode_string(&body, text);
        if !footer.is_empty() {
            text.push('.');
            BASE64_URL_SAFE_NO_PAD.encode_string(footer, text);
        }
    }
}

impl io::Write for Plaintext {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Serializes a value as JSON, and encrypts it with the active key. Returns `None` if the value
/// does not serialize, or if the operating system does not return random bytes.
pub(crate) fn encrypt_json(
    value: &impl Serialize,
    keys: &KeyRing,
    assertion: &[u8],
) -> Option<String> {
    // Most payloads are shorter than 512 bytes. The buffer grows for longer payloads.
    let mut payload = Plaintext::with_capacity(512);
    serde_json::to_writer(&mut payload, value).ok()?;
    let mut text = String::with_capacity(payload.token_len());
    payload.encrypt(&keys.active(), assertion, &mut text).ok()?;
    Some(text)
}

/// Decrypts a token, and deserializes its payload from JSON. Also returns whether a retired key
/// encrypted the token. Returns `None` if the token is not authentic or the payload does not fit.
pub(crate) fn decrypt_json<T: DeserializeOwned>(
    token: &[u8],
    keys: &KeyRing,
    assertion: &[u8],
) -> Option<(T, bool)> {
    let (payload, retired_key) = Ciphertext::decode(token)?.decrypt(keys, assertion)?;
    Some((serde_json::from_slice(&payload).ok()?, retired_key))
}

/// The decoded body of a token, before authentication.
pub(crate) struct Ciphertext(Vec<u8>);

impl Ciphertext {
    /// Decodes a token. Returns `None` if it is not a `v4.local` token or if it has a footer.
    pub(crate) fn decode(token: &[u8]) -> Option<Self> {
        let body = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(HEADER.as_bytes())?).ok()?;
        (body.len() > NONCE_LEN + TAG_LEN).then_some(Self(body))
    }

    /// Decrypts the payload, and returns whether a retired key encrypted it. Returns `None` if the
    /// token is not authentic under any key of the ring with this implicit assertion.
    pub(crate) fn decrypt(
        &self,
        keys: &KeyRing,
        assertion: &[u8],
    ) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        keys.find_accepted(|(key, state)| {
            let payload = decrypt_body(key, &self.0, &[], assertion)?;
            Some((payload, state == KeyState::Retired))
        })
    }
}

fn decrypt_body(
    key: &LocalKey,
    body: &[u8],
    footer: &[u8],
    assertion: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = body.split_first_chunk::<NONCE_LEN>()?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>()?;
    let keys = DerivedKeys::derive(key, nonce);
    if !bool::from(keys.tag(nonce, ciphertext, footer, assertion).ct_eq(tag)) {
        return None;
    }
    let mut payload = Zeroizing::new(ciphertext.to_vec());
    keys.cipher().apply_keystream(&mut payload);
    Some(payload)
}

/// The keys of one token, derived from the key of the application and the nonce of the token.
struct DerivedKeys {
    encryption: Zeroizing<[u8; 32]>,
    /// The nonce of XChaCha20, which is not the nonce of the token.
    nonce: [u8; 24],
    authentication: Zeroizing<[u8; 32]>,
}

impl DerivedKeys {
    fn derive(key: &LocalKey, nonce: &[u8; NONCE_LEN]) -> Self {
        let derivation = key.derivation();
        let bytes = derivation.encryption(nonce);
        let (encryption, cipher_nonce) = bytes.split_at(32);
        let mut keys = Self {
            encryption: Zeroizing::new([0; 32]),
            nonce: [0; 24],
            authentication: derivation.authentication(nonce),
        };
        keys.encryption.copy_from_slice(encryption);
        keys.nonce.copy_from_slice(cipher_nonce);
        keys
    }

    fn cipher(&self) -> XChaCha20 {
        XChaCha20::new((&*self.encryption).into(), (&self.nonce).into())
    }

    fn tag(
        &self,
        nonce: &[u8],
        ciphertext: &[u8],
        footer: &[u8],
        assertion: &[u8],
    ) -> Zeroizing<[u8; TAG_LEN]> {
        let pieces = [HEADER.as_bytes(), nonce, ciphertext, footer, assertion];
        let mut state = Blake2b::keyed(&self.authentication);
        state.update(&le64(pieces.len()));
        for piece in pieces {
            state.update(&le64(piece.len())).update(piece);
        }
        state.finalize()
    }
}

#[cfg(test)]
mod tests;
