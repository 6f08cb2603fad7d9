//! Ed25519 signature verification with precomputed tables.
//!
//! A [`Verifier`](crate::Verifier) checks many signatures with the same keys. It computes a table
//! with multiples of a key once and stores it. A signature check with the table takes about three
//! quarters of the time of `ed25519-dalek`, because it does not compute doublings.
//!
//! Source: [RFC 8032, section 5.1.7].
//!
//! [RFC 8032, section 5.1.7]: https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7

use std::fmt;
use std::sync::OnceLock;

use curve25519_dalek::edwards::EdwardsBasepointTable;
use curve25519_dalek::traits::BasepointTable;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::ed25519::signature::MultipartVerifier;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha512};

/// A signature whose `S` is below the group order.
///
/// RFC 8032 rejects any other `S`, because it is a second encoding of a smaller `S`.
/// `ed25519-dalek` accepts it if the feature `legacy_compatibility` is on, and any crate of a build
/// can enable the feature. So this crate checks `S` itself.
pub(crate) struct CanonicalSignature {
    signature: Signature,
    s: Scalar,
}

impl CanonicalSignature {
    /// Reads the bytes of a signature. Returns `None` if `S` is not below the group order.
    pub(crate) fn from_bytes(bytes: &[u8; Signature::BYTE_SIZE]) -> Option<Self> {
        let signature = Signature::from_bytes(bytes);
        let s = Option::from(Scalar::from_canonical_bytes(*signature.s_bytes()))?;
        Some(Self { signature, s })
    }
}

/// A public key that verifies signatures, and its optional table.
pub(crate) struct VerificationKey {
    key: VerifyingKey,
    /// Multiples of the negated key, 30 KiB.
    table: OnceLock<Box<EdwardsBasepointTable>>,
}

impl VerificationKey {
    pub(super) fn new(key: VerifyingKey) -> Self {
        Self { key, table: OnceLock::new() }
    }

    /// Computes the table, which takes about 1 ms. All later signature checks use it.
    pub(crate) fn precompute(&self) {
        self.table.get_or_init(|| Box::new(EdwardsBasepointTable::create(&-self.key.to_edwards())));
    }

    pub(crate) fn has_table(&self) -> bool {
        self.table.get().is_some()
    }

    /// Returns whether the key made the signature of a message, which is given in pieces. The table
    /// changes only the time of the check and not the result.
    pub(crate) fn verify(&self, message: &[&[u8]], signature: &CanonicalSignature) -> bool {
        match self.table.get() {
            Some(table) => self.verify_with(table, message, signature),
            None => self.key.multipart_verify(message, &signature.signature).is_ok(),
        }
    }

    /// Checks the equation of `VerifyingKey::verify`: the encoding of `[S]B - [k]A` equals `R`.
    fn verify_with(
        &self,
        table: &EdwardsBasepointTable,
        message: &[&[u8]],
        CanonicalSignature { signature, s }: &CanonicalSignature,
    ) -> bool {
        let mut hash =
            Sha512::new().chain_update(signature.r_bytes()).chain_update(self.key.as_bytes());
        message.iter().for_each(|piece| hash.update(piece));
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let r = EdwardsPoint::mul_base(s) + table * &k;
        r.compress().as_bytes() == signature.r_bytes()
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("has_table", &self.has_table())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
