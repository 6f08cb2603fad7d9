use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use anyhow::anyhow;
use time::OffsetDateTime;

use super::{
    budget::{CookieShape, STORE_ALONE},
    envelope::{self, Life, State},
    facts,
    opened::Opened,
};
use crate::{
    Clock, KeyRing, RevocationError, Revocations, SystemClock,
    revocation::{AnyRevocations, ScopedRevocations},
    token::{Sealed, assertion, seal, sealed_len},
};

/// Keeps sessions in their cookies, each sealed as a `v4.local` token: an [`actix_session::storage::SessionStore`].
///
/// It works in actix-session's own middleware as it is. [`PasetoSession`](super::PasetoSession) is the ready-made one around it,
/// which knows what a store cannot: it slides the idle limit, removes bad cookies, and tells when a session is too large.
///
/// Under one key, let each middleware have its own [`application`](Self::application) name: the store does not know the cookie's.
///
/// Without a [revocation store](Self::revocations) there is nothing on the server, hence nothing to delete there: a cookie that
/// was copied before `purge()` or `renew()` is good until it expires.
///
/// ```
/// use actix_session::SessionMiddleware;
/// use actix_web::{App, cookie::Key};
/// use paseto_actix::{LocalKey, PasetoSessionStore};
///
/// let store = PasetoSessionStore::new(LocalKey::generate()).application("shop");
/// let app = App::new().wrap(SessionMiddleware::new(store, Key::generate()));
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct PasetoSessionStore {
    keys: KeyRing,
    application: String,
    cookie: String,
    assertion: Vec<u8>,
    absolute_limit: Duration,
    max_token_len: usize,
    revocations: Option<AnyRevocations>,
    clock: Arc<dyn Clock>,
}

impl PasetoSessionStore {
    /// A store that seals with the ring's active key, and opens with all its keys.
    pub fn new(keys: impl Into<KeyRing>) -> Self {
        Self {
            keys: keys.into(),
            application: String::new(),
            cookie: String::new(),
            assertion: assertion("session", "", ""),
            absolute_limit: Duration::from_secs(12 * 60 * 60),
            max_token_len: CookieShape::max_token_len(&STORE_ALONE),
            revocations: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The application's name. Under the same keys, sessions of one application are none of another. Default: empty.
    #[must_use]
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self.assertion = assertion("session", &self.application, &self.cookie);
        self
    }

    /// How long a session lives however active it is. Default: 12 hours.
    #[must_use]
    pub fn absolute_limit(mut self, limit: Duration) -> Self {
        self.absolute_limit = limit;
        self
    }

    /// Where sessions that were purged or renewed are kept until they would have ended, so that no copy of their cookies is good
    /// any more. It is asked at each request that brings a session. Default: nowhere.
    ///
    /// If it cannot answer, or cannot keep that a session has ended, actix-session's middleware answers `500`, and the cookie
    /// stays as it is. (Under [`PasetoSession`](super::PasetoSession) it is `503`.) What a renewed session holds has to fit into
    /// a cookie: the one before it has ended by then.
    #[must_use]
    pub fn revocations(mut self, store: impl Revocations) -> Self {
        self.revocations = Some(AnyRevocations::new(store));
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(super) fn for_cookie(mut self, name: &str, max_token_len: usize) -> Self {
        self.cookie = name.to_owned();
        self.assertion = assertion("session", &self.application, &self.cookie);
        self.max_token_len = max_token_len;
        self
    }

    pub(super) fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn open(&self, token: &str) -> Option<Opened> {
        let (payload, retired_key) = Sealed::parse(token)?.open(&self.keys, &self.assertion)?;
        let (life, state) = envelope::read(&payload)?;
        Some(Opened::new(token, life, state, retired_key))
    }

    fn seal(&self, mut life: Life, state: State, ttl: &time::Duration) -> Result<SessionKey, Failure> {
        let now = self.clock.now();
        life.expires = now.saturating_add(*ttl).unix_timestamp().min(self.ceiling(&life));
        let payload = envelope::write(&life, &state).map_err(|error| Failure::Serialization(error.into()))?;
        let length = sealed_len(payload.len());
        if length > self.max_token_len {
            facts::note(|facts| facts.too_large = Some(length));
            let limit = self.max_token_len;
            return Err(Failure::Other(anyhow!("a session of {length} bytes when sealed, the limit is {limit}")));
        }
        let token = seal(self.keys.active(), &payload, &self.assertion);
        let token = token.ok_or_else(|| Failure::Other(anyhow!("the system has no random bytes")))?;
        facts::note(|facts| {
            facts.sealed = Some(Rc::new(Opened::new(&token, life, state, false)));
        });
        token.try_into().map_err(|_| Failure::Other(anyhow!("actix-session takes no key of that length")))
    }

    /// The last moment of a session.
    fn ceiling(&self, life: &Life) -> i64 {
        let limit = i64::try_from(self.absolute_limit.as_secs()).unwrap_or(i64::MAX);
        life.created.saturating_add(limit)
    }

    /// The store that is asked, if there is one.
    fn ended(&self) -> Option<ScopedRevocations> {
        let store = self.revocations.clone()?;
        Some(ScopedRevocations::new(store, "session", &self.application, &self.cookie))
    }

    /// Whose session is under a key: what the request's cookie holds need not be opened twice.
    fn life(&self, key: &SessionKey) -> Option<Life> {
        let is_loaded =
            |loaded: &Rc<Opened>| key.as_ref() == loaded.token.as_str() || key.as_ref() == loaded.stand_in();
        let known = facts::loaded().filter(is_loaded).map(|loaded| loaded.life.clone());
        known.or_else(|| self.open(key.as_ref()).map(|opened| opened.life.clone()))
    }

    /// The length of a session that is too long to be sealed, where renewing would end the one before it first.
    pub(super) fn cannot_renew_to(&self, state: &State) -> Option<usize> {
        self.revocations.as_ref()?;
        let length = sealed_len(envelope::len(state).ok()?);
        (length > self.max_token_len).then_some(length)
    }

    fn begin(&self) -> Result<Life, Failure> {
        Life::begin(self.clock.now()).ok_or_else(|| Failure::Other(anyhow!("the system has no random bytes")))
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Whether sealing a session anew would let it live longer.
    pub(super) fn can_slide(&self, life: &Life) -> bool {
        life.expires < self.ceiling(life)
    }
}

/// What [`SaveError`] and [`UpdateError`] have in common.
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
    /// Whatever is wrong with a token, it is no session: an error would answer 500, or keep the bad cookie.
    async fn load(&self, session_key: &SessionKey) -> Result<Option<State>, LoadError> {
        let known = facts::known().filter(|known| known.stand_in() == session_key.as_ref());
        let Some(opened) = known.or_else(|| self.open(session_key.as_ref()).map(Rc::new)) else {
            tracing::info!("a session cookie that none of the keys opens");
            return Ok(None);
        };
        if self.clock.now().unix_timestamp() >= opened.life.expires.min(self.ceiling(&opened.life)) {
            tracing::debug!("a session that has expired");
            return Ok(None);
        }
        if let Some(ended) = self.ended() {
            let is_revoked = ended.is_revoked(&opened.life.id).await;
            if is_revoked.map_err(|error| LoadError::Other(unavailable(error)))? {
                tracing::info!("a session cookie from before its session was purged or renewed");
                return Ok(None);
            }
        }
        let state = opened.state.clone();
        facts::note(|facts| facts.loaded = Some(opened));
        Ok(Some(state))
    }

    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        Ok(self.seal(self.begin()?, state, ttl)?)
    }

    /// Keeps the session's id and its time of creation, and with it the absolute limit.
    async fn update(&self, key: SessionKey, state: State, ttl: &time::Duration) -> Result<SessionKey, UpdateError> {
        let life = match self.life(&key) {
            Some(life) => life,
            None => self.begin()?,
        };
        Ok(self.seal(life, state, ttl)?)
    }

    /// Nothing to do: the time is in the token, and there is no way to hand out another one here.
    async fn update_ttl(&self, _: &SessionKey, _: &time::Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    /// Without a revocation store there is nothing to delete. The session is revoked until its absolute end: a request that is
    /// under way may still seal it anew.
    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let Some(ended) = self.ended() else { return Ok(()) };
        let Some(life) = self.life(key) else { return Ok(()) };
        ended.revoke(&life.id, self.ceiling(&life)).await.map_err(unavailable)
    }
}

/// Tells the middleware around it, which answers for a store that does not.
fn unavailable(error: RevocationError) -> anyhow::Error {
    tracing::error!(%error, "the store of sessions that have ended does not do its part");
    facts::note(|facts| facts.unavailable = true);
    anyhow!(error)
}

impl fmt::Debug for PasetoSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionStore")
            .field("keys", &self.keys)
            .field("application", &self.application)
            .field("absolute_limit", &self.absolute_limit)
            .finish_non_exhaustive()
    }
}
