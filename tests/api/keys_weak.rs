//! Public keys for which signatures prove nothing. Verifiers reject them.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::VerifyingKey;
use paseto_actix::{ConfigError, PublicKey, Verifier};
use paseto_actix_tests::{ISSUER, keys};

/// The order of the prime-order subgroup, little-endian: 2^252 +
/// 27742317777372353535851937790883648493.
const ORDER: [u8; 32] = {
    let low = 27_742_317_777_372_353_535_851_937_790_883_648_493_u128.to_le_bytes();
    let mut order = [0; 32];
    let mut index = 0;
    while index < low.len() {
        order[index] = low[index];
        index += 1;
    }
    order[31] = 1 << 4;
    order
};

/// Builds a verifier that trusts the key with these bytes.
fn trust(bytes: &[u8; 32]) -> Result<(), ConfigError> {
    let paserk = format!("k4.public.{}", Base64UrlUnpadded::encode_string(bytes));
    Verifier::builder().trust(ISSUER, PublicKey::from_paserk(&paserk)?).build().map(drop)
}

#[track_caller]
fn assert_weak(bytes: &[u8; 32], why: &'static str) {
    assert_eq!(trust(bytes), Err(ConfigError::WeakKey(why)), "{bytes:02x?}");
}

/// Returns a small number as the `y` coordinate of a point.
fn small(y: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = y;
    bytes
}

/// Returns all points of the curve with a small `y`.
fn small_points() -> Vec<VerifyingKey> {
    (0..=255).filter_map(|y| VerifyingKey::from_bytes(&small(y)).ok()).collect()
}

/// Returns the eight points of small order. They are the multiples of arbitrary points by the order
/// of the subgroup.
macro_rules! torsion_points {
    () => {{
        let mut points = Vec::new();
        for key in small_points() {
            let point = key.to_edwards();
            let mut multiple = point - point;
            for bit in (0..256).rev() {
                multiple = multiple + multiple;
                if ORDER[bit / 8] >> (bit % 8) & 1 == 1 {
                    multiple += point;
                }
            }
            if !points.contains(&multiple) {
                points.push(multiple);
            }
        }
        points
    }};
}

#[test]
fn small_order_point_is_rejected() {
    let points = torsion_points!();
    assert_eq!(points.len(), 8, "the torsion subgroup has eight points");
    assert_eq!(trust(keys_point().as_bytes()), Ok(()));
    for point in points {
        assert_weak(
            point.compress().as_bytes(),
            "the public key is not a point of the prime-order group",
        );
    }
}

#[test]
fn mixed_order_point_is_rejected() {
    let good = keys_point().to_edwards();
    for torsion in torsion_points!() {
        let sum = (good + torsion).compress();
        if sum == good.compress() {
            assert_eq!(
                trust(sum.as_bytes()),
                Ok(()),
                "the neutral element does not change the key"
            );
        } else {
            assert_weak(sum.as_bytes(), "the public key is not a point of the prime-order group");
        }
    }
}

#[test]
fn non_canonical_encoding_is_rejected() {
    // 2^255 - 19 + y encodes the same coordinate as y. It fits into 255 bits for y < 19 only.
    let mut seen = 0;
    for y in 0..19 {
        if VerifyingKey::from_bytes(&small(y)).is_err() {
            continue;
        }
        seen += 1;
        let mut again = [0xff; 32];
        again[0] = 0xed + y;
        again[31] = 0x7f;
        for sign in [0, 0x80] {
            again[31] |= sign;
            assert_weak(&again, "the public key is not the canonical encoding of its point");
        }
    }
    assert!(seen > 1);
    // The x coordinate is 0, so the sign bit must not be set.
    let mut negative_zero = small(1);
    negative_zero[31] = 0x80;
    assert_weak(&negative_zero, "the public key is not the canonical encoding of its point");
}

#[test]
fn encoding_that_is_not_a_point_is_rejected() {
    let mut seen = 0;
    for y in (0..=255).filter(|&y| VerifyingKey::from_bytes(&small(y)).is_err()) {
        seen += 1;
        assert_weak(&small(y), "the public key is not a point of the curve");
    }
    assert!(seen > 50);
}

#[test]
fn verifier_with_one_weak_key_is_rejected() {
    let weak = format!("k4.public.{}", Base64UrlUnpadded::encode_string(&small(1)));
    let weak = PublicKey::from_paserk(&weak).unwrap();
    let builder = || Verifier::builder().trust(ISSUER, keys::public());
    assert!(builder().build().is_ok());
    assert!(matches!(builder().trust(ISSUER, weak.clone()).build(), Err(ConfigError::WeakKey(_))));
    assert!(matches!(
        builder().trust_keys("https://other.example", [weak]).build(),
        Err(ConfigError::WeakKey(_))
    ));
}

fn keys_point() -> VerifyingKey {
    let bytes =
        Base64UrlUnpadded::decode_vec(keys::public().to_paserk().trim_start_matches("k4.public."))
            .unwrap();
    VerifyingKey::from_bytes(&bytes.try_into().unwrap()).unwrap()
}
