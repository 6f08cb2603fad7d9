use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;

use crate::limits::RECORD_SLACK;

/// A key of a [`KeySchedule`](super::KeySchedule).
#[derive(Clone)]
pub(super) struct Entry<K> {
    pub(super) key: K,
    pub(super) activates_at: Option<OffsetDateTime>,
    /// The time of `KeySchedule::retire`. Otherwise, a key is retired when the next key becomes
    /// active.
    pub(super) retired_at: Option<OffsetDateTime>,
    /// The last expiry of the tokens of the key, as a Unix time, as far as this process knows it.
    pub(super) last_expiry: Arc<AtomicI64>,
}

impl<K> Entry<K> {
    pub(super) fn new(key: K, activates_at: Option<OffsetDateTime>) -> Self {
        let last_expiry = Arc::new(AtomicI64::new(i64::MIN));
        Self { key, activates_at, retired_at: None, last_expiry }
    }

    /// Returns whether the time of activation has come.
    pub(super) fn is_due(&self, now: OffsetDateTime) -> bool {
        self.activates_at.is_some_and(|time| time <= now)
    }

    pub(super) fn has_valid_tokens(&self, now: OffsetDateTime) -> bool {
        self.tokens_valid_until().is_some_and(|until| until > now)
    }

    /// Returns the time at which the last token that this process has issued is not valid anymore.
    /// Returns `None` before the first token.
    pub(super) fn tokens_valid_until(&self) -> Option<OffsetDateTime> {
        let last = OffsetDateTime::from_unix_timestamp(self.last_expiry.load(Ordering::Relaxed));
        last.ok().map(|last| last.saturating_add(RECORD_SLACK))
    }
}
