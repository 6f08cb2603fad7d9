use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_identity::IdentityMiddleware;
use actix_web::{Error, HttpRequest, HttpResponse};

use super::client::ClientFingerprint;
use super::page::{LoginPage, redirect};
use super::user::{CredentialLoader, MAX_USER_CACHE, UserCheck};
use super::{
    CredentialFingerprint, IdentityFactory, Inner, LIFETIMES, RememberMe, ResponseFn,
    SessionProtection,
};
use crate::clock::Clock;
use crate::cookie::CookieConfig;
use crate::cross_origin::CrossOriginPolicy;
use crate::error::ConfigError;
use crate::event::{Event, EventHook};
use crate::keys::KeyRing;
use crate::limits::check_range;
use crate::revocation::{
    AnyRevocationStore, NamespacedRevocationStore, RevocationStore, namespace,
};
use crate::token::implicit_assertion;
use crate::token_family::{AnyTokenFamilyStore, TokenFamilyStore};

/// Builds a [`RememberMe`]. [`credential_loader`](Self::credential_loader) is required.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::remember::{CredentialFingerprint, SessionProtection};
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
/// use paseto_actix::{LocalKey, RememberMe};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let remember = RememberMe::builder(LocalKey::generate())
///     .application("shop")
///     .credential_loader(async |id: String| {
///         (id == "ada").then(|| CredentialFingerprint::new("the hash of her password"))
///     })
///     .lifetime(Duration::from_secs(90 * 24 * 60 * 60))
///     .token_family_store(MemoryTokenFamilyStore::new(100_000))
///     .on_event(|event| println!("audit: {event:?}"))
///     .session_protection(SessionProtection::Basic)
///     .build()?;
/// # let _ = remember;
/// # Ok(())
/// # }
/// ```
#[must_use = "call `.build()` to get a RememberMe"]
pub struct RememberMeBuilder {
    pub(super) keys: KeyRing,
    pub(super) application: String,
    pub(super) cookie: CookieConfig,
    pub(super) secure: bool,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) lifetime: Duration,
    pub(super) credential_loader: Option<CredentialLoader>,
    pub(super) check_user: Option<Duration>,
    pub(super) families: Option<Arc<dyn AnyTokenFamilyStore>>,
    pub(super) revocations: Option<Arc<dyn AnyRevocationStore>>,
    pub(super) events: EventHook,
    pub(super) identity: IdentityFactory,
    pub(super) other_session_middleware: bool,
    pub(super) protection: SessionProtection,
    pub(super) client_fingerprint: ClientFingerprint,
    pub(super) not_logged_in: ResponseFn,
    pub(super) not_fresh: ResponseFn,
    pub(super) clock: Arc<dyn Clock>,
}

impl RememberMeBuilder {
    /// Sets the closure that gets the ID of a user. It returns the fingerprint of the user's
    /// credentials, or `None` if the user does not exist or may not log in. Required, unless
    /// [`try_credential_loader`](Self::try_credential_loader) is set.
    ///
    /// The loader is called by [`RememberMe::start_login`], when a cookie logs a user in, by
    /// [`LoginLayer::logout_others`](super::LoginLayer::logout_others), and per request with
    /// [`check_user`](Self::check_user).
    pub fn credential_loader<F, Fut>(self, load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<CredentialFingerprint>> + 'static,
    {
        self.try_credential_loader(move |id| {
            let loading = load(id);
            async { Ok::<_, Infallible>(loading.await) }
        })
    }

    /// Sets a credential loader that can fail, for example if a database is down. The request then
    /// gets the response of the error, and the browser keeps its cookie.
    pub fn try_credential_loader<F, Fut, E>(mut self, load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<CredentialFingerprint>, E>> + 'static,
        E: Into<Error>,
    {
        self.credential_loader = Some(CredentialLoader::new(load));
        self
    }

    /// Checks the user of each request with the credential loader. Logs the user out if the loader
    /// returns `None` or different credentials. So the sessions of a deleted user are rejected
    /// without a revocation store. Default: only logins call the credential loader.
    ///
    /// `max_age` is the time for which the fingerprint of a user is cached: 0 (no cache) to 60
    /// seconds.
    ///
    /// A handler that changes the user's own password must call
    /// [`LoginLayer::logout_others`](super::LoginLayer::logout_others) or [`RememberMe::login`],
    /// because its session contains the old fingerprint. A session from `Identity::login` contains
    /// no fingerprint, so only the existence of its user is checked.
    pub fn check_user(mut self, max_age: Duration) -> Self {
        self.check_user = Some(max_age);
        self
    }

    /// Sets the closure that builds the middleware of actix-identity, for example with deadlines.
    /// Each worker calls it once. Default: `IdentityMiddleware::default()`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_identity::IdentityMiddleware;
    /// use paseto_actix::{LocalKey, RememberMe};
    ///
    /// let eight_hours = Duration::from_secs(8 * 60 * 60);
    /// let builder = RememberMe::builder(LocalKey::generate()).identity(move || {
    ///     IdentityMiddleware::builder().login_deadline(Some(eight_hours)).build()
    /// });
    /// # let _ = builder;
    /// ```
    pub fn identity(
        mut self,
        build: impl Fn() -> IdentityMiddleware + Send + Sync + 'static,
    ) -> Self {
        self.identity = Box::new(build);
        self
    }

    /// Allows a session middleware other than [`PasetoSession`](crate::PasetoSession), such as
    /// `actix_session::SessionMiddleware`. `RememberMe` cannot revoke its sessions. After the reuse
    /// of a copied cookie, only the remembered login is revoked.
    ///
    /// Default: each request without a `PasetoSession` gets `500`, because its logins would be
    /// lost.
    pub fn other_session_middleware(mut self) -> Self {
        self.other_session_middleware = true;
        self
    }

    /// Sets the application name. It is part of the implicit assertion of the tokens and of the
    /// scope in the stores. An application with the same keys and another name rejects these
    /// tokens. Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// Sets the name and the attributes of the cookie. Default: `__Host-remember_token` with
    /// `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`.
    pub fn cookie(mut self, cookie: CookieConfig) -> Self {
        self.cookie = cookie;
        self
    }

    /// Omits the `Secure` attribute, for development over plain HTTP on your own machine. Browsers
    /// then also send the cookie over plain HTTP, and an attacker on the network can read it.
    /// Default: the cookie has `Secure`.
    pub fn development_over_plain_http(mut self) -> Self {
        self.secure = false;
        self
    }

    /// Accepts unsafe requests with a remember-me cookie from this origin. Call it once per origin.
    /// Default: only the origin of the application is accepted. Other origins get `403`. The rules
    /// are those of [`CrossOriginProtectionBuilder::trusted_origin`].
    ///
    /// [`CrossOriginProtectionBuilder::trusted_origin`]: crate::cross_origin::CrossOriginProtectionBuilder::trusted_origin
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Accepts requests of every origin, with every method. Every site can then act as the user
    /// (CSRF). A later call of [`trusted_origin`](Self::trusted_origin) turns the protection on
    /// again. Default: only trusted origins.
    pub fn dangerously_allow_cross_origin_requests(mut self) -> Self {
        self.cross_origin.allow_all();
        self
    }

    /// Sets the lifetime of a remembered login: 1 second to 365 days. Its use does not extend it.
    /// Default: 30 days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the token family store, so that each token can be used once and copies are detected.
    /// Default: no store, so a token can be used until it expires.
    pub fn token_family_store(mut self, store: impl TokenFamilyStore) -> Self {
        self.families = Some(Arc::new(store));
        self
    }

    /// Sets the revocation store, so that copies of a cookie are invalid after a logout. Each login
    /// with a cookie queries it. Default: no store.
    ///
    /// The record of a logout expires with the login. The record of [`RememberMe::logout_all`]
    /// expires after 365 days, the maximum lifetime of a login.
    ///
    /// If the store fails at a login with a cookie, the response is `503` and the browser keeps its
    /// cookie. If it fails at a logout, the response is `503` too. This browser is then logged out,
    /// but copies of its cookie stay valid.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// Sets a closure that receives these [`Event`]s: `Login`, `Remembered`, `Logout`, `Reused`,
    /// `Revoked` and `Rejected`. Default: no closure.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// Sets the reaction to a session or cookie from another client. Default:
    /// [`SessionProtection::Off`].
    pub fn session_protection(mut self, protection: SessionProtection) -> Self {
        self.protection = protection;
        self
    }

    /// Sets the closure that returns the features of a client for
    /// [`session_protection`](Self::session_protection). Do not use IP addresses, because mobile
    /// clients change them often. Default: the `User-Agent` header.
    pub fn client_fingerprint(
        mut self,
        features: impl Fn(&HttpRequest) -> String + Send + Sync + 'static,
    ) -> Self {
        self.client_fingerprint = ClientFingerprint::new(features);
        self
    }

    /// Sets the response of [`LoggedIn`](super::LoggedIn) and [`FreshLogin`](super::FreshLogin) if
    /// no user is logged in. Default: `401` with a problem document.
    pub fn not_logged_in(
        mut self,
        respond: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.not_logged_in = Box::new(respond);
        self
    }

    /// Sets the response of [`FreshLogin`](super::FreshLogin) if the login is not fresh. Default:
    /// `403` with a problem document.
    pub fn not_fresh(
        mut self,
        respond: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.not_fresh = Box::new(respond);
        self
    }

    /// Redirects browsers (`Accept: text/html`) to this login page with `303`, in place of both
    /// responses. Other clients get `401` and `403`.
    ///
    /// The query parameter `next` is the path of the request, for
    /// [`safe_redirect_path`](super::safe_redirect_path). If the login is not fresh, the query also
    /// contains `again=1`.
    pub fn login_page(self, path: impl Into<String>) -> Self {
        let page = LoginPage::new(path);
        let again = page.clone();
        self.not_logged_in(move |req| redirect(req, &page, false))
            .not_fresh(move |req| redirect(req, &again, true))
    }

    /// Sets the clock, for tests. Default: [`SystemClock`](crate::clock::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the [`RememberMe`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the credential loader is missing, if the [`CookieConfig`] is invalid, if a
    /// trusted origin is not an origin, or if a duration is out of range.
    pub fn build(self) -> Result<RememberMe, ConfigError> {
        let credential_loader = self.credential_loader.ok_or_else(|| {
            ConfigError::setting(
                "credential_loader",
                "the credential loader is missing: call `.credential_loader(..)`",
            )
        })?;
        check_range("lifetime", self.lifetime, LIFETIMES, "1 second to 365 days")?;
        if let Some(max_age) = self.check_user {
            let range = Duration::ZERO..=MAX_USER_CACHE;
            check_range("check_user", max_age, range, "at most 60 seconds")?;
        }
        let cookie = self.cookie.prepare("remember_token", self.secure)?;
        self.keys.adopt(&self.clock, self.lifetime);
        let namespace = namespace("remember", &self.application, cookie.name());
        let revocations = self
            .revocations
            .map(|store| NamespacedRevocationStore::new(store, Arc::clone(&namespace)));
        Ok(RememberMe(Arc::new(Inner {
            assertion: implicit_assertion("remember", &self.application, cookie.name()),
            keys: self.keys,
            cookie,
            cross_origin: self.cross_origin.checked()?,
            lifetime: self.lifetime,
            credential_loader,
            user_check: self.check_user.map(UserCheck::new),
            families: self.families,
            revocations,
            namespace,
            events: self.events,
            identity: self.identity,
            other_session_middleware: self.other_session_middleware,
            protection: self.protection,
            client_fingerprint: self.client_fingerprint,
            not_logged_in: self.not_logged_in,
            not_fresh: self.not_fresh,
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for RememberMeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberMeBuilder")
            .field("keys", &self.keys)
            .field("cookie", &self.cookie)
            .field("secure", &self.secure)
            .field("application", &self.application)
            .field("cross_origin", &self.cross_origin)
            .field("lifetime", &self.lifetime)
            .field("check_user", &self.check_user)
            .field("protection", &self.protection)
            .field("other_session_middleware", &self.other_session_middleware)
            .finish_non_exhaustive()
    }
}
