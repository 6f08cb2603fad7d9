use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The key that signed a token, and its issuer. All tokens of the key share it.
///
/// It is apart from the key itself, so that a removed key and its table are freed while tokens
/// live.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The issuer that the key is trusted for, which is the `iss` of each token.
    pub(crate) issuer: Arc<str>,
    /// The id of the key (`k4.pid`).
    pub(crate) kid: Arc<str>,
    /// The footer of the first token. Most tokens of a key have the same one, with the id of the
    /// key.
    footer: OnceLock<Arc<[u8]>>,
    is_removed: AtomicBool,
}

impl Signer {
    pub(crate) fn new(issuer: Arc<str>, kid: Arc<str>) -> Self {
        Self { issuer, kid, footer: OnceLock::new(), is_removed: AtomicBool::new(false) }
    }

    /// The footer of a token, in memory that it shares with the first footer of the key if they are
    /// equal.
    pub(super) fn share_footer(&self, footer: &[u8]) -> Arc<[u8]> {
        let first = self.footer.get_or_init(|| footer.into());
        if **first == *footer { Arc::clone(first) } else { footer.into() }
    }

    pub(super) fn shares_footer(&self, footer: &Arc<[u8]>) -> bool {
        self.footer.get().is_some_and(|first| Arc::ptr_eq(first, footer))
    }

    /// Marks the key as removed, for all verifications that have found it before.
    pub(crate) fn mark_removed(&self) {
        self.is_removed.store(true, Ordering::Release);
    }

    /// Whether the Verifier has removed the key. A key that is trusted again gets another `Signer`.
    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }
}
