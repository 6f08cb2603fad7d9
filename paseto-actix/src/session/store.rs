use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use anyhow::anyhow;
use serde::de::IgnoredAny;

use super::budget::MAX_STORE_TOKEN_LEN;
use super::login::{LOGIN, SessionLogin};
use super::payload;
use super::payload::{SessionHead, State};
use super::tokens::{EncryptError, SessionTokens, Tie, Verdict};
use crate::clock::Clock;
use crate::keys::KeyRing;
use crate::revocation::{RevocationError, RevocationStore};

/// Keeps each session in its cookie, as an encrypted `v4.local` token: an
/// [`actix_session::storage::SessionStore`] for actix-session's own middleware.
///
/// [`PasetoSession`](super::PasetoSession) is the complete middleware. It slides the idle limit,
/// removes invalid cookies, and answers `507` for a session that is too large. The store alone
/// cannot do that.
///
/// Give each middleware its own [`application`](Self::application) name if several use one key,
/// because the store does not know the name of its cookie.
///
/// Without a [revocation store](Self::revocation_store) the server keeps nothing, so it can end nothing:
/// a copy of a cookie from before `purge()` or `renew()` is accepted until it expires.
///
/// ```
/// use actix_session::SessionMiddleware;
/// use actix_web::App;
/// use actix_web::cookie::Key;
/// use paseto_actix::{LocalKey, PasetoSessionStore};
///
/// let store = PasetoSessionStore::new(LocalKey::generate()).application("shop");
/// let app = App::new().wrap(SessionMiddleware::new(store, Key::generate()));
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct PasetoSessionStore(SessionTokens);

impl PasetoSessionStore {
    /// A store that encrypts with the active key of the ring, and decrypts with all its keys.
    pub fn new(keys: impl Into<KeyRing>) -> Self {
        Self(SessionTokens::new(keys.into(), MAX_STORE_TOKEN_LEN))
    }

    /// The application's name. Sessions of other applications under the same key are rejected.
    /// Default: empty.
    #[must_use]
    pub fn application(self, name: impl Into<String>) -> Self {
        Self(self.0.bound_to(name.into(), ""))
    }

    /// The time after which a session expires, however active it is. Default: 12 hours.
    #[must_use]
    pub fn absolute_timeout(mut self, limit: Duration) -> Self {
        self.0.absolute_timeout = limit;
        self
    }

    /// A store for the sessions that have ended: by `purge`, by `renew`, or because all sessions of
    /// their user ended ([`logout_all`](Self::logout_all)). Each request with a session asks it, and copies
    /// of the cookies of these sessions are rejected. Default: none.
    ///
    /// A record lives until the session's absolute limit, because actix-session does not tell a
    /// store its `state_ttl` when a session ends. ([`PasetoSession`](super::PasetoSession) removes
    /// records after the idle limit.)
    ///
    /// If the store fails, actix-session's middleware answers `500`, and the cookie stays as it is.
    #[must_use]
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.0.revocations = Some(Arc::new(store));
        self
    }

    /// The key of the user in the session, by which [`logout_all`](Self::logout_all) finds the sessions of
    /// a user. Default: `actix_identity.user_id`, where actix-identity stores the user.
    #[must_use]
    pub fn subject_key(mut self, key: impl Into<String>) -> Self {
        self.0.subject_key = key.into().into();
        self
    }

    /// Ends all sessions of a user, from the next request on: after a password change, or when the
    /// account closes.
    ///
    /// # Errors
    ///
    /// [`RevocationError::NoStore`] without a [revocation store](Self::revocation_store); another error if
    /// the store fails. Sessions go on then.
    pub async fn logout_all(&self, subject: &str) -> Result<(), RevocationError> {
        self.0.revoke_subject(subject, None).await?;
        Ok(())
    }

    /// The source of the time. Default: [`SystemClock`](crate::clock::SystemClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    async fn encrypt(
        &self,
        mut head: SessionHead,
        before: Option<&SessionLogin>,
        mut state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, Failure> {
        // `SessionStore` takes any text as a value, and one that is not JSON would make the session
        // unreadable.
        for value in state.values() {
            serde_json::from_str::<IgnoredAny>(value)
                .map_err(|error| Failure::Serialization(error.into()))?;
        }
        match self.0.tie(&state) {
            Tie::Keep => (),
            Tie::Begin(subject) => {
                let login = self
                    .0
                    .begin_login(subject, before)
                    .await
                    .map_err(|error| Failure::Other(error.into()))?;
                let login = serde_json::to_string(&login)
                    .map_err(|error| Failure::Serialization(error.into()))?;
                state.insert(LOGIN.to_owned(), login);
            }
            Tie::Remove => {
                state.remove(LOGIN);
            }
        }
        head.expires = self.0.expiry(&head, self.0.now(), *ttl);
        let mut token = String::with_capacity(payload::estimated_token_len(&state));
        self.0.encrypt(&head, &state, &mut token).map_err(|error| match error {
            EncryptError::Json(error) => Failure::Serialization(error.into()),
            other => Failure::Other(other.into()),
        })?;
        token
            .try_into()
            .map_err(|_| Failure::Other(anyhow!("the token is longer than actix-session's limit")))
    }

    fn begin(&self) -> Result<SessionHead, Failure> {
        SessionHead::begin(self.0.now(), None).map_err(|error| Failure::Other(error.into()))
    }
}

/// The variants that [`SaveError`] and [`UpdateError`] have in common.
enum Failure {
    Serialization(anyhow::Error),
    Other(anyhow::Error),
}

impl From<Failure> for SaveError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Serialization(error) => Self::Serialization(error),
            Failure::Other(error) => Self::Other(error),
        }
    }
}

impl From<Failure> for UpdateError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Serialization(error) => Self::Serialization(error),
            Failure::Other(error) => Self::Other(error),
        }
    }
}

impl SessionStore for PasetoSessionStore {
    /// Returns `None` for every invalid token. For an error, actix-session would answer `500`, or
    /// keep the invalid cookie.
    async fn load(&self, session_key: &SessionKey) -> Result<Option<State>, LoadError> {
        let Some(mut session) = self.0.decrypt(session_key.as_ref().as_bytes()) else {
            return Ok(None);
        };
        let verdict = self.0.check(&session, self.0.now()).await;
        if verdict.map_err(|error| LoadError::Other(error.into()))? != Verdict::Valid {
            return Ok(None);
        }
        Ok(Some(session.values.take()))
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        Ok(self.encrypt(self.begin()?, None, state, ttl).await?)
    }

    /// Keeps the session's id and its time of creation, and with it the absolute limit.
    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let session = self.0.decrypt(key.as_ref().as_bytes());
        let (head, login) = match &session {
            Some(session) => (session.head.clone(), session.login.as_ref()),
            None => (self.begin()?, None),
        };
        Ok(self.encrypt(head, login, state, ttl).await?)
    }

    /// Does nothing: the time is in the token, and actix-session takes no new token here.
    async fn update_ttl(&self, _: &SessionKey, _: &time::Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    /// Revokes the session until its absolute limit. Without a revocation store there is nothing to
    /// delete.
    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let Some(session) = self.0.decrypt(key.as_ref().as_bytes()) else { return Ok(()) };
        Ok(self.0.revoke(&session.head.id, self.0.latest_expiry(&session.head)).await?)
    }
}

impl fmt::Debug for PasetoSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasetoSessionStore").field(&self.0).finish()
    }
}
