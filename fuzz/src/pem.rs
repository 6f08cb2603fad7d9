//! Keys as PEM. The library reads each key that `ed25519-dalek` reads, with the same value, and
//! prints what it reads. Errors contain no part of the input.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use paseto_actix::{ConfigError, LocalKey, PublicKey, SecretKey};

use crate::fixtures::{assert_no_secret, base64url, from_base64url};

/// Reads a string as a secret key and as a public key.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if text.len() > 10_000 {
        return;
    }
    secret(text);
    public(text);
    if text.contains("-----BEGIN ") {
        assert!(text.parse::<LocalKey>().is_err());
    }
}

fn secret(text: &str) {
    let outcome = SecretKey::from_pem(text);
    if let Ok(theirs) = SigningKey::from_pkcs8_pem(text) {
        let is_zero = theirs.to_bytes() == [0; 32];
        assert!(is_zero || outcome.is_ok() || is_ambiguous(text), "{outcome:?}");
    }
    match outcome {
        Ok(key) => {
            let paserk = key.to_paserk();
            let bytes = from_base64url(&paserk["k4.secret.".len()..]).expect("base64url");
            let theirs = SigningKey::from_keypair_bytes(&bytes.try_into().expect("64 bytes"));
            let theirs = theirs.expect("a key");
            let pem = theirs.to_pkcs8_pem(LineEnding::LF).expect("PEM");
            assert_eq!(SecretKey::from_pem(&pem).expect("a key").kid(), key.kid());
            let read = SigningKey::from_pkcs8_pem(&normalized(text, "PRIVATE KEY"));
            assert_eq!(read.expect("a key").to_bytes(), theirs.to_bytes());
            assert!(PublicKey::from_pem(text).is_err());
        }
        Err(error) => assert_no_secret(&format!("{error} {error:?}"), text),
    }
}

fn public(text: &str) {
    let outcome = PublicKey::from_pem(text);
    if VerifyingKey::from_public_key_pem(text).is_ok() {
        assert!(outcome.is_ok() || is_ambiguous(text), "{outcome:?}");
    }
    match outcome {
        Ok(key) => {
            let read = VerifyingKey::from_public_key_pem(&normalized(text, "PUBLIC KEY"));
            let read = read.expect("a key");
            assert_eq!(key.to_paserk(), format!("k4.public.{}", base64url(read.as_bytes())));
            let pem = read.to_public_key_pem(LineEnding::CRLF).expect("PEM");
            assert_eq!(PublicKey::from_pem(&pem), Ok(key));
        }
        Err(error) => {
            assert!(!matches!(error, ConfigError::WeakKey(_)));
            assert_no_secret(&format!("{error} {error:?}"), text);
        }
    }
}

/// Returns whether the text around the block may be another key, which the library rejects.
fn is_ambiguous(text: &str) -> bool {
    let body = text.split("-----").nth(2).unwrap_or_default();
    let around = text.replacen(body, "", 1);
    text.len() > 8192
        || text.matches("-----BEGIN ").count() > 1
        || ["k1.", "k2.", "k3.", "k4."].iter().any(|header| around.contains(header))
        || around.split("-----").any(|part| part.contains("---"))
        || !text.trim_start().starts_with("-----BEGIN ")
}

/// Returns the block alone, with lines of 64 characters.
fn normalized(text: &str, label: &str) -> String {
    let block = text.split("-----").skip_while(|part| *part != format!("BEGIN {label}")).nth(1);
    let body = block.expect("a block").replace("\\n", "").replace("\\r", "");
    let body: Vec<char> = body.chars().filter(|c| !c.is_whitespace()).collect();
    let lines: Vec<String> = body.chunks(64).map(|line| line.iter().collect()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
