//! Held against the official vectors, and against pasetors.

use base64ct::{Base64UrlUnpadded, Encoding};
use pasetors::{keys::SymmetricKey, token::UntrustedToken, version4};
use serde_json::Value;

use super::*;
use crate::token::vectors::{bytes, official_vectors};

fn key(bytes: &[u8]) -> LocalKey {
    LocalKey::from_paserk(&format!("k4.local.{}", Base64UrlUnpadded::encode_string(bytes))).expect("a key")
}

fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} of {vector}"))
}

#[test]
fn official_vectors_of_v4_local() {
    let vectors = official_vectors();
    let mut sealed = 0;
    for vector in vectors.iter().filter(|vector| !vector["nonce"].is_null() && vector["expect-fail"] == false) {
        let key = key(&bytes(text(vector, "key")));
        let nonce = bytes(text(vector, "nonce")).try_into().expect("32 bytes");
        let [payload, footer, assertion] =
            ["payload", "footer", "implicit-assertion"].map(|field| text(vector, field).as_bytes());
        let token = text(vector, "token");
        assert_eq!(seal_with_nonce(&key, &nonce, payload, footer, assertion), token, "{vector}");

        let body = token.strip_prefix(HEADER).and_then(|parts| parts.split('.').next()).expect("a body");
        let body = BASE64_URL_SAFE_NO_PAD.decode(body).expect("base64url");
        assert_eq!(open_body(&key, &body, footer, assertion).expect("a payload").as_slice(), payload);
        assert!(open_body(&key, &body, footer, b"another").is_none());
        sealed += 1;
    }
    assert_eq!(sealed, 10);
}

#[test]
fn official_vectors_that_have_to_fail() {
    let vectors = official_vectors();
    let any = key(&[1; 32]);
    for vector in vectors.iter().filter(|vector| vector["expect-fail"] == true) {
        let opened = Sealed::parse(text(vector, "token")).and_then(|sealed| sealed.open(&any.clone().into(), b""));
        assert!(opened.is_none(), "{vector}");
    }
}

#[test]
fn agrees_with_pasetors_on_what_is_sealed() {
    for length in (1..400).step_by(7).chain([1000, 4000]) {
        let mut random = vec![0; 32 + length];
        getrandom::fill(&mut random).expect("randomness");
        let (secret, rest) = random.split_at(32);
        let payload = Base64UrlUnpadded::encode_string(rest);
        let assertion = &rest[..length.min(20)];
        let (ours, theirs) = (key(secret), SymmetricKey::from(secret).expect("a key"));

        let token = seal(&ours, payload.as_bytes(), assertion).expect("randomness");
        assert_eq!(token.len(), sealed_len(payload.len()));
        let untrusted = UntrustedToken::try_from(token.as_str()).expect("a token");
        let opened = version4::LocalToken::decrypt(&theirs, &untrusted, None, Some(assertion)).expect("ours");
        assert_eq!(opened.payload(), payload);

        let token = version4::LocalToken::encrypt(&theirs, payload.as_bytes(), None, Some(assertion)).expect("a token");
        let opened =
            Sealed::parse(&token).and_then(|sealed| sealed.open(&ours.clone().into(), assertion)).expect("theirs");
        assert_eq!(opened.0.as_slice(), payload.as_bytes());
    }
}

#[test]
fn any_single_bit_of_a_token_counts() {
    let key = key(&[7; 32]);
    let token = seal(&key, b"payload", b"purpose").expect("randomness");
    let Sealed(body) = Sealed::parse(&token).expect("a token");
    assert!(Sealed(body.clone()).open(&key.clone().into(), b"purpose").is_some());
    for bit in 0..body.len() * 8 {
        let mut forged = body.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(Sealed(forged).open(&key.clone().into(), b"purpose").is_none(), "bit {bit}");
    }
}

#[test]
fn only_one_spelling_is_read() {
    let key = key(&[7; 32]);
    let token = seal(&key, b"payload", b"").expect("randomness");
    assert!(Sealed::parse(&token).is_some());
    for other in
        [format!("{token}."), format!("{token}="), format!("{token}.e30"), format!(" {token}"), token.to_uppercase()]
    {
        assert!(Sealed::parse(&other).is_none(), "{other}");
    }
    assert!(Sealed::parse("v4.local.").is_none());
}
