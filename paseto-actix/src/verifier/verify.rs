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
use super::token_cache::Slot;
use super::trusted_keys::IssuerKey;
use super::{CacheRestriction, Verifier};
use crate::error::{VerifyError, VerifyErrorKind as Kind, quote};
use crate::revocation::{AnyRevocationStore, RevocationQuery};
use crate::token::{Footer, Signer, Unverified, VerifiedToken, scan};

impl Verifier {
    /// Finds the token of a request and verifies it, without the [asynchronous
    /// checks](Self::verify_async). Also returns which caches may store the response.
    pub(crate) fn verify_request(
        &self,
        req: &HttpRequest,
    ) -> (CacheRestriction, Result<VerifiedToken, VerifyError>) {
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
            self.verify(&credential)
        });
        let is_malformed =
            outcome.as_ref().is_err_and(|error| error.kind() == Kind::InvalidRequest);
        (self.0.sources.caching(is_ambient || is_malformed), outcome)
    }

    /// Verifies a token, without the [asynchronous checks](Self::verify_async).
    pub(super) fn verify(&self, credential: &Credential<'_>) -> Result<VerifiedToken, VerifyError> {
        let slot = self.0.token_cache.as_ref().and_then(|cache| cache.slot(&credential.bytes));
        let (token, checked_by) = match slot.as_ref().and_then(Slot::get) {
            Some(token) => (token, None),
            None => {
                let (token, key) = self.verify_new(credential.text()?)?;
                (token, Some(key))
            }
        };

        let now = self.0.clock.now();
        if let Err(error) = self.0.validation.validate_times(token.times(), now) {
            if error.kind() == Kind::Expired
                && let Some(slot) = slot
            {
                slot.remove();
            }
            return Err(token.annotate(error));
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
    fn verify_new(&self, text: &str) -> Result<(VerifiedToken, Arc<IssuerKey>), VerifyError> {
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
            let key = keys.by_kid(kid).ok_or_else(|| {
                let detail = format!("the footer contains the unknown key ID {}: call `.trust(..)` with the key of the issuer", quote(kid));
                VerifyError::new(Kind::UnknownKey, detail).with_kid(Some(kid))
            })?;
            if !verifies(key) {
                let error = VerifyError::new(
                    Kind::BadSignature,
                    "the key does not verify the signature: the token was changed, or the implicit assertions differ",
                );
                return Err(error.with_kid(Some(kid)).with_issuer(Some(&key.signer.issuer)));
            }
            (key, read_claims()?)
        } else {
            let claims = read_claims()?;
            let iss = claims.iss.as_deref().ok_or_else(|| missing_issuer().with_kid(kid))?;
            let mut candidates = keys.candidates(iss).peekable();
            if candidates.peek().is_none() {
                let detail = format!("expected {}, found {}", keys.describe_issuers(), quote(iss));
                return Err(VerifyError::new(Kind::UntrustedIssuer, detail)
                    .with_kid(kid)
                    .with_issuer(Some(iss)));
            }
            let key = candidates.find(|key| verifies(key)).ok_or_else(|| {
                let detail =
                    format!("no trusted key of issuer {} verifies the signature: call `.trust(..)` with the key that signed the token", quote(iss));
                VerifyError::new(Kind::UnknownKey, detail).with_kid(kid).with_issuer(Some(iss))
            })?;
            (key, claims)
        };

        let Signer { issuer, kid, .. } = &*key.signer;
        let iss = claims.iss.as_deref().ok_or_else(|| missing_issuer().with_kid(Some(kid)))?;
        if *iss != **issuer {
            let detail = format!(
                "expected issuer {}, for which the key is trusted, found {}",
                quote(issuer),
                quote(iss)
            );
            return Err(VerifyError::new(Kind::UntrustedIssuer, detail)
                .with_kid(Some(kid))
                .with_issuer(Some(iss)));
        }
        let signer = Arc::clone(&key.signer);
        let token = VerifiedToken::new(
            signer,
            claims,
            self.0.format,
            unverified.payload(),
            unverified.footer(),
        );
        Ok((token, Arc::clone(key)))
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
