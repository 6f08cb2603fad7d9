use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;

use super::tokens::SessionTokens;
use super::{Inner, PasetoSession, SessionPredicate};
use crate::clock::Clock;
use crate::cookie::CookieConfig;
use crate::cross_origin::CrossOriginPolicy;
use crate::error::ConfigError;
use crate::limits::{MAX_TTL, check_range, check_ttl};
use crate::revocation::RevocationStore;

/// Builds a [`PasetoSession`].
///
/// ```
/// use paseto_actix::{LocalKey, PasetoSession};
/// use paseto_actix::keys::KeyRing;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let keys = KeyRing::new(LocalKey::generate(), [LocalKey::generate()])?;
/// let session = PasetoSession::builder(keys)
///     .application("shop")
///     .idle_timeout(Duration::from_secs(60 * 60))
///     .absolute_timeout(Duration::from_secs(7 * 24 * 60 * 60))
///     .persistent(true)
///     .build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[must_use = "call `.build()` to get a PasetoSession"]
pub struct PasetoSessionBuilder {
    pub(super) tokens: SessionTokens,
    pub(super) cookie: CookieConfig,
    pub(super) secure: bool,
    pub(super) idle_timeout: Duration,
    pub(super) persistent: bool,
    pub(super) decrypted_cache_capacity: usize,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) no_store_if: Option<SessionPredicate>,
}

/// Times have a resolution of one second, so half of a shorter timeout would round to zero.
const MIN_IDLE_TIMEOUT: Duration = Duration::from_secs(2);

impl PasetoSessionBuilder {
    /// Sets the name of the application. Sessions of another application with the same key are
    /// rejected. Default: the empty string.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.tokens.application = name.into();
        self
    }

    /// Sets the name and the attributes of the cookie. Default: `__Host-session`, with `Secure`,
    /// `HttpOnly`, `SameSite=Lax` and `Path=/`.
    pub fn cookie(mut self, cookie: CookieConfig) -> Self {
        self.cookie = cookie;
        self
    }

    /// Omits the `Secure` attribute, for development over plain HTTP on your own machine. Default:
    /// the cookie has `Secure`.
    ///
    /// Browsers send a cookie without `Secure` over plain HTTP too, so an attacker on the network
    /// can read it.
    pub fn development_over_plain_http(mut self) -> Self {
        self.secure = false;
        self
    }

    /// Accepts unsafe requests with a session cookie from this origin. Call it once per origin.
    /// Default: only the origin of the application is accepted. Other origins get `403`. The rules
    /// are those of [`CrossOriginProtectionBuilder::trusted_origin`].
    ///
    /// Requests without a session cookie are not checked. To protect a login form, use
    /// [`CrossOriginProtection`](crate::CrossOriginProtection).
    ///
    /// [`CrossOriginProtectionBuilder::trusted_origin`]: crate::cross_origin::CrossOriginProtectionBuilder::trusted_origin
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Accepts requests with every method from every origin. Then every site can act as the user
    /// (CSRF).
    ///
    /// A later call of [`trusted_origin`](Self::trusted_origin) turns the protection on again.
    pub fn dangerously_allow_cross_origin_requests(mut self) -> Self {
        self.cross_origin.allow_all();
        self
    }

    /// Sets the idle timeout, after which an unused session expires. Minimum: 2 seconds. Default:
    /// 30 minutes.
    ///
    /// Requests for subresources (for example `Sec-Fetch-Dest: image`) and prefetches do not extend
    /// the session.
    ///
    /// The idle timeout must not be longer than the [`absolute_timeout`](Self::absolute_timeout).
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the absolute timeout, after which even an active session expires. Default: 12 hours.
    ///
    /// The absolute timeout must not be shorter than the [`idle_timeout`](Self::idle_timeout). To
    /// set less than 30 minutes, set the idle timeout too.
    pub fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.tokens.absolute_timeout = timeout;
        self
    }

    /// Sets whether the cookie has `Max-Age`, so that it is kept after the browser is closed. Its
    /// value is the number of seconds until the session expires. Default: `false`.
    ///
    /// [`SessionCookie::set_persistent`](super::SessionCookie::set_persistent) overrides this
    /// setting for one session.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Adds `Cache-Control: no-store` to a response if the closure returns `true` for its session.
    /// Default: the header is not added.
    ///
    /// Without `no-store`, a browser can show a stored page of a logged-in user after the logout,
    /// when the next user of the machine presses the Back button.
    ///
    /// ```
    /// use paseto_actix::{LocalKey, PasetoSession};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let session = PasetoSession::builder(LocalKey::generate())
    ///     .no_store_if(|session| session.contains_key("user"))
    ///     .build()?;
    /// # let _ = session;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The closure runs after the handler. actix-identity stores the user under the key
    /// `actix_identity.user_id`.
    ///
    /// Chromium may show a page from its [back/forward cache] even with `no-store`. A page with
    /// confidential content also needs the script `addEventListener("pageshow", event =>
    /// event.persisted && location.reload())`.
    ///
    /// [back/forward cache]: https://web.dev/articles/bfcache
    pub fn no_store_if(
        mut self,
        is_confidential: impl Fn(&Session) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.no_store_if = Some(Arc::new(is_confidential));
        self
    }

    /// Sets the maximum number of decrypted sessions that each worker caches. 0 turns the cache
    /// off. Default: 256, which is about 1 MB per worker for sessions of 500 bytes.
    ///
    /// Each request still checks whether the session has expired or is revoked.
    pub fn decrypted_cache_capacity(mut self, capacity: usize) -> Self {
        self.decrypted_cache_capacity = capacity;
        self
    }

    /// Sets the store that records revoked sessions: after `purge`, after `renew`, and after the
    /// revocation of all sessions of a user ([`PasetoSession::logout_all`],
    /// [`LoginLayer`](crate::LoginLayer)). Each request with a session queries the store in one
    /// round trip, and copies of the cookies of revoked sessions are rejected. Default: no store.
    ///
    /// The record of a session is kept for the idle timeout, but at most until the absolute
    /// timeout. The record of a user or of a remembered login is kept for the absolute timeout.
    /// Each record is kept for another 5 minutes and 5 seconds, because clocks differ.
    /// A session that was never sent to a client needs no record.
    ///
    /// If anonymous visitors can start and purge sessions, limit the rate of their requests. If the
    /// store is full, logins and logouts are rejected with `503`.
    ///
    /// If the store fails, the response is `503`, and the browser keeps its cookie. If the store
    /// fails when a session is revoked, the handler has already run.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.tokens.revocation_store = Some(Arc::new(store));
        self
    }

    /// Sets the key of the user in the session. [`PasetoSession::logout_all`] finds the sessions of
    /// a user by it. Default: `actix_identity.user_id`, the key of actix-identity.
    ///
    /// A [`LoginLayer`](crate::LoginLayer) requires the key of its actix-identity middleware.
    ///
    /// With a [revocation store](Self::revocation_store), a session with this key also gets the
    /// entry `paseto_actix.login`. The entry contains the user and the generation of the user at
    /// the login.
    pub fn subject_key(mut self, key: impl Into<String>) -> Self {
        self.tokens.subject_key = key.into().into();
        self
    }

    /// Sets the clock, for tests. Default: [`SystemClock`](crate::clock::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.tokens.clock = Arc::new(clock);
        self
    }

    /// Builds the [`PasetoSession`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidSetting`] if
    ///
    /// - the name of the cookie is invalid, or its prefix requires other attributes;
    /// - the domain is not a host name, or the path does not begin with `/`;
    /// - `SameSite=None` is set without `Secure`;
    /// - `Partitioned` is set without `Secure` and `SameSite=None`;
    /// - a trusted origin is malformed;
    /// - the idle timeout is longer than the absolute timeout.
    ///
    /// [`ConfigError::DurationOutOfRange`] if a timeout is too short or longer than 100 years.
    pub fn build(self) -> Result<PasetoSession, ConfigError> {
        let (idle_timeout, absolute_timeout) = (self.idle_timeout, self.tokens.absolute_timeout);
        let idle_ttl = check_range(
            "idle_timeout",
            idle_timeout,
            MIN_IDLE_TIMEOUT..=MAX_TTL,
            "2 seconds to 100 years",
        )?;
        check_ttl("absolute_timeout", absolute_timeout)?;
        // A longer idle timeout would have no effect.
        if idle_timeout > absolute_timeout {
            let problem = format!(
                "the idle timeout of {idle_timeout:?} is longer than the absolute timeout of {absolute_timeout:?}: lower \
                 `idle_timeout` (default: 30 minutes), or raise `absolute_timeout`"
            );
            return Err(ConfigError::setting("idle_timeout", problem));
        }
        let cross_origin = self.cross_origin.checked()?;
        let cookie = self.cookie.prepare("session", self.secure)?;
        // A handler can make each session persistent, so the limit always reserves room for
        // `Max-Age`.
        let max_len = cookie.max_value_len(Some(idle_ttl.whole_seconds()));
        let application = self.tokens.application.clone();
        let mut tokens = self.tokens.bound_to(application, cookie.name());
        tokens.max_len = max_len;
        tokens.keys.adopt(&tokens.clock, absolute_timeout);
        Ok(PasetoSession(Arc::new(Inner {
            tokens,
            cookie,
            cross_origin,
            idle_timeout: idle_ttl,
            persistent: self.persistent,
            decrypted_cache_capacity: self.decrypted_cache_capacity,
            no_store_if: self.no_store_if,
        })))
    }
}

impl fmt::Debug for PasetoSessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionBuilder")
            .field("tokens", &self.tokens)
            .field("cookie", &self.cookie)
            .field("secure", &self.secure)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}
