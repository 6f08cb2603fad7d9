//! Verifiers with and without the token cache.

use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{PublicKey, Verifier};

use crate::keys::ISSUER;

/// Returns the builder of a verifier with the default settings.
pub(crate) fn cached(key: PublicKey) -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, key)
}

/// Returns the builder of a verifier whose cache has room for more than this number of tokens.
pub(crate) fn cached_for(key: PublicKey, tokens: usize) -> VerifierBuilder {
    cached(key).token_cache((tokens + 1000) * 2048)
}

/// Returns the builder of a verifier that verifies each signature.
pub(crate) fn uncached(keys: impl IntoIterator<Item = PublicKey>) -> VerifierBuilder {
    Verifier::builder().trust_keys(ISSUER, keys).without_token_cache()
}
