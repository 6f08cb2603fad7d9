//! The keys of a run, and tokens of each form with the same claims.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix::{Issuer, LocalKey, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::jwt;

pub(crate) const ISSUER: &str = "https://issuer.example";

/// The claim that the handlers read and return.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Claims {
    pub(crate) email: String,
}

impl Claims {
    /// The claims of the user with this number.
    pub(crate) fn of(number: usize) -> Self {
        Self { email: format!("user{number}@example.org") }
    }
}

/// The keys that sign and verify tokens, generated for each run. A process passes them to its
/// children by their standard input.
#[derive(Serialize, Deserialize)]
pub(crate) struct Keys {
    /// Ed25519, as PASERK.
    paserk: String,
    hmac: [u8; 32],
    /// RSA of 2,048 bits, as PKCS#8.
    rsa: Vec<u8>,
    /// ECDSA on P-256, as PKCS#8.
    p256: Vec<u8>,
}

/// The form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Paseto,
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Keys {
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

    /// The seed, followed by the public key.
    pub(crate) fn secret_bytes(&self) -> [u8; 64] {
        decode(self.paserk.trim_start_matches("k4.secret.")).try_into().expect("64 bytes")
    }

    pub(crate) fn public_bytes(&self) -> [u8; 32] {
        self.secret_bytes()[32..].try_into().expect("32 bytes")
    }

    pub(crate) fn hmac(&self) -> &[u8; 32] {
        &self.hmac
    }

    /// As PKCS#8.
    pub(crate) fn rsa(&self) -> &[u8] {
        &self.rsa
    }

    /// As PKCS#8.
    pub(crate) fn p256(&self) -> &[u8] {
        &self.p256
    }

    pub(crate) fn issuer(&self) -> Issuer {
        issuer(self.secret())
    }

    /// Signs a token for each user with one of these numbers.
    pub(crate) fn tokens(&self, form: Form, numbers: std::ops::Range<usize>) -> Vec<String> {
        if form == Form::Paseto {
            let issuer = self.issuer();
            return numbers.map(|number| token(&issuer, number)).collect();
        }
        let signer = jwt::Signer::new(self, form);
        numbers.map(|number| signer.sign(&jwt_claims(number))).collect()
    }
}

pub(crate) fn issuer(key: SecretKey) -> Issuer {
    Issuer::builder(ISSUER).key(key).build().expect("an issuer")
}

/// The application's claims of the user with this number.
pub(crate) fn own_claims(number: usize) -> Value {
    json!({ "email": Claims::of(number).email, "plan": "pro", "groups": ["a", "b", "c"] })
}

/// A token of some 500 bytes.
pub(crate) fn token(issuer: &Issuer, number: usize) -> String {
    let subject = format!("user:{number}");
    issuer
        .token(&own_claims(number))
        .subject(subject)
        .scopes(["read", "write"])
        .issue()
        .expect("a token")
}

/// The same claims, with times in the form of JWTs.
pub(crate) fn jwt_claims(number: usize) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    json!({
        "iss": ISSUER, "sub": format!("user:{number}"), "exp": now + 3600, "nbf": now, "iat": now,
        "jti": format!("{number:022}"), "scope": "read write",
        "email": Claims::of(number).email, "plan": "pro", "groups": ["a", "b", "c"],
    })
}

/// The token with a wrong signature: one character of the signature is replaced.
pub(crate) fn altered(token: &str) -> String {
    let end = if token.contains("v4.public.") {
        token.rfind('.').expect("a footer")
    } else {
        token.len()
    };
    let mut bytes = token.as_bytes().to_vec();
    let character = &mut bytes[end - 30];
    *character = if *character == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

/// The signed bytes of a token (PASETO's pre-authentication encoding), and the signature.
pub(crate) fn signed(token: &str) -> (Vec<u8>, [u8; 64]) {
    let (body, footer) = token.trim_start_matches("v4.public.").split_once('.').expect("a footer");
    let (body, footer) = (decode(body), decode(footer));
    let (payload, signature) = body.split_at(body.len() - 64);
    let mut encoded = 4_u64.to_le_bytes().to_vec();
    for piece in [b"v4.public.", payload, &footer, b""] {
        encoded.extend((piece.len() as u64).to_le_bytes());
        encoded.extend(piece);
    }
    (encoded, signature.try_into().expect("64 bytes"))
}

/// The length of a token's payload.
pub(crate) fn payload_len(token: &str) -> usize {
    let (body, _) = token.trim_start_matches("v4.public.").split_once('.').expect("a footer");
    decode(body).len() - 64
}

/// A token's footer.
pub(crate) fn footer(token: &str) -> String {
    let (_, footer) = token.rsplit_once('.').expect("a footer");
    String::from_utf8(decode(footer)).expect("JSON")
}

fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}
