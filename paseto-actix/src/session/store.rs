use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use anyhow::anyhow;
use serde::de::IgnoredAny;

use super::login::{LOGIN, SessionLogin};
use super::payload;
use super::payload::{SessionHead, State};
use super::tokens::{EncryptError, LoginChange, SessionTokens, Validity};
use crate::clock::Clock;
use crate::cookie::MAX_COOKIE_LEN;
use crate::keys::KeyRing;
use crate::revocation::{RevocationError, RevocationStore};

/// The maximum length of a token. The store does not know its cookie, so 256 bytes are reserved for
/// the name and the attributes. With `CookieContentSecurity::Private`, actix-session encrypts the
/// token again, which makes it longer than a signature does.
const MAX_TOKEN_LEN: usize = max_len_in_private_cookie(MAX_COOKIE_LEN - 256);

const fn max_len_in_private_cookie(max_value_len: usize) -> usize {
    let mut token_len = max_value_len;
    while private_len(token_len) > max_value_len {
        token_len -= 1;
    }
    token_len
}

/// Returns the length of a token in a private cookie of actix-session, which is the base64 of a
/// 12-byte nonce, the token and a 16-byte tag.
///
/// Percent-encoding replaces each `/` by 3 characters. On average, 1 of 64 characters is a `/`. The
/// result has room for 10 standard deviations more.
const fn private_len(token_len: usize) -> usize {
    let characters = (12 + token_len + 16).div_ceil(3) * 4;
    let slashes = characters / 64 + 10 * (characters / 64).isqrt() + 2;
    characters + 2 * slashes
}

/// Session store for the middleware of actix-session. It stores each session in its cookie as an
/// encrypted `v4.local` token.
///
/// [`PasetoSession`](super::PasetoSession) is a complete middleware. It also extends the idle
/// timeout of an unchanged session, removes invalid cookies, rejects requests of other origins, and
/// responds with `507` if a session is too large. Use this store if you need a setting that only
/// [`actix_session::SessionMiddleware`] has. Its `state_ttl` is the idle timeout.
///
/// The store does not know the name of its cookie. If several middlewares use one key, give each
/// store its own [`application`](Self::application) name.
///
/// Without a [revocation store](Self::revocation_store), a copy of a cookie from before `purge` or
/// `renew` is accepted until it expires.
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
    /// Returns a store. The active key of the ring encrypts sessions, and all keys of the ring
    /// decrypt them.
    pub fn new(keys: impl Into<KeyRing>) -> Self {
        let tokens = SessionTokens::new(keys.into(), MAX_TOKEN_LEN);
        tokens.keys.keep_for(tokens.absolute_timeout);
        Self(tokens)
    }

    /// Sets the name of the application. Sessions of another application with the same key are
    /// rejected. Default: the empty string.
    #[must_use]
    pub fn application(self, name: impl Into<String>) -> Self {
        Self(self.0.bound_to(name.into(), ""))
    }

    /// Sets the absolute timeout, after which even an active session expires. Default: 12 hours.
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.0.absolute_timeout = timeout;
        self.0.keys.keep_for(timeout);
        self
    }

    /// Sets the store that records revoked sessions: after `purge`, after `renew`, and after
    /// [`logout_all`](Self::logout_all). Each request with a session queries the store, and copies
    /// of the cookies of revoked sessions are rejected. Default: no store.
    ///
    /// A record is kept until the absolute timeout of the session and another 5 minutes and 5
    /// seconds, because actix-session does not pass its `state_ttl` when a session is revoked.
    /// ([`PasetoSession`](super::PasetoSession) keeps the record of a session for the idle
    /// timeout.)
    ///
    /// If the store fails, the middleware of actix-session responds with `500`, and the client
    /// keeps its cookie.
    #[must_use]
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.0.revocation_store = Some(Arc::new(store));
        self
    }

    /// Sets the key of the user in the session. [`logout_all`](Self::logout_all) finds the sessions
    /// of a user by it. Default: `actix_identity.user_id`, the key of actix-identity.
    #[must_use]
    pub fn subject_key(mut self, key: impl Into<String>) -> Self {
        self.0.subject_key = key.into().into();
        self
    }

    /// Revokes all sessions of a user, for example after a password change or when the account is
    /// closed. It takes effect with the next request of each session.
    ///
    /// # Errors
    ///
    /// [`RevocationError::NoStore`] if no [revocation store](Self::revocation_store) is set.
    /// Another error if the store fails. The sessions then stay valid.
    pub async fn logout_all(&self, subject: &str) -> Result<(), RevocationError> {
        self.0.revoke_subject(subject, None).await?;
        Ok(())
    }

    /// Sets the clock, for tests. Default: [`SystemClock`](crate::clock::SystemClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self.0.keys.adopt_clock(&self.0.clock);
        self
    }

    /// Encrypts a session. `previous_login` is its login before the request.
    async fn encrypt(
        &self,
        mut head: SessionHead,
        previous_login: Option<&SessionLogin>,
        mut state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, WriteError> {
        // `SessionStore` accepts any string as a value. A value that is not JSON would make the
        // session unreadable.
        for value in state.values() {
            serde_json::from_str::<IgnoredAny>(value)
                .map_err(|error| WriteError::Serialization(error.into()))?;
        }
        match self.0.login_change(&state) {
            LoginChange::Keep => (),
            LoginChange::Insert(subject) => {
                let login = self
                    .0
                    .create_login(subject, previous_login)
                    .await
                    .map_err(|error| WriteError::Other(error.into()))?;
                let login = serde_json::to_string(&login)
                    .map_err(|error| WriteError::Serialization(error.into()))?;
                state.insert(LOGIN.to_owned(), login);
            }
            LoginChange::Remove => {
                state.remove(LOGIN);
            }
        }
        head.expires = self.0.expiry(&head, self.0.now(), *ttl);
        let mut token = String::with_capacity(payload::estimated_token_len(&state));
        self.0.encrypt(&head, &state, &mut token).map_err(|error| match error {
            EncryptError::Json(error) => WriteError::Serialization(error.into()),
            // The public type, so that an application can read the size and the limit.
            EncryptError::TooLarge(error) => WriteError::Other(error.into()),
            other => WriteError::Other(other.into()),
        })?;
        token.try_into().map_err(|_| {
            WriteError::Other(anyhow!("the session token is too long for actix-session"))
        })
    }

    fn new_head(&self) -> Result<SessionHead, WriteError> {
        SessionHead::new(self.0.now(), None).map_err(|error| WriteError::Other(error.into()))
    }
}

/// The common variants of [`SaveError`] and [`UpdateError`].
enum WriteError {
    Serialization(anyhow::Error),
    Other(anyhow::Error),
}

impl From<WriteError> for SaveError {
    fn from(failure: WriteError) -> Self {
        match failure {
            WriteError::Serialization(error) => Self::Serialization(error),
            WriteError::Other(error) => Self::Other(error),
        }
    }
}

impl From<WriteError> for UpdateError {
    fn from(failure: WriteError) -> Self {
        match failure {
            WriteError::Serialization(error) => Self::Serialization(error),
            WriteError::Other(error) => Self::Other(error),
        }
    }
}

impl SessionStore for PasetoSessionStore {
    /// Returns `None` for every invalid token. An error would make actix-session respond with `500`
    /// or keep the invalid cookie.
    async fn load(&self, session_key: &SessionKey) -> Result<Option<State>, LoadError> {
        let Some(mut session) = self.0.decrypt(session_key.as_ref().as_bytes()) else {
            return Ok(None);
        };
        let validity = self.0.check(&session, self.0.now()).await;
        if validity.map_err(|error| LoadError::Other(error.into()))? != Validity::Valid {
            return Ok(None);
        }
        Ok(Some(session.values.take()))
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        Ok(self.encrypt(self.new_head()?, None, state, ttl).await?)
    }

    /// Encrypts the new content. The session keeps its ID and its time of creation, so the absolute
    /// timeout does not start again.
    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let session = self.0.decrypt(key.as_ref().as_bytes());
        let (head, login) = match &session {
            Some(session) => (session.head.clone(), session.login.as_ref()),
            None => (self.new_head()?, None),
        };
        Ok(self.encrypt(head, login, state, ttl).await?)
    }

    /// Does nothing. The expiry is part of the token, and this method cannot return a new token.
    async fn update_ttl(&self, _: &SessionKey, _: &time::Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    /// Revokes the session until its absolute timeout. Does nothing without a revocation store.
    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let Some(session) = self.0.decrypt(key.as_ref().as_bytes()) else { return Ok(()) };
        Ok(self.0.revoke(&session.head.id, self.0.absolute_expiry(&session.head)).await?)
    }
}

impl fmt::Debug for PasetoSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasetoSessionStore").field(&self.0).finish()
    }
}
