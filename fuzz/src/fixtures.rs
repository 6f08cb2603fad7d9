//! Keys, a clock and tokens that the targets share. All of them are constant, so that a crash can
//! be repeated.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use paseto_actix::issuer::IssuerBuilder;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::token::Format;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{Issuer, LocalKey, SecretKey, Verifier};
use time::macros::datetime;

/// The issuer of all tokens.
pub const ISSUER: &str = "https://issuer.example";

/// The current time of each target.
pub const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

/// The seed of the signing key.
const SEED: [u8; 32] = *b"a signing key for fuzz targets 1";

/// The bytes of the symmetric key.
pub const LOCAL: [u8; 32] = *b"a symmetric key for fuzz targets";

/// Returns the signing key for the reference implementations.
pub fn signing_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&SEED));
    &KEY
}

/// Returns the same key for the library.
pub fn secret_key() -> SecretKey {
    let bytes = signing_key().to_keypair_bytes();
    SecretKey::from_paserk(&format!("k4.secret.{}", base64url(&bytes))).expect("a key")
}

/// Returns the symmetric key.
pub fn local_key() -> LocalKey {
    LocalKey::from_paserk(&format!("k4.local.{}", base64url(&LOCAL))).expect("a key")
}

/// Returns a builder of an issuer at [`NOW`].
pub fn issuer_builder() -> IssuerBuilder {
    Issuer::builder(ISSUER).key(secret_key()).clock(|| NOW)
}

/// Returns a builder of a verifier at [`NOW`] that trusts the key.
pub fn verifier_builder() -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, secret_key().public_key()).clock(|| NOW)
}

/// Returns a verifier for a format.
pub fn verifier(format: Format) -> &'static Verifier {
    static JSON: LazyLock<Verifier> =
        LazyLock::new(|| verifier_builder().build().expect("a verifier"));
    static CBOR: LazyLock<Verifier> =
        LazyLock::new(|| verifier_builder().format(Format::Cbor).build().expect("a verifier"));
    if format == Format::Cbor { &CBOR } else { &JSON }
}

/// Encodes bytes in base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Decodes base64url without padding.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// Returns the pre-authentication encoding of PASETO.
pub fn pae(pieces: &[&[u8]]) -> Vec<u8> {
    let le64 = |length: usize| (length as u64).to_le_bytes();
    let mut bytes = le64(pieces.len()).to_vec();
    for piece in pieces {
        bytes.extend(le64(piece.len()));
        bytes.extend(*piece);
    }
    bytes
}

/// Signs a payload of any bytes, without the code of the library.
pub fn sign(payload: &[u8], footer: &[u8]) -> String {
    let message = pae(&[b"v4.public.", payload, footer, b""]);
    assemble(payload, &signing_key().sign(&message).to_bytes(), footer)
}

/// Returns a token with this signature.
pub fn assemble(payload: &[u8], signature: &[u8; 64], footer: &[u8]) -> String {
    let mut token = format!("v4.public.{}", base64url(&[payload, signature].concat()));
    if !footer.is_empty() {
        token.push('.');
        token.push_str(&base64url(footer));
    }
    token
}

/// Removes the key IDs, which the library computes, from a message.
pub fn without_ids(message: &str) -> String {
    let mut text = message.to_owned();
    for header in ["k4.pid.", "k4.lid."] {
        let mut parts = text.split(header);
        let first = parts.next().unwrap_or_default().to_owned();
        let rest: String = parts.map(|part| part.get(44..).unwrap_or_default()).collect();
        text = first + &rest;
    }
    text
}

/// Panics if the text of an error contains a part of a key or a token of the input: 28 characters
/// from a run of base64.
pub fn assert_no_secret(error: &str, input: &str) {
    const PART: usize = 28;
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "-_+/".contains(c);
    // The word `from_paserk_with_password` has 25 characters. No error has a longer run.
    for run in input.split(|c| !is_base64(c)).filter(|run| run.len() >= PART) {
        for start in 0..=run.len() - PART {
            let part = &run[start..start + PART];
            assert!(!error.contains(part), "the error contains `{part}`: {error}");
        }
    }
}
