//! The verifiers: with the token cache, and without.

use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{PublicKey, Verifier};

use crate::keys::ISSUER;

/// A verifier with the default settings.
pub(crate) fn cached(key: PublicKey) -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, key)
}

/// A verifier whose cache has room for this many tokens of the size that is measured, and more.
pub(crate) fn cached_for(key: PublicKey, tokens: usize) -> VerifierBuilder {
    cached(key).token_cache((tokens + 1000) * 2048)
}

/// A verifier that verifies each signature.
pub(crate) fn uncached(keys: impl IntoIterator<Item = PublicKey>) -> VerifierBuilder {
    Verifier::builder().trust_keys(ISSUER, keys).without_token_cache()
}
