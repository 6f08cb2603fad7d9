mod cookie;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_identity::IdentityMiddleware;
use actix_web::{Error, HttpRequest, HttpResponse};

use super::client::Fingerprint;
use super::page::{LoginPage, redirect};
use super::settings::{IdentityFactory, ResponseFn, Settings};
use super::user::{UserCheck, UserLoader};
use super::{CredentialFingerprint, RememberMe, SessionProtection};
use crate::clock::Clock;
use crate::cookie::CookieSettings;
use crate::cross_origin::CrossOriginPolicy;
use crate::error::ConfigError;
use crate::event::{Event, EventHook};
use crate::keys::KeyRing;
use crate::revocation::{AnyRevocationStore, RevocationStore, ScopedRevocationStore, scope};
use crate::token::assertion;
use crate::token_family::{AnyTokenFamilyStore, TokenFamilyStore};

/// Builds a [`RememberMe`].
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::{LocalKey, RememberMe};
/// use paseto_actix::remember::{CredentialFingerprint, SessionProtection};
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let remember = RememberMe::builder(LocalKey::generate())
///     .application("shop")
///     .user_loader(async |id: String| (id == "ada").then(|| CredentialFingerprint::new("the hash of her password")))
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
    pub(super) cookie: CookieSettings,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) lifetime: Duration,
    pub(super) user_loader: Option<UserLoader>,
    pub(super) check_user: Option<Duration>,
    pub(super) family: Option<Arc<dyn AnyTokenFamilyStore>>,
    pub(super) revocations: Option<Arc<dyn AnyRevocationStore>>,
    pub(super) events: EventHook,
    pub(super) identity: IdentityFactory,
    pub(super) other_session_middleware: bool,
    pub(super) protection: SessionProtection,
    pub(super) fingerprint: Fingerprint,
    pub(super) not_logged_in: ResponseFn,
    pub(super) not_fresh: ResponseFn,
    pub(super) clock: Arc<dyn Clock>,
}

/// After a year, the user enters the password again.
pub(super) const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A user who was deleted stays logged in for no longer than this.
const LONGEST_USER_CACHE: Duration = Duration::from_secs(60);

pub(super) fn is_lifetime(lifetime: Duration) -> bool {
    (Duration::from_secs(1)..=LONGEST_LIFETIME).contains(&lifetime)
}

impl RememberMeBuilder {
    /// A closure that loads a user: the stamp of the credentials, or `None` if the user does not
    /// exist or may not log in. The middleware calls it at each `attempt`, when a cookie logs a
    /// user in, in `LoginLayer::logout_others`, and for each request with
    /// [`check_user`](Self::check_user). Required, here or as
    /// [`try_user_loader`](Self::try_user_loader).
    pub fn user_loader<F, Fut>(self, load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<CredentialFingerprint>> + 'static,
    {
        self.try_user_loader(move |id| {
            let stamp = load(id);
            async { Ok::<_, Infallible>(stamp.await) }
        })
    }

    /// The same for a loader that can fail, for example because a database is down. The request
    /// then gets the response of the error, and no cookie is removed.
    pub fn try_user_loader<F, Fut, E>(mut self, load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<CredentialFingerprint>, E>> + 'static,
        E: Into<Error>,
    {
        self.user_loader = Some(UserLoader::new(load));
        self
    }

    /// Calls the user loader for each request of a logged-in user, and logs the user out if the loader
    /// returns `None` or other credentials. So a deleted user loses the session without a store, once
    /// the cached user is older than `max_age`. Default: only logins call the user loader.
    ///
    /// A user is cached for `max_age`: at most 60 seconds, and 0 for no cache. A request that changes
    /// the user's own password has to call
    /// [`LoginLayer::logout_others`](super::LoginLayer::logout_others) or [`RememberMe::login`],
    /// because its session has the old credentials. A session that began by `Identity::login` alone
    /// has no stamp: only the existence of its user is checked.
    pub fn check_user(mut self, max_age: Duration) -> Self {
        self.check_user = Some(max_age);
        self
    }

    /// A closure that builds actix-identity's middleware, which `RememberMe` contains, to set
    /// deadlines or keys. Each worker calls it once. Default: `IdentityMiddleware::default()`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_identity::IdentityMiddleware;
    /// use actix_identity::config::LogoutBehavior;
    /// use paseto_actix::{LocalKey, RememberMe};
    /// use paseto_actix::remember::CredentialFingerprint;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let remember = RememberMe::builder(LocalKey::generate())
    ///     .user_loader(async |id: String| (id == "ada").then(|| CredentialFingerprint::new("the hash of her password")))
    ///     .identity(|| {
    ///         IdentityMiddleware::builder()
    ///             .login_deadline(Some(Duration::from_secs(8 * 60 * 60)))
    ///             .logout_behavior(LogoutBehavior::DeleteIdentityKeys)
    ///             .build()
    ///     })
    ///     .build()?;
    /// # let _ = remember;
    /// # Ok(())
    /// # }
    /// ```
    pub fn identity(
        mut self,
        build: impl Fn() -> IdentityMiddleware + Send + Sync + 'static,
    ) -> Self {
        self.identity = Box::new(build);
        self
    }

    /// Declares that another session middleware than [`PasetoSession`](crate::PasetoSession) is
    /// around this one, such as `actix_session::SessionMiddleware`. Default: without a
    /// `PasetoSession`, each request gets `500`, because a login would be lost without an error.
    ///
    /// `RememberMe` cannot end the sessions of another middleware: theft of a cookie ends the
    /// remembered login only.
    pub fn other_session_middleware(mut self) -> Self {
        self.other_session_middleware = true;
        self
    }

    /// The application's name. Remembered logins of other applications under the same keys are
    /// rejected, and the stores keep the logins of two applications apart. Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// How long a login is remembered, counted from the login and not from its last use: 1 second
    /// to 365 days. Default: 30 days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The store of the token family of logins, so that each token is used once. Default: none.
    pub fn token_family_store(mut self, store: impl TokenFamilyStore) -> Self {
        self.family = Some(Arc::new(store));
        self
    }

    /// A store for the logins that have ended, so that no copy of their cookies is valid after a
    /// logout. Each login by a cookie asks it, after the user loader. Default: none.
    ///
    /// A record of a logout lives until the login would have expired. A record of
    /// [`RememberMe::logout_all`] lives for 365 days, the longest lifetime of a login.
    ///
    /// If the store fails, the response is `503`: no user is logged in, and the browser keeps its
    /// cookie. If the store cannot record the end of a login, a logout gets `503` too: this browser
    /// is logged out, but copies of the cookie stay valid.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// A closure that gets the [`Event`]s of logins: `Login`, `Remembered`, `Logout`, `Reused`,
    /// `Revoked` and `Rejected`. Default: none.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// What becomes of a login whose client does not look like the one that logged in. Default:
    /// [`SessionProtection::Off`].
    pub fn session_protection(mut self, protection: SessionProtection) -> Self {
        self.protection = protection;
        self
    }

    /// How a client looks, for [`session_protection`](Self::session_protection). Default: its
    /// `User-Agent`.
    ///
    /// An address makes a poor part of it: those of phones change all the time.
    pub fn client_fingerprint(
        mut self,
        look: impl Fn(&HttpRequest) -> String + Send + Sync + 'static,
    ) -> Self {
        self.fingerprint = Fingerprint::new(look);
        self
    }

    /// What is answered where a login is wanted and there is none. Default: `401` with a problem
    /// document.
    pub fn not_logged_in(
        mut self,
        answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.not_logged_in = Box::new(answer);
        self
    }

    /// What is answered where a fresh login is wanted, and the user's is not. Default: `403` with a
    /// problem document.
    pub fn not_fresh(
        mut self,
        answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.not_fresh = Box::new(answer);
        self
    }

    /// Answers both by sending browsers (whose `Accept` names `text/html`) to the login page, with
    /// `next` in its query: the path to come back to, for [`safe_redirect_path`](super::safe_redirect_path). A login
    /// that is not fresh has `again=1` there too. Other clients get `401` and `403`.
    pub fn login_page(self, path: impl Into<String>) -> Self {
        let page = LoginPage::new(path);
        let again = page.clone();
        self.not_logged_in(move |req| redirect(req, &page, false))
            .not_fresh(move |req| redirect(req, &again, true))
    }

    /// Where the time comes from. Default: [`SystemClock`](crate::clock::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the middleware.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no user loader, if the cookie's name is invalid, if the prefix
    /// of the name requires other settings, if the domain is not a host name, if the path does not
    /// begin with `/`, if `SameSite::None` or `Partitioned` lacks `Secure`, if `Partitioned` lacks
    /// `SameSite::None`, if a trusted origin is not an origin, or if a duration is too short or too
    /// long.
    pub fn build(self) -> Result<RememberMe, ConfigError> {
        let user_loader = self.user_loader.ok_or_else(|| {
            ConfigError::setting(
                "user_loader",
                "the user loader is missing: call `.user_loader(..)`",
            )
        })?;
        if !is_lifetime(self.lifetime) {
            let (setting, found) = ("lifetime", self.lifetime);
            return Err(ConfigError::DurationOutOfRange {
                setting,
                found,
                expected: "1 second to 365 days",
            });
        }
        if let Some(found) = self.check_user.filter(|max_age| *max_age > LONGEST_USER_CACHE) {
            return Err(ConfigError::DurationOutOfRange {
                setting: "check_user",
                found,
                expected: "at most 60 seconds",
            });
        }
        let cookie = self.cookie.prepare("remember_token")?;
        let scope = scope("remember", &self.application, cookie.name());
        let revocations =
            self.revocations.map(|store| ScopedRevocationStore::new(store, Arc::clone(&scope)));
        Ok(RememberMe(Arc::new(Settings {
            assertion: assertion("remember", &self.application, cookie.name()),
            keys: self.keys,
            cookie,
            cross_origin: self.cross_origin.checked()?,
            lifetime: self.lifetime,
            user_loader,
            user_check: self.check_user.map(UserCheck::new),
            family: self.family,
            revocations,
            scope,
            events: self.events,
            identity: self.identity,
            other_session_middleware: self.other_session_middleware,
            protection: self.protection,
            fingerprint: self.fingerprint,
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
            .field("application", &self.application)
            .field("cross_origin", &self.cross_origin)
            .field("lifetime", &self.lifetime)
            .field("check_user", &self.check_user)
            .field("protection", &self.protection)
            .field("other_session_middleware", &self.other_session_middleware)
            .finish_non_exhaustive()
    }
}
