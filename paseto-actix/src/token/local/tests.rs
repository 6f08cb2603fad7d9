//! Compares this implementation with the official test vectors and with pasetors.

use std::io::Write;

use base64ct::{Base64UrlUnpadded, Encoding};
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4;
use serde_json::Value;

use super::*;
use crate::token::vectors::{bytes, official_vectors};

fn key(bytes: &[u8]) -> LocalKey {
    LocalKey::from_paserk(&format!("k4.local.{}", Base64UrlUnpadded::encode_string(bytes)))
        .expect("a key")
}

fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} of {vector}"))
}

fn plaintext(payload: &[u8]) -> Plaintext {
    let mut plaintext = Plaintext::with_capacity(payload.len());
    plaintext.write_all(payload).expect("a buffer");
    plaintext
}

fn encrypt(key: &LocalKey, payload: &[u8], assertion: &[u8]) -> String {
    let mut token = String::new();
    plaintext(payload).encrypt(key, assertion, &mut token).expect("random bytes");
    token
}

fn encrypt_with_nonce(
    key: &LocalKey,
    nonce: &[u8; 32],
    payload: &[u8],
    footer: &[u8],
    assertion: &[u8],
) -> String {
    let mut token = String::new();
    plaintext(payload).encrypt_with_nonce(key, nonce, footer, assertion, &mut token);
    token
}

fn decrypt(token: &str, key: &LocalKey, assertion: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (payload, _) =
        Ciphertext::decode(token.as_bytes())?.decrypt(&key.clone().into(), assertion)?;
    Some(payload)
}

#[test]
fn official_vectors_of_v4_local() {
    let vectors = official_vectors();
    let mut encrypted = 0;
    for vector in
        vectors.iter().filter(|vector| !vector["nonce"].is_null() && vector["expect-fail"] == false)
    {
        let key = key(&bytes(text(vector, "key")));
        let nonce = bytes(text(vector, "nonce")).try_into().expect("32 bytes");
        let [payload, footer, assertion] =
            ["payload", "footer", "implicit-assertion"].map(|field| text(vector, field).as_bytes());
        let token = text(vector, "token");
        assert_eq!(encrypt_with_nonce(&key, &nonce, payload, footer, assertion), token, "{vector}");

        let body =
            token.strip_prefix(HEADER).and_then(|parts| parts.split('.').next()).expect("a body");
        let body = BASE64_URL_SAFE_NO_PAD.decode(body).expect("base64url");
        assert_eq!(
            decrypt_body(&key, &body, footer, assertion).expect("a payload").as_slice(),
            payload
        );
        assert!(decrypt_body(&key, &body, footer, b"another").is_none());
        encrypted += 1;
    }
    assert_eq!(encrypted, 10);
}

#[test]
fn official_vectors_with_an_error_are_rejected() {
    let vectors = official_vectors();
    let any = key(&[1; 32]);
    for vector in vectors.iter().filter(|vector| vector["expect-fail"] == true) {
        assert!(decrypt(text(vector, "token"), &any, b"").is_none(), "{vector}");
    }
}

#[test]
fn pasetors_and_this_crate_decrypt_the_tokens_of_each_other() {
    for length in (1..400).step_by(7).chain([1000, 4000]) {
        let mut random = vec![0; 32 + length];
        getrandom::fill(&mut random).expect("randomness");
        let (secret, rest) = random.split_at(32);
        let payload = Base64UrlUnpadded::encode_string(rest);
        let assertion = &rest[..length.min(20)];
        let (ours, theirs) = (key(secret), SymmetricKey::from(secret).expect("a key"));

        let token = encrypt(&ours, payload.as_bytes(), assertion);
        assert_eq!(token.len(), token_len(payload.len()));
        let untrusted = UntrustedToken::try_from(token.as_str()).expect("a token");
        let decrypted = version4::LocalToken::decrypt(&theirs, &untrusted, None, Some(assertion))
            .expect("ours");
        assert_eq!(decrypted.payload(), payload);

        let token =
            version4::LocalToken::encrypt(&theirs, payload.as_bytes(), None, Some(assertion))
                .expect("a token");
        let payload_of_theirs = decrypt(&token, &ours, assertion).expect("a payload");
        assert_eq!(payload_of_theirs.as_slice(), payload.as_bytes());
    }
}

#[test]
fn a_token_with_one_flipped_bit_is_rejected() {
    let key = key(&[7; 32]);
    let token = encrypt(&key, b"payload", b"purpose");
    let Ciphertext(body) = Ciphertext::decode(token.as_bytes()).expect("a token");
    assert!(Ciphertext(body.clone()).decrypt(&key.clone().into(), b"purpose").is_some());
    for bit in 0..body.len() * 8 {
        let mut forged = body.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(Ciphertext(forged).decrypt(&key.clone().into(), b"purpose").is_none(), "bit {bit}");
    }
}

#[test]
fn only_the_canonical_encoding_is_decoded() {
    let key = key(&[7; 32]);
    let token = encrypt(&key, b"payload", b"");
    assert!(Ciphertext::decode(token.as_bytes()).is_some());
    for other in [
        format!("{token}."),
        format!("{token}="),
        format!("{token}.e30"),
        format!(" {token}"),
        token.to_uppercase(),
    ] {
        assert!(Ciphertext::decode(other.as_bytes()).is_none(), "{other}");
    }
    assert!(Ciphertext::decode(b"v4.local.").is_none());
}
