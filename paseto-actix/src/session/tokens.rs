//! Encrypts and decrypts the tokens of sessions, and decides whether a session is alive.

use std::{fmt, sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    SessionTooLarge,
    decrypted_cache::DecryptedSession,
    payload::{self, SessionHead, State},
};
use crate::{
    Clock, KeyRing, RevocationError, SystemClock,
    cookie::MAX_COOKIE_LEN,
    revocation::{AnyRevocations, ScopedRevocations, scope},
    token::{Ciphertext, Plaintext, assertion},
};

/// The purpose of the tokens, which separates them from those of remembered logins under the same
/// key.
const PURPOSE: &str = "session";

#[derive(Clone)]
pub(super) struct SessionTokens {
    pub(super) keys: KeyRing,
    pub(super) application: String,
    pub(super) absolute_limit: Duration,
    pub(super) revocations: Option<AnyRevocations>,
    pub(super) clock: Arc<dyn Clock>,
    assertion: Vec<u8>,
    /// The scope of the ids in the revocation store.
    scope: Arc<str>,
    /// The longest token that fits into a cookie.
    pub(super) max_len: usize,
}

/// The state of the session of an authentic token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Valid,
    Expired,
    Revoked,
}

/// A reason not to encrypt a session.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncryptError {
    #[error(transparent)]
    TooLarge(#[from] SessionTooLarge),
    #[error("the operating system returned no random bytes: {0}")]
    NoRandomBytes(#[from] getrandom::Error),
    #[error("the session is not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl SessionTokens {
    pub(super) fn new(keys: KeyRing, max_len: usize) -> Self {
        let tokens = Self {
            keys,
            application: String::new(),
            absolute_limit: Duration::from_secs(12 * 60 * 60),
            revocations: None,
            clock: Arc::new(SystemClock),
            assertion: Vec::new(),
            scope: Arc::default(),
            max_len,
        };
        tokens.bound_to(String::new(), "")
    }

    /// Binds the tokens to an application and a cookie. Those of another application or cookie are
    /// rejected.
    pub(super) fn bound_to(mut self, application: String, cookie: &str) -> Self {
        self.assertion = assertion(PURPOSE, &application, cookie);
        self.scope = scope(PURPOSE, &application, cookie);
        self.application = application;
        self
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Returns `None`, and logs it, if the token is not authentic or has another format.
    pub(super) fn decrypt(&self, token: &[u8]) -> Option<DecryptedSession> {
        let session = self.try_decrypt(token);
        if session.is_none() {
            tracing::info!("rejected a session cookie that is not authentic, or has another format");
        }
        session
    }

    fn try_decrypt(&self, token: &[u8]) -> Option<DecryptedSession> {
        let token = (token.len() <= MAX_COOKIE_LEN).then_some(token)?;
        let (payload, retired_key) = Ciphertext::decode(token)?.decrypt(&self.keys, &self.assertion)?;
        let (head, values) = payload::read(&payload)?;
        Some(DecryptedSession { head, values, retired_key })
    }

    /// Appends the token of a session to a text.
    pub(super) fn encrypt(&self, head: &SessionHead, state: &State, text: &mut String) -> Result<(), EncryptError> {
        let mut payload = Plaintext::with_capacity(payload::estimated_len(state));
        payload::write(&mut payload, head, state)?;
        let (size, limit) = (payload.token_len(), self.max_len);
        if size > limit {
            return Err(SessionTooLarge { size, limit }.into());
        }
        if size * 5 >= limit * 4 {
            tracing::warn!(size, limit, "a session is nearly too large for a cookie");
        }
        Ok(payload.encrypt(self.keys.active(), &self.assertion, text)?)
    }

    /// The second in which a session expires that is written now.
    pub(super) fn expiry(&self, head: &SessionHead, now: OffsetDateTime, idle_limit: time::Duration) -> i64 {
        now.saturating_add(idle_limit).unix_timestamp().min(self.latest_expiry(head))
    }

    /// The second in which a session expires at the latest, by the absolute limit.
    pub(super) fn latest_expiry(&self, head: &SessionHead) -> i64 {
        let limit = i64::try_from(self.absolute_limit.as_secs()).unwrap_or(i64::MAX);
        head.created.saturating_add(limit)
    }

    /// Decides whether a session is accepted, and logs the reason for a rejection.
    pub(super) async fn check(&self, head: &SessionHead, now: OffsetDateTime) -> Result<Verdict, RevocationError> {
        if self.has_expired(head, now) {
            tracing::debug!("rejected the cookie of an expired session");
            return Ok(Verdict::Expired);
        }
        if self.is_revoked(head).await? {
            tracing::info!("rejected the cookie of a session that was purged or renewed");
            return Ok(Verdict::Revoked);
        }
        Ok(Verdict::Valid)
    }

    fn has_expired(&self, head: &SessionHead, now: OffsetDateTime) -> bool {
        now.unix_timestamp() >= head.expires.min(self.latest_expiry(head))
    }

    pub(super) async fn is_revoked(&self, head: &SessionHead) -> Result<bool, RevocationError> {
        match self.scoped() {
            Some(store) => store.is_revoked(&head.id).await,
            None => Ok(false),
        }
    }

    /// Revokes a session until this second. Without a store there is nothing to do.
    pub(super) async fn revoke(&self, head: &SessionHead, until: i64) -> Result<(), RevocationError> {
        match self.scoped() {
            Some(store) => store.revoke(&head.id, until).await,
            None => Ok(()),
        }
    }

    fn scoped(&self) -> Option<ScopedRevocations> {
        let store = self.revocations.clone()?;
        Some(ScopedRevocations::new(store, Arc::clone(&self.scope)))
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens")
            .field("keys", &self.keys)
            .field("application", &self.application)
            .field("absolute_limit", &self.absolute_limit)
            .finish_non_exhaustive()
    }
}
