use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};

use super::reject::ErrorHandler;
use super::{Inner, RefreshError, RefreshTokens};
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::event::{Event, EventHook};
use crate::issuer::Issuer;
use crate::keys::KeyRing;
use crate::limits::{check_leeway, check_ttl};
use crate::revocation::{AnyRevocationStore, RevocationStore, namespace};
use crate::token::implicit_assertion;
use crate::token_family::{AnyTokenFamilyStore, TokenFamilyStore};

/// Builds a [`RefreshTokens`].
///
/// [`token_family_store`](Self::token_family_store) and
/// [`revocation_store`](Self::revocation_store) are required. [`RefreshTokens`] has an example.
#[must_use = "call `.build()` to get a RefreshTokens"]
pub struct RefreshTokensBuilder {
    issuer: Issuer,
    keys: KeyRing,
    application: String,
    access_ttl: Duration,
    lifetime: Duration,
    grace_period: Duration,
    families: Option<Arc<dyn AnyTokenFamilyStore>>,
    revocations: Option<Arc<dyn AnyRevocationStore>>,
    events: EventHook,
    error_handler: Option<ErrorHandler>,
    clock: Arc<dyn Clock>,
}

pub(super) const DEFAULT_ACCESS_TTL: Duration = Duration::from_secs(15 * 60);
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
pub(super) const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(10);

impl RefreshTokensBuilder {
    pub(super) fn new(issuer: Issuer, keys: KeyRing) -> Self {
        Self {
            issuer,
            keys,
            application: String::new(),
            access_ttl: DEFAULT_ACCESS_TTL,
            lifetime: DEFAULT_LIFETIME,
            grace_period: DEFAULT_GRACE_PERIOD,
            families: None,
            revocations: None,
            events: EventHook::default(),
            error_handler: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the application name. It is part of the implicit assertion of refresh tokens. An
    /// application with the same keys and another name rejects these tokens. Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// Sets the lifetime of access tokens: 1 second to 100 years, and at most the
    /// [`max_ttl`](crate::issuer::IssuerBuilder::max_ttl) of the issuer. Default: 15 minutes.
    ///
    /// If the issuer has no `max_ttl`, [`build`](Self::build) sets it to the greater value of `ttl`
    /// of the issuer and `access_ttl`. This applies to all clones of the issuer. If a deployment
    /// lowers `access_ttl`, keep `max_ttl` at the old value until the old tokens have expired.
    pub fn access_ttl(mut self, ttl: Duration) -> Self {
        self.access_ttl = ttl;
        self
    }

    /// Sets the absolute lifetime of a login: 1 second to 100 years. A refresh does not extend it.
    /// Default: 30 days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the grace period: 0 seconds to 5 minutes. Within this time after a refresh, the used
    /// refresh token is accepted again, for parallel requests and lost responses. After it, the use
    /// of this token revokes the login. Default: 10 seconds.
    pub fn grace_period(mut self, grace_period: Duration) -> Self {
        self.grace_period = grace_period;
        self
    }

    /// Sets the store of the token families. Required.
    ///
    /// [`RememberMe`](crate::RememberMe) can use the same store, because both add their purpose and
    /// the application name to each owner.
    ///
    /// Default limit: 100 logins per subject. Set `max_per_user` on the store to change it. A login
    /// above the limit revokes the refresh tokens of the subject's oldest login. The access token
    /// of that login stays valid until it expires.
    pub fn token_family_store(mut self, store: impl TokenFamilyStore) -> Self {
        self.families = Some(Arc::new(store));
        self
    }

    /// Sets the store in which logouts revoke access tokens. Required.
    ///
    /// Give the [`Verifier`](crate::Verifier) the same store. Otherwise it accepts revoked access
    /// tokens.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// Sets a closure that receives these [`Event`]s: `Login`, `Refreshed`, `Reused`, `Logout`,
    /// `Revoked` and `Rejected`. Default: no closure.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// Sets the response to rejected and failed requests, for
    /// [`TokenEndpoints`](crate::token_endpoints::TokenEndpoints),
    /// [`TokenRenewal`](crate::token_cookies::TokenRenewal) and [`RefreshTokens::reject`]. Default: the responses of [`RefreshError`].
    ///
    /// Do not send the `Display` string of the error to the client: it names the cause. A response
    /// with a success status is replaced by the default response, because a client takes it for a
    /// pair of tokens. Each response gets `Cache-Control: no-store`.
    ///
    /// ```
    /// # use paseto_actix::revocation::MemoryRevocationStore;
    /// # use paseto_actix::token_family::MemoryTokenFamilyStore;
    /// # use paseto_actix::{Issuer, LocalKey, RefreshTokens, SecretKey};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// # let issuer = Issuer::builder("https://issuer.example").key(SecretKey::generate()).build()?;
    /// let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
    ///     .token_family_store(MemoryTokenFamilyStore::new(100_000))
    ///     .revocation_store(MemoryRevocationStore::new(100_000))
    ///     .error_handler(|_req, error| error.respond_json(&json!({ "problem": error.code() })))
    ///     .build()?;
    /// # let _ = tokens;
    /// # Ok(())
    /// # }
    /// ```
    pub fn error_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(&HttpRequest, &RefreshError) -> HttpResponse + Send + Sync + 'static,
    {
        self.error_handler = Some(Box::new(handler));
        self
    }

    /// Sets the clock, for tests. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the [`RefreshTokens`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a store is missing, if a duration is out of range, if the issuer issues
    /// tokens without `exp`, or if `access_ttl` exceeds the `max_ttl` of the issuer.
    pub fn build(self) -> Result<RefreshTokens, ConfigError> {
        let missing = |setting: &'static str| {
            ConfigError::setting(setting, format!("a store is required: call `.{setting}(..)`"))
        };
        check_ttl("access_ttl", self.access_ttl)?;
        check_ttl("lifetime", self.lifetime)?;
        check_leeway("grace_period", self.grace_period)?;
        let families = self.families.ok_or_else(|| missing("token_family_store"))?;
        let revocations = self.revocations.ok_or_else(|| missing("revocation_store"))?;
        // Last, because this changes the issuer.
        self.issuer.limit_ttl(self.access_ttl)?;
        self.keys.adopt(&self.clock, self.lifetime);
        Ok(RefreshTokens(Arc::new(Inner {
            assertion: implicit_assertion("refresh", &self.application, self.issuer.name()),
            namespace: namespace("refresh", &self.application, self.issuer.name()),
            issuer: self.issuer,
            access_ttl: self.access_ttl,
            keys: self.keys,
            lifetime: self.lifetime,
            grace_period: self.grace_period,
            families,
            revocations,
            events: self.events,
            error_handler: self.error_handler,
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for RefreshTokensBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokensBuilder")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys)
            .field("application", &self.application)
            .field("access_ttl", &self.access_ttl)
            .field("lifetime", &self.lifetime)
            .field("grace_period", &self.grace_period)
            .finish_non_exhaustive()
    }
}
