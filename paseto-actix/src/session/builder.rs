use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::cookie::SameSite;

use super::PasetoSession;
use super::settings::{Predicate, Settings};
use super::tokens::SessionTokens;
use crate::clock::Clock;
use crate::cookie::CookieSettings;
use crate::cross_origin::CrossOriginPolicy;
use crate::durations::{check_ttl, token_ttl};
use crate::error::ConfigError;
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
    pub(super) cookie: CookieSettings,
    pub(super) idle_timeout: Duration,
    pub(super) persistent: bool,
    pub(super) decrypted_cache: usize,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) no_store_if: Option<Predicate>,
}

/// Times are whole seconds, so half of a shorter limit would be zero.
const SHORTEST_IDLE_LIMIT: Duration = Duration::from_secs(2);

impl PasetoSessionBuilder {
    /// The application's name. Sessions of other applications under the same key are rejected.
    /// Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.tokens.application = name.into();
        self
    }

    /// The cookie's name. Default: `__Host-session`, or `session` with
    /// [`development_over_plain_http`](Self::development_over_plain_http).
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = Some(name.into());
        self
    }

    /// The `Path` attribute. Default: `/`, which the prefix `__Host-` requires.
    ///
    /// Change the [name](Self::cookie_name) too when you change the path of a site that is in use.
    /// Otherwise browsers keep the cookie of the old path beside the new one, and send both until
    /// the old one expires. The middleware then uses the first that is valid, which may be the old
    /// one.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// The `Domain` attribute. Browsers send the cookie to all subdomains too. Default: none, which
    /// the prefix `__Host-` requires.
    ///
    /// Change the [name](Self::cookie_name) too when you change the domain of a site that is in
    /// use, for the reason that [`cookie_path`](Self::cookie_path) gives.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// The `SameSite` attribute. Default: [`SameSite::Lax`]: browsers send the cookie with a
    /// request of another site only when the user follows a link.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// The `HttpOnly` attribute, which hides the cookie from scripts of the page. Default: true.
    pub fn cookie_http_only(mut self, http_only: bool) -> Self {
        self.cookie.http_only = http_only;
        self
    }

    /// Omits the `Secure` attribute, for development over plain HTTP on your own machine. Default:
    /// the cookie has `Secure`.
    ///
    /// Without `Secure`, everyone on the network between the browser and the server can read the
    /// cookie.
    pub fn development_over_plain_http(mut self) -> Self {
        self.cookie.secure = false;
        self
    }

    /// The `Partitioned` attribute ([CHIPS]), for a site that other sites embed in a frame. The
    /// browser keeps a separate cookie for each embedding site. It requires `Secure` and
    /// [`SameSite::None`]. Default: false.
    ///
    /// [CHIPS]: https://developer.mozilla.org/en-US/docs/Web/Privacy/Guides/Privacy_sandbox/Partitioned_cookies
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.cookie.partitioned = partitioned;
        self
    }

    /// Accepts unsafe requests of this origin that carry the session's cookie. Call it once for
    /// each origin. Default: only the application's own origin.
    ///
    /// The text must equal the `Origin` header ([RFC 6454, section 6.2]), such as
    /// `https://app.example`: scheme, lower-case host, and the port unless it is the default one.
    ///
    /// Other origins get `403`, which prevents cross-site request forgery (CSRF). All methods
    /// except `GET`, `HEAD` and `OPTIONS` are unsafe ([RFC 9110, section 9.2.1]), and so are
    /// WebSocket handshakes. The middleware checks `Sec-Fetch-Site`, and compares `Origin` with
    /// `Host` if a browser does not send it. To protect requests without a session too, such as
    /// those of a login form, use [`CrossOriginProtection`](crate::CrossOriginProtection).
    ///
    /// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
    /// [RFC 9110, section 9.2.1]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Accepts requests of every origin, on every method: every site can act as the user (CSRF).
    /// Default: only trusted origins.
    ///
    /// A later call of [`trusted_origin`](Self::trusted_origin) turns the protection on again.
    pub fn dangerously_allow_cross_origin_requests(mut self) -> Self {
        self.cross_origin.allow_all();
        self
    }

    /// The time after which an unused session expires, at least 2 seconds. Default: 30 minutes.
    ///
    /// A limit that is longer than the absolute limit is an error: raise
    /// [`absolute_timeout`](Self::absolute_timeout) too.
    ///
    /// A request for a subresource (`Sec-Fetch-Dest: image`, for example) and a prefetch are not a
    /// use.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// The time after which a session expires, however active it is. Default: 12 hours.
    ///
    /// A limit that is shorter than [`idle_timeout`](Self::idle_timeout) is an error: to go below 30
    /// minutes, lower that too.
    pub fn absolute_timeout(mut self, limit: Duration) -> Self {
        self.tokens.absolute_timeout = limit;
        self
    }

    /// Whether the cookie outlives the browser. With `true`, `Max-Age` is the time until the
    /// session expires. Default: false.
    ///
    /// [`SessionCookie::set_persistent`](super::SessionCookie::set_persistent) chooses for one
    /// session.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Adds `Cache-Control: no-store` to the responses of sessions for which the closure returns
    /// `true`. Default: no response.
    ///
    /// A browser that stores the pages of a logged-in user can show them again after the logout,
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
    /// The closure runs after the handler. actix-identity keeps the user under
    /// `actix_identity.user_id`.
    ///
    /// Chromium may show a page from its [back/forward cache] even with `no-store`. A page with
    /// confidential content needs a script too: `addEventListener("pageshow", event =>
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

    /// The number of decrypted sessions in the cache of each worker, which decrypts a cookie once
    /// and not with each request. Default: 256, about 1 MB per worker for sessions of 500 bytes. 0
    /// turns the cache off.
    ///
    /// Each request still checks whether the session has expired or is revoked.
    pub fn decrypted_cache_capacity(mut self, capacity: usize) -> Self {
        self.decrypted_cache = capacity;
        self
    }

    /// A store for the sessions that have ended: by `purge`, by `renew`, or because all sessions of
    /// their user ended ([`PasetoSession::logout_all`], [`LoginLayer`](crate::LoginLayer)). Each request
    /// with a session asks it in one round trip, and copies of the cookies of these sessions are
    /// rejected. Default: none.
    ///
    /// A record of one session lives until the last copy of its cookie has expired: for the idle
    /// limit, at most until the absolute limit. A record of a user or of a remembered login lives for
    /// the absolute limit. Both live five minutes longer, for clocks that differ. A session that was
    /// never sent to a client needs no record. If anonymous visitors can begin and purge sessions,
    /// limit the rate of their requests: a full store answers `503` to logins and logouts.
    ///
    /// If the store fails, the response is `503`, and the browser keeps its cookie. When the store
    /// fails at the end of a session, the handler has already run.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.tokens.revocations = Some(Arc::new(store));
        self
    }

    /// The key of the user in the session, by which [`PasetoSession::logout_all`] finds the sessions of
    /// a user. Default: `actix_identity.user_id`, where actix-identity stores the user.
    ///
    /// A [`LoginLayer`](crate::LoginLayer) requires the key of its actix-identity middleware.
    ///
    /// With a [revocation store](Self::revocation_store), a session with this key gets an entry
    /// `paseto_actix.login` too. It has the user's generation at the login.
    pub fn subject_key(mut self, key: impl Into<String>) -> Self {
        self.tokens.subject_key = key.into().into();
        self
    }

    /// The source of the time. Default: [`SystemClock`](crate::clock::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.tokens.clock = Arc::new(clock);
        self
    }

    /// Builds the middleware.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the cookie's name is invalid, if the prefix of the name requires other
    /// settings, if the domain is not a host name, if the path does not begin with `/`, if
    /// `SameSite::None` or `Partitioned` lacks `Secure`, if `Partitioned` lacks `SameSite::None`,
    /// if a trusted origin is not an origin, if a duration is too short or too long, or if the idle
    /// limit is longer than the absolute limit.
    pub fn build(self) -> Result<PasetoSession, ConfigError> {
        let (idle_timeout, absolute_timeout) = (self.idle_timeout, self.tokens.absolute_timeout);
        let idle_ttl = token_ttl(idle_timeout)
            .filter(|_| idle_timeout >= SHORTEST_IDLE_LIMIT)
            .ok_or(ConfigError::DurationOutOfRange {
                setting: "idle_timeout",
                found: idle_timeout,
                expected: "2 seconds to 100 years",
            })?;
        check_ttl("absolute_timeout", absolute_timeout)?;
        // The absolute limit would always end the session first, so the idle limit would have no
        // effect.
        if idle_timeout > absolute_timeout {
            let problem = format!(
                "the idle limit of {idle_timeout:?} is longer than the absolute limit of {absolute_timeout:?}: lower \
                 `idle_timeout` (30 minutes unless set), or raise `absolute_timeout`"
            );
            return Err(ConfigError::setting("idle_timeout", problem));
        }
        let cross_origin = self.cross_origin.checked()?;
        let cookie = self.cookie.prepare("session")?;
        // A session may ask for a persistent cookie at any time, so there is room for `Max-Age` in
        // each.
        let max_len = cookie.max_value_len(Some(idle_ttl.whole_seconds()));
        let application = self.tokens.application.clone();
        let mut tokens = self.tokens.bound_to(application, cookie.name());
        tokens.max_len = max_len;
        Ok(PasetoSession(Arc::new(Settings {
            tokens,
            cookie,
            cross_origin,
            idle_timeout: idle_ttl,
            persistent: self.persistent,
            decrypted_cache: self.decrypted_cache,
            no_store_if: self.no_store_if,
        })))
    }
}

impl fmt::Debug for PasetoSessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionBuilder")
            .field("tokens", &self.tokens)
            .field("cookie", &self.cookie)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}
