//! A hash for caches, stores in memory and state files: SipHash-2-4 with a random key and an output
//! of 128 bits.
//!
//! SipHash is a message authentication code. A client does not know the key, so it cannot compute a
//! hash or find two strings with the same hash. So a cache can store the hash instead of the
//! string.
//!
//! Source: [SipHash](https://www.aumasson.jp/siphash/siphash.pdf), sections 2 and 4. The paper does
//! not define the output of 128 bits. It is the output of the
//! [reference implementation](https://github.com/veorq/SipHash).

use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::{Hasher128, SipHasher24};

/// A hash function with a random key. Clones have the same key.
#[derive(Clone)]
pub(crate) struct KeyedHash(SipHasher24);

/// The hash of one string or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(u128);

impl KeyedHash {
    /// Generates a key.
    ///
    /// # Panics
    ///
    /// Panics if the operating system does not return random bytes. The `HashMap` of the standard
    /// library also panics in this case.
    pub(crate) fn new() -> Self {
        let mut key = [0; 16];
        getrandom::fill(&mut key).expect("the operating system returns random bytes");
        Self(SipHasher24::new_with_key(&key))
    }

    /// Returns the hash function with the key that a file contains.
    #[cfg(feature = "sqlite")]
    pub(crate) fn with_key(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    pub(crate) fn of_bytes(&self, bytes: &[u8]) -> Tag {
        Tag(self.0.hash(bytes).as_u128())
    }

    /// Hashes a list of parts. The length before each part distinguishes `["ab", "c"]` from
    /// `["a", "bc"]`. The result depends only on the key and the parts, so a file can contain it.
    pub(crate) fn of_parts(&self, parts: &[&[u8]]) -> Tag {
        let mut hasher = self.0;
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        Tag(hasher.finish128().as_u128())
    }

    /// Hashes a value. Different values must write different bytes to the hasher, as the `Hash`
    /// implementations of the standard types do.
    pub(crate) fn of(&self, value: &impl Hash) -> Tag {
        let mut hasher = self.0;
        value.hash(&mut hasher);
        Tag(hasher.finish128().as_u128())
    }
}

#[cfg(feature = "sqlite")]
impl Tag {
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}

/// Hashes a [`Tag`] for a hash table. It uses the first 8 bytes, because a `Tag` is already a hash.
pub(crate) type BuildTagHasher = BuildHasherDefault<TagHasher>;

#[derive(Default)]
pub(crate) struct TagHasher(u64);

impl Hasher for TagHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two vectors of the reference implementation, with the key `00 01 … 0f`.
    #[test]
    fn reference_vectors() {
        let hash = KeyedHash(SipHasher24::new_with_key(&std::array::from_fn(|at| at as u8)));
        for (bytes, expected) in [
            (&[][..], 0x930255c71472f66de6a825ba047f81a3_u128),
            (&[0], 0x45fc229b1159763444af996bd8c187da),
        ] {
            assert_eq!(hash.of_bytes(bytes), Tag(expected));
        }
    }

    #[test]
    fn each_key_is_random() {
        let [one, other] = [KeyedHash::new(), KeyedHash::new()];
        assert!(one.of_bytes(b"token") != other.of_bytes(b"token"));
        assert!(one.of(&"token") != other.of(&"token"));
        assert!(one.of_bytes(b"token") == one.clone().of_bytes(b"token"));
        let public = KeyedHash(SipHasher24::new());
        assert!(one.of_bytes(b"token") != public.of_bytes(b"token"));
    }

    /// A state file contains these hashes, so a new release must not change them.
    #[test]
    fn hash_of_parts_is_the_hash_of_their_lengths_and_bytes() {
        let hash = KeyedHash::new();
        let bytes =
            [&[2, 0, 0, 0, 0, 0, 0, 0][..], b"ab", &[1, 0, 0, 0, 0, 0, 0, 0], b"c"].concat();
        assert_eq!(hash.of_parts(&[b"ab", b"c"]), hash.of_bytes(&bytes));
        assert!(hash.of_parts(&[b"ab", b"c"]) != hash.of_parts(&[b"a", b"bc"]));
    }

    #[test]
    fn values_that_differ_have_different_hashes() {
        let hash = KeyedHash::new();
        assert!(hash.of(&("ab", "c")) != hash.of(&("a", "bc")));
        assert!(hash.of(&(Some("a"), None::<&str>)) != hash.of(&(None::<&str>, Some("a"))));
    }
}
