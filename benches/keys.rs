//! The keys of a run, and the types that its tokens share.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::{LocalKey, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

pub(crate) const ISSUER: &str = "https://issuer.example";

/// The claim that the handlers read and return.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Claims {
    pub(crate) email: String,
}

impl Claims {
    /// Returns the claims of the user with this number.
    pub(crate) fn of_user(number: usize) -> Self {
        Self { email: format!("user{number}@example.org") }
    }
}

/// The keys that sign and verify tokens. Each run generates new keys. A process sends them to its
/// child processes over their standard input.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeySet {
    /// An Ed25519 key as PASERK.
    paserk: String,
    hmac: [u8; 32],
    /// An RSA key of 2,048 bits in the PKCS#8 format.
    rsa: Vec<u8>,
    /// An ECDSA key on P-256 in the PKCS#8 format.
    p256: Vec<u8>,
}

/// The format of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Paseto,
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl KeySet {
    pub(crate) fn generate() -> Self {
        let random = LocalKey::generate().to_paserk();
        let hmac = decode(random.trim_start_matches("k4.local.")).try_into().expect("32 bytes");
        let rsa: Pkcs8V1Der<'_> =
            RsaKeyPair::generate(KeySize::Rsa2048).and_then(|key| key.as_der()).expect("a key");
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|key| key.to_pkcs8v1());
        Self {
            paserk: SecretKey::generate().to_paserk().to_string(),
            hmac,
            rsa: rsa.as_ref().to_vec(),
            p256: p256.expect("a key").as_ref().to_vec(),
        }
    }

    pub(crate) fn secret(&self) -> SecretKey {
        SecretKey::from_paserk(&self.paserk).expect("a key")
    }

    pub(crate) fn public(&self) -> PublicKey {
        self.secret().public_key()
    }

    /// Returns the Ed25519 seed, followed by the public key.
    pub(crate) fn secret_bytes(&self) -> [u8; 64] {
        decode(self.paserk.trim_start_matches("k4.secret.")).try_into().expect("64 bytes")
    }

    pub(crate) fn public_bytes(&self) -> [u8; 32] {
        self.secret_bytes()[32..].try_into().expect("32 bytes")
    }

    pub(crate) fn hmac(&self) -> &[u8; 32] {
        &self.hmac
    }

    /// Returns the RSA key in the PKCS#8 format.
    pub(crate) fn rsa(&self) -> &[u8] {
        &self.rsa
    }

    /// Returns the ECDSA key in the PKCS#8 format.
    pub(crate) fn p256(&self) -> &[u8] {
        &self.p256
    }
}

/// Decodes base64url without padding.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}
