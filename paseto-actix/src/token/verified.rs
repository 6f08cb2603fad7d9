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
/// let claims = serde_json::json!({ "plan": "pro" });
/// let text = issuer.token(&claims).subject("ada").scopes(["read", "write"]).issue()?;
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
    /// The field `iss` is empty, because it equals the issuer of the signer.
    claims: RegisteredClaims,
    payload: Payload,
    footer: Arc<[u8]>,
}

impl VerifiedToken {
    /// Creates a token whose signature and issuer are verified. The caller still has to validate
    /// the times and the audience.
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

    /// Estimates the memory of the token in bytes, without the data that all tokens of a key share.
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

    /// Returns the PASETO version, always `v4`.
    #[must_use]
    pub fn version(&self) -> &'static str {
        "v4"
    }

    /// Returns the PASETO purpose, always `public` (signed).
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        "public"
    }

    /// Returns the issuer (`iss`). The [`Verifier`](crate::Verifier) trusts the signing key for
    /// this issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.signer.issuer
    }

    /// Returns the ID (`k4.pid`) of the signing key. It is also set if the footer has no `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.signer.kid
    }

    /// Returns the subject (`sub`), usually the ID of the user.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.claims.sub.as_deref()
    }

    /// Returns the audience (`aud`), the service that the token was issued for.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.0.claims.aud.as_deref()
    }

    /// Returns the ID of the token (`jti`).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims.jti.as_deref()
    }

    /// Returns the expiry time (`exp`). The `Verifier` adds its leeway before it rejects the token.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.0.claims.times.exp
    }

    /// Returns the time before which the token is not valid (`nbf`).
    #[must_use]
    pub fn not_before(&self) -> Option<OffsetDateTime> {
        self.0.claims.times.nbf
    }

    /// Returns the time of issue (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<OffsetDateTime> {
        self.0.claims.times.iat
    }

    /// Returns the time of the login (`auth_time`, [OpenID Connect Core, section 2]).
    ///
    /// [OpenID Connect Core, section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    #[must_use]
    pub fn auth_time(&self) -> Option<OffsetDateTime> {
        self.0.claims.auth_time
    }

    /// Returns the authentication context class (`acr`) of the login ([OpenID Connect Core, section
    /// 2]), such as `phr` for a phishing-resistant login.
    ///
    /// [OpenID Connect Core, section 2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.0.claims.acr.as_deref()
    }

    /// Returns the ID of the login (`sid`). All tokens of one login have the same `sid`.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.claims.sid.as_deref()
    }

    /// Returns the generation of the subject at the time of issue (`sub_gen`), or 0 if the token
    /// does not contain `sub_gen`. A [`RevocationStore`](crate::revocation::RevocationStore)
    /// compares it with the current generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.claims.sub_gen
    }

    /// Returns the scopes that the token grants (`scope`, [RFC 8693, section 4.2]).
    ///
    /// [RFC 8693, section 4.2]: https://www.rfc-editor.org/rfc/rfc8693#section-4.2
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.0
            .claims
            .scope
            .as_deref()
            .unwrap_or_default()
            .split(' ')
            .filter(|scope| !scope.is_empty())
    }

    /// Returns whether the token grants this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// Returns the footer, or an empty slice if the token has no footer. The footer is signed and
    /// not encrypted.
    #[must_use]
    pub fn footer(&self) -> &[u8] {
        &self.0.footer
    }

    /// Deserializes the whole payload, including the registered claims, into a type of the
    /// application.
    ///
    /// # Errors
    ///
    /// [`VerifyErrorKind::UnexpectedClaims`] if the payload does not fit the type.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C, VerifyError> {
        self.0.payload.read().map_err(|mismatch| {
            let detail =
                format!("the claims do not fit `{}`: {mismatch}", std::any::type_name::<C>());
            self.annotate(VerifyError::new(VerifyErrorKind::UnexpectedClaims, detail))
        })
    }
}

/// Shows the issuer, the key ID and the expiry time. The other claims can be personal data.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", &self.0.signer.issuer)
            .field("kid", &self.0.signer.kid)
            .field("expires_at", &self.0.claims.times.exp)
            .finish_non_exhaustive()
    }
}
