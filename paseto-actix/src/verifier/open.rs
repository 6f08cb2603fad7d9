//! From the text of a token to what it says: form, key, signature, issuer, claims.

use std::sync::Arc;

use super::{Inner, Verifier, key_set::KeySet};
use crate::{
    VerifiedToken, VerifyError, VerifyErrorKind as Kind,
    token::{Footer, KeptClaims, Unverified, scan},
};

impl Verifier {
    /// Everything that is said of a token in itself.
    ///
    /// That the signature is right, and what is signed, may be known from before. Whatever depends on anything but the text and
    /// the trust is judged each time.
    pub(super) fn open(&self, text: &str) -> Result<VerifiedToken, VerifyError> {
        let inner = &*self.0;
        let trust = inner.trust.get();
        let place = trust.cache_for(text).map(|cache| (cache, cache.hash(text)));
        let known = place.as_ref().and_then(|(cache, hash)| cache.get(hash));
        let is_known = known.is_some();
        let token = match known {
            Some(token) => token,
            None => inner.authenticate(&trust.keys, text)?,
        };
        let now = inner.clock.now();
        if let Err(error) = inner.policy.judge(token.judged(), now) {
            if let (Kind::Expired, Some((cache, hash))) = (error.kind(), &place) {
                cache.remove(hash);
            }
            return Err(error.with_kid(Some(token.kid())).with_issuer(Some(token.issuer())));
        }
        if let Some((cache, hash)) = place.filter(|_| !is_known && inner.trust.is_current(&trust)) {
            cache.insert(hash, &token, now);
        }
        Ok(token)
    }
}

impl Inner {
    /// Whether a key is trusted for the token, and has signed it.
    fn authenticate(&self, keys: &KeySet, text: &str) -> Result<VerifiedToken, VerifyError> {
        let unverified = Unverified::parse(text)?;
        let footer = Footer::parse(self.format, unverified.footer())
            .map_err(|problem| VerifyError::new(Kind::Malformed, problem))?;
        let kid = footer.kid.as_deref();
        let payload = |error: String| VerifyError::new(Kind::Malformed, error).with_kid(kid);

        let (key, claims) = if let Some(pid) = kid.filter(|kid| kid.starts_with("k4.pid.")) {
            let key = keys.by_pid(pid).ok_or_else(|| {
                VerifyError::new(Kind::UnknownKey, "the footer names a key that is not trusted").with_kid(kid)
            })?;
            if !key.verifies(&unverified, &self.implicit_assertion) {
                let error = VerifyError::new(Kind::BadSignature, "the signature is not that of the key");
                return Err(error.with_kid(kid).with_issuer(Some(&key.signer.issuer)));
            }
            (key, scan(self.format, unverified.payload()).map_err(payload)?)
        } else {
            // The issuer is a claim like any other, and says here only which keys are worth a try.
            let claims = scan(self.format, unverified.payload()).map_err(payload)?;
            let claimed = claims.iss.as_deref().unwrap_or_default();
            let key = keys
                .candidates(claimed)
                .find(|key| key.verifies(&unverified, &self.implicit_assertion))
                .ok_or_else(|| {
                    VerifyError::new(Kind::UnknownKey, "no key that is trusted for the claimed issuer fits")
                        .with_kid(kid)
                        .with_issuer(claims.iss.as_deref())
                })?;
            (key, claims)
        };

        if claims.iss.as_deref() != Some(&*key.signer.issuer) {
            let error = VerifyError::new(Kind::UntrustedIssuer, "the key is not trusted for this `iss`");
            return Err(error.with_kid(Some(&key.signer.kid)).with_issuer(claims.iss.as_deref()));
        }
        let too_long = || VerifyError::new(Kind::Malformed, "claims of over 65,535 bytes").with_kid(kid);
        let claims = KeptClaims::of(&claims).ok_or_else(too_long)?;
        Ok(VerifiedToken::new(self.format, unverified.into_parts(), claims, Arc::clone(&key.signer)))
    }
}
