use std::{convert::Infallible, fmt, future::Future, sync::Arc, time::Duration};

use actix_web::{Error, HttpRequest, HttpResponse, cookie::SameSite};

use super::{
    RememberMe, SessionProtection, UserStamp,
    client::Fingerprint,
    page::{LoginPage, redirect},
    settings::{Answer, Settings},
    user::UserLoader,
};
use crate::{
    Clock, ConfigError, KeyRing, Revocations, SeriesReuse, SeriesStore,
    cookie::CookieSettings,
    cross_origin::CrossOriginPolicy,
    revocation::{AnyRevocations, ScopedRevocations, scope},
    series::AnySeries,
    token::assertion,
};

/// A [`RememberMe`] in the making.
///
/// ```
/// use std::time::Duration;
///
/// use paseto_actix::{LocalKey, MemorySeries, RememberMe, SessionProtection, UserStamp};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let remember = RememberMe::builder(LocalKey::generate())
///     .application("shop")
///     .user_loader(async |id: String| (id == "ada").then(|| UserStamp::of("the hash of her password")))
///     .lifetime(Duration::from_secs(90 * 24 * 60 * 60))
///     .series_store(MemorySeries::new(100_000))
///     .on_reuse(|reuse| eprintln!("somebody has a copy of a cookie of {}", reuse.user_id))
///     .session_protection(SessionProtection::Basic)
///     .build()?;
/// # let _ = remember;
/// # Ok(())
/// # }
/// ```
#[must_use = "a RememberMe is made by `.build()`"]
pub struct RememberMeBuilder {
    pub(super) keys: KeyRing,
    pub(super) application: String,
    pub(super) cookie: CookieSettings,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) lifetime: Duration,
    pub(super) user_loader: Option<UserLoader>,
    pub(super) series: Option<AnySeries>,
    pub(super) revocations: Option<AnyRevocations>,
    pub(super) on_reuse: Box<dyn Fn(&SeriesReuse) + Send + Sync>,
    pub(super) protection: SessionProtection,
    pub(super) fingerprint: Fingerprint,
    pub(super) not_logged_in: Answer,
    pub(super) not_fresh: Answer,
    pub(super) clock: Arc<dyn Clock>,
}

/// A year, after which a user may be asked for the password once more.
const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) fn is_lifetime(lifetime: Duration) -> bool {
    (Duration::from_secs(1)..=LONGEST_LIFETIME).contains(&lifetime)
}

impl RememberMeBuilder {
    /// Whether there is such a user who may log in, and the stamp of the credentials: asked at a
    /// login that is to be remembered, and whenever a cookie logs in. Required, here or as
    /// [`try_user_loader`](Self::try_user_loader).
    pub fn user_loader<F, Fut>(self, load: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<UserStamp>> + 'static,
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
        Fut: Future<Output = Result<Option<UserStamp>, E>> + 'static,
        E: Into<Error>,
    {
        self.user_loader = Some(UserLoader::new(load));
        self
    }

    /// The application's name. Under the same keys, logins of one application are none of another.
    /// Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// The cookie's name. Default: `__Host-remember_token`, and `remember_token` in development
    /// over plain http.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = Some(name.into());
        self
    }

    /// The cookie's `Path`. Default: `/`, which a name that begins with `__Host-` requires.
    ///
    /// Change the [name](Self::cookie_name) together with the path. A browser keeps the cookie of
    /// the old path, sends both, and the server can remove only the one of the new path.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = path.into();
        self
    }

    /// The cookie's `Domain`, whose subdomains get the cookie too. Default: none, which a name that
    /// begins with `__Host-` requires.
    ///
    /// Change the [name](Self::cookie_name) together with the domain. A browser keeps the cookie of
    /// the old domain, sends both, and the server can remove only the one of the new domain.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Whether other sites' requests bring the cookie. Default: [`SameSite::Lax`], only when the
    /// user follows a link.
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
    /// For development on a machine of your own: on a network, whoever listens has the login.
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

    /// Accepts unsafe requests of this origin that log the user in by the cookie. Call it once for
    /// each origin. Default: only the application's own origin.
    ///
    /// The text must equal the `Origin` header ([RFC 6454, section 6.2]), such as
    /// `https://app.example`: scheme, lower-case host, and the port unless it is the default one.
    /// Other origins get `403`, and the cookie logs no user in. The rule is that of
    /// [`PasetoSessionBuilder::trusted_origin`](crate::PasetoSessionBuilder::trusted_origin).
    ///
    /// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
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

    /// How long a login is remembered, counted from the login and not from its last use: 1 second
    /// to 365 days. Default: 30 days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Where the series of logins are kept, so that each token is used once. Default: nowhere.
    pub fn series_store(mut self, store: impl SeriesStore) -> Self {
        self.series = Some(AnySeries::new(store));
        self
    }

    /// Where logins that have ended are kept until they would have expired, so that no copy of
    /// their cookies is good after a logout. The store is asked after the user loader, whenever a
    /// cookie is to log a user in. Default: no store.
    ///
    /// If the store cannot answer, the response is `503`: no user is logged in, and the browser
    /// keeps its cookie. If the store cannot record the end of a login, a logout is answered `503`
    /// too: this browser is logged out, but copies of the cookie stay valid.
    pub fn revocations(mut self, store: impl Revocations) -> Self {
        self.revocations = Some(AnyRevocations::new(store));
        self
    }

    /// What to do when a token of a series was used again, beyond the line in the log: tell the
    /// user, say, or end sessions.
    pub fn on_reuse(mut self, hook: impl Fn(&SeriesReuse) + Send + Sync + 'static) -> Self {
        self.on_reuse = Box::new(hook);
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
    pub fn client_fingerprint(mut self, look: impl Fn(&HttpRequest) -> String + Send + Sync + 'static) -> Self {
        self.fingerprint = Fingerprint::new(look);
        self
    }

    /// What is answered where a login is wanted and there is none. Default: `401` with a problem
    /// document.
    pub fn not_logged_in(mut self, answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static) -> Self {
        self.not_logged_in = Box::new(answer);
        self
    }

    /// What is answered where a fresh login is wanted, and the user's is not. Default: `403` with a
    /// problem document.
    pub fn not_fresh(mut self, answer: impl Fn(&HttpRequest) -> HttpResponse + Send + Sync + 'static) -> Self {
        self.not_fresh = Box::new(answer);
        self
    }

    /// Answers both by sending browsers (whose `Accept` names `text/html`) to the login page, with
    /// `next` in its query: the path to come back to, for [`safe_next`](super::safe_next). A login
    /// that is not fresh has `again=1` there too. Other clients get `401` and `403`.
    pub fn login_page(self, path: impl Into<String>) -> Self {
        let page = LoginPage::new(path);
        let again = page.clone();
        self.not_logged_in(move |req| redirect(req, &page, false)).not_fresh(move |req| redirect(req, &again, true))
    }

    /// Where the time comes from. Default: [`SystemClock`](crate::SystemClock).
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
    /// `SameSite::None`, if a trusted origin is not an origin, or if the lifetime is too short or
    /// too long.
    pub fn build(self) -> Result<RememberMe, ConfigError> {
        let user_loader = self.user_loader.ok_or_else(|| {
            ConfigError::setting("user_loader", "the user loader is missing: call `.user_loader(..)`")
        })?;
        if !is_lifetime(self.lifetime) {
            let (setting, given) = ("lifetime", self.lifetime);
            return Err(ConfigError::DurationOutOfRange { setting, given, allowed: "1 second to 365 days" });
        }
        let cookie = self.cookie.prepare("remember_token")?;
        let scoped = |store| ScopedRevocations::new(store, scope("remember", &self.application, cookie.name()));
        let revocations = self.revocations.map(scoped);
        Ok(RememberMe(Arc::new(Settings {
            assertion: assertion("remember", &self.application, cookie.name()),
            keys: self.keys,
            cookie,
            cross_origin: self.cross_origin.checked()?,
            lifetime: self.lifetime,
            user_loader,
            series: self.series,
            revocations,
            on_reuse: self.on_reuse,
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
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
