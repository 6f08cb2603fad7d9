use std::{fmt, future::Future, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse};

use super::{Checks, CurrentTrust, ErrorHandler, Inner, KeySet, Sources, TokenSource, VerifiedCache, Verifier};
use crate::{
    Clock, ConfigError, DEFAULT_REALM, Format, PublicKey, Refusal, Revocations, SystemClock, VerifiedToken,
    VerifyError,
    cross_origin::CrossOriginPolicy,
    event::{Event, EventHook},
    limits::check_leeway,
    revocation::AnyRevocations,
    token::{Audience, Policy},
};

/// A [`Verifier`] in the making. Required is one issuer to [`trust`](Self::trust).
///
/// ```
/// use paseto_actix::{SecretKey, TokenSource, Verifier};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .trust("https://partner.example", SecretKey::generate().public_key())
///     .audience("https://api.example")
///     .leeway(Duration::from_secs(30))
///     .token_from([TokenSource::bearer(), TokenSource::cookie("paseto")])
///     .trusted_origin("https://app.example")
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
#[must_use = "a Verifier is made by `.build()`"]
pub struct VerifierBuilder {
    trusted: Vec<(String, PublicKey)>,
    audiences: Vec<String>,
    any_audience: bool,
    leeway: Duration,
    exp_required: bool,
    format: Format,
    implicit_assertion: Vec<u8>,
    sources: Vec<TokenSource>,
    cross_origin: CrossOriginPolicy,
    checks: Checks,
    revocations: Option<Arc<dyn AnyRevocations>>,
    events: EventHook,
    cache: VerifiedCache,
    error_handler: Option<ErrorHandler>,
    realm: String,
    clock: Arc<dyn Clock>,
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            trusted: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            leeway: Duration::from_secs(5),
            exp_required: true,
            format: Format::Json,
            implicit_assertion: Vec::new(),
            sources: vec![TokenSource::bearer()],
            cross_origin: CrossOriginPolicy::default(),
            checks: Checks::default(),
            revocations: None,
            events: EventHook::default(),
            cache: VerifiedCache::default(),
            error_handler: None,
            realm: DEFAULT_REALM.to_owned(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Trusts a key for the tokens of one issuer, whose `iss` they have to name. May be called for several issuers and for
    /// several keys of one.
    ///
    /// A token whose footer names no key is tried with its issuer's first four.
    pub fn trust(mut self, issuer: impl Into<String>, key: PublicKey) -> Self {
        self.trusted.push((issuer.into(), key));
        self
    }

    /// Trusts several keys for the tokens of one issuer.
    pub fn trust_keys(self, issuer: impl Into<String>, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let issuer = issuer.into();
        keys.into_iter().fold(self, |builder, key| builder.trust(issuer.clone(), key))
    }

    /// Who this is: tokens have to name it as their `aud`. May be called several times; one of the names is enough.
    /// Default: nobody, which takes only tokens without `aud`.
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// Takes tokens whoever they are meant for, as a gateway would. Default: no.
    pub fn accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// How far the clocks of issuer and verifier may be apart, at most 5 minutes. Default: 5 seconds.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Takes tokens without `exp`, which are good for as long as their key is trusted: whoever steals one has it for
    /// that long. Default: they are refused.
    pub fn dangerously_accept_tokens_without_expiry(mut self) -> Self {
        self.exp_required = false;
        self
    }

    /// How payload and footer are written. Default: [`Format::Json`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The implicit assertion under which tokens were signed. Default: none.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = assertion.into();
        self
    }

    /// Where to look for the token. All places are looked at; different tokens in two of them are refused.
    /// Default: [`TokenSource::bearer`] alone.
    pub fn token_from(mut self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// Looks for the token by a closure, and nowhere else: short for `token_from` and [`TokenSource::custom`].
    pub fn token_loader<F>(self, loader: F) -> Self
    where
        F: Fn(&HttpRequest) -> Option<String> + Send + Sync + 'static,
    {
        self.token_from([TokenSource::custom(loader)])
    }

    /// Accepts tokens in cookies from pages of another origin, such as `https://app.example`, on unsafe methods and
    /// WebSocket handshakes. Default: only from the request's own origin. The rules are those of
    /// [`CrossOriginProtection`](crate::CrossOriginProtection).
    ///
    /// Tokens in headers are accepted from every origin, because the browser does not add them by itself.
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Accepts tokens in cookies from every origin, on every method: any site can act as the user (CSRF). Default: see
    /// [`trusted_origin`](Self::trusted_origin).
    pub fn dangerously_allow_cross_origin_requests(mut self) -> Self {
        self.cross_origin.allow_all();
        self
    }

    /// What to answer instead of the handler, whatever its status. Default: the challenge of RFC 6750 and a constant body,
    /// as [`VerifyError`]'s `error_response()` makes them.
    pub fn error_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(&HttpRequest, &VerifyError) -> HttpResponse + Send + Sync + 'static,
    {
        self.error_handler = Some(Box::new(handler));
        self
    }

    /// A check of your own, made after all others. May be called several times; all have to pass.
    ///
    /// ```
    /// use paseto_actix::{Refusal, SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .trust("https://issuer.example", SecretKey::generate().public_key())
    ///     .check(|token| token.subject().map(|_| ()).ok_or_else(|| Refusal::invalid("no subject")))
    ///     .build()?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check<F>(mut self, check: F) -> Self
    where
        F: Fn(&VerifiedToken) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        self.checks.push(check);
        self
    }

    /// An asynchronous check of your own, made after the synchronous ones. May be called several times; all have to pass.
    ///
    /// ```
    /// use paseto_actix::{Refusal, SecretKey, VerifiedToken, Verifier};
    ///
    /// async fn not_suspended(token: VerifiedToken) -> Result<(), Refusal> {
    ///     // ... ask a database ...
    ///     match token.subject() {
    ///         Some("mallory") => Err(Refusal::invalid("suspended")),
    ///         _ => Ok(()),
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .trust("https://issuer.example", SecretKey::generate().public_key())
    ///     .check_async(not_suspended)
    ///     .build()?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check_async<F, Fut>(mut self, check: F) -> Self
    where
        F: Fn(VerifiedToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + 'static,
    {
        self.checks.push_async(check);
        self
    }

    /// Asks this store whether a token was revoked, after all but asynchronous checks. Default: nobody is asked.
    ///
    /// A token without `jti` is refused then, and where the store cannot answer, so is every token: `503` with `Retry-After`.
    pub fn revocations(mut self, store: impl Revocations) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// A closure that gets an [`Event::Rejected`] for each rejected request, and an
    /// [`Event::Logout`] for each token that [`Verifier::revoke`] ends. Default: none.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// Where tokens are remembered that were accepted, so that they are not checked anew with each request: see
    /// [`VerifiedCache`]. Several verifiers may share one. Default: one of its own, of 16 MiB.
    pub fn cache(mut self, cache: VerifiedCache) -> Self {
        self.cache = cache;
        self
    }

    /// Remembers no tokens: each request costs a signature check.
    pub fn without_cache(self) -> Self {
        self.cache(VerifiedCache::new(0))
    }

    /// The `realm` of challenges, without `"` and `\`. Default: `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the verifier.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if nobody is trusted, a key is given twice or for two issuers or must not be trusted, or if a
    /// setting cannot work.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let mut keys = KeySet::default();
        for (issuer, key) in &self.trusted {
            keys.insert(issuer, key)?;
        }
        if keys.is_empty() {
            return Err(ConfigError::NoTrustedIssuer);
        }
        check_leeway("leeway", self.leeway)?;
        let audience = match (self.any_audience, self.audiences.is_empty()) {
            (false, false) => Audience::OneOf(self.audiences),
            (false, true) => Audience::Unnamed,
            (true, true) => Audience::Any,
            (true, false) => {
                return Err(ConfigError::setting("audience", "either named audiences, or `.accept_any_audience()`"));
            }
        };
        if !self.realm.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            return Err(ConfigError::setting("realm", "only visible ASCII and spaces, but neither `\"` nor `\\`"));
        }
        Ok(Verifier(Arc::new(Inner {
            trust: CurrentTrust::new(keys, self.format, &self.implicit_assertion, self.cache),
            policy: Policy { leeway: self.leeway, exp_required: self.exp_required, audience },
            format: self.format,
            implicit_assertion: self.implicit_assertion,
            sources: Sources::new(self.sources)?,
            cross_origin: self.cross_origin.checked()?,
            checks: self.checks,
            revocations: self.revocations,
            events: self.events,
            error_handler: self.error_handler,
            realm: self.realm.into(),
            clock: self.clock,
        })))
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("trusted", &self.trusted)
            .field("audiences", &self.audiences)
            .field("leeway", &self.leeway)
            .field("format", &self.format)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}
