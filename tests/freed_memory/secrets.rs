//! Searches the freed blocks for parts of secrets.

use std::collections::{BTreeSet, HashMap};

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};
use blake2b_simd::Params;

use crate::allocator::freed;
use crate::steps::STEPS;

/// The number of consecutive bytes of a secret that freed memory must not contain.
const WINDOW: usize = 8;

/// The parts of all secrets, each with the name of its secret.
#[derive(Default)]
pub(crate) struct Secrets(HashMap<[u8; WINDOW], &'static str>);

impl Secrets {
    /// Adds a secret, and its base64 at each position in a longer string.
    pub(crate) fn add(&mut self, name: &'static str, bytes: &[u8]) {
        self.add_parts(name, bytes);
        for skipped in 0..3 {
            let groups = &bytes[skipped..];
            let groups = &groups[..groups.len() / 3 * 3];
            self.add_parts(name, Base64Unpadded::encode_string(groups).as_bytes());
            self.add_parts(name, Base64UrlUnpadded::encode_string(groups).as_bytes());
        }
    }

    fn add_parts(&mut self, name: &'static str, bytes: &[u8]) {
        self.0.extend(bytes.windows(WINDOW).map(|part| (part.try_into().unwrap(), name)));
    }

    /// Adds the keys that PASETO version 4 derives from a local key for the nonce of a token.
    pub(crate) fn add_keys_of_token(&mut self, key: &[u8], token: &str) {
        let body = Base64UrlUnpadded::decode_vec(token.strip_prefix("v4.local.").unwrap()).unwrap();
        for (domain, length) in [("paseto-encryption-key", 56), ("paseto-auth-key-for-aead", 32)] {
            let mut state = Params::new().hash_length(length).key(key).to_state();
            let hash = state.update(domain.as_bytes()).update(&body[..32]).finalize();
            self.add("a key of a token", &hash.as_bytes()[..32]);
        }
    }

    /// Adds the blocks of Argon2id and the keys that PASERK derives from a password (operation
    /// PBKW). `body` is the decoded PASERK. It uses 8 KiB of memory and one iteration.
    #[cfg(feature = "password-keys")]
    pub(crate) fn add_keys_of_password(&mut self, password: &[u8], body: &[u8]) {
        let params = argon2::Params::new(8, 1, 1, Some(32)).unwrap();
        let argon2 =
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut blocks = [argon2::Block::new(); 8];
        let mut key = [0; 32];
        argon2
            .hash_password_into_with_memory(password, &body[..16], &mut key, &mut blocks)
            .unwrap();
        for word in blocks.iter().flat_map(AsRef::<[u64]>::as_ref) {
            self.add_parts("a block of Argon2id", &word.to_le_bytes());
        }
        self.add("a key of a password", &key);
        for domain in [0xff, 0xfe] {
            let mut state = Params::new().hash_length(32).to_state();
            let hash = state.update(&[domain]).update(&key).finalize();
            self.add("a key of a password", hash.as_bytes());
        }
    }

    /// Returns each secret in a freed block, with the step that freed the block and the size of the
    /// block.
    pub(crate) fn in_freed_memory(&self) -> BTreeSet<(&'static str, &'static str, usize)> {
        let mut begins = vec![false; 1 << 16];
        let begin = |part: &[u8]| usize::from(u16::from_le_bytes([part[0], part[1]]));
        self.0.keys().for_each(|part| begins[begin(part)] = true);
        let mut found = BTreeSet::new();
        for (step, block) in freed() {
            for part in block.windows(WINDOW).filter(|part| begins[begin(part)]) {
                if let Some(name) = self.0.get(part) {
                    found.insert((*name, STEPS[step].0, block.len()));
                }
            }
        }
        found
    }
}
