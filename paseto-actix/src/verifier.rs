//! Verifying signed tokens.

mod builder;
mod cache;
mod caching;
mod check;
mod config;
mod extract;
mod key_set;
mod open;
mod source;
mod trust;

use std::{fmt, sync::Arc};

use actix_web::{HttpRequest, HttpResponse};

pub use builder::VerifierBuilder;
pub use cache::VerifiedCache;
pub(crate) use caching::Caching;
use check::Checks;
pub use config::{TrustedKey, VerifierConfig};
use key_set::KeySet;
pub use source::TokenSource;
use source::{Credential, Sources};
use time::OffsetDateTime;
use trust::CurrentTrust;

use crate::{
    Clock, ConfigError, Format, PublicKey, RevocationError, RevocationQuery, VerifiedToken, VerifyError,
    VerifyErrorKind as Kind,
    cross_origin::CrossOriginPolicy,
    event::{Event, EventHook},
    limits::RECORD_SLACK,
    revocation::AnyRevocations,
    token::Policy,
};

/// Verifies `v4.public` tokens: where they are looked for, whose are trusted, what is accepted, and what is answered
/// to whoever is not let in.
///
/// Build it once, clone it freely (clones share everything), and register it with `App::app_data`. The nearest one
/// counts: a scope's own `app_data` overrides the application's.
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
    trust: CurrentTrust,
    policy: Policy,
    format: Format,
    implicit_assertion: Vec<u8>,
    sources: Sources,
    cross_origin: CrossOriginPolicy,
    checks: Checks,
    revocations: Option<Arc<dyn AnyRevocations>>,
    events: EventHook,
    error_handler: Option<ErrorHandler>,
    realm: Arc<str>,
    clock: Arc<dyn Clock>,
}

type ErrorHandler = Box<dyn Fn(&HttpRequest, &VerifyError) -> HttpResponse + Send + Sync>;

impl Verifier {
    /// Starts a verifier.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    /// Verifies a token that came by another way than a request. What concerns requests, that is token sources,
    /// protection from other origins and the error handler, has no part in it.
    ///
    /// ```
    /// use paseto_actix::{Issuer, SecretKey, Verifier, VerifyErrorKind};
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
    /// [`VerifyError`], its kind telling which rule refused the token; [`VerifyErrorKind::Misconfigured`] if revocations or an
    /// asynchronous check are set, which only [`verify_str_async`](Self::verify_str_async) can ask.
    ///
    /// [`VerifyErrorKind::Misconfigured`]: crate::VerifyErrorKind::Misconfigured
    pub fn verify_str(&self, token: &str) -> Result<VerifiedToken, VerifyError> {
        if self.is_async() {
            let problem = "revocations or an asynchronous check are set: call `verify_str_async`";
            return Err(VerifyError::new(Kind::Misconfigured, problem));
        }
        let token = self.open(token)?;
        self.0.checks.check(&token)?;
        Ok(token)
    }

    /// Verifies a token that came by another way than a request, with asynchronous checks too.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], its kind telling which rule refused the token.
    pub async fn verify_str_async(&self, token: &str) -> Result<VerifiedToken, VerifyError> {
        let token = self.open(token)?;
        self.0.checks.check(&token)?;
        self.finish(token).await
    }

    /// Revokes a token until it has expired, for every verifier that asks the same store. One of
    #[cfg_attr(feature = "session", doc = "[`RefreshTokens`](crate::RefreshTokens)")]
    #[cfg_attr(not(feature = "session"), doc = "`RefreshTokens`")]
    /// is one of several: their `end_by` ends the login.
    ///
    /// ```
    /// use actix_web::{HttpResponse, post};
    /// use paseto_actix::{RevocationError, VerifiedToken, Verifier, paseto_required};
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
    /// [`RevocationError`]: the token is still good then. [`RevocationError::NoStore`] without
    /// [`revocations`](VerifierBuilder::revocations), [`RevocationError::NoTokenId`] for a token without `jti`.
    pub async fn revoke(&self, token: &VerifiedToken) -> Result<(), RevocationError> {
        let store = self.0.revocations.as_ref().ok_or(RevocationError::NoStore)?;
        let token_id = token.token_id().ok_or(RevocationError::NoTokenId)?;
        // One that never expires is never forgotten.
        let until = token.expires_at().map_or(LAST_MOMENT, |exp| exp.saturating_add(RECORD_SLACK));
        store.revoke(token.issuer(), token_id, until).await?;
        self.0.events.emit(Event::Logout { subject: token.subject() });
        Ok(())
    }

    /// Trusts one more key from the next request on, as [`VerifierBuilder::trust`] does from the start. All clones do. Like every
    /// change of the keys, it makes each token that is remembered cost one more signature check.
    ///
    /// ```
    /// use paseto_actix::{Issuer, SecretKey, Verifier, VerifyErrorKind};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (old, new) = (SecretKey::generate(), SecretKey::generate());
    /// let verifier = Verifier::builder().trust("https://issuer.example", old.public_key()).build()?;
    /// let token = Issuer::builder("https://issuer.example").key(old.clone()).build()?.issue(&serde_json::json!({}))?;
    /// verifier.verify_str(&token)?;
    ///
    /// verifier.trust("https://issuer.example", new.public_key())?;
    /// assert!(verifier.distrust_key(old.public_key().kid()));
    /// assert_eq!(verifier.verify_str(&token).unwrap_err().kind(), VerifyErrorKind::UnknownKey);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the key is trusted already, for this issuer or another, or must not be trusted.
    pub fn trust(&self, issuer: &str, key: PublicKey) -> Result<(), ConfigError> {
        self.0.trust.change(|keys| keys.insert(issuer, &key))
    }

    /// No longer trusts the key of this id ([`PublicKey::kid`]), from the next request on: its tokens are refused, those that were
    /// accepted before among them. Returns whether it was trusted.
    #[must_use = "a key of another id is still trusted"]
    pub fn distrust_key(&self, kid: &str) -> bool {
        self.0.trust.change(|keys| keys.remove(|key| *key.signer.kid == *kid))
    }

    /// No longer trusts any key of this issuer, from the next request on. Returns whether one was trusted.
    #[must_use = "an issuer of another name is still trusted"]
    pub fn distrust_issuer(&self, issuer: &str) -> bool {
        self.0.trust.change(|keys| keys.remove(|key| *key.signer.issuer == *issuer))
    }

    /// Finds the request's token and judges it, but for asynchronous checks. Also returns which caches may store the
    /// response.
    pub(crate) fn authenticate(&self, req: &HttpRequest) -> (Caching, Result<VerifiedToken, VerifyError>) {
        let credential = self.0.sources.find(req);
        let caching = self.0.sources.caching(&credential);
        (caching, credential.and_then(|credential| self.judge(req, &credential)))
    }

    fn judge(&self, req: &HttpRequest, credential: &Credential<'_>) -> Result<VerifiedToken, VerifyError> {
        if credential.ambient && !self.0.cross_origin.allows(req) {
            return Err(VerifyError::new(
                Kind::CrossOrigin,
                "a token in a cookie, and a request of another origin: if the origin is yours, name it by \
                 `.trusted_origin(..)` on the Verifier's builder",
            ));
        }
        let token = self.open(&credential.token)?;
        self.0.checks.check(&token)?;
        Ok(token)
    }

    /// Whether [`authenticate`](Self::authenticate) has to be followed by [`finish`](Self::finish).
    pub(crate) fn is_async(&self) -> bool {
        self.0.checks.are_async() || self.0.revocations.is_some()
    }

    pub(crate) async fn finish(&self, token: VerifiedToken) -> Result<VerifiedToken, VerifyError> {
        if let Some(store) = &self.0.revocations {
            ask(&**store, &token)
                .await
                .map_err(|error| error.with_kid(Some(token.kid())).with_issuer(Some(token.issuer())))?;
        }
        self.0.checks.check_async(&token).await?;
        Ok(token)
    }

    /// Logs why a request is refused, and makes the response.
    pub(crate) fn refuse(&self, req: &HttpRequest, error: VerifyError) -> HttpResponse {
        let error = error.with_realm(&self.0.realm);
        log_refusal(req, &error);
        self.0.events.emit(Event::Rejected(error.kind()));
        match &self.0.error_handler {
            Some(handler) => handler(req, &error),
            None => actix_web::ResponseError::error_response(&error),
        }
    }

    pub(crate) fn now(&self) -> time::OffsetDateTime {
        self.0.clock.now()
    }

    pub(crate) fn leeway(&self) -> std::time::Duration {
        self.0.policy.leeway
    }

    /// Whether two are clones of each other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The end of the years that RFC 3339 can write.
const LAST_MOMENT: OffsetDateTime = time::macros::datetime!(9999-12-31 23:59:59 UTC);

/// Whatever the store does not say clearly is a no.
async fn ask(store: &dyn AnyRevocations, token: &VerifiedToken) -> Result<(), VerifyError> {
    let Some(token_id) = token.token_id() else {
        return Err(VerifyError::new(Kind::Revoked, "revocations are asked for, and the token has no `jti`"));
    };
    let query = RevocationQuery::new(token.issuer(), token_id)
        .of_session(token.session_id())
        .of_subject(token.subject(), token.generation());
    match store.is_revoked(query).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(VerifyError::new(Kind::Revoked, "the token was revoked")),
        Err(error) => Err(VerifyError::new(Kind::Unavailable, format!("revocations: {error}"))),
    }
}

/// The log says all, but for what is secret. `kid` and `issuer` are what the client sent, hence escaped; the route is the
/// pattern, since a path may hold anything. What whoever runs the service has to mend, a store that is away included, is an error.
fn log_refusal(req: &HttpRequest, error: &VerifyError) {
    let (method, route) = (req.method(), req.match_pattern());
    let (kid, issuer) = (error.kid(), error.issuer());
    match error.kind() {
        Kind::MissingToken => tracing::debug!(reason = %error, %method, ?route, "request refused"),
        Kind::Misconfigured => tracing::error!(reason = %error, %method, ?route, "request refused"),
        Kind::Unavailable => tracing::error!(reason = %error, ?kid, ?issuer, %method, ?route, "request refused"),
        _ => tracing::warn!(reason = %error, ?kid, ?issuer, %method, ?route, "request refused"),
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("keys", &self.0.trust.get().keys)
            .field("policy", &self.0.policy)
            .field("format", &self.0.format)
            .field("sources", &self.0.sources)
            .finish_non_exhaustive()
    }
}
