use std::{fmt, sync::Arc, time::Duration};

use actix_session::{
    SessionMiddleware,
    config::{BrowserSession, CookieContentSecurity, PersistentSession},
};
use actix_web::cookie::{Cookie, Key, SameSite};

use super::{PasetoSessionStore, budget::CookieShape, wire::wrapped};
use crate::{Clock, ConfigError, KeyRing, Revocations, SystemClock, cookie::CookieSettings, limits::check_ttl};

/// Sessions in encrypted cookies, ready made: [`actix_session::SessionMiddleware`] around a [`PasetoSessionStore`], and around both
/// what a cookie needs to be safe.
///
/// - The cookie is `__Host-session`, `Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/`, and ends with the browser.
/// - A session dies 30 minutes after it was last used, and 12 hours after it was made however much it is used. (It is sealed
///   anew once half of the 30 minutes is gone, so it lives 15 minutes longer at least, 30 at most.)
/// - A cookie that is forged, expired or otherwise no session is removed, and the request has an empty session.
/// - A session too large for a cookie is an error that tells so, not a cookie that the browser drops: [`SessionTooLarge`].
/// - Responses have `Vary: Cookie`, except errors that a middleware returns as `Err`, such as the `507` of a session
///   that is too large. A response that sets the cookie has `Cache-Control: no-store`, unless the handler set `no-store` or
///   `private`. So a shared cache never stores a session (RFC 9111, section 7.3).
///
/// There is one session a request: do not put one `PasetoSession` inside of another, scopes beside each other may have their own.
/// As with every session that is kept in its cookie, a request that is under way while another logs out may set the cookie
/// once more. Without a [revocation store](PasetoSessionBuilder::revocations) that one is good, and so is a copy from before
/// `purge` or `renew`, until it expires.
///
/// All of actix-session works under it: `Session`, guards, `renew`, `purge`. `renew` begins a new session with the same
/// state: call it when a user logs in.
///
/// [`SessionTooLarge`]: super::SessionTooLarge
///
/// ```
/// use actix_session::Session;
/// use actix_web::{App, web};
/// use paseto_actix::{LocalKey, PasetoSession};
///
/// async fn counter(session: Session) -> actix_web::Result<String> {
///     let count = session.get::<u32>("count")?.unwrap_or(0) + 1;
///     session.insert("count", count)?;
///     Ok(count.to_string())
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let session = PasetoSession::builder(LocalKey::generate()).build()?;
/// let app = App::new().wrap(session).route("/counter", web::get().to(counter));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PasetoSession(Arc<Settings>);

struct Settings {
    store: PasetoSessionStore,
    cookie: Cookie<'static>,
    cookie_key: Key,
    security: CookieContentSecurity,
    idle_limit: Duration,
    persistent: bool,
    max_token_len: usize,
    opened_cookies: usize,
}

impl PasetoSession {
    /// Starts a middleware that seals with the ring's active key, and opens with all its keys.
    pub fn builder(keys: impl Into<KeyRing>) -> PasetoSessionBuilder {
        PasetoSessionBuilder {
            store: PasetoSessionStore::new(keys),
            cookie: CookieSettings::default(),
            private_key: None,
            idle_limit: Duration::from_secs(30 * 60),
            absolute_limit: Duration::from_secs(12 * 60 * 60),
            persistent: false,
            opened_cookies: 256,
            clock: Arc::new(SystemClock),
        }
    }

    /// actix-session's own middleware with these settings.
    pub(super) fn actix(&self) -> SessionMiddleware<PasetoSessionStore> {
        let Settings { cookie, idle_limit, .. } = &*self.0;
        let ttl = time::Duration::try_from(*idle_limit).unwrap_or(time::Duration::MAX);
        let builder = SessionMiddleware::builder(self.store(), self.0.cookie_key.clone())
            .cookie_name(cookie.name().to_owned())
            .cookie_path(cookie.path().unwrap_or("/").to_owned())
            .cookie_domain(cookie.domain().map(str::to_owned))
            .cookie_same_site(cookie.same_site().unwrap_or(SameSite::Lax))
            .cookie_http_only(cookie.http_only().unwrap_or(true))
            .cookie_secure(cookie.secure().unwrap_or(true))
            .cookie_content_security(self.0.security);
        if self.0.persistent {
            builder.session_lifecycle(PersistentSession::default().session_ttl(ttl)).build()
        } else {
            builder.session_lifecycle(BrowserSession::default().state_ttl(ttl)).build()
        }
    }

    pub(super) fn store(&self) -> PasetoSessionStore {
        self.0.store.clone()
    }

    /// The cookie as it is set, without a value.
    pub(super) fn cookie(&self) -> Cookie<'static> {
        self.0.cookie.clone()
    }

    pub(super) fn cookie_name(&self) -> &str {
        self.0.cookie.name()
    }

    pub(super) fn idle_limit(&self) -> Duration {
        self.0.idle_limit
    }

    /// A key as it is in the cookie.
    pub(super) fn wrap(&self, session_key: &str) -> String {
        wrapped(session_key, self.cookie_name(), &self.0.cookie_key, self.0.security)
    }

    pub(super) fn opened_cookies(&self) -> usize {
        self.0.opened_cookies
    }

    pub(super) fn max_token_len(&self) -> usize {
        self.0.max_token_len
    }
}

impl fmt::Debug for PasetoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSession")
            .field("store", &self.0.store)
            .field("cookie", &self.0.cookie.name())
            .field("idle_limit", &self.0.idle_limit)
            .finish_non_exhaustive()
    }
}

/// A [`PasetoSession`] in the making.
///
/// ```
/// use paseto_actix::{KeyRing, LocalKey, PasetoSession};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let keys = KeyRing::new(LocalKey::generate(), [LocalKey::generate()])?;
/// let session = PasetoSession::builder(keys)
///     .application("shop")
///     .idle_limit(Duration::from_secs(60 * 60))
///     .absolute_limit(Duration::from_secs(7 * 24 * 60 * 60))
///     .persistent(true)
///     .build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[must_use = "a PasetoSession is made by `.build()`"]
pub struct PasetoSessionBuilder {
    store: PasetoSessionStore,
    cookie: CookieSettings,
    private_key: Option<Key>,
    idle_limit: Duration,
    absolute_limit: Duration,
    persistent: bool,
    opened_cookies: usize,
    clock: Arc<dyn Clock>,
}

/// Half of a second is none in a token, so a shorter limit could not slide.
const SHORTEST_IDLE_LIMIT: Duration = Duration::from_secs(2);

impl PasetoSessionBuilder {
    /// The application's name. Under the same keys, sessions of one application are none of another. Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.store = self.store.application(name);
        self
    }

    /// The cookie's name. Default: `__Host-session`, and `session` in development over plain http.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = Some(name.into());
        self
    }

    /// The cookie's path. Default: `/`, which a name that begins with `__Host-` wants.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// The cookie's domain, whose subdomains get it too. Default: none, which a name that begins with `__Host-` wants.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Whether other sites' requests bring the cookie. Default: [`SameSite::Lax`], only when the user follows a link.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Whether scripts of the page are kept from the cookie. Default: yes.
    pub fn cookie_http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = http_only;
        self
    }

    /// Sets the cookie without `Secure`, which browsers want https for. Default: with it.
    ///
    /// For development on a machine of your own: on a network, whoever listens has the session.
    pub fn development_over_plain_http(mut self) -> Self {
        self.cookie.secure = false;
        self
    }

    /// Encrypts the sealed session once more, with a key of actix-session's. Default: no, it is signed under a key that is no
    /// secret, since actix-session has no way to leave the wrapping out and the session is encrypted already.
    ///
    /// A session may be a quarter smaller then. Another key ends all sessions.
    pub fn private_wrapping(mut self, key: Key) -> Self {
        self.private_key = Some(key);
        self
    }

    /// How long a session lives after it was last sealed, at least 2 seconds. Default: 30 minutes.
    ///
    /// A limit that is longer than the absolute limit is an error: raise [`absolute_limit`](Self::absolute_limit) too.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = limit;
        self
    }

    /// How long a session lives however active it is. Default: 12 hours.
    ///
    /// A limit that is shorter than [`idle_limit`](Self::idle_limit) is an error: to go below 30 minutes, lower that too.
    pub fn absolute_limit(mut self, limit: Duration) -> Self {
        self.absolute_limit = limit;
        self
    }

    /// Whether the cookie outlives the browser (`Max-Age` is the idle limit). Default: no.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// How many cookies each worker remembers the contents of, so that one that comes again need not be decrypted again.
    /// Default: 256, which takes a megabyte or so for sessions of half a kilobyte each; 0 for none.
    ///
    /// Whether a session is alive is judged at each request all the same. The application sees another text for the value of the
    /// session's cookie in `req.cookie(..)` then (one of the session's own), the header is as it was sent.
    pub fn opened_cookies(mut self, capacity: usize) -> Self {
        self.opened_cookies = capacity;
        self
    }

    /// Where sessions that were purged or renewed are kept until they would have ended, so that no copy of their cookies is good
    /// any more: it is an empty session, and is removed. Asked at each request that brings a session. Default: nowhere.
    ///
    /// If the store cannot answer, or cannot keep that a session has ended, the request is answered `503`, and the browser keeps
    /// the cookie that it had. At the end of a session the handler has done its work by then.
    pub fn revocations(mut self, store: impl Revocations) -> Self {
        self.store = self.store.revocations(store);
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the middleware.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the cookie's name is invalid, if the name's prefix requires other settings, if the domain is not a host
    /// name, if the path does not begin with `/`, if a duration is too short or too long, or if the idle limit is longer than
    /// the absolute limit.
    pub fn build(self) -> Result<PasetoSession, ConfigError> {
        if self.idle_limit < SHORTEST_IDLE_LIMIT {
            let (setting, given) = ("idle_limit", self.idle_limit);
            return Err(ConfigError::DurationOutOfRange { setting, given, allowed: "2 seconds to 100 years" });
        }
        check_ttl("idle_limit", self.idle_limit)?;
        check_ttl("absolute_limit", self.absolute_limit)?;
        // The cookie's `Max-Age` is the idle limit, and must not promise more than the absolute limit allows.
        if self.idle_limit > self.absolute_limit {
            let problem = format!(
                "the idle limit of {:?} is longer than the absolute limit of {:?}: lower `idle_limit` (30 minutes unless \
                 set), or raise `absolute_limit`",
                self.idle_limit, self.absolute_limit
            );
            return Err(ConfigError::setting("idle_limit", problem));
        }

        let cookie = self.cookie.cookie("session")?;
        let name = cookie.name().to_owned();
        let mut longest = cookie.clone();
        if self.persistent {
            longest.set_max_age(time::Duration::try_from(self.idle_limit).ok());
        }
        let (security, cookie_key) = match self.private_key {
            Some(key) => (CookieContentSecurity::Private, key),
            // Not a secret and not meant to be one: v4.local authenticates what this wraps, and a key that never changes is
            // one that the rotation of keys cannot end sessions by.
            None => (CookieContentSecurity::Signed, Key::from(&[b'p'; 64])),
        };
        let max_token_len = CookieShape::of(&longest, security).max_token_len();
        let store = self.store.absolute_limit(self.absolute_limit).shared_clock(self.clock);
        Ok(PasetoSession(Arc::new(Settings {
            store: store.for_cookie(&name, max_token_len),
            cookie,
            opened_cookies: self.opened_cookies,
            cookie_key,
            security,
            idle_limit: self.idle_limit,
            persistent: self.persistent,
            max_token_len,
        })))
    }
}

impl fmt::Debug for PasetoSessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionBuilder")
            .field("store", &self.store)
            .field("cookie", &self.cookie)
            .field("idle_limit", &self.idle_limit)
            .finish_non_exhaustive()
    }
}
