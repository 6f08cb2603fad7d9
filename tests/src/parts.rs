//! Splits and joins tokens, so that tests can create tokens that an issuer would reject.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use paseto_actix::SecretKey;

/// Returns a key as the type of ed25519-dalek, to sign payloads that an issuer would reject.
pub fn signing_key(key: &SecretKey) -> SigningKey {
    let paserk = key.to_paserk();
    let bytes =
        Base64UrlUnpadded::decode_vec(paserk.trim_start_matches("k4.secret.")).expect("base64url");
    SigningKey::from_keypair_bytes(&bytes.try_into().expect("64 bytes")).expect("a key pair")
}

/// Signs any payload and footer as `v4.public`, with an independent implementation of the encoding.
pub fn sign(key: &SecretKey, payload: &[u8], footer: &[u8], assertion: &[u8]) -> String {
    let signature = signing_key(key).sign(&pre_authentication_encoding(payload, footer, assertion));
    join(&[payload, &signature.to_bytes()].concat(), footer)
}

/// Returns PASETO's pre-authentication encoding of a `v4.public` token.
pub fn pre_authentication_encoding(payload: &[u8], footer: &[u8], assertion: &[u8]) -> Vec<u8> {
    let pieces = [b"v4.public.".as_slice(), payload, footer, assertion];
    let mut encoded = (pieces.len() as u64).to_le_bytes().to_vec();
    for piece in pieces {
        encoded.extend((piece.len() as u64).to_le_bytes());
        encoded.extend(piece);
    }
    encoded
}

/// Returns the token with this body (payload and signature) and footer.
pub fn join(body: &[u8], footer: &[u8]) -> String {
    let mut token = format!("v4.public.{}", Base64UrlUnpadded::encode_string(body));
    if !footer.is_empty() {
        token.push('.');
        token.push_str(&Base64UrlUnpadded::encode_string(footer));
    }
    token
}

/// Returns the body (payload and signature) and the footer of a token.
pub fn split(token: &str) -> (Vec<u8>, Vec<u8>) {
    let decode = |text| Base64UrlUnpadded::decode_vec(text).expect("base64url");
    let parts = token.strip_prefix("v4.public.").expect("a v4.public token");
    let (body, footer) = parts.split_once('.').unwrap_or((parts, ""));
    (decode(body), decode(footer))
}

/// Returns the text with another last character.
pub fn tampered(text: &str) -> String {
    let (start, end) = text.split_at(text.len() - 1);
    format!("{start}{}", if end == "A" { "B" } else { "A" })
}
