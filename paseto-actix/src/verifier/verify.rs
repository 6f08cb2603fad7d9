//! The checks of a token, in this order:
//!
//! 1. The request has one token, and a token in a cookie comes from an allowed origin.
//! 2. Format, footer, key, signature, structure and issuer. A cached token has passed them.
//! 3. Times, in every request.
//! 4. Audience. A cached token has passed it.
//! 5. The synchronous checks of the application.
//! 6. The revocation store.
//! 7. The asynchronous checks of the application.

use std::sync::Arc;

use actix_web::HttpRequest;

use super::credential::Credential;
#[cfg(feature = "remote-keys")]
use super::remote::AwaitedKey;
use super::token_cache::Slot;
use super::trusted_keys::{IssuerKey, TrustedKeys};
use super::{CacheRestriction, Verifier};
use crate::error::{VerifyError, VerifyErrorKind as Kind, quote};
use crate::revocation::{AnyRevocationStore, RevocationQuery};
use crate::token::{Footer, RegisteredClaims, Signer, Unverified, VerifiedToken, scan};

impl Verifier {
    /// Finds the token of a request and verifies it, without the [asynchronous
    /// checks](Self::verify_async). Also returns which caches may store the response.
    pub(crate) fn verify_request(
        &self,
        req: &HttpRequest,
    ) -> (CacheRestriction, Result<Progress, VerifyError>) {
        let credential = self.0.sources.find(req);
        let is_ambient = credential.as_ref().is_ok_and(|credential| credential.ambient);
        let outcome = credential.and_then(|credential| {
            if credential.ambient && !self.0.cross_origin.allows(req) {
                return Err(VerifyError::new(
                    Kind::CrossOrigin,
                    "the token is in a cookie, and the request is from another origin: call `.trusted_origin(..)` on the \
                     builder of the Verifier to allow that origin",
                ));
            }
            self.verify_or_fetch(&credential)
        });
        let is_malformed =
            outcome.as_ref().is_err_and(|error| error.kind() == Kind::InvalidRequest);
        (self.0.sources.caching(is_ambient || is_malformed), outcome)
    }

    /// Verifies a token, without the [asynchronous checks](Self::verify_async). Starts a fetch if
    /// the key of the token may be a new key of a remote issuer.
    pub(super) fn verify_or_fetch(
        &self,
        credential: &Credential<'_>,
    ) -> Result<Progress, VerifyError> {
        match self.verify(credential) {
            Ok(token) => Ok(Progress::Verified(token)),
            #[cfg(feature = "remote-keys")]
            Err(failure) if failure.remote.is_some() => {
                match self.await_key(credential.text()?, failure)? {
                    Some(key) => Ok(Progress::Fetching(key)),
                    // The keys changed during the verification.
                    None => self.verify_or_fetch(credential),
                }
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// Verifies a token with the current keys, without the [asynchronous
    /// checks](Self::verify_async).
    pub(super) fn verify(&self, credential: &Credential<'_>) -> Result<VerifiedToken, Failure> {
        let started = self.0.has_remote().then(|| self.0.clock.now());
        if let Some(started) = started {
            self.refresh_remote_keys(started);
        }
        self.refresh_in_process_keys();
        let slot = self.0.token_cache.as_ref().and_then(|cache| cache.slot(&credential.bytes));
        let (token, checked_by) = match slot.as_ref().and_then(Slot::get) {
            Some(token) => (token, None),
            None => {
                let (token, key) = self.verify_new(credential.text()?)?;
                (token, Some(key))
            }
        };

        let now = started.unwrap_or_else(|| self.0.clock.now());
        if let Err(error) = self.0.validation.validate_times(token.times(), now) {
            if error.kind() == Kind::Expired
                && let Some(slot) = slot
            {
                slot.remove();
            }
            return Err(token.annotate(error).into());
        }

        if let Some(key) = checked_by {
            self.0
                .validation
                .validate_audience(token.audience())
                .map_err(|error| token.annotate(error))?;
            if let Some(slot) = slot {
                slot.insert(&token, now);
            }
            self.0.keys.count_check(&key);
        }

        self.0.checks.run(&token)?;
        Ok(token)
    }

    /// Verifies format, footer, key, signature, structure and issuer of a token that is not in the
    /// cache.
    ///
    /// If the footer does not contain a key ID, the claims are read before the signature is
    /// verified, because `iss` selects the keys to try.
    ///
    /// Also returns the key that verified the signature.
    fn verify_new(&self, text: &str) -> Result<(VerifiedToken, Arc<IssuerKey>), Failure> {
        let unverified = Unverified::parse(text)?;
        let footer = Footer::parse(self.0.format, unverified.footer())
            .map_err(|problem| VerifyError::new(Kind::Malformed, problem))?;
        let kid = footer.kid.as_deref();
        let keys = self.0.keys.current();
        let verifies = |key: &IssuerKey| key.verifies(&unverified, &self.0.implicit_assertion);
        let read_claims = || {
            let malformed = |problem| VerifyError::new(Kind::Malformed, problem).with_kid(kid);
            scan(self.0.format, unverified.payload()).map_err(malformed)
        };

        let (key, claims) = if let Some(kid) = kid.filter(|kid| kid.starts_with("k4.pid.")) {
            let key = keys.by_kid(kid).first().ok_or_else(|| {
                let advice = if self.0.has_remote() {
                    "no fetched key set contains it"
                } else {
                    "call `.trust(..)` with the key of the issuer"
                };
                let detail =
                    format!("the footer contains the unknown key ID {}: {advice}", quote(kid));
                let error = VerifyError::new(Kind::UnknownKey, detail).with_kid(Some(kid));
                // The unverified `iss` selects the keys to fetch.
                let claims = self.0.has_remote().then(read_claims).and_then(Result::ok);
                self.unknown_key(error, claims.as_ref(), &keys)
            })?;
            if !verifies(key) {
                let error = VerifyError::new(
                    Kind::BadSignature,
                    "the key does not verify the signature: the token was changed, or the implicit assertions differ",
                );
                return Err(error.with_kid(Some(kid)).with_issuer(Some(&key.signer.issuer)).into());
            }
            (key, read_claims()?)
        } else {
            let claims = read_claims()?;
            let iss = claims.iss.as_deref().ok_or_else(|| missing_issuer().with_kid(kid))?;
            let mut candidates = keys.candidates(iss).peekable();
            if candidates.peek().is_none() && !self.0.is_remote(iss) {
                let detail = format!("expected {}, found {}", keys.describe_issuers(), quote(iss));
                let error = VerifyError::new(Kind::UntrustedIssuer, detail);
                return Err(error.with_kid(kid).with_issuer(Some(iss)).into());
            }
            let key = candidates.find(|key| verifies(key)).ok_or_else(|| {
                let detail =
                    format!("no trusted key of issuer {} verifies the signature: call `.trust(..)` with the key that signed the token", quote(iss));
                let error = VerifyError::new(Kind::UnknownKey, detail).with_kid(kid);
                self.unknown_key(error, Some(&claims), &keys)
            })?;
            (key, claims)
        };

        let Signer { issuer, kid, .. } = &*key.signer;
        let iss = claims.iss.as_deref().ok_or_else(|| missing_issuer().with_kid(Some(kid)))?;
        let Some(entry) = keys.of_issuer(kid, iss) else {
            let detail = format!(
                "expected issuer {}, for which the key is trusted, found {}",
                quote(issuer),
                quote(iss)
            );
            let error = VerifyError::new(Kind::UntrustedIssuer, detail).with_kid(Some(kid));
            // Another issuer may have published a new key of this issuer first.
            return Err(self.unknown_key(error, Some(&claims), &keys));
        };
        let signer = Arc::clone(&entry.signer);
        let token = VerifiedToken::new(
            signer,
            claims,
            self.0.format,
            unverified.payload(),
            unverified.footer(),
        );
        Ok((token, Arc::clone(key)))
    }

    /// Returns the failure for a token whose key is unknown. The keys of the unverified `iss` are
    /// fetched only if a new key can make the token valid.
    fn unknown_key(
        &self,
        error: VerifyError,
        claims: Option<&RegisteredClaims>,
        keys: &Arc<TrustedKeys>,
    ) -> Failure {
        let Some(claims) = claims else { return error.into() };
        let validation = &self.0.validation;
        let is_acceptable = validation.validate_times(claims.times, self.0.clock.now()).is_ok()
            && validation.validate_audience(claims.aud.as_deref()).is_ok();
        let iss = claims.iss.as_deref();
        let position = iss.filter(|_| is_acceptable).and_then(|iss| self.0.remote_position(iss));
        let remote = position.map(|position| UnknownKey { position, keys: Arc::clone(keys) });
        Failure { error: error.with_issuer(iss), remote }
    }

    /// Returns whether [`verify_async`](Self::verify_async) must follow [`verify`](Self::verify).
    pub(crate) fn is_async(&self) -> bool {
        self.0.checks.are_async() || self.0.revocations.is_some()
    }

    /// Queries the revocation store, then runs the asynchronous checks of the application.
    pub(crate) async fn verify_async(
        &self,
        token: VerifiedToken,
    ) -> Result<VerifiedToken, VerifyError> {
        if let Some(store) = &self.0.revocations {
            check_revocation(&**store, &token).await.map_err(|error| token.annotate(error))?;
        }
        self.0.checks.run_async(&token).await?;
        Ok(token)
    }
}

fn missing_issuer() -> VerifyError {
    VerifyError::new(
        Kind::MissingClaim,
        "the token has no `iss`: an Issuer adds it unless `include_iss(false)` is set",
    )
}

/// Why a token was rejected.
pub(super) struct Failure {
    pub(super) error: VerifyError,
    /// `Some` if the next key set of a remote issuer may contain the key of the token.
    #[cfg_attr(not(feature = "remote-keys"), expect(dead_code))]
    pub(super) remote: Option<UnknownKey>,
}

#[cfg_attr(not(feature = "remote-keys"), expect(dead_code))]
pub(super) struct UnknownKey {
    /// The position of the remote issuer.
    pub(super) position: usize,
    /// The keys that do not contain the key of the token.
    pub(super) keys: Arc<TrustedKeys>,
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self { error, remote: None }
    }
}

/// The outcome of the checks that need no waiting.
pub(crate) enum Progress {
    /// The token passed them. The [asynchronous checks](Verifier::verify_async) may follow.
    Verified(VerifiedToken),
    /// The key of the token is unknown, and a fetch of the keys of its issuer is in flight.
    #[cfg(feature = "remote-keys")]
    Fetching(AwaitedKey),
}

/// Rejects the token unless the store reports that it is not revoked.
async fn check_revocation(
    store: &dyn AnyRevocationStore,
    token: &VerifiedToken,
) -> Result<(), VerifyError> {
    let Some(token_id) = token.token_id() else {
        return Err(VerifyError::new(
            Kind::MissingClaim,
            "the token has no `jti`, which a Verifier with a revocation store requires: an Issuer adds it unless \
             `include_jti(false)` is set",
        ));
    };
    let query = RevocationQuery::new(token.issuer(), token_id)
        .of_session(token.session_id())
        .of_subject(token.subject(), token.generation());
    match store.is_revoked(query).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(VerifyError::new(Kind::Revoked, "the token was revoked")),
        Err(error) => {
            Err(VerifyError::new(Kind::Unavailable, format!("revocation store: {error}")))
        }
    }
}
