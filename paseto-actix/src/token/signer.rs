use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The ID and the issuer of the key that signed a token. All tokens of the key share one `Signer`.
///
/// A `Signer` does not contain the key. So a removed key and its table are freed, even if tokens of
/// the key are still in memory.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The issuer that the key is trusted for. It equals the `iss` of each token.
    pub(crate) issuer: Arc<str>,
    /// The key ID (`k4.pid`).
    pub(crate) kid: Arc<str>,
    /// The footer of the first token. Most tokens of a key have the same footer, which contains the
    /// key ID.
    footer: OnceLock<Arc<[u8]>>,
    is_removed: AtomicBool,
}

impl Signer {
    pub(crate) fn new(issuer: Arc<str>, kid: Arc<str>) -> Self {
        Self { issuer, kid, footer: OnceLock::new(), is_removed: AtomicBool::new(false) }
    }

    /// Returns the footer of a token. If the footer equals the first footer of the key, both share
    /// memory.
    pub(super) fn share_footer(&self, footer: &[u8]) -> Arc<[u8]> {
        let first = self.footer.get_or_init(|| footer.into());
        if **first == *footer { Arc::clone(first) } else { footer.into() }
    }

    pub(super) fn shares_footer(&self, footer: &Arc<[u8]>) -> bool {
        self.footer.get().is_some_and(|first| Arc::ptr_eq(first, footer))
    }

    /// Marks the key as removed. The token cache then ignores the tokens of the key, including the
    /// tokens that a concurrent verification stores afterward.
    pub(crate) fn mark_removed(&self) {
        self.is_removed.store(true, Ordering::Release);
    }

    /// Returns whether the verifier has removed the key. A key that is trusted again has a new
    /// `Signer`.
    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }
}
