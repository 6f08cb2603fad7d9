//! Public keys under which signatures mean nothing: no verifier trusts them.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::VerifyingKey;
use paseto_actix::{ConfigError, PublicKey, Verifier};
use paseto_actix_tests::{ISSUER, keys};

/// The order of the prime-order group, little-endian: 2^252 + 27742317777372353535851937790883648493.
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

/// Trusts the key of these bytes.
fn trust(bytes: &[u8; 32]) -> Result<(), ConfigError> {
    let paserk = format!("k4.public.{}", Base64UrlUnpadded::encode_string(bytes));
    Verifier::builder().trust(ISSUER, PublicKey::from_paserk(&paserk)?).build().map(drop)
}

#[track_caller]
fn assert_weak(bytes: &[u8; 32], why: &'static str) {
    assert_eq!(trust(bytes), Err(ConfigError::WeakKey(why)), "{bytes:02x?}");
}

/// A small number as the `y` of a point.
fn small(y: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = y;
    bytes
}

/// All points on the curve whose `y` is a small number.
fn small_points() -> Vec<VerifyingKey> {
    (0..=255).filter_map(|y| VerifyingKey::from_bytes(&small(y)).ok()).collect()
}

/// The multiples by the group's order of points anywhere on the curve are the eight of small order.
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
fn points_of_small_order() {
    let points = torsion_points!();
    assert_eq!(points.len(), 8, "the whole torsion subgroup");
    assert_eq!(trust(keys_point().as_bytes()), Ok(()));
    for point in points {
        assert_weak(
            point.compress().as_bytes(),
            "the public key is not a point of the prime-order group",
        );
    }
}

#[test]
fn points_of_mixed_order() {
    let good = keys_point().to_edwards();
    for torsion in torsion_points!() {
        let sum = (good + torsion).compress();
        if sum == good.compress() {
            assert_eq!(trust(sum.as_bytes()), Ok(()), "nothing was added");
        } else {
            assert_weak(sum.as_bytes(), "the public key is not a point of the prime-order group");
        }
    }
}

#[test]
fn encodings_that_are_not_canonical() {
    // 2^255 - 19 + y is y once more, for the few y that leave room for it.
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
    // x is 0, and there is no negative 0.
    let mut negative_zero = small(1);
    negative_zero[31] = 0x80;
    assert_weak(&negative_zero, "the public key is not the canonical encoding of its point");
}

#[test]
fn no_point_of_the_curve() {
    let mut seen = 0;
    for y in (0..=255).filter(|&y| VerifyingKey::from_bytes(&small(y)).is_err()) {
        seen += 1;
        assert_weak(&small(y), "the public key is not a point of the curve");
    }
    assert!(seen > 50);
}

#[test]
fn one_weak_key_among_good_ones() {
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
