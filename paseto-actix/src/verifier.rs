//! Verifying signed tokens.

mod builder;
mod cache;
mod caching;
mod checks;
mod config;
mod credential;
mod source;
mod sources;
mod trusted_keys;
mod verify;

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use time::OffsetDateTime;
use tracing::field;

use crate::app_data;
use crate::clock::Clock;
use crate::cross_origin::CrossOriginPolicy;
use crate::durations::RECORD_SLACK;
use crate::error::{ChallengeParameters, ConfigError, VerifyError, VerifyErrorKind as Kind};
use crate::event::{Event, EventHook};
use crate::keys::PublicKey;
use crate::revocation::{AnyRevocationStore, RevocationError};
use crate::token::{ClaimsValidation, Format, Signer, VerifiedToken};

pub use builder::VerifierBuilder;
use cache::TokenCache;
pub use cache::TokenCacheStats;
pub(crate) use caching::Caching;
use checks::Checks;
pub use config::{TrustedKey, VerifierConfig};
pub use source::TokenSource;
use sources::{Sources, is_preflight};
use trusted_keys::{IssuerKey, SharedTrustedKeys};

/// Verifies `v4.public` tokens.
///
/// A `Verifier` holds the token sources, the trusted keys, the rules for claims and the response to
/// rejected requests. Build it once and register it with
/// `App::app_data`. Clones share everything. The `app_data` of a scope overrides that of the
/// application.
///
/// # Speed
///
/// A token that comes again needs no signature check: the `Verifier` caches accepted tokens
/// ([`token_cache`](VerifierBuilder::token_cache)). For a key that verifies many tokens, it
/// computes a table, which makes the check of a new token faster
/// ([`max_precomputed_keys`](VerifierBuilder::max_precomputed_keys)).
///
/// # Example
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
    /// A number that this Verifier shares only with its clones.
    id: u64,
    keys: Arc<SharedTrustedKeys>,
    token_cache: Option<TokenCache>,
    validation: ClaimsValidation,
    format: Format,
    implicit_assertion: Vec<u8>,
    sources: Sources,
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
    /// Verifies a token that did not come in a request.
    ///
    /// The settings for requests have no effect: token sources, trusted origins and the error
    /// handler.
    ///
    /// ```
    /// use paseto_actix::{Issuer, SecretKey, Verifier};
    /// use paseto_actix::error::VerifyErrorKind;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SecretKey::generate();
    /// let verifier = Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
    /// let stranger = Issuer::builder("https://stranger.example").key(key).build()?;
    ///
    /// let token = stranger.issue(&serde_json::json!({}))?;
    /// assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), VerifyErrorKind::UntrustedIssuer);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`VerifyError`], with the rule that rejects the token as its [kind](VerifyError::kind).
    /// [`VerifyErrorKind::Misconfigured`] if the Verifier has revocations or an asynchronous check:
    /// [`verify_str_async`](Self::verify_str_async) can ask them.
    ///
    /// [`VerifyErrorKind::Misconfigured`]: crate::error::VerifyErrorKind::Misconfigured
    pub fn verify_str(&self, token: &str) -> Result<VerifiedToken, VerifyError> {
        if self.is_async() {
            let problem = "revocations or an asynchronous check are set: call `verify_str_async`";
            return Err(VerifyError::new(Kind::Misconfigured, problem));
        }
        self.verify(&token.into())
    }

    /// Verifies a token that did not come in a request, with revocations and asynchronous checks.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], with the rule that rejects the token as its [kind](VerifyError::kind).
    pub async fn verify_str_async(&self, token: &str) -> Result<VerifiedToken, VerifyError> {
        let token = self.verify(&token.into())?;
        self.verify_async(token).await
    }

    /// Revokes this token until it expires, for each Verifier with the same store. For a token of
    #[cfg_attr(feature = "session", doc = "[`RefreshTokens`](crate::refresh::RefreshTokens),")]
    #[cfg_attr(not(feature = "session"), doc = "`RefreshTokens`,")]
    /// call its `logout`, which ends the whole login.
    ///
    /// ```
    /// use actix_web::{HttpResponse, post};
    /// use paseto_actix::{VerifiedToken, Verifier, paseto_required};
    /// use paseto_actix::revocation::RevocationError;
    ///
    /// #[post("/logout")]
    /// #[paseto_required]
    /// async fn logout(verifier: Verifier, token: VerifiedToken) -> Result<HttpResponse, RevocationError> {
    ///     verifier.revoke(&token).await?;
    ///     Ok(HttpResponse::NoContent().finish())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RevocationError`]: the token stays valid. [`RevocationError::NoStore`] without
    /// [`revocations`](VerifierBuilder::revocation_store), [`RevocationError::NoTokenId`] for a token without `jti`.
    pub async fn revoke(&self, token: &VerifiedToken) -> Result<(), RevocationError> {
        let store = self.0.revocations.as_ref().ok_or(RevocationError::NoStore)?;
        let token_id = token.token_id().ok_or(RevocationError::NoTokenId)?;
        // The record of a token without `exp` never ends.
        let until = token.expires_at().map_or(LAST_MOMENT, |exp| exp.saturating_add(RECORD_SLACK));
        store.revoke(token.issuer(), token_id, until).await?;
        self.0.events.emit(Event::Logout { subject: token.subject() });
        Ok(())
    }

    /// Trusts one more key, as [`VerifierBuilder::trust`] does. All clones trust it from the next
    /// request on.
    ///
    /// ```
    /// use paseto_actix::{Issuer, SecretKey, Verifier};
    /// use paseto_actix::error::VerifyErrorKind;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (old, new) = (SecretKey::generate(), SecretKey::generate());
    /// let verifier = Verifier::builder().trust("https://issuer.example", old.public_key()).build()?;
    /// let token = Issuer::builder("https://issuer.example").key(old.clone()).build()?.issue(&serde_json::json!({}))?;
    /// verifier.verify_str(&token)?;
    ///
    /// verifier.trust("https://issuer.example", new.public_key())?;
    /// assert!(verifier.remove_key(old.public_key().kid()));
    /// assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the key is trusted already, for this issuer or another, or must not be trusted.
    pub fn trust(&self, issuer: &str, key: PublicKey) -> Result<(), ConfigError> {
        self.0.keys.insert(IssuerKey::new(issuer, &key)?)
    }

    /// Removes the key with this id ([`PublicKey::kid`]). All clones reject its tokens from the
    /// next request on, also those in the cache. Returns whether the key was trusted.
    #[must_use = "`false` means that the Verifier does not trust a key with this id"]
    pub fn remove_key(&self, kid: &str) -> bool {
        self.remove_keys(|signer| *signer.kid == *kid)
    }

    /// Removes all keys of this issuer. All clones reject their tokens from the next request on,
    /// also those in the cache. Returns whether the issuer had a key.
    #[must_use = "`false` means that the Verifier does not trust an issuer with this name"]
    pub fn remove_issuer(&self, issuer: &str) -> bool {
        self.remove_keys(|signer| *signer.issuer == *issuer)
    }

    fn remove_keys(&self, matches: impl Fn(&Signer) -> bool) -> bool {
        let was_trusted = self.0.keys.remove(matches);
        if let Some(cache) = self.0.token_cache.as_ref().filter(|_| was_trusted) {
            cache.remove_dead();
        }
        was_trusted
    }

    /// Figures of the token cache, for metrics. All are 0 without a cache.
    #[must_use]
    pub fn token_cache_stats(&self) -> TokenCacheStats {
        self.0.token_cache.as_ref().map_or_else(TokenCacheStats::default, TokenCache::stats)
    }

    /// How many keys have a table now: see [`VerifierBuilder::max_precomputed_keys`].
    #[must_use]
    pub fn precomputed_keys(&self) -> usize {
        self.0.keys.table_count()
    }

    /// Logs the reason of a rejection, and creates the response.
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

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.now()
    }

    pub(crate) fn leeway(&self) -> time::Duration {
        self.0.validation.leeway
    }

    /// A number that only this Verifier and its clones have.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }
}

/// Returns the nearest Verifier in app data, to revoke a token or to change the trusted keys.
/// Without one, the response is `500`, and the log has the cause. The extractor verifies no token:
/// `#[paseto_required]` and [`Paseto`](crate::Paseto) do.
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

/// The end of the years that RFC 3339 can write.
const LAST_MOMENT: OffsetDateTime = time::macros::datetime!(9999-12-31 23:59:59 UTC);

/// Logs the reason without secrets. `kid` and `issuer` come from the client, so they are escaped.
/// The route is the pattern, because a path can contain personal data.
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
        // Each client sends these: before the login, and when a lifetime has ended.
        Kind::MissingToken | Kind::Expired | Kind::InsufficientUserAuthentication => log!(debug),
        // The user logged out, or lacks a permission.
        Kind::Revoked | Kind::Rejected | Kind::InsufficientScope | Kind::Forbidden => log!(info),
        // The operator has to act.
        Kind::Misconfigured | Kind::Unavailable => log!(error),
        // A client or an issuer is configured incorrectly, or attacks.
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
