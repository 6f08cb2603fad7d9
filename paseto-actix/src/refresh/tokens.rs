use std::{fmt, sync::Arc, time::Duration};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Login, LoginAttempt, RefreshError, RefreshTokensBuilder, token::RefreshToken};
use crate::{
    Clock, Issuer, KeyRing, RandomId, Rotation, SeriesReuse, TokenUse, VerifiedToken, limits::RECORD_SLACK,
    revocation::AnyRevocations, series::AnySeries,
};

/// Pairs of an access token (`v4.public`, short) and a refresh token (`v4.local`, long, good for one use), as
/// [RFC 9700, section 4.14] wants them: all tokens of one login are a family, and a refresh token that comes a second time ends
/// the family, the access tokens too.
///
/// The browser or app that lost a response may ask again within [`grace`](RefreshTokensBuilder::grace): it gets the tokens that
/// it would have got.
///
/// ```
/// use paseto_actix::{Issuer, LocalKey, MemoryRevocations, MemorySeries, RefreshTokens, SecretKey, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let revocations = MemoryRevocations::new(100_000);
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", key.public_key())
///     .revocations(revocations.clone())
///     .build()?;
/// let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
/// let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
///     .families(MemorySeries::new(100_000))
///     .revocations(revocations)
///     .build()?;
///
/// // At the login, once the password was found right:
/// let pair = tokens.begin("ada").await?.issue(&serde_json::json!({ "plan": "pro" }))?;
/// assert_eq!(verifier.verify_str_async(&pair.access_token).await?.subject(), Some("ada"));
///
/// // Later. The claims are those of now:
/// let login = tokens.refresh(&pair.refresh_token).await?;
/// assert_eq!(login.subject(), "ada");
/// let pair = login.issue_with(&serde_json::json!({ "plan": "pro" }), |token| token.scopes(["read"]))?;
///
/// tokens.end(&pair.refresh_token).await?;
/// assert!(verifier.verify_str_async(&pair.access_token).await.is_err());
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9700, section 4.14]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14
#[derive(Clone)]
pub struct RefreshTokens(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) issuer: Issuer,
    pub(super) access_ttl: Duration,
    pub(super) keys: KeyRing,
    pub(super) assertion: Vec<u8>,
    pub(super) lifetime: Duration,
    pub(super) grace: Duration,
    pub(super) families: AnySeries,
    pub(super) revocations: AnyRevocations,
    pub(super) on_reuse: Box<dyn Fn(&SeriesReuse) + Send + Sync>,
    pub(super) clock: Arc<dyn Clock>,
}

impl RefreshTokens {
    /// Starts with who issues access tokens, and the keys that encrypt refresh tokens. Required are
    /// [`families`](RefreshTokensBuilder::families) and [`revocations`](RefreshTokensBuilder::revocations).
    pub fn builder(issuer: Issuer, keys: impl Into<KeyRing>) -> RefreshTokensBuilder {
        RefreshTokensBuilder::new(issuer, keys.into())
    }

    /// Begins a login: call it once the credentials were found right.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if one of the stores does not do its part; [`RefreshError::Ended`] if all logins of the subject were ended
    /// meanwhile.
    pub async fn begin(&self, subject: impl Into<String>) -> Result<Login, RefreshError> {
        self.attempt(subject).await?.begin().await
    }

    /// Notes that a subject is about to log in: call it before the password is looked at, and
    /// [`begin`](LoginAttempt::begin) once it was found right, before an access token would have expired. Then a login with a password
    /// that is changed in that very moment, and all logins [ended](Self::end_all), does not outlive the change.
    ///
    /// ```no_run
    /// # use paseto_actix::{RefreshError, RefreshTokens, TokenPair};
    /// # fn is_right(_: &str, _: &str) -> bool { true }
    /// async fn login(tokens: &RefreshTokens, user: &str, password: &str) -> Result<Option<TokenPair>, RefreshError> {
    ///     let attempt = tokens.attempt(user).await?;
    ///     if !is_right(user, password) {
    ///         return Ok(None);
    ///     }
    ///     attempt.begin().await?.issue(&serde_json::json!({})).map(Some)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the revocation store does not do its part.
    pub async fn attempt(&self, subject: impl Into<String>) -> Result<LoginAttempt, RefreshError> {
        let (subject, noted) = (subject.into(), self.0.clock.now());
        let generation = self.generation(&subject).await?;
        Ok(LoginAttempt { tokens: self.clone(), subject, noted, generation })
    }

    /// Uses a refresh token up: the login that goes on, with the next one.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the token is none, is used up, or belongs to a login that has ended; or if one of the stores does not
    /// do its part. A token that was used before ends its login.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Login, RefreshError> {
        let inner = &*self.0;
        let (token, family, presented) = self.open(refresh_token)?;
        let next = random()?;
        // Before the rotation: of a logout everywhere at the same time, either the family is gone by then, or this is too old.
        let generation = self.generation(&token.sub).await?;
        let token_use = TokenUse::new(family, presented, next, inner.clock.now(), inner.grace);
        let current = match inner.families.rotate(token_use).await? {
            Rotation::Rotated => next,
            // Two at once, or one whose response was lost.
            Rotation::Superseded { current } => current,
            Rotation::Unknown => {
                // Whoever found the reuse, or the logout, may not have come so far.
                self.revoke_access(family).await?;
                return Err(RefreshError::Ended);
            }
            Rotation::Reused => {
                tracing::warn!(%family, "a refresh token was used again: somebody has a copy; its family is revoked");
                let revoked = self.revoke_access(family).await;
                (inner.on_reuse)(&SeriesReuse { user_id: token.sub, series: family });
                revoked?;
                return Err(RefreshError::Reused);
            }
        };
        let token = RefreshToken::new(token.sub, token.since, token.exp, family, current);
        let text = token.encrypt(&inner.keys, &inner.assertion).ok_or(RefreshError::Sealing)?;
        self.login(token, family, text, generation)
    }

    /// Ends a login, by a refresh token of it: a logout. It beats a refresh that is under way.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Invalid`] if it is no refresh token; another one if a store does not do its part: the login may go on then.
    pub async fn end(&self, refresh_token: &str) -> Result<(), RefreshError> {
        let (_, family, _) = self.open(refresh_token)?;
        self.end_family(family, self.last_access_token()).await
    }

    /// Ends the login that an access token is of: a logout by whoever has no refresh token at hand.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Invalid`] if it is an access token of no such login; another one if a store does not do its part: the login
    /// may go on then.
    pub async fn end_by(&self, access_token: &VerifiedToken) -> Result<(), RefreshError> {
        let session_id = access_token.session_id().filter(|_| access_token.issuer() == self.0.issuer.name());
        let family = session_id.and_then(|id| id.parse().ok()).ok_or(RefreshError::Invalid)?;
        let expires = access_token.expires_at().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        self.end_family(family, expires.saturating_add(RECORD_SLACK).max(self.last_access_token())).await
    }

    /// Ends all logins of a subject, the access tokens too.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if a store does not do its part: logins may go on then.
    pub async fn end_all(&self, subject: &str) -> Result<(), RefreshError> {
        let inner = &*self.0;
        let revoke_subject =
            || inner.revocations.revoke_subject(inner.issuer.name(), subject, self.last_access_token());
        // The generation first: a login that looks at it after this is refused, and the family of one that looked before is found
        // below. And again once the families are gone: a refresh meanwhile has made tokens of the generation in between. Each
        // whatever became of the others.
        let first = revoke_subject().await;
        let families = inner.families.revoke_all(subject).await;
        revoke_subject().await?;
        first?;
        Ok(families?)
    }

    async fn end_family(&self, family: RandomId, until: OffsetDateTime) -> Result<(), RefreshError> {
        let inner = &*self.0;
        // The family first: no refresh can issue what would not be revoked. And the access tokens whatever became of it.
        let ended = inner.families.revoke(family).await;
        inner.revocations.revoke(inner.issuer.name(), &family.to_string(), until).await?;
        Ok(ended?)
    }

    pub(super) async fn generation(&self, subject: &str) -> Result<u64, RefreshError> {
        Ok(self.0.revocations.generation(self.0.issuer.name(), subject).await?)
    }

    fn open(&self, text: &str) -> Result<(RefreshToken, RandomId, RandomId), RefreshError> {
        let inner = &*self.0;
        let now = inner.clock.now().unix_timestamp();
        let token = RefreshToken::decrypt(text, &inner.keys, &inner.assertion, now).ok_or(RefreshError::Invalid)?;
        let (family, id) = token.ids().ok_or(RefreshError::Invalid)?;
        Ok((token, family, id))
    }

    pub(super) fn login(
        &self,
        token: RefreshToken,
        family: RandomId,
        text: String,
        generation: u64,
    ) -> Result<Login, RefreshError> {
        Ok(Login {
            generation,
            tokens: self.clone(),
            session_id: family.to_string(),
            since: OffsetDateTime::from_unix_timestamp(token.since).map_err(|_| RefreshError::Invalid)?,
            subject: token.sub,
            refresh_token: Zeroizing::new(text),
        })
    }

    /// Revokes the access tokens of a family, by the session id that they have in common.
    async fn revoke_access(&self, family: RandomId) -> Result<(), RefreshError> {
        let inner = &*self.0;
        inner.revocations.revoke(inner.issuer.name(), &family.to_string(), self.last_access_token()).await?;
        Ok(())
    }

    /// When the last access token that was issued until now is accepted nowhere any more.
    fn last_access_token(&self) -> OffsetDateTime {
        let inner = &*self.0;
        inner.clock.now().saturating_add(span(inner.access_ttl)).saturating_add(RECORD_SLACK)
    }
}

pub(super) fn random() -> Result<RandomId, RefreshError> {
    RandomId::generate().ok_or(RefreshError::Sealing)
}

pub(super) fn span(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens")
            .field("issuer", &self.0.issuer)
            .field("keys", &self.0.keys)
            .field("lifetime", &self.0.lifetime)
            .finish_non_exhaustive()
    }
}
