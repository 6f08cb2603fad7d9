//! JSON Web Tokens of the crate `jsonwebtoken` with aws-lc, and of version 10 with RustCrypto.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use jsonwebtoken_rust_crypto as rust_crypto;
use serde::Serialize;

use crate::keys::{Claims, Form, ISSUER, Keys};

/// The head of PKCS#8 in front of an Ed25519 seed (RFC 8410, section 7).
const PKCS8: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The length of the head of PKCS#8 in front of an RSA key of 2,048 bits, which jsonwebtoken takes
/// as PKCS#1.
const RSA_HEAD: usize = 26;

pub(crate) struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    pub(crate) fn new(keys: &Keys, form: Form) -> Self {
        let key = match form {
            Form::Hs256 => EncodingKey::from_secret(keys.hmac()),
            Form::Rs256 => EncodingKey::from_rsa_der(&keys.rsa()[RSA_HEAD..]),
            Form::Es256 => EncodingKey::from_ec_der(keys.p256()),
            _ => EncodingKey::from_ed_der(&[&PKCS8[..], &keys.secret_bytes()[..32]].concat()),
        };
        Self { header: Header::new(algorithm(form)), key }
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.key).expect("a token")
    }
}

/// Checks the signature, the issuer and the times, and reads the claims.
#[derive(Clone)]
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new(keys: &Keys, form: Form) -> Self {
        let key = match form {
            Form::Hs256 => DecodingKey::from_secret(keys.hmac()),
            Form::Rs256 => {
                let key = RsaKeyPair::from_pkcs8(keys.rsa()).expect("a key");
                DecodingKey::from_rsa_der(key.public_key().as_ref())
            }
            Form::Es256 => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, keys.p256())
                    .expect("a key");
                DecodingKey::from_ec_der(key.public_key().as_ref())
            }
            _ => DecodingKey::from_ed_der(&keys.public_bytes()),
        };
        let mut validation = Validation::new(algorithm(form));
        validation.set_issuer(&[ISSUER]);
        validation.validate_nbf = true;
        Self { key, validation }
    }

    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        Some(jsonwebtoken::decode(token, &self.key, &self.validation).ok()?.claims)
    }
}

/// The same checks for EdDSA with RustCrypto.
pub(crate) struct RustCryptoVerifier {
    key: rust_crypto::DecodingKey,
    validation: rust_crypto::Validation,
}

impl RustCryptoVerifier {
    pub(crate) fn new(keys: &Keys) -> Self {
        let mut validation = rust_crypto::Validation::new(rust_crypto::Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.validate_nbf = true;
        Self { key: rust_crypto::DecodingKey::from_ed_der(&keys.public_bytes()), validation }
    }

    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        Some(rust_crypto::decode(token, &self.key, &self.validation).ok()?.claims)
    }
}

fn algorithm(form: Form) -> Algorithm {
    match form {
        Form::Hs256 => Algorithm::HS256,
        Form::Rs256 => Algorithm::RS256,
        Form::Es256 => Algorithm::ES256,
        _ => Algorithm::EdDSA,
    }
}
