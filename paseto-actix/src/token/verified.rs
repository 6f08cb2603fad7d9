use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::{
    Format,
    kept::{KeptClaims, Name, Signer},
    payload::Payload,
    policy::Judged,
};
use crate::{VerifyError, VerifyErrorKind};

/// A token whose signature, issuer, times and audience have been found right. Only a
/// [`Verifier`](crate::Verifier) makes one. Clones are cheap.
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
    payload: Payload,
    footer: Box<[u8]>,
    claims: KeptClaims,
    signer: Arc<Signer>,
}

impl VerifiedToken {
    pub(crate) fn new(format: Format, parts: (Vec<u8>, Vec<u8>), claims: KeptClaims, signer: Arc<Signer>) -> Self {
        let (payload, footer) = (Payload::new(format, parts.0), parts.1.into());
        Self(Arc::new(Inner { payload, footer, claims, signer }))
    }

    /// What of it is judged each time.
    pub(crate) fn judged(&self) -> Judged<'_> {
        self.0.claims.judged()
    }

    /// About how many bytes it takes, without what it has in common with others.
    pub(crate) fn size_in_memory(&self) -> usize {
        /// What an allocator adds to a piece of memory, on average.
        const PER_PIECE: usize = 16;
        let Inner { payload, footer, claims, .. } = &*self.0;
        let counts = size_of::<[usize; 2]>();
        let pieces =
            [size_of::<Inner>() + counts, payload.size_in_memory(claims.count()), footer.len(), claims.texts_len()];
        pieces.map(|piece| piece + PER_PIECE).into_iter().sum()
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
        self.0.claims.text(Name::Sub)
    }

    /// Whom the token is meant for (`aud`).
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.0.claims.text(Name::Aud)
    }

    /// The id of the token (`jti`).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims.text(Name::Jti)
    }

    /// The time after which the token is no longer accepted (`exp`), without the Verifier's leeway.
    #[must_use]
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        self.0.claims.exp
    }

    /// The time before which the token is not accepted (`nbf`).
    #[must_use]
    pub fn not_before(&self) -> Option<OffsetDateTime> {
        self.0.claims.nbf
    }

    /// The time of issue (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> Option<OffsetDateTime> {
        self.0.claims.iat
    }

    /// The time at which the user logged in (`auth_time`).
    #[must_use]
    pub fn auth_time(&self) -> Option<OffsetDateTime> {
        self.0.claims.auth_time
    }

    /// The login that the token is of (`sid`), which all tokens of it have in common.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.claims.text(Name::Sid)
    }

    /// The generation of the subject under which the token was issued (`sub_gen`), 0 if it names none: see
    /// [`Revocations`](crate::Revocations).
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.claims.sub_gen
    }

    /// What the token grants (`scope`).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.0.claims.scopes()
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
        self.0.payload.read().map_err(|path| {
            let detail = format!("the payload does not fit {}: {path}", std::any::type_name::<C>());
            VerifyError::new(VerifyErrorKind::UnexpectedClaims, detail)
                .with_kid(Some(&self.0.signer.kid))
                .with_issuer(Some(&self.0.signer.issuer))
        })
    }
}

/// Shows whose token it is, not what it says: claims may be personal data.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", &self.0.signer.issuer)
            .field("kid", &self.0.signer.kid)
            .field("expires_at", &self.0.claims.exp)
            .finish_non_exhaustive()
    }
}
