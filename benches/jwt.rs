//! JSON Web Tokens by the crate `jsonwebtoken`: on aws-lc, and, an older version, on RustCrypto.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use jsonwebtoken_rust_crypto as rust_crypto;
use serde::Serialize;

use crate::keys::{Claims, Form, ISSUER, Keys};

/// What an Ed25519 seed has in front of it as PKCS#8 (RFC 8410, section 7).
const PKCS8: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

pub(crate) struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    pub(crate) fn new(keys: &Keys, form: Form) -> Self {
        let key = match form {
            Form::Hs256 => EncodingKey::from_secret(keys.hmac()),
            _ => EncodingKey::from_ed_der(&[&PKCS8[..], &keys.secret_bytes()[..32]].concat()),
        };
        Self { header: Header::new(algorithm(form)), key }
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.key).expect("a token")
    }
}

/// Checks the signature, the issuer, and the times, and reads the claims.
#[derive(Clone)]
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new(keys: &Keys, form: Form) -> Self {
        let key = match form {
            Form::Hs256 => DecodingKey::from_secret(keys.hmac()),
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

/// The same for EdDSA by RustCrypto.
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
        _ => Algorithm::EdDSA,
    }
}
