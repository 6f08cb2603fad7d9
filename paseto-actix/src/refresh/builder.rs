use std::{fmt, sync::Arc, time::Duration};

use super::{RefreshTokens, tokens::Inner};
use crate::{
    Clock, ConfigError, Issuer, KeyRing, Revocations, SeriesReuse, SeriesStore, SystemClock,
    limits::{LONGEST_LEEWAY, check_ttl},
    revocation::AnyRevocations,
    series::AnySeries,
    token::assertion,
};

/// A [`RefreshTokens`] in the making.
#[must_use = "a RefreshTokens is made by `.build()`"]
pub struct RefreshTokensBuilder {
    issuer: Issuer,
    keys: KeyRing,
    application: String,
    access_ttl: Duration,
    lifetime: Duration,
    grace: Duration,
    families: Option<AnySeries>,
    revocations: Option<AnyRevocations>,
    on_reuse: Box<dyn Fn(&SeriesReuse) + Send + Sync>,
    clock: Arc<dyn Clock>,
}

impl RefreshTokensBuilder {
    pub(super) fn new(issuer: Issuer, keys: KeyRing) -> Self {
        Self {
            issuer,
            keys,
            application: String::new(),
            access_ttl: Duration::from_secs(15 * 60),
            lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            grace: Duration::from_secs(10),
            families: None,
            revocations: None,
            on_reuse: Box::new(|_| ()),
            clock: Arc::new(SystemClock),
        }
    }

    /// The application's name. Under the same keys, refresh tokens of one application are none of another. Default: empty.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into();
        self
    }

    /// How long an access token is accepted, 1 second to 100 years. Default: 15 minutes.
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
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Where families are kept. Required. Not the store of remembered logins, unless its users are the same.
    pub fn families(mut self, store: impl SeriesStore) -> Self {
        self.families = Some(AnySeries::new(store));
        self
    }

    /// Where access tokens are revoked. Required: it is the one that the verifier asks.
    pub fn revocations(mut self, store: impl Revocations) -> Self {
        self.revocations = Some(AnyRevocations::new(store));
        self
    }

    /// What to do when a refresh token was used again, beyond the line in the log.
    pub fn on_reuse(mut self, hook: impl Fn(&SeriesReuse) + Send + Sync + 'static) -> Self {
        self.on_reuse = Box::new(hook);
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
    /// [`ConfigError`] if a store is missing, or a duration is too short or too long.
    pub fn build(self) -> Result<RefreshTokens, ConfigError> {
        let missing = |setting| ConfigError::setting(setting, "a store is required");
        check_ttl("access_ttl", self.access_ttl)?;
        check_ttl("lifetime", self.lifetime)?;
        if self.grace > LONGEST_LEEWAY {
            let (setting, given) = ("grace", self.grace);
            return Err(ConfigError::DurationOutOfRange { setting, given, allowed: "at most 5 minutes" });
        }
        Ok(RefreshTokens(Arc::new(Inner {
            assertion: assertion("refresh", &self.application, self.issuer.name()),
            issuer: self.issuer,
            access_ttl: self.access_ttl,
            keys: self.keys,
            lifetime: self.lifetime,
            grace: self.grace,
            families: self.families.ok_or_else(|| missing("families"))?,
            revocations: self.revocations.ok_or_else(|| missing("revocations"))?,
            on_reuse: self.on_reuse,
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for RefreshTokensBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokensBuilder")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
