mod build;
mod keys;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};

use super::{Checks, ErrorHandler, TokenSource, Verifier};
use crate::clock::{Clock, SystemClock};
use crate::cross_origin::CrossOriginPolicy;
use crate::error::{DEFAULT_REALM, Rejection, VerifyError};
use crate::event::{Event, EventHook};
use crate::issuer::Issuer;
#[cfg(feature = "remote-keys")]
use crate::key_set::KeySetSource;
use crate::keys::PublicKey;
use crate::revocation::{AnyRevocationStore, RevocationStore};
use crate::token::{Format, VerifiedToken};

pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(5);
/// The default size of the token cache: 16 MiB.
const TOKEN_CACHE_BYTES: usize = 16 << 20;
const MAX_PRECOMPUTED_KEYS: usize = 128;

/// Builds a [`Verifier`]. At least one call of [`trust`](Self::trust),
/// [`trust_issuer`](Self::trust_issuer) or `remote_keys` is required.
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
#[must_use = "call `.build()` to get a Verifier"]
pub struct VerifierBuilder {
    trusted: Vec<(String, PublicKey)>,
    in_process: Vec<Issuer>,
    #[cfg(feature = "remote-keys")]
    remote: Vec<(String, KeySetSource)>,
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
    /// Returns a builder. At least one call of [`trust`](VerifierBuilder::trust),
    /// [`trust_issuer`](VerifierBuilder::trust_issuer) or `remote_keys` is required.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }
}

impl VerifierBuilder {
    fn new() -> Self {
        Self {
            trusted: Vec::new(),
            in_process: Vec::new(),
            #[cfg(feature = "remote-keys")]
            remote: Vec::new(),
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

    /// Adds an accepted audience (`aud`). After several calls, the token must name one of the
    /// audiences. Default: no audience, and tokens with `aud` are rejected.
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// Accepts every `aud`, for a gateway in front of several services. Default: off.
    pub fn accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Sets the accepted difference between the clocks of issuer and verifier, at most 5 minutes.
    /// Default: 5 seconds.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts tokens without `exp`. A stolen token then stays valid until its key is removed.
    /// Default: tokens without `exp` are rejected.
    pub fn dangerously_accept_tokens_without_expiry(mut self) -> Self {
        self.exp_required = false;
        self
    }

    /// Sets the encoding of payload and footer. Default: [`Format::Json`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets the implicit assertion: bytes that are part of the signed data and not of the token.
    /// Issuer and verifier must set the same bytes. Default: empty.
    pub fn implicit_assertion(mut self, assertion: impl Into<Vec<u8>>) -> Self {
        self.implicit_assertion = assertion.into();
        self
    }

    /// Sets the token sources. The verifier reads all of them. A request with two different tokens
    /// is rejected with `400`. Default: [`TokenSource::bearer`].
    pub fn token_from(mut self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// Sets a closure as the only token source: see [`TokenSource::custom`].
    pub fn token_loader<F>(self, loader: F) -> Self
    where
        F: Fn(&HttpRequest) -> Option<String> + Send + Sync + 'static,
    {
        self.token_from([TokenSource::custom(loader)])
    }

    /// Accepts unsafe requests with a token in a cookie from this origin. Call it once per origin.
    /// Default: only the origin of the application is accepted. Other origins get `403`. The rules
    /// are those of [`CrossOriginProtectionBuilder::trusted_origin`].
    ///
    /// Tokens in headers are accepted from every origin, because browsers do not add them by
    /// themselves.
    ///
    /// [`CrossOriginProtectionBuilder::trusted_origin`]: crate::cross_origin::CrossOriginProtectionBuilder::trusted_origin
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_origin.trust(origin);
        self
    }

    /// Accepts tokens in cookies from every origin, on every method. Any site can then act as the
    /// user (CSRF). Default: see [`trusted_origin`](Self::trusted_origin).
    pub fn dangerously_allow_cross_origin_requests(mut self) -> Self {
        self.cross_origin.allow_all();
        self
    }

    /// Sets the response to rejected requests of every status. Default: the challenge of RFC 6750
    /// and a constant body, as `error_response()` of [`VerifyError`] returns them. Do not send the
    /// `Display` string of the error to the client: it names trusted issuers and audiences.
    pub fn error_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(&HttpRequest, &VerifyError) -> HttpResponse + Send + Sync + 'static,
    {
        self.error_handler = Some(Box::new(handler));
        self
    }

    /// Adds a check of the application. It runs in every request, also for a cached token, after
    /// the checks of the claims and before the revocation store. It can be called several times.
    /// All checks must pass.
    ///
    /// ```
    /// use paseto_actix::error::Rejection;
    /// use paseto_actix::{SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let verifier = Verifier::builder()
    ///     .trust("https://issuer.example", SecretKey::generate().public_key())
    ///     .check(|token| {
    ///         token.subject().map(|_| ()).ok_or_else(|| Rejection::invalid("no subject"))
    ///     })
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

    /// Adds an asynchronous check of the application. It runs in every request, after the
    /// revocation store. It can be called several times. All checks must pass.
    /// [`Verifier::verify_str`] then returns an error: call [`Verifier::verify_str_async`].
    ///
    /// ```
    /// use paseto_actix::{SecretKey, VerifiedToken, Verifier};
    /// use paseto_actix::error::Rejection;
    ///
    /// async fn not_suspended(token: VerifiedToken) -> Result<(), Rejection> {
    ///     // ... query a database ...
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
    /// With a store, a token without `jti` is rejected (`401`), and [`Verifier::verify_str`]
    /// returns an error. If the store fails, the response is `503` with `Retry-After: 1` (second).
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// Sets a closure that receives an [`Event::Rejected`] for each rejected request, and an
    /// [`Event::Logout`] for each token that [`Verifier::revoke`] revokes. Default: no closure.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.events = EventHook::new(hook);
        self
    }

    /// Sets the size of the token cache in bytes. Default: 16 MiB, for about 20,000 tokens. 0 turns
    /// the cache off. [`build`](Self::build) rejects other sizes below 1 KiB.
    ///
    /// The next request with an accepted token needs no signature check. In every request, the
    /// `Verifier` checks the times, runs the checks of the application and queries the revocation
    /// store. The cache belongs to this `Verifier` and its clones.
    ///
    /// A cached token uses about 550 bytes and the length of its payload. A full cache evicts
    /// rarely used tokens. The cache does not store the token string. It identifies a token by a
    /// SipHash-2-4 of the string, with 128 bits and under a random key. Tokens without `exp` are
    /// not cached. Expired tokens are removed by a sweep. [Removing](Verifier::remove_key) a key
    /// removes its tokens. [`Verifier::token_cache_stats`] returns figures for metrics.
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

    /// Turns the token cache off, so that each request needs a signature check.
    pub fn without_token_cache(self) -> Self {
        self.token_cache(0)
    }

    /// Sets the maximum number of keys with a precomputed table. Default: 128. 0 turns tables off.
    ///
    /// A table uses 30 KiB, so 128 tables use 3.8 MiB. It saves about a quarter of the time of each
    /// signature check with its key. A key gets a table after 16 signature checks of tokens with
    /// accepted times and audience, also if a check of the application rejects these tokens. Only
    /// the issuer can sign them, so a client without a token cannot cause tables. A cached token
    /// needs no signature check and does not count. The tables belong to this `Verifier` and its
    /// clones.
    ///
    /// A thread computes a table in about a millisecond, and requests do not wait for it. At the
    /// maximum, another key gets a table only after a key with a table is
    /// [removed](Verifier::remove_key). [`Verifier::precomputed_keys`] returns the number of
    /// tables.
    pub fn max_precomputed_keys(mut self, keys: usize) -> Self {
        self.max_precomputed_keys = keys;
        self
    }

    /// Sets the `realm` of challenges: printable ASCII without `"` and `\`. Default: `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Sets the metadata URL of a
    /// [`ProtectedResource`](crate::protected_resource::ProtectedResource), the parameter
    /// `resource_metadata` of each challenge ([RFC 9728, section 5.1]). Default: none.
    ///
    /// [RFC 9728, section 5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.resource_metadata = Some(url.into());
        self
    }

    /// Sets the clock, for tests. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}
