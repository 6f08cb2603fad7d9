//! Strings as tokens. A verifier accepts only the canonical form of a token with a valid signature,
//! and pasetors accepts it too. The verifier rejects a token without a footer only if the model of
//! payloads does, or if the token is longer than 8,192 bytes. Verifiers with a cache and without a
//! cache have the same result.

use std::sync::LazyLock;

use ed25519_dalek::{Signature, Verifier as _};
use paseto_actix::Verifier;
use paseto_actix::token::Format;
use pasetors::Public;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};

use crate::fixtures::{
    assemble, assert_no_secret, from_base64url, pae, sign, signing_key, verifier, verifier_builder,
};
use crate::payload::LEEWAY;
use crate::tree::{Tree, check};

/// A verifier without a cache and without precomputed keys.
static PLAIN: LazyLock<Verifier> = LazyLock::new(|| {
    verifier_builder().without_token_cache().max_precomputed_keys(0).build().expect("a verifier")
});

static PUBLIC_KEY: LazyLock<AsymmetricPublicKey<V4>> = LazyLock::new(|| {
    AsymmetricPublicKey::from(signing_key().verifying_key().as_bytes()).expect("a key")
});

/// Checks one string. With the prefix `sign:`, the rest is `payload|footer`, and is signed first.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if text.len() > 9000 {
        return;
    }
    let signed = text.strip_prefix("sign:").filter(|rest| !rest.is_empty()).map(|rest| {
        let (payload, footer) = rest.split_once('|').unwrap_or((rest, ""));
        sign(payload.as_bytes(), footer.as_bytes())
    });
    let text = signed.as_deref().unwrap_or(text);

    let outcome = PLAIN.verify_str(text);
    let kind = outcome.as_ref().err().map(|error| error.kind());
    for _ in 0..2 {
        let cached = verifier(Format::Json).verify_str(text);
        assert_eq!(cached.err().map(|error| error.kind()), kind);
    }
    if let Err(error) = &outcome {
        // The error can contain `iss`, which can contain a part of the payload in base64url. So only
        // the signature, the end of the body, is searched.
        let body = text.split('.').nth(2).unwrap_or_default();
        let signature = body.get(body.len().saturating_sub(80)..).unwrap_or_default();
        assert_no_secret(&format!("{error} {error:?}"), signature);
    }

    let parts = parts(text);
    let is_authentic = parts.as_ref().is_some_and(|(payload, signature, footer)| {
        let message = pae(&[b"v4.public.", payload, footer, b""]);
        let signature = Signature::from_bytes(signature);
        signing_key().verifying_key().verify(&message, &signature).is_ok()
    });
    if let Some((payload, signature, footer)) = parts.as_ref().filter(|_| is_authentic)
        && footer.is_empty()
        && text.len() <= 8192
        && assemble(payload, signature, footer) == text
    {
        let expected = check(Tree::from_json(payload), LEEWAY);
        assert_eq!(outcome.is_ok(), expected.is_ok(), "{outcome:?}");
    }
    if outcome.is_ok() {
        assert!(is_authentic);
        let (payload, signature, footer) = parts.expect("parts");
        assert_eq!(assemble(&payload, &signature, &footer), text, "a second form of a token");
        assert!(text.len() <= 8192);
        let token = UntrustedToken::<Public, V4>::try_from(text).expect("a token for pasetors");
        let footer = Some(&*footer).filter(|footer| !footer.is_empty());
        PublicToken::verify(&PUBLIC_KEY, &token, footer, None).expect("a valid token for pasetors");
    }
}

/// Splits a token without the code of the library.
fn parts(text: &str) -> Option<(Vec<u8>, [u8; 64], Vec<u8>)> {
    let pieces: Vec<&str> = text.strip_prefix("v4.public.")?.split('.').collect();
    let (body, footer) = match pieces[..] {
        [body] => (body, ""),
        [body, footer] => (body, footer),
        _ => return None,
    };
    let mut payload = from_base64url(body)?;
    let signature = payload.split_off(payload.len().checked_sub(64)?);
    Some((payload, signature.try_into().ok()?, from_base64url(footer)?))
}
