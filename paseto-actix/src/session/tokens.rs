//! Encrypts and decrypts the tokens of sessions, and decides whether a session is alive.

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
use crate::revocation::{
    AnyRevocationStore, ExceptedLogin, RevocationError, ScopedRevocationStore, scope,
};
use crate::token::{Ciphertext, Plaintext, assertion};

/// The purpose of the tokens, which separates them from those of remembered logins under the same
/// key.
const PURPOSE: &str = "session";

/// The key under which actix-identity stores the user, unless its builder changes it.
const IDENTITY_KEY: &str = "actix_identity.user_id";

#[derive(Clone)]
pub(super) struct SessionTokens {
    pub(super) keys: KeyRing,
    pub(super) application: String,
    pub(super) absolute_timeout: Duration,
    pub(super) revocations: Option<Arc<dyn AnyRevocationStore>>,
    /// The key of the user in the state of a session.
    pub(super) subject_key: Cow<'static, str>,
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

/// The change of a state that ties it to its login, before it is encrypted.
pub(super) enum Tie {
    Keep,
    /// Insert the entry of a login of this subject.
    Begin(String),
    /// Remove the entry of a subject who has left.
    Remove,
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
            absolute_timeout: Duration::from_secs(12 * 60 * 60),
            revocations: None,
            subject_key: IDENTITY_KEY.into(),
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
            tracing::info!(
                "rejected a session cookie that is not authentic, or has another format"
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

    /// The login of a session. A session without an entry of it counts as a login of generation 0,
    /// so the first revocation of its subject ends it.
    fn read_login<'s>(&self, get: impl Fn(&str) -> Option<&'s str>) -> Option<SessionLogin> {
        self.revocations.as_ref()?;
        let subject = subject_of(get(&self.subject_key)?)?;
        let known = get(LOGIN).and_then(|value| SessionLogin::read(value, &subject));
        Some(known.unwrap_or(SessionLogin { subject, generation: 0, id: None, expires: None }))
    }

    /// Compares the entry of the login in a state with the subject.
    pub(super) fn tie(&self, state: &State) -> Tie {
        let subject = state.get(&*self.subject_key).and_then(|value| subject_of(value));
        let entry = state.get(LOGIN);
        match (subject.filter(|_| self.revocations.is_some()), entry) {
            (None, None) => Tie::Keep,
            (None, Some(_)) => Tie::Remove,
            (Some(subject), Some(entry)) if SessionLogin::read(entry, &subject).is_some() => {
                Tie::Keep
            }
            (Some(subject), _) => Tie::Begin(subject),
        }
    }

    /// The login of a subject whose session has no entry of it. A session that had the subject before
    /// keeps its login. For another subject, who logged in during this request, it gets the
    /// generation of this moment.
    pub(super) async fn begin_login(
        &self,
        subject: String,
        before: Option<&SessionLogin>,
    ) -> Result<SessionLogin, RevocationError> {
        if let Some(before) = before.filter(|before| before.subject == subject) {
            return Ok(before.clone());
        }
        let generation = self.generation(&subject).await?.unwrap_or_default();
        Ok(SessionLogin { subject, generation, id: None, expires: None })
    }

    /// Appends the token of a session to a text.
    pub(super) fn encrypt(
        &self,
        head: &SessionHead,
        state: &State,
        text: &mut String,
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
        Ok(payload.encrypt(self.keys.active(), &self.assertion, text)?)
    }

    /// The second in which a session expires that is written now.
    pub(super) fn expiry(
        &self,
        head: &SessionHead,
        now: OffsetDateTime,
        idle_timeout: time::Duration,
    ) -> i64 {
        now.saturating_add(idle_timeout).unix_timestamp().min(self.latest_expiry(head))
    }

    /// The second in which a session expires at the latest, by the absolute limit.
    pub(super) fn latest_expiry(&self, head: &SessionHead) -> i64 {
        let limit = i64::try_from(self.absolute_timeout.as_secs()).unwrap_or(i64::MAX);
        head.created.saturating_add(limit)
    }

    /// Decides whether a session is accepted, and logs the reason for a rejection.
    pub(super) async fn check(
        &self,
        session: &DecryptedSession,
        now: OffsetDateTime,
    ) -> Result<Verdict, RevocationError> {
        if self.has_expired(&session.head, now) {
            tracing::debug!("rejected the cookie of an expired session");
            return Ok(Verdict::Expired);
        }
        if self.is_revoked(session).await? {
            tracing::info!("rejected the cookie of a session that has ended");
            return Ok(Verdict::Revoked);
        }
        Ok(Verdict::Valid)
    }

    fn has_expired(&self, head: &SessionHead, now: OffsetDateTime) -> bool {
        now.unix_timestamp() >= head.expires.min(self.latest_expiry(head))
    }

    /// Whether the session, its login, or the subject's generation is revoked.
    pub(super) async fn is_revoked(
        &self,
        session: &DecryptedSession,
    ) -> Result<bool, RevocationError> {
        let Some(store) = self.scoped() else { return Ok(false) };
        let login = session.login.as_ref();
        let subject = login.map(|login| (&*login.subject, login.generation));
        store
            .is_revoked(&session.head.id, login.and_then(|login| login.id.as_deref()), subject)
            .await
    }

    /// Revokes a session, or all sessions of a login, until this second. Without a store there is
    /// nothing to do.
    pub(super) async fn revoke(&self, id: &str, until: i64) -> Result<(), RevocationError> {
        match self.scoped() {
            Some(store) => store.revoke(id, until).await,
            None => Ok(()),
        }
    }

    /// The second in which the last session expires that exists now.
    pub(super) fn last_expiry(&self) -> i64 {
        let limit = i64::try_from(self.absolute_timeout.as_secs()).unwrap_or(i64::MAX);
        self.now().unix_timestamp().saturating_add(limit)
    }

    /// Revokes all sessions of a subject, except those of a session or a login. Returns the new
    /// generation.
    pub(super) async fn revoke_subject(
        &self,
        subject: &str,
        except: Option<ExceptedLogin<'_>>,
    ) -> Result<u64, RevocationError> {
        let store = self.scoped().ok_or(RevocationError::NoStore)?;
        store.revoke_subject(subject, except, self.last_expiry()).await
    }

    /// The generation of a subject, if there is a store.
    pub(super) async fn generation(&self, subject: &str) -> Result<Option<u64>, RevocationError> {
        match self.scoped() {
            Some(store) => store.generation(subject).await.map(Some),
            None => Ok(None),
        }
    }

    fn scoped(&self) -> Option<ScopedRevocationStore> {
        let store = self.revocations.clone()?;
        Some(ScopedRevocationStore::new(store, Arc::clone(&self.scope)))
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
