//! What the benchmarks measure: tokens never seen before, and the same bytes for the peers.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use paseto_actix::{Issuer, PublicKey, SecretKey, Verifier};
use pasetors::{claims::ClaimsValidationRules, keys::AsymmetricPublicKey, version4::V4};
use serde_json::json;

const ISSUER: &str = "https://issuer.example";
/// More than any cache line or branch predictor remembers, less than what it takes a second to sign.
const TOKENS: usize = 4096;

/// Tokens of some 500 bytes, as one issuer makes them for its users, and everyone who is to verify them.
#[derive(Debug)]
pub struct Bench {
    /// The tokens.
    pub tokens: Vec<String>,
    /// The same tokens as what was signed, and the signature.
    pub signed: Vec<(Vec<u8>, Signature)>,
    /// Ours.
    pub verifier: Verifier,
    /// ed25519-dalek's.
    pub dalek: VerifyingKey,
    /// pasetors'.
    pub pasetors: AsymmetricPublicKey<V4>,
    /// What pasetors is to check of the claims: the times, as ours does.
    pub rules: ClaimsValidationRules,
}

impl Bench {
    /// Signs the tokens.
    ///
    /// # Panics
    ///
    /// If any of the libraries refuses what another made.
    #[must_use]
    pub fn new() -> Self {
        let secret = SecretKey::generate();
        let public = secret.public_key();
        let key_bytes = decode(public.to_paserk().trim_start_matches("k4.public."));
        let issuer = Issuer::builder(ISSUER).key(secret).build().expect("an issuer");
        let tokens: Vec<_> = (0..TOKENS).map(|number| token(&issuer, number)).collect();
        Self {
            signed: tokens.iter().map(|token| signed(token)).collect(),
            verifier: verifier(public),
            dalek: VerifyingKey::try_from(key_bytes.as_slice()).expect("a key"),
            pasetors: AsymmetricPublicKey::from(&key_bytes).expect("a key"),
            rules: ClaimsValidationRules::new(),
            tokens,
        }
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

fn token(issuer: &Issuer, number: usize) -> String {
    issuer
        .token(&json!({ "email": format!("user{number}@example.org"), "plan": "pro", "groups": ["a", "b", "c"] }))
        .subject(format!("user:{number}"))
        .scopes(["read", "write"])
        .issue()
        .expect("a token")
}

fn verifier(key: PublicKey) -> Verifier {
    Verifier::builder().trust(ISSUER, key).without_cache().build().expect("a verifier")
}

/// The pre-authentication encoding of a token and its signature.
fn signed(token: &str) -> (Vec<u8>, Signature) {
    let (body, footer) = token.trim_start_matches("v4.public.").split_once('.').expect("a footer");
    let (body, footer) = (decode(body), decode(footer));
    let (payload, signature) = body.split_at(body.len() - 64);
    let mut encoded = 4_u64.to_le_bytes().to_vec();
    for piece in [b"v4.public.", payload, &footer, b""] {
        encoded.extend((piece.len() as u64).to_le_bytes());
        encoded.extend(piece);
    }
    (encoded, Signature::from_slice(signature).expect("64 bytes"))
}

fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}
