//! Encrypts, decrypts, checks and revokes the tokens of sessions.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::decrypted_cache::DecryptedSession;
use super::login::{LOGIN, SessionLogin, subject_of};
use super::payload::{SessionHead, State, Values};
use super::{SessionTooLarge, payload};
use crate::clock::{Clock, SystemClock};
use crate::cookie::MAX_COOKIE_LEN;
use crate::keys::KeyRing;
use crate::limits::RECORD_SLACK;
use crate::revocation::{
    AnyRevocationStore, ExceptedLogin, NamespacedRevocationStore, RevocationError, namespace,
};
use crate::token::{Ciphertext, Plaintext, implicit_assertion};

/// Part of the implicit assertion. It separates session tokens from the tokens of remembered logins
/// under the same key.
const KIND: &str = "session";

/// The default key under which actix-identity stores the user.
const IDENTITY_KEY: &str = "actix_identity.user_id";

/// The keys, the absolute timeout and the revocation store of sessions.
#[derive(Clone)]
pub(super) struct SessionTokens {
    pub(super) keys: KeyRing,
    pub(super) application: String,
    pub(super) absolute_timeout: Duration,
    pub(super) revocation_store: Option<Arc<dyn AnyRevocationStore>>,
    /// The key of the user in the session.
    pub(super) subject_key: Cow<'static, str>,
    pub(super) clock: Arc<dyn Clock>,
    assertion: Vec<u8>,
    /// The scope of the session IDs in the revocation store.
    namespace: Arc<str>,
    /// The maximum length of a token, so that its cookie is not too large.
    pub(super) max_len: usize,
}

/// Whether the session of an authentic token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    Expired,
    Revoked,
}

/// The change that the login entry of a session needs before the session is encrypted.
pub(super) enum LoginChange {
    Keep,
    /// Insert a login entry for this subject.
    Insert(String),
    /// Remove the login entry, because the session has no subject.
    Remove,
}

/// Error of the encryption of a session.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncryptError {
    #[error(transparent)]
    TooLarge(#[from] SessionTooLarge),
    #[error("the operating system returned no random bytes: {0}")]
    NoRandomBytes(#[from] getrandom::Error),
    #[error("failed to serialize the session: {0}")]
    Json(#[from] serde_json::Error),
}

impl SessionTokens {
    pub(super) fn new(keys: KeyRing, max_len: usize) -> Self {
        let tokens = Self {
            keys,
            application: String::new(),
            absolute_timeout: Duration::from_secs(12 * 60 * 60),
            revocation_store: None,
            subject_key: IDENTITY_KEY.into(),
            clock: Arc::new(SystemClock),
            assertion: Vec::new(),
            namespace: Arc::default(),
            max_len,
        };
        tokens.bound_to(String::new(), "")
    }

    /// Binds the tokens to an application and a cookie. Tokens of another application or cookie are
    /// rejected.
    pub(super) fn bound_to(mut self, application: String, cookie: &str) -> Self {
        self.assertion = implicit_assertion(KIND, &application, cookie);
        self.namespace = namespace(KIND, &application, cookie);
        self.application = application;
        self
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Decrypts a token. Returns `None` and logs it if the token is not authentic or has an unknown
    /// format.
    pub(super) fn decrypt(&self, token: &[u8]) -> Option<DecryptedSession> {
        let session = self.try_decrypt(token);
        if session.is_none() {
            tracing::info!(
                "rejected a session cookie that is not authentic, or has an unknown format"
            );
        }
        session
    }

    fn try_decrypt(&self, token: &[u8]) -> Option<DecryptedSession> {
        let token = (token.len() <= MAX_COOKIE_LEN).then_some(token)?;
        let (payload, retired_key) =
            Ciphertext::decode(token)?.decrypt(&self.keys, &self.assertion)?;
        let (head, values) = payload::read(&payload)?;
        let login = self.login_of(&values);
        Some(DecryptedSession { head, values, login, retired_key })
    }

    fn login_of(&self, values: &Values) -> Option<SessionLogin> {
        self.read_login(|name| values.get(name))
    }

    pub(super) fn login_of_state(&self, state: &State) -> Option<SessionLogin> {
        self.read_login(|name| state.get(name).map(String::as_str))
    }

    /// Returns the login of a session. A session with a subject but without a login entry counts as
    /// generation 0, so the first revocation of its subject revokes it.
    fn read_login<'s>(&self, get: impl Fn(&str) -> Option<&'s str>) -> Option<SessionLogin> {
        self.revocation_store.as_ref()?;
        let subject = subject_of(get(&self.subject_key)?)?;
        let entry = get(LOGIN).and_then(|value| SessionLogin::read(value, &subject));
        Some(entry.unwrap_or(SessionLogin { subject, generation: 0, id: None, expires: None }))
    }

    /// Compares the login entry of a session with its subject.
    pub(super) fn login_change(&self, state: &State) -> LoginChange {
        let subject = state.get(&*self.subject_key).and_then(|value| subject_of(value));
        let entry = state.get(LOGIN);
        match (subject.filter(|_| self.revocation_store.is_some()), entry) {
            (None, None) => LoginChange::Keep,
            (None, Some(_)) => LoginChange::Remove,
            (Some(subject), Some(entry)) if SessionLogin::read(entry, &subject).is_some() => {
                LoginChange::Keep
            }
            (Some(subject), _) => LoginChange::Insert(subject),
        }
    }

    /// Returns the login for a subject whose session has no login entry.
    ///
    /// If the session had the same subject before the request, its login stays the same. Otherwise
    /// the subject logged in during the request, and the login gets the current generation.
    pub(super) async fn create_login(
        &self,
        subject: String,
        previous: Option<&SessionLogin>,
    ) -> Result<SessionLogin, RevocationError> {
        if let Some(login) = previous.filter(|login| login.subject == subject) {
            return Ok(login.clone());
        }
        let generation = self.generation(&subject).await?.unwrap_or_default();
        Ok(SessionLogin { subject, generation, id: None, expires: None })
    }

    /// Encrypts a session and appends the token to `output`.
    pub(super) fn encrypt(
        &self,
        head: &SessionHead,
        state: &State,
        output: &mut String,
    ) -> Result<(), EncryptError> {
        let mut payload = Plaintext::with_capacity(payload::estimated_len(state));
        payload::write(&mut payload, head, state)?;
        let (size, limit) = (payload.token_len(), self.max_len);
        if size > limit {
            return Err(SessionTooLarge { size, limit }.into());
        }
        if size * 5 >= limit * 4 {
            tracing::warn!(size, limit, "a session is nearly too large for a cookie");
        }
        Ok(payload.encrypt(&self.keys.active(), &self.assertion, output)?)
    }

    /// Returns the Unix time at which a session expires if it is used now.
    pub(super) fn expiry(
        &self,
        head: &SessionHead,
        now: OffsetDateTime,
        idle_timeout: time::Duration,
    ) -> i64 {
        now.saturating_add(idle_timeout).unix_timestamp().min(self.absolute_expiry(head))
    }

    /// Returns the Unix time at which the absolute timeout of a session ends.
    pub(super) fn absolute_expiry(&self, head: &SessionHead) -> i64 {
        head.created.saturating_add(self.absolute_timeout_seconds())
    }

    /// Returns the Unix time at which all sessions that exist now have expired.
    pub(super) fn last_possible_expiry(&self) -> i64 {
        self.now().unix_timestamp().saturating_add(self.absolute_timeout_seconds())
    }

    fn absolute_timeout_seconds(&self) -> i64 {
        i64::try_from(self.absolute_timeout.as_secs()).unwrap_or(i64::MAX)
    }

    /// Checks the timeouts of a session and the revocation store, and logs a rejection.
    pub(super) async fn check(
        &self,
        session: &DecryptedSession,
        now: OffsetDateTime,
    ) -> Result<Validity, RevocationError> {
        if self.has_expired(&session.head, now) {
            tracing::debug!("rejected the cookie of an expired session");
            return Ok(Validity::Expired);
        }
        if self.is_revoked(session).await? {
            tracing::info!("rejected the cookie of a revoked session");
            return Ok(Validity::Revoked);
        }
        Ok(Validity::Valid)
    }

    fn has_expired(&self, head: &SessionHead, now: OffsetDateTime) -> bool {
        // A session from the future is forged with a stolen key. Without this check, it would have
        // no absolute timeout.
        let latest_start = now.saturating_add(RECORD_SLACK).unix_timestamp();
        now.unix_timestamp() >= head.expires.min(self.absolute_expiry(head))
            || head.created > latest_start
    }

    /// Returns whether the session, its login, or the generation of its subject is revoked.
    pub(super) async fn is_revoked(
        &self,
        session: &DecryptedSession,
    ) -> Result<bool, RevocationError> {
        let Some(store) = self.scoped_store() else { return Ok(false) };
        let login = session.login.as_ref();
        let subject = login.map(|login| (&*login.subject, login.generation));
        store
            .is_revoked(&session.head.id, login.and_then(|login| login.id.as_deref()), subject)
            .await
    }

    /// Revokes a session or all sessions of a login. `until` is the Unix time at which the last
    /// cookie expires. Does nothing without a revocation store.
    pub(super) async fn revoke(&self, id: &str, until: i64) -> Result<(), RevocationError> {
        match self.scoped_store() {
            Some(store) => store.revoke(id, until).await,
            None => Ok(()),
        }
    }

    /// Revokes all sessions of a subject, except the session or login in `except`. Returns the new
    /// generation.
    pub(super) async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
    ) -> Result<u64, RevocationError> {
        let store = self.scoped_store().ok_or(RevocationError::NoStore)?;
        store.revoke_subject(subject, except, self.last_possible_expiry()).await
    }

    /// Returns the generation of a subject. Returns `None` without a revocation store.
    pub(super) async fn generation(&self, subject: &str) -> Result<Option<u64>, RevocationError> {
        match self.scoped_store() {
            Some(store) => store.generation(subject).await.map(Some),
            None => Ok(None),
        }
    }

    fn scoped_store(&self) -> Option<NamespacedRevocationStore> {
        let store = self.revocation_store.clone()?;
        Some(NamespacedRevocationStore::new(store, Arc::clone(&self.namespace)))
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens")
            .field("keys", &self.keys)
            .field("application", &self.application)
            .field("absolute_timeout", &self.absolute_timeout)
            .finish_non_exhaustive()
    }
}
