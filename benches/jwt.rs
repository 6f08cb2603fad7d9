//! JSON Web Tokens of the crate `jsonwebtoken`: version 11 with aws-lc, and version 10 with
//! RustCrypto.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use jsonwebtoken_rust_crypto as rust_crypto;
use serde::Serialize;

use crate::keys::{Claims, Format, ISSUER, KeySet};

/// The PKCS#8 header of an Ed25519 seed (RFC 8410, section 7).
const ED25519_HEADER: [u8; 16] =
    *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The length of the PKCS#8 header of an RSA key of 2,048 bits. `jsonwebtoken` expects the PKCS#1
/// structure after it.
const RSA_HEADER_LEN: usize = 26;

pub(crate) struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    pub(crate) fn new(keys: &KeySet, format: Format) -> Self {
        let key = match format {
            Format::Hs256 => EncodingKey::from_secret(keys.hmac()),
            Format::Rs256 => EncodingKey::from_rsa_der(&keys.rsa()[RSA_HEADER_LEN..]),
            Format::Es256 => EncodingKey::from_ec_der(keys.p256()),
            _ => EncodingKey::from_ed_der(
                &[&ED25519_HEADER[..], &keys.secret_bytes()[..32]].concat(),
            ),
        };
        Self { header: Header::new(algorithm(format)), key }
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.key).expect("a token")
    }
}

/// Verifies the signature, the issuer and the times, and deserializes the claims.
#[derive(Clone)]
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new(keys: &KeySet, format: Format) -> Self {
        let key = match format {
            Format::Hs256 => DecodingKey::from_secret(keys.hmac()),
            Format::Rs256 => {
                let key = RsaKeyPair::from_pkcs8(keys.rsa()).expect("a key");
                DecodingKey::from_rsa_der(key.public_key().as_ref())
            }
            Format::Es256 => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, keys.p256())
                    .expect("a key");
                DecodingKey::from_ec_der(key.public_key().as_ref())
            }
            _ => DecodingKey::from_ed_der(&keys.public_bytes()),
        };
        let mut validation = Validation::new(algorithm(format));
        validation.set_issuer(&[ISSUER]);
        validation.validate_nbf = true;
        Self { key, validation }
    }

    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        Some(jsonwebtoken::decode(token, &self.key, &self.validation).ok()?.claims)
    }
}

/// Verifies EdDSA with RustCrypto, with the same checks as [`Verifier`].
pub(crate) struct RustCryptoVerifier {
    key: rust_crypto::DecodingKey,
    validation: rust_crypto::Validation,
}

impl RustCryptoVerifier {
    pub(crate) fn new(keys: &KeySet) -> Self {
        let mut validation = rust_crypto::Validation::new(rust_crypto::Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.validate_nbf = true;
        Self { key: rust_crypto::DecodingKey::from_ed_der(&keys.public_bytes()), validation }
    }

    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        Some(rust_crypto::decode(token, &self.key, &self.validation).ok()?.claims)
    }
}

fn algorithm(format: Format) -> Algorithm {
    match format {
        Format::Hs256 => Algorithm::HS256,
        Format::Rs256 => Algorithm::RS256,
        Format::Es256 => Algorithm::ES256,
        _ => Algorithm::EdDSA,
    }
}
