//! Verifies `v4.public` tokens: [`Verifier`], its builder and its settings.

mod builder;
mod cache_restriction;
mod change_keys;
mod checks;
mod config;
mod credential;
mod in_process_issuers;
#[cfg(feature = "remote-keys")]
mod remote;
mod token_cache;
mod token_source;
mod token_sources;
mod trusted_key;
mod trusted_keys;
mod verify;

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Payload;
#[cfg(feature = "session")]
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use time::OffsetDateTime;
use tracing::field;

use crate::app_data;
use crate::clock::Clock;
use crate::cross_origin::CrossOriginPolicy;
use crate::error::{ChallengeParameters, VerifyError, VerifyErrorKind as Kind};
use crate::event::{Event, EventHook};
use crate::limits::RECORD_SLACK;
use crate::revocation::{AnyRevocationStore, RevocationError};
use crate::token::{ClaimsValidation, Format, VerifiedToken};

pub use builder::VerifierBuilder;
pub(crate) use cache_restriction::CacheRestriction;
pub use change_keys::KeyChanges;
use checks::Checks;
#[cfg(feature = "remote-keys")]
pub use config::RemoteKeys;
pub use config::VerifierConfig;
use in_process_issuers::InProcessIssuer;
#[cfg(feature = "remote-keys")]
pub use remote::KeySetStatus;
#[cfg(feature = "remote-keys")]
use remote::RemoteIssuers;
use token_cache::TokenCache;
pub use token_cache::TokenCacheStats;
pub use token_source::TokenSource;
use token_sources::{TokenSources, is_preflight};
pub use trusted_key::TrustedKey;
use trusted_keys::SharedTrustedKeys;
pub(crate) use verify::Progress;

/// Verifies `v4.public` tokens.
///
/// A `Verifier` contains the token sources, the trusted keys, the rules for claims and the response
/// to rejected requests. Build it once and register it with `App::app_data`. All clones share the
/// same state. The `app_data` of a scope overrides the `app_data` of the application.
///
/// # Speed
///
/// The `Verifier` caches accepted tokens, so that a repeated token needs no signature check
/// ([`token_cache`](VerifierBuilder::token_cache)). For each key that verifies many tokens, it
/// computes a table that makes signature checks faster
/// ([`max_precomputed_keys`](VerifierBuilder::max_precomputed_keys)).
///
/// ```
/// use actix_web::{App, HttpResponse, Responder, get, web};
/// use paseto_actix::{Paseto, PublicKey, Verifier, paseto_required};
///
/// #[derive(serde::Deserialize)]
/// struct Me {
///     user: String,
/// }
///
/// #[get("/me")]
/// #[paseto_required]
/// async fn me(paseto: Paseto<Me>) -> impl Responder {
///     paseto.into_claims().user
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust(
///         "https://issuer.example",
///         PublicKey::from_paserk("k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI")?,
///     )
///     .token_loader(|req| req.cookie("paseto").map(|cookie| cookie.value().to_owned()))
///     .error_handler(|_req, _error| HttpResponse::Unauthorized().body("Unauthorized"))
///     .build()?;
/// let app = App::new().app_data(verifier).service(me);
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    /// Unique to this verifier and its clones.
    id: u64,
    keys: Arc<SharedTrustedKeys>,
    #[cfg(feature = "remote-keys")]
    remote: Option<RemoteIssuers>,
    in_process: Vec<InProcessIssuer>,
    token_cache: Option<TokenCache>,
    validation: ClaimsValidation,
    format: Format,
    implicit_assertion: Vec<u8>,
    sources: TokenSources,
    cross_origin: CrossOriginPolicy,
    checks: Checks,
    revocations: Option<Arc<dyn AnyRevocationStore>>,
    events: EventHook,
    error_handler: Option<ErrorHandler>,
    challenge: Arc<ChallengeParameters>,
    clock: Arc<dyn Clock>,
}

type ErrorHandler = Box<dyn Fn(&HttpRequest, &VerifyError) -> HttpResponse + Send + Sync>;

impl Verifier {
    /// Verifies a token that did not arrive in a request.
    ///
    /// The settings for requests do not apply: token sources, trusted origins and the error
    /// handler.
    ///
    /// ```
    /// use paseto_actix::error::VerifyErrorKind;
    /// use paseto_actix::{Issuer, SecretKey, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SecretKey::generate();
    /// let verifier =
    ///     Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
    /// let stranger = Issuer::builder("https://stranger.example").key(key).build()?;
    ///
    /// let token = stranger.issue(&serde_json::json!({}))?;
    /// assert_eq!(
    ///     verifier.verify_str(&token).unwrap_err().kind(),
    ///     VerifyErrorKind::UntrustedIssuer
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`VerifyError`] if the token is rejected. Its [kind](VerifyError::kind) is the rule that
    /// rejected the token. The kind is [`VerifyErrorKind::Misconfigured`] if the verifier has a
    /// revocation store or an asynchronous check: call [`verify_str_async`](Self::verify_str_async)
    /// instead.
    ///
    /// With `remote_keys`, this function starts the fetch of an unknown key and does not wait for
    /// it. The kind is [`VerifyErrorKind::Unavailable`] if the verifier has no keys of the issuer,
    /// for example before the first fetch is complete.
    ///
    /// [`VerifyErrorKind::Misconfigured`]: crate::error::VerifyErrorKind::Misconfigured
    /// [`VerifyErrorKind::Unavailable`]: crate::error::VerifyErrorKind::Unavailable
    pub fn verify_str(&self, token: &str) -> Result<VerifiedToken, VerifyError> {
        if self.is_async() {
            let problem =
                "a revocation store or an asynchronous check is set: call `verify_str_async`";
            return Err(VerifyError::new(Kind::Misconfigured, problem));
        }
        match self.verify_or_fetch(&token.into())? {
            Progress::Verified(token) => Ok(token),
            #[cfg(feature = "remote-keys")]
            Progress::Fetching(key) => Err(key.into_error()),
        }
    }

    /// Verifies a token that did not arrive in a request, with the revocation store and the
    /// asynchronous checks. With `remote_keys`, it waits for the fetch of an unknown key.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] if the token is rejected. Its [kind](VerifyError::kind) is the rule that
    /// rejected the token.
    pub async fn verify_str_async(&self, token: &str) -> Result<VerifiedToken, VerifyError> {
        match self.verify_or_fetch(&token.into())? {
            Progress::Verified(token) => self.verify_async(token).await,
            #[cfg(feature = "remote-keys")]
            Progress::Fetching(key) => key.verify().await,
        }
    }

    /// Revokes the token until it expires, for each verifier with the same store. For a token of
    #[cfg_attr(feature = "session", doc = "[`RefreshTokens`](crate::refresh::RefreshTokens),")]
    #[cfg_attr(not(feature = "session"), doc = "`RefreshTokens`,")]
    /// call `logout` instead, which revokes the whole login.
    ///
    /// ```
    /// use actix_web::{HttpResponse, post};
    /// use paseto_actix::revocation::RevocationError;
    /// use paseto_actix::{VerifiedToken, Verifier, paseto_required};
    ///
    /// #[post("/logout")]
    /// #[paseto_required]
    /// async fn logout(
    ///     verifier: Verifier,
    ///     token: VerifiedToken,
    /// ) -> Result<HttpResponse, RevocationError> {
    ///     verifier.revoke(&token).await?;
    ///     Ok(HttpResponse::NoContent().finish())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store fails. The token then stays valid, except after
    /// [`RevocationError::NotReplicated`]: the primary has then stored the revocation, and a
    /// failover can lose it.
    /// [`RevocationError::NoStore`] if the verifier has no
    /// [`revocation_store`](VerifierBuilder::revocation_store). [`RevocationError::NoTokenId`] if
    /// the token has no `jti`.
    pub async fn revoke(&self, token: &VerifiedToken) -> Result<(), RevocationError> {
        let store = self.0.revocations.as_ref().ok_or(RevocationError::NoStore)?;
        let token_id = token.token_id().ok_or(RevocationError::NoTokenId)?;
        // The record of a token without `exp` never expires.
        let until = token.expires_at().map_or(LAST_MOMENT, |exp| exp.saturating_add(RECORD_SLACK));
        store.revoke(token.issuer(), token_id, until).await?;
        self.0.events.emit(Event::Logout { subject: token.subject() });
        Ok(())
    }

    /// Returns figures of the token cache, for metrics. Without a cache, all figures are 0.
    #[must_use]
    pub fn token_cache_stats(&self) -> TokenCacheStats {
        self.0.token_cache.as_ref().map_or_else(TokenCacheStats::default, TokenCache::stats)
    }

    /// Returns how many keys currently have a table: see [`VerifierBuilder::max_precomputed_keys`].
    #[must_use]
    pub fn precomputed_keys(&self) -> usize {
        self.0.keys.table_count()
    }

    /// Logs the reason of a rejection and returns the response.
    pub(crate) fn reject(&self, req: &HttpRequest, error: VerifyError) -> HttpResponse {
        let error = if error.kind() == Kind::MissingToken {
            error.with_detail(self.0.sources.describe_missing(req))
        } else {
            error
        };
        let error = error.with_parameters(&self.0.challenge);
        log_rejection(req, &error);
        self.0.events.emit(Event::Rejected(error.kind()));
        match &self.0.error_handler {
            Some(handler) => handler(req, &error),
            None => actix_web::ResponseError::error_response(&error),
        }
    }

    /// Returns the challenge of the default response to this error.
    #[cfg(feature = "session")]
    pub(crate) fn challenge(&self, error: VerifyError) -> Option<HeaderValue> {
        error.with_parameters(&self.0.challenge).challenge()
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.now()
    }

    pub(crate) fn leeway(&self) -> time::Duration {
        self.0.validation.leeway
    }

    /// Returns a number that is unique to this verifier and its clones.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }
}

/// Extracts the nearest `Verifier` in app data, to revoke a token or to change the trusted keys.
/// The extractor does not verify a token. `#[paseto_required]` and [`Paseto`](crate::Paseto) do.
/// Without a `Verifier` in app data, the response is `500` and the log contains the cause.
impl FromRequest for Verifier {
    type Error = VerifyError;
    type Future = Ready<Result<Self, VerifyError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || VerifyError::new(Kind::Misconfigured, "no Verifier in app data");
        ready(app_data::find::<Self>(req, "verifier").cloned().ok_or_else(missing))
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The last second that RFC 3339 can represent.
const LAST_MOMENT: OffsetDateTime = time::macros::datetime!(9999-12-31 23:59:59 UTC);

/// Logs the reason without secrets. The client controls `kid` and `issuer`, so they are escaped.
/// The log contains the route pattern and not the path, because a path can contain personal data.
fn log_rejection(req: &HttpRequest, error: &VerifyError) {
    let (method, route) = (req.method(), req.match_pattern());
    let (kid, issuer) = (error.kid().map(field::debug), error.issuer().map(field::debug));
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(reason = %error, kid, issuer, %method, route, "request rejected")
        };
    }
    match error.kind() {
        Kind::MissingToken if is_preflight(req) => log!(info),
        // Normal clients cause these rejections before the login and when a token has expired.
        Kind::MissingToken | Kind::Expired | Kind::InsufficientUserAuthentication => log!(debug),
        // The user logged out, or does not have a permission.
        Kind::Revoked | Kind::Rejected | Kind::InsufficientScope | Kind::Forbidden => log!(info),
        // The log already contains the failed fetch as an error. Each client can cause this line.
        Kind::Unavailable if error.is_without_keys() => log!(warn),
        // The operator has to act.
        Kind::Misconfigured | Kind::Unavailable => log!(error),
        // A client or an issuer is configured incorrectly, or a client is malicious.
        _ => log!(warn),
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("keys", &self.0.keys.current())
            .field("validation", &self.0.validation)
            .field("format", &self.0.format)
            .field("sources", &self.0.sources)
            .finish_non_exhaustive()
    }
}
