//! A key accepts the same signatures as `ed25519-dalek`, with a table and without.

use std::cell::Cell;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::Verifier;
use proptest::array::uniform32;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The order of the group, in little-endian bytes ([RFC 8032, section 5.1]).
///
/// [RFC 8032, section 5.1]: https://www.rfc-editor.org/rfc/rfc8032#section-5.1
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A change of a signature, of its key or of its message.
#[derive(Clone, Copy, Debug)]
enum Mutation {
    None,
    /// Flips one bit of `R` and `S`.
    Signature(usize),
    /// Flips one bit of the message.
    Message(usize),
    /// Adds the group order to `S`. `ed25519-dalek` accepts it with `legacy_compatibility`.
    SecondEncodingOfS,
    /// Replaces `S` with any bytes.
    S([u8; 32]),
    /// Replaces `R` with an encoding of a point of small order.
    SmallOrderR(usize),
    /// Replaces `R` with any bytes.
    R([u8; 32]),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => Just(Mutation::None),
        1 => (0..512_usize).prop_map(Mutation::Signature),
        1 => any::<usize>().prop_map(Mutation::Message),
        2 => Just(Mutation::SecondEncodingOfS),
        1 => uniform32(any::<u8>()).prop_map(Mutation::S),
        1 => (0..encodings_of_small_order().len()).prop_map(Mutation::SmallOrderR),
        1 => uniform32(any::<u8>()).prop_map(Mutation::R),
    ]
}

/// Returns each encoding of a point of small order that `CompressedEdwardsY` decompresses. In the
/// non-canonical encodings, `y` is at least the prime of the field, or the sign bit is set for an
/// `x` of 0.
fn encodings_of_small_order() -> Vec<[u8; 32]> {
    let mut encodings: Vec<_> =
        EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    for low in 0xed..=0xff {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        for last in [0x7f, 0xff] {
            bytes[31] = last;
            encodings.push(bytes);
        }
    }
    for sign in [0, 0x80] {
        let mut one = [0; 32];
        (one[0], one[31]) = (1, sign);
        encodings.push(one);
    }
    encodings.retain(|bytes| {
        CompressedEdwardsY(*bytes).decompress().is_some_and(|point| point.is_small_order())
    });
    encodings
}

/// A key `[a]B + T` with a point `T` of small order.
#[derive(Clone, Debug)]
struct Signing {
    a: [u8; 32],
    torsion: usize,
}

impl Signing {
    /// If `a` is 0, the key itself is of small order.
    fn a(&self) -> Scalar {
        Scalar::from_bytes_mod_order(self.a)
    }

    fn key(&self) -> VerifyingKey {
        let point = EdwardsPoint::mul_base(&self.a()) + EIGHT_TORSION[self.torsion];
        VerifyingKey::from_bytes(point.compress().as_bytes()).expect("a point")
    }

    /// Returns a signature with the `R` `[r]B + T`. For some messages, the points of small order
    /// cancel out.
    fn sign(&self, message: &[u8], r: &[u8; 32], torsion: usize) -> [u8; 64] {
        let r = Scalar::from_bytes_mod_order(*r);
        let point = (EdwardsPoint::mul_base(&r) + EIGHT_TORSION[torsion]).compress();
        let hash = Sha512::new().chain_update(point.as_bytes()).chain_update(self.key().as_bytes());
        let k = Scalar::from_bytes_mod_order_wide(&hash.chain_update(message).finalize().into());
        [point.to_bytes(), (r + k * self.a()).to_bytes()].concat().try_into().expect("64 bytes")
    }
}

fn signing() -> impl Strategy<Value = Signing> {
    let a = prop_oneof![5 => uniform32(any::<u8>()), 1 => Just([0; 32])];
    (a, prop_oneof![2 => Just(0), 1 => 1..8_usize]).prop_map(|(a, torsion)| Signing { a, torsion })
}

fn add_group_order(s: &mut [u8]) {
    let mut carry = 0;
    for (byte, order) in s.iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
}

impl Mutation {
    fn apply(self, signature: &mut [u8; 64], message: &mut [u8]) {
        match self {
            Self::None => {}
            Self::Signature(bit) => signature[bit / 8] ^= 1 << (bit % 8),
            Self::Message(at) if !message.is_empty() => message[at % message.len()] ^= 1,
            Self::Message(_) => {}
            Self::SecondEncodingOfS => add_group_order(&mut signature[32..]),
            Self::S(bytes) => signature[32..].copy_from_slice(&bytes),
            Self::SmallOrderR(index) => {
                signature[..32].copy_from_slice(&encodings_of_small_order()[index])
            }
            Self::R(bytes) => signature[..32].copy_from_slice(&bytes),
        }
    }
}

fn is_below_group_order(s: &[u8]) -> bool {
    s.iter().rev().lt(GROUP_ORDER.iter().rev())
}

/// Asserts that both forms of this crate's check accept the signature exactly if `ed25519-dalek`
/// accepts it and its `S` is below the group order. Returns whether they accept it.
fn assert_same(
    key: &VerifyingKey,
    with_table: &VerificationKey,
    message: &[u8],
    bytes: &[u8; 64],
) -> bool {
    let signature = Signature::from_bytes(bytes);
    let expected = key.verify(message, &signature).is_ok() && is_below_group_order(&bytes[32..]);
    let (start, end) = message.split_at(message.len() / 2);
    let without_table = VerificationKey::new(*key);
    for key in [with_table, &without_table] {
        let accepted = CanonicalSignature::from_bytes(bytes)
            .is_some_and(|signature| key.verify(&[start, end], &signature));
        assert_eq!(accepted, expected, "{key:?}");
    }
    expected
}

fn with_table(key: &VerifyingKey) -> VerificationKey {
    let key = VerificationKey::new(*key);
    assert!(!key.has_table());
    key.precompute();
    assert!(key.has_table());
    key
}

#[test]
fn accepts_the_signatures_that_ed25519_dalek_accepts() {
    let config =
        ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
    let message = || {
        (
            vec(any::<u8>(), 0..300),
            uniform32(any::<u8>()),
            prop_oneof![1 => Just(0), 1 => 0..8_usize],
        )
    };
    let cases = vec((message(), mutation()), 32);
    let [accepted, rejected, accepted_of_mixed_order] = [const { Cell::new(0) }; 3];
    let count = |cell: &Cell<u32>| cell.set(cell.get() + 1);
    proptest::test_runner::TestRunner::new(config)
        .run(&(signing(), cases), |(signing, cases)| {
            let key = signing.key();
            let with_table = with_table(&key);
            for ((mut message, r, torsion), mutation) in cases {
                let mut signature = signing.sign(&message, &r, torsion);
                mutation.apply(&mut signature, &mut message);
                if assert_same(&key, &with_table, &message, &signature) {
                    count(&accepted);
                    if signing.torsion > 0 {
                        count(&accepted_of_mixed_order);
                    }
                } else {
                    count(&rejected);
                }
            }
            Ok(())
        })
        .expect("the same results");
    let counts = [accepted, rejected, accepted_of_mixed_order].map(Cell::into_inner);
    assert!(
        counts.into_iter().zip([300, 300, 10]).all(|(count, least)| count > least),
        "{counts:?}"
    );
}

/// `VerifyingKey` accepts non-canonical encodings of a point as keys, and hashes their bytes
/// unchanged.
#[test]
fn non_canonical_keys_verify_as_with_ed25519_dalek() {
    let encodings = encodings_of_small_order();
    assert!(encodings.len() > 8, "8 points, and non-canonical encodings of some");
    let (mut accepted, mut rejected) = (0, 0);
    for bytes in &encodings {
        let key = VerifyingKey::from_bytes(bytes).expect("a point");
        let with_table = with_table(&key);
        for r in &encodings {
            for number in 0..8_u8 {
                let signature = [*r, [0; 32]].concat().try_into().expect("64 bytes");
                let is_accepted = assert_same(&key, &with_table, &[number], &signature);
                *(if is_accepted { &mut accepted } else { &mut rejected }) += 1;
            }
        }
    }
    assert!(accepted > 20 && rejected > 100, "{accepted}, {rejected}");
}

#[test]
fn rejects_each_second_encoding_of_s() {
    let signing = Signing { a: [7; 32], torsion: 0 };
    let key = with_table(&signing.key());
    let mut signature = signing.sign(b"message", &[9; 32], 0);
    assert!(key.verify(
        &[b"message"],
        &CanonicalSignature::from_bytes(&signature).expect("S below the order")
    ));
    for _ in 0..15 {
        add_group_order(&mut signature[32..]);
        assert!(CanonicalSignature::from_bytes(&signature).is_none());
    }
}
