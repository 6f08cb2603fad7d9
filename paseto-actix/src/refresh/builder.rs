use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::RefreshTokens;
use super::tokens::Inner;
use crate::clock::{Clock, SystemClock};
use crate::durations::{LONGEST_LEEWAY, check_ttl};
use crate::error::ConfigError;
use crate::event::{Event, EventHook};
use crate::issuer::Issuer;
use crate::keys::KeyRing;
use crate::revocation::{AnyRevocationStore, RevocationStore, scope};
use crate::token::assertion;
use crate::token_family::{AnyTokenFamilyStore, TokenFamilyStore};

/// A [`RefreshTokens`] in the making.
#[must_use = "a RefreshTokens is made by `.build()`"]
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
    clock: Arc<dyn Clock>,
}

pub(super) const DEFAULT_ACCESS_TTL: Duration = Duration::from_secs(15 * 60);
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
pub(super) const DEFAULT_GRACE: Duration = Duration::from_secs(10);

impl RefreshTokensBuilder {
    pub(super) fn new(issuer: Issuer, keys: KeyRing) -> Self {
        Self {
            issuer,
            keys,
            application: String::new(),
            access_ttl: DEFAULT_ACCESS_TTL,
            lifetime: DEFAULT_LIFETIME,
            grace_period: DEFAULT_GRACE,
            families: None,
            revocations: None,
            events: EventHook::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The application's name. Under the same keys, refresh tokens of one application are none of another. Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// How long an access token is accepted, 1 second to 100 years, and at most the issuer's
    /// [`max_ttl`](crate::issuer::IssuerBuilder::max_ttl). Default: 15 minutes.
    ///
    /// If the issuer has no `max_ttl`, [`build`](Self::build) sets it, for all clones of the issuer, to
    /// the longer of its `ttl` and this. If a deployment lowers `access_ttl`, `max_ttl` has to stay at
    /// the old value until the old tokens have expired.
    pub fn access_ttl(mut self, ttl: Duration) -> Self {
        self.access_ttl = ttl;
        self
    }

    /// How long a login can go on by refresh tokens, counted from the login, 1 second to 100 years. Default: 30 days.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How long a refresh token that was used is taken once more, for who has not got the response, at most 5 minutes.
    /// Default: 10 seconds.
    pub fn grace_period(mut self, grace_period: Duration) -> Self {
        self.grace_period = grace_period;
        self
    }

    /// The store of the families. Required. It can be the store of remembered logins too: the purpose
    /// and the application keep them apart.
    ///
    /// A subject has at most 100 logins, unless `max_per_user` of the store changes it. One more ends
    /// the oldest one, whose access token stays valid until it expires.
    pub fn token_family_store(mut self, store: impl TokenFamilyStore) -> Self {
        self.families = Some(Arc::new(store));
        self
    }

    /// Where access tokens are revoked. Required: it is the one that the verifier asks.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// A closure that gets the [`Event`]s of logins: `Login`, `Refreshed`, `Reused`, `Logout`,
    /// `Revoked` and `Rejected`. Default: none.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a store is missing, if a duration is too short or too long, if the issuer
    /// issues tokens without `exp`, or if `access_ttl` exceeds the `max_ttl` of the issuer.
    pub fn build(self) -> Result<RefreshTokens, ConfigError> {
        let missing = |setting: &'static str| {
            ConfigError::setting(setting, format!("a store is required: call `.{setting}(..)`"))
        };
        check_ttl("access_ttl", self.access_ttl)?;
        check_ttl("lifetime", self.lifetime)?;
        if self.grace_period > LONGEST_LEEWAY {
            let (setting, found) = ("grace_period", self.grace_period);
            return Err(ConfigError::DurationOutOfRange {
                setting,
                found,
                expected: "at most 5 minutes",
            });
        }
        let families = self.families.ok_or_else(|| missing("families"))?;
        let revocations = self.revocations.ok_or_else(|| missing("revocations"))?;
        // Last, because it changes the issuer.
        self.issuer.limit_ttl(self.access_ttl)?;
        Ok(RefreshTokens(Arc::new(Inner {
            assertion: assertion("refresh", &self.application, self.issuer.name()),
            scope: scope("refresh", &self.application, self.issuer.name()),
            issuer: self.issuer,
            access_ttl: self.access_ttl,
            keys: self.keys,
            lifetime: self.lifetime,
            grace_period: self.grace_period,
            families,
            revocations,
            events: self.events,
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
