use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::payload::Payload;
use super::{Format, RegisteredClaims, Signer, Times};
use crate::error::{VerifyError, VerifyErrorKind};

/// A token with a verified signature, issuer, times and audience. Only a
/// [`Verifier`](crate::Verifier) creates one. Clones are cheap.
///
/// ```
/// use paseto_actix::{Issuer, SecretKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let verifier = Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
/// let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
///
/// let text = issuer.token(&serde_json::json!({ "plan": "pro" })).subject("ada").scopes(["read", "write"]).issue()?;
/// let token = verifier.verify_str(&text)?;
/// assert_eq!(token.issuer(), "https://issuer.example");
/// assert_eq!(token.subject(), Some("ada"));
/// assert!(token.has_scope("write"));
/// assert_eq!(token.claims::<serde_json::Value>()?["plan"], "pro");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VerifiedToken(Arc<Inner>);

struct Inner {
    signer: Arc<Signer>,
    /// Without `iss`, which is the issuer of the signer.
    claims: RegisteredClaims,
    payload: Payload,
    footer: Arc<[u8]>,
}

impl VerifiedToken {
    /// The signature and the issuer are verified. The caller still checks times and audience.
    pub(crate) fn new(
        signer: Arc<Signer>,
        claims: RegisteredClaims,
        format: Format,
        payload: &[u8],
        footer: &[u8],
    ) -> Self {
        let claims = RegisteredClaims { iss: None, ..claims };
        let (payload, footer) = (Payload::new(format, payload), signer.share_footer(footer));
        Self(Arc::new(Inner { signer, claims, payload, footer }))
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(crate) fn times(&self) -> Times {
        self.0.claims.times
    }

    /// Adds the key and the issuer of the token to an error.
    pub(crate) fn annotate(&self, error: VerifyError) -> VerifyError {
        error.with_kid(Some(self.kid())).with_issuer(Some(self.issuer()))
    }

    /// The estimated memory of the token in bytes, without data that tokens of a key share.
    pub(crate) fn size_in_memory(&self) -> usize {
        /// The average overhead of an allocation.
        const PER_ALLOCATION: usize = 16;
        let Inner { signer, claims, payload, footer } = &*self.0;
        let RegisteredClaims { sub, aud, jti, scope, acr, sid, count, .. } = claims;
        let texts = [sub, aud, jti, scope, acr, sid].into_iter().flatten().map(|text| text.len());
        let footer =
            Some(footer).filter(|footer| !signer.shares_footer(footer)).map(|footer| footer.len());
        let reference_counts = size_of::<[usize; 2]>();
        [size_of::<Inner>() + reference_counts, payload.size_in_memory(*count)]
            .into_iter()
            .chain(texts)
            .chain(footer)
            .map(|bytes| bytes + PER_ALLOCATION)
            .sum()
    }

    /// The version of PASETO: always `v4`.
    #[must_use]
    pub fn version(&self) -> &'static str {
        "v4"
    }

    /// The purpose of the token: always `public`, that is, signed.
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        "public"
    }

    /// Who issued the token (`iss`). The key that signed it was trusted for this issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.signer.issuer
    }

    /// The id (`k4.pid`) of the key that signed the token, whether or not the footer names it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.signer.kid
    }

    /// Whom the token speaks of (`sub`).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.claims.sub.as_deref()
    }

    /// Whom the token is meant for (`aud`).
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.0.claims.aud.as_deref()
    }

    /// The id of the token (`jti`).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims.jti.as_deref()
    }

    /// The time after which the token is rejected (`exp`), without the Verifier's leeway.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.0.claims.times.exp
    }

    /// The time before which the token is not accepted (`nbf`).
    #[must_use]
    pub fn not_before(&self) -> Option<OffsetDateTime> {
        self.0.claims.times.nbf
    }

    /// The time of issue (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<OffsetDateTime> {
        self.0.claims.times.iat
    }

    /// The time at which the user logged in (`auth_time`).
    #[must_use]
    pub fn auth_time(&self) -> Option<OffsetDateTime> {
        self.0.claims.auth_time
    }

    /// The class of the login (`acr`, [OpenID Connect Core, section 2]): how the user
    /// authenticated.
    ///
    /// [OpenID Connect Core, section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.0.claims.acr.as_deref()
    }

    /// The login that the token is of (`sid`), which all tokens of it have in common.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.claims.sid.as_deref()
    }

    /// The generation of the subject under which the token was issued (`sub_gen`), 0 if it names none: see
    /// [`RevocationStore`](crate::revocation::RevocationStore).
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.claims.sub_gen
    }

    /// The scopes that the token grants (`scope`).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.0
            .claims
            .scope
            .as_deref()
            .unwrap_or_default()
            .split(' ')
            .filter(|scope| !scope.is_empty())
    }

    /// Whether the token grants this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// The footer, empty if there is none. It is signed, but written in clear.
    #[must_use]
    pub fn footer(&self) -> &[u8] {
        &self.0.footer
    }

    /// The whole payload, registered claims included, as a type of your own.
    ///
    /// # Errors
    ///
    /// [`VerifyErrorKind::UnexpectedClaims`] if it does not fit the type.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C, VerifyError> {
        self.0.payload.read().map_err(|mismatch| {
            let detail =
                format!("the claims do not fit `{}`: {mismatch}", std::any::type_name::<C>());
            self.annotate(VerifyError::new(VerifyErrorKind::UnexpectedClaims, detail))
        })
    }
}

/// Shows the issuer and the key, but no claims of the user: they may be personal data.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", &self.0.signer.issuer)
            .field("kid", &self.0.signer.kid)
            .field("expires_at", &self.0.claims.times.exp)
            .finish_non_exhaustive()
    }
}
