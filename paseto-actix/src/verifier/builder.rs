mod build;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};

use super::{Checks, ErrorHandler, TokenSource, Verifier};
use crate::clock::{Clock, SystemClock};
use crate::cross_origin::CrossOriginPolicy;
use crate::error::{DEFAULT_REALM, Rejection, VerifyError};
use crate::event::{Event, EventHook};
use crate::keys::PublicKey;
use crate::revocation::{AnyRevocationStore, RevocationStore};
use crate::token::{Format, VerifiedToken};

pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(5);
/// The default size of the token cache: 16 MiB.
const TOKEN_CACHE_BYTES: usize = 16 << 20;
/// The default number of keys that get a table.
const MAX_PRECOMPUTED_KEYS: usize = 128;

/// Builds a [`Verifier`]. It requires one issuer that it [trusts](Self::trust).
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
    revocations: Option<Arc<dyn AnyRevocationStore>>,
    events: EventHook,
    token_cache_bytes: usize,
    max_precomputed_keys: usize,
    error_handler: Option<ErrorHandler>,
    realm: String,
    resource_metadata: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Starts a builder.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }
}

impl VerifierBuilder {
    fn new() -> Self {
        Self {
            trusted: Vec::new(),
            audiences: Vec::new(),
            any_audience: false,
            leeway: DEFAULT_LEEWAY,
            exp_required: true,
            format: Format::Json,
            implicit_assertion: Vec::new(),
            sources: vec![TokenSource::bearer()],
            cross_origin: CrossOriginPolicy::default(),
            checks: Checks::default(),
            revocations: None,
            events: EventHook::default(),
            token_cache_bytes: TOKEN_CACHE_BYTES,
            max_precomputed_keys: MAX_PRECOMPUTED_KEYS,
            error_handler: None,
            realm: DEFAULT_REALM.to_owned(),
            resource_metadata: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Trusts a key for tokens with this `iss`. It may be called for several issuers, and for
    /// several keys of one issuer. If the footer of a token names no key, the first four keys of
    /// the issuer are tried.
    pub fn trust(mut self, issuer: impl Into<String>, key: PublicKey) -> Self {
        self.trusted.push((issuer.into(), key));
        self
    }

    /// Trusts several keys for the tokens of one issuer.
    pub fn trust_keys(
        self,
        issuer: impl Into<String>,
        keys: impl IntoIterator<Item = PublicKey>,
    ) -> Self {
        let issuer = issuer.into();
        keys.into_iter().fold(self, |builder, key| builder.trust(issuer.clone(), key))
    }

    /// The `aud` that tokens must name. It may be called several times: a token must name one of
    /// the audiences. Default: none; tokens with `aud` are rejected.
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// Accepts every `aud`, as a gateway does. Default: off.
    pub fn accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// How far the clocks of issuer and verifier may be apart, at most 5 minutes. Default: 5 seconds.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts tokens without `exp`. A stolen token stays valid until its key is removed. Default:
    /// they are rejected.
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

    /// The response to a rejected request, of any status. Default: the challenge of RFC 6750 and a
    /// constant body, as `error_response()` of [`VerifyError`] makes them. The `Display` text of
    /// the error is for the log: it names trusted issuers and audiences.
    pub fn error_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(&HttpRequest, &VerifyError) -> HttpResponse + Send + Sync + 'static,
    {
        self.error_handler = Some(Box::new(handler));
        self
    }

    /// A check of the application. It runs with each request, also for a cached token, after the
    /// checks of the claims and before revocations. It may be called several times: all checks have
    /// to pass.
    ///
    /// ```
    /// use paseto_actix::{SecretKey, Verifier};
    /// use paseto_actix::error::Rejection;
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .trust("https://issuer.example", SecretKey::generate().public_key())
    ///     .check(|token| token.subject().map(|_| ()).ok_or_else(|| Rejection::invalid("no subject")))
    ///     .build()?;
    /// # let _ = verifier;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check<F>(mut self, check: F) -> Self
    where
        F: Fn(&VerifiedToken) -> Result<(), Rejection> + Send + Sync + 'static,
    {
        self.checks.push(check);
        self
    }

    /// An asynchronous check of the application. It runs with each request, after revocations. It
    /// may be called several times: all checks have to pass. [`Verifier::verify_str`] is an error
    /// then.
    ///
    /// ```
    /// use paseto_actix::{SecretKey, VerifiedToken, Verifier};
    /// use paseto_actix::error::Rejection;
    ///
    /// async fn not_suspended(token: VerifiedToken) -> Result<(), Rejection> {
    ///     // ... ask a database ...
    ///     match token.subject() {
    ///         Some("mallory") => Err(Rejection::invalid("suspended")),
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
        Fut: Future<Output = Result<(), Rejection>> + 'static,
    {
        self.checks.push_async(check);
        self
    }

    /// Checks each token against a revocation store. Default: no store.
    ///
    /// With a store, a token without `jti` is rejected (`401`), and [`Verifier::verify_str`] is an
    /// error. If the store fails, the response is `503` with `Retry-After: 1` (second).
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// A closure that gets an [`Event::Rejected`] for each rejected request, and an
    /// [`Event::Logout`] for each token that [`Verifier::revoke`] ends. Default: none.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// The size of the token cache in bytes. Default: 16 MiB, for about 20,000 tokens. 0 means no
    /// cache, and a size of less than 1 KiB is an error.
    ///
    /// The `Verifier` caches each token that it has accepted by signature, issuer, times and
    /// audience, so that the same token costs no signature check in the next request. It checks
    /// times, your checks and revocations with each request. The cache belongs to this `Verifier`
    /// and its clones.
    ///
    /// A cached token takes about 550 bytes and the length of its payload. If the cache is full,
    /// rarely used tokens leave it. The cache does not store the text of a token: it finds a token
    /// by SipHash-2-4 with 128 bits of the text, under a random key. It stores no token without
    /// `exp`. An expired token leaves the cache when it is sent again, or at a sweep: after as many
    /// new tokens as there are entries, at least 1,024. [Removing](Verifier::remove_key) a key
    /// removes its tokens. [`Verifier::token_cache_stats`] has figures for metrics.
    ///
    /// ```
    /// use paseto_actix::{SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .trust("https://issuer.example", SecretKey::generate().public_key())
    ///     .token_cache(64 << 20) // 64 MiB
    ///     .build()?;
    /// assert_eq!(verifier.token_cache_stats().entries, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn token_cache(mut self, bytes: usize) -> Self {
        self.token_cache_bytes = bytes;
        self
    }

    /// Caches no tokens: each request costs a signature check.
    pub fn without_token_cache(self) -> Self {
        self.token_cache(0)
    }

    /// The most keys that get a table. Default: 128. 0 means no tables.
    ///
    /// A table takes 30 KiB, so 128 tables take 3.8 MiB, and saves about a quarter of the time of
    /// each signature check of its key. A key gets a table after 16 signature checks of tokens with
    /// accepted times and audience; your own checks do not matter. Only the issuer can sign such a
    /// token. A token in the cache needs no signature check and does not count. Tables belong to
    /// this `Verifier` and its clones.
    ///
    /// A thread computes the table in about a millisecond. No request waits for it. If the maximum
    /// is reached, other keys get a table only after a key with a table is
    /// [removed](Verifier::remove_key). [`Verifier::precomputed_keys`] returns the number of tables.
    pub fn max_precomputed_keys(mut self, keys: usize) -> Self {
        self.max_precomputed_keys = keys;
        self
    }

    /// The `realm` of challenges, without `"` and `\`. Default: `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// The URL of the metadata of the protected resource, as the parameter `resource_metadata` of
    /// each challenge ([RFC 9728, section 5.1]): see
    /// [`ProtectedResource`](crate::protected_resource::ProtectedResource). Default: none.
    ///
    /// [RFC 9728, section 5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.resource_metadata = Some(url.into());
        self
    }

    /// Where the time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
