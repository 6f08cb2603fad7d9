//! `v4.local`: encrypted with XChaCha20, then authenticated with BLAKE2b over the pre-authentication encoding.
//!
//! Source: PASETO, [version 4]. It stands on `blake2b_simd` and `chacha20`, which are vectorized: sealing half a kilobyte with
//! them, its JSON included, takes little more than half of the time that it takes pasetors.
//!
//! [version 4]: https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Version4.md

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use blake2b_simd::{Hash, Params};
use chacha20::{
    XChaCha20,
    cipher::{KeyIvInit, StreamCipher},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::public::le64;
use crate::{KeyRing, LocalKey};

const HEADER: &str = "v4.local.";
const NONCE_LEN: usize = 32;
const TAG_LEN: usize = 32;

/// How long the token of a payload is, there being no footer.
pub(crate) const fn sealed_len(payload_len: usize) -> usize {
    HEADER.len() + ((NONCE_LEN + payload_len + TAG_LEN) * 4).div_ceil(3)
}

/// Seals a payload under a random nonce; `None` if the system has no randomness to give.
pub(crate) fn seal(key: &LocalKey, payload: &[u8], implicit_assertion: &[u8]) -> Option<String> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).ok()?;
    Some(seal_with_nonce(key, &nonce, payload, &[], implicit_assertion))
}

fn seal_with_nonce(key: &LocalKey, nonce: &[u8; NONCE_LEN], payload: &[u8], footer: &[u8], assertion: &[u8]) -> String {
    let keys = Keys::split(key, nonce);
    let mut body = Vec::with_capacity(NONCE_LEN + payload.len() + TAG_LEN);
    body.extend_from_slice(nonce);
    body.extend_from_slice(payload);
    keys.cipher().apply_keystream(&mut body[NONCE_LEN..]);
    let tag = keys.tag(nonce, &body[NONCE_LEN..], footer, assertion);
    body.extend_from_slice(tag.as_bytes());

    let mut token = String::with_capacity(sealed_len(payload.len()));
    token.push_str(HEADER);
    BASE64_URL_SAFE_NO_PAD.encode_string(&body, &mut token);
    if !footer.is_empty() {
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(footer, &mut token);
    }
    token
}

/// The parts of a token, nothing of which is to be believed yet. It has no footer: we write none.
pub(crate) struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes a token apart; `None` if it is none, or has a footer.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let body = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(HEADER)?).ok()?;
        (body.len() > NONCE_LEN + TAG_LEN).then_some(Self(body))
    }

    /// The payload, if it was sealed with a key of these and this assertion, and whether that is a retired one.
    pub(crate) fn open(&self, keys: &KeyRing, implicit_assertion: &[u8]) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        let open = |(index, key)| Some((open_body(key, &self.0, &[], implicit_assertion)?, index > 0));
        keys.iter().enumerate().find_map(open)
    }
}

fn open_body(key: &LocalKey, body: &[u8], footer: &[u8], assertion: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = body.split_first_chunk::<NONCE_LEN>()?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>()?;
    let keys = Keys::split(key, nonce);
    if !bool::from(keys.tag(nonce, ciphertext, footer, assertion).as_bytes().ct_eq(tag)) {
        return None;
    }
    let mut payload = Zeroizing::new(ciphertext.to_vec());
    keys.cipher().apply_keystream(&mut payload);
    Some(payload)
}

/// The keys of one token: one to encrypt, with its nonce, and one to authenticate.
struct Keys {
    encryption: Zeroizing<[u8; 56]>,
    authentication: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn split(key: &LocalKey, nonce: &[u8; NONCE_LEN]) -> Self {
        let derive = |domain: &[u8], length| {
            Params::new().hash_length(length).key(key.as_bytes()).to_state().update(domain).update(nonce).finalize()
        };
        let mut keys = Self { encryption: Zeroizing::new([0; 56]), authentication: Zeroizing::new([0; 32]) };
        keys.encryption.copy_from_slice(derive(b"paseto-encryption-key", 56).as_bytes());
        keys.authentication.copy_from_slice(derive(b"paseto-auth-key-for-aead", 32).as_bytes());
        keys
    }

    fn cipher(&self) -> XChaCha20 {
        let (key, nonce) = self.encryption.split_at(32);
        let mut fixed = (Zeroizing::new([0; 32]), [0; 24]);
        fixed.0.copy_from_slice(key);
        fixed.1.copy_from_slice(nonce);
        XChaCha20::new(&(*fixed.0).into(), &fixed.1.into())
    }

    fn tag(&self, nonce: &[u8], ciphertext: &[u8], footer: &[u8], assertion: &[u8]) -> Hash {
        let pieces = [HEADER.as_bytes(), nonce, ciphertext, footer, assertion];
        let mut state = Params::new().hash_length(TAG_LEN).key(self.authentication.as_slice()).to_state();
        state.update(&le64(pieces.len()));
        for piece in pieces {
            state.update(&le64(piece.len())).update(piece);
        }
        state.finalize()
    }
}

#[cfg(test)]
mod tests;
