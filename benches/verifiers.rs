//! Our verifiers: the one place that says how one that remembers tokens is built, and how one that does not.

use paseto_actix::{PublicKey, VerifiedCache, Verifier, VerifierBuilder};

use crate::keys::ISSUER;

/// As it is by default.
pub(crate) fn cached(key: PublicKey) -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, key)
}

/// One that remembers tokens in this cache.
pub(crate) fn cached_in(key: PublicKey, cache: &VerifiedCache) -> VerifierBuilder {
    cached(key).cache(cache.clone())
}

/// A cache with room for so many tokens of the size that is measured, and as many again.
pub(crate) fn cache_of(tokens: usize) -> VerifiedCache {
    VerifiedCache::new((tokens + 1000) * 2048)
}

/// One that verifies the signature each time.
pub(crate) fn uncached(keys: impl IntoIterator<Item = PublicKey>) -> VerifierBuilder {
    Verifier::builder().trust_keys(ISSUER, keys).without_cache()
}
