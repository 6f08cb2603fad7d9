//! Ed25519 signatures against `ed25519-dalek`, for signatures and keys that are made to be invalid:
//! changed bits, `S` above the group order, points outside of the prime-order group.

use std::sync::LazyLock;
use std::thread;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier as _, VerifyingKey};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::{PublicKey, Verifier};
use sha2::{Digest, Sha512};

use crate::fixtures::{ISSUER, NOW, assemble, base64url, pae};

/// The group order, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

struct Pair {
    signing: SigningKey,
    /// One verifier with a table of the key, after many checks, and one without.
    verifiers: [Verifier; 2],
}

static PAIRS: LazyLock<[Pair; 4]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let signing = SigningKey::from_bytes(&[index as u8 + 1; 32]);
        let verifiers = [8, 0].map(|tables| verifier(signing.verifying_key().as_bytes(), tables));
        let verifiers = verifiers.map(|verifier| verifier.expect("a strong key"));
        // A key gets its table after some checks of valid tokens, from another thread.
        let payload = payload(0);
        let token = assemble(&payload, &signing.sign(&message(&payload)).to_bytes(), b"");
        while verifiers[0].precomputed_keys() == 0 {
            verifiers[0].verify_str(&token).expect("a valid token");
            thread::yield_now();
        }
        Pair { signing, verifiers }
    })
});

fn verifier(key: &[u8; 32], tables: usize) -> Option<Verifier> {
    let key = PublicKey::from_paserk(&format!("k4.public.{}", base64url(key))).expect("32 bytes");
    Verifier::builder()
        .trust(ISSUER, key)
        .clock(|| NOW)
        .without_token_cache()
        .max_precomputed_keys(tables)
        .build()
        .ok()
}

fn payload(number: u8) -> Vec<u8> {
    format!(r#"{{"iss":"{ISSUER}","exp":"2030-01-01T00:00:00Z","n":{number}}}"#).into_bytes()
}

/// Returns the signed bytes of a token with this payload.
fn message(payload: &[u8]) -> Vec<u8> {
    pae(&[b"v4.public.", payload, b"", b""])
}

/// The first byte selects the case, the second byte the key, and the rest are parameters.
pub fn target(data: &[u8]) {
    let [case, key, parameters @ ..] = data else { return };
    let pair = &PAIRS[usize::from(*key) % PAIRS.len()];
    let payload = payload(parameters.first().copied().unwrap_or_default());
    let message = message(&payload);
    let mut signature = pair.signing.sign(&message).to_bytes();
    let byte = |index: usize| parameters.get(index).copied().unwrap_or_default();
    match case % 7 {
        0 => {
            for change in parameters[1.min(parameters.len())..].chunks_exact(2) {
                signature[usize::from(change[0]) % 64] ^= change[1];
            }
        }
        // A multiple of the order is added to `S`.
        1 => (0..byte(1) % 16).for_each(|_| add_order(&mut signature)),
        // A point of small order is added to `R`.
        2 => {
            let point =
                r_of(&signature).expect("a point") + EIGHT_TORSION[usize::from(byte(1)) % 8];
            signature[..32].copy_from_slice(point.compress().as_bytes());
        }
        // `R` is a point of small order, and the rest of the signature fits.
        3 => signature = with_small_r(&pair.signing, &message, usize::from(byte(1)) % 8),
        // Any bytes.
        4 => {
            for (index, byte) in parameters.iter().take(64).enumerate() {
                signature[index] = *byte;
            }
        }
        // A canonical `R` of any bytes with a valid `S`, and the reverse.
        5 => signature[usize::from(byte(1) % 2) * 32..][..32].fill(byte(2)),
        _ => return check_key(pair, parameters),
    }

    let token = assemble(&payload, &signature, b"");
    let key = pair.signing.verifying_key();
    let parsed = Signature::from_bytes(&signature);
    let expected = key.verify(&message, &parsed).is_ok();
    // The strict check also rejects a signature with the neutral point as `R`. Only the owner of
    // the secret key can make it, so the library does not reject it.
    let is_neutral = signature[..32] == *CompressedEdwardsY(neutral()).as_bytes();
    assert_eq!(key.verify_strict(&message, &parsed).is_ok(), expected && !is_neutral);
    let is_canonical: bool = Scalar::from_canonical_bytes(*parsed.s_bytes()).is_some().into();
    for verifier in &pair.verifiers {
        let kind = verifier.verify_str(&token).err().map(|error| error.kind());
        let expected = match (is_canonical, expected) {
            (false, _) => Some(Kind::Malformed),
            (true, false) => Some(Kind::UnknownKey),
            (true, true) => None,
        };
        assert_eq!(kind, expected);
    }
}

/// Compares the check of a public key: a key of the library is strong for `ed25519-dalek`, and has
/// no part of small order.
fn check_key(pair: &Pair, parameters: &[u8]) {
    let mut bytes = pair.signing.verifying_key().to_bytes();
    if let Some((torsion, changes)) = parameters.split_first() {
        let point = CompressedEdwardsY(bytes).decompress().expect("a point");
        let point = point + EIGHT_TORSION[usize::from(*torsion) % 8];
        bytes = point.compress().to_bytes();
        if changes.len() == 32 {
            bytes.copy_from_slice(changes);
        } else {
            for change in changes.chunks_exact(2) {
                bytes[usize::from(change[0]) % 32] ^= change[1];
            }
        }
    }
    let expected = VerifyingKey::from_bytes(&bytes).is_ok_and(|key| {
        let point = key.to_edwards();
        point.compress().to_bytes() == bytes
            && !point.is_small_order()
            && (point * (-Scalar::ONE) + point).compress().to_bytes() == neutral()
            && is_torsion_free(point)
    });
    assert_eq!(verifier(&bytes, 0).is_some(), expected, "{bytes:?}");
}

/// Multiplies by the order with additions, and not with the function that the library calls.
fn is_torsion_free(point: curve25519_dalek::EdwardsPoint) -> bool {
    let mut sum = curve25519_dalek::EdwardsPoint::default();
    for bit in (0..256).rev() {
        sum = sum + sum;
        if ORDER[bit / 8] >> (bit % 8) & 1 == 1 {
            sum += point;
        }
    }
    sum.compress().to_bytes() == neutral()
}

fn neutral() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
}

fn add_order(signature: &mut [u8; 64]) {
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

fn r_of(signature: &[u8; 64]) -> Option<curve25519_dalek::EdwardsPoint> {
    CompressedEdwardsY::from_slice(&signature[..32]).ok()?.decompress()
}

/// Returns the signature `S = k * a` for a point of small order as `R`.
fn with_small_r(key: &SigningKey, message: &[u8], index: usize) -> [u8; 64] {
    let r = EIGHT_TORSION[index].compress().to_bytes();
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key.verifying_key().as_bytes())
        .chain_update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let secret = ExpandedSecretKey::from(&key.to_bytes()).scalar;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice((k * secret).as_bytes());
    signature
}
