use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::token::RefreshToken;
use super::{Login, PendingLogin, RefreshError, RefreshTokensBuilder};
use crate::clock::Clock;
use crate::durations::RECORD_SLACK;
use crate::error::VerifyErrorKind;
use crate::event::{Event, EventHook};
use crate::issuer::Issuer;
use crate::keys::KeyRing;
use crate::revocation::{AnyRevocationStore, ExceptedLogin, RevocationError, RevocationQuery};
use crate::token::VerifiedToken;
use crate::token_family::{
    AnyTokenFamilyStore, FamilyOwner, LoginEntry, RandomId, Rotation, RotationRequest,
};

/// Pairs of an access token (`v4.public`, short) and a refresh token (`v4.local`, long, good for one use), as
/// [RFC 9700, section 4.14] wants them: all tokens of one login are a family, and a refresh token that comes a second time ends
/// the family, the access tokens too.
///
/// The browser or app that lost a response may ask again within [`grace`](RefreshTokensBuilder::grace): it gets the tokens that
/// it would have got.
///
/// ```
/// use paseto_actix::{Issuer, LocalKey, RefreshTokens, SecretKey, Verifier};
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SecretKey::generate();
/// let revocations = MemoryRevocationStore::new(100_000);
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", key.public_key())
///     .revocation_store(revocations.clone())
///     .build()?;
/// let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
/// let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
///     .token_family_store(MemoryTokenFamilyStore::new(100_000))
///     .revocation_store(revocations)
///     .build()?;
///
/// // At the login, once the password was found right:
/// let pair = tokens.login("ada").await?.issue(&serde_json::json!({ "plan": "pro" }))?;
/// assert_eq!(verifier.verify_str_async(&pair.access_token).await?.subject(), Some("ada"));
///
/// // Later. The claims are those of now:
/// let login = tokens.refresh(&pair.refresh_token).await?;
/// assert_eq!(login.subject(), "ada");
/// let pair = login.issue_with(&serde_json::json!({ "plan": "pro" }), |token| token.scopes(["read"]))?;
///
/// tokens.logout_with_refresh_token(&pair.refresh_token).await?;
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
    pub(super) grace_period: Duration,
    pub(super) families: Arc<dyn AnyTokenFamilyStore>,
    /// The scope of the families in their store.
    pub(super) scope: Arc<str>,
    pub(super) revocations: Arc<dyn AnyRevocationStore>,
    pub(super) events: EventHook,
    pub(super) clock: Arc<dyn Clock>,
}

impl RefreshTokens {
    /// Starts with who issues access tokens, and the keys that encrypt refresh tokens. Required are
    /// [`token_family_store`](RefreshTokensBuilder::token_family_store) and [`revocations`](RefreshTokensBuilder::revocation_store).
    pub fn builder(issuer: Issuer, keys: impl Into<KeyRing>) -> RefreshTokensBuilder {
        RefreshTokensBuilder::new(issuer, keys.into())
    }

    /// Begins a login, after the application has checked the credentials.
    ///
    /// A login with a password that changes at the same time can outlive the change. Use
    /// [`start_login`](Self::start_login) against that.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if one of the stores fails; [`RefreshError::Revoked`] if all logins of the
    /// subject ended at the same time.
    pub async fn login(&self, subject: impl Into<String>) -> Result<Login, RefreshError> {
        self.start_login(subject).await?.complete().await
    }

    /// Notes that a subject is about to log in. Call it before the application checks the password,
    /// and [`begin`](PendingLogin::begin) after that, within the lifetime of an access token. Then a
    /// login with the old password does not outlive a password change that happens at the same time
    /// and [ends all logins](Self::logout_all).
    ///
    /// ```no_run
    /// # use paseto_actix::RefreshTokens;
    /// # use paseto_actix::refresh::{RefreshError, TokenPair};
    /// # fn is_right(_: &str, _: &str) -> bool { true }
    /// async fn login(tokens: &RefreshTokens, user: &str, password: &str) -> Result<Option<TokenPair>, RefreshError> {
    ///     let attempt = tokens.start_login(user).await?;
    ///     if !is_right(user, password) {
    ///         return Ok(None);
    ///     }
    ///     attempt.complete().await?.issue(&serde_json::json!({})).map(Some)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the revocation store fails.
    pub async fn start_login(
        &self,
        subject: impl Into<String>,
    ) -> Result<PendingLogin, RefreshError> {
        let (subject, noted) = (subject.into(), self.0.clock.now());
        let generation = self.generation(&subject).await?;
        Ok(PendingLogin {
            tokens: self.clone(),
            subject,
            noted,
            generation,
            label: String::new(),
            acr: None,
        })
    }

    /// Uses a refresh token, and returns the login with the next refresh token.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the text is not a refresh token of this application, if its login has
    /// ended, or if a store fails. A token that was used before ends its login.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Login, RefreshError> {
        let inner = &*self.0;
        let (token, family, presented) = self.decrypt(refresh_token)?;
        let next = random()?;
        // Before the rotation: if all logins end at the same time, either the family is gone at the
        // rotation, or this generation is too old.
        let generation = self.generation(&token.sub).await?;
        let owner = self.owner(&token.sub);
        let rotation = RotationRequest::new(owner, family, presented, next, inner.grace_period);
        let current = match inner.families.rotate(rotation).await? {
            Rotation::Rotated => next,
            // A parallel refresh, or a lost response.
            Rotation::Superseded { current } => current,
            Rotation::Unknown => {
                // The request that ended the family may not have revoked its access tokens yet.
                self.revoke_access(family).await?;
                inner.events.emit(Event::Rejected(VerifyErrorKind::Revoked));
                return Err(RefreshError::Revoked);
            }
            Rotation::Reused => {
                tracing::warn!(%family, "a refresh token was used again: a copy of it exists, and its family was revoked");
                let revoked = self.revoke_access(family).await;
                inner
                    .events
                    .emit(Event::Reused { subject: &token.sub, login: &family.to_string() });
                revoked?;
                return Err(RefreshError::Reused);
            }
        };
        let token = token.successor(current);
        let text = token.encrypt(&inner.keys, &inner.assertion).ok_or(RefreshError::Encryption)?;
        inner.events.emit(Event::Refreshed { subject: &token.sub });
        self.next_login(token, family, text, generation)
    }

    /// Ends the login of a refresh token: a logout. A parallel refresh cannot undo it.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Invalid`] if the text is not a refresh token of this application; another
    /// error if a store fails. The login may go on then.
    pub async fn logout_with_refresh_token(&self, refresh_token: &str) -> Result<(), RefreshError> {
        let (token, family, _) = self.decrypt(refresh_token)?;
        self.end_family(&token.sub, family, self.last_access_token()).await
    }

    /// Ends the login of an access token: a logout of a client without the refresh token.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Invalid`] if the token does not belong to a login of this issuer; another
    /// error if a store fails. The login may go on then.
    pub async fn logout(&self, access_token: &VerifiedToken) -> Result<(), RefreshError> {
        let (subject, family) = self.login_of(access_token).ok_or(RefreshError::Invalid)?;
        let expires = access_token.expires_at().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        self.end_family(
            subject,
            family,
            expires.saturating_add(RECORD_SLACK).max(self.last_access_token()),
        )
        .await
    }

    /// Ends one login of a subject, by its id from [`logins`](Self::logins). An id of no login of
    /// this subject changes nothing, so a handler can take it from a form.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if a store fails. The login may go on then.
    pub async fn logout_by_id(&self, subject: &str, login: RandomId) -> Result<(), RefreshError> {
        if !self.logins(subject).await?.iter().any(|known| known.id == login) {
            return Ok(());
        }
        // The access tokens first: if this fails, the login is still listed and can be ended again.
        self.revoke_access(login).await?;
        self.end_family(subject, login, self.last_access_token()).await
    }

    /// Ends all logins of a subject: refresh tokens, and all access tokens of the issuer.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if a store fails. Logins may go on then.
    pub async fn logout_all(&self, subject: &str) -> Result<(), RefreshError> {
        self.end_all_except(subject, None).await
    }

    /// Ends all logins of the subject of an access token, except its own.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Invalid`] if the token does not belong to a login of this issuer;
    /// [`RevocationError::Revoked`](crate::revocation::RevocationError::Revoked) if its login has ended; another error
    /// if a store fails. Logins may go on then.
    pub async fn logout_others(&self, access_token: &VerifiedToken) -> Result<(), RefreshError> {
        let (subject, family) = self.login_of(access_token).ok_or(RefreshError::Invalid)?;
        self.end_all_except(subject, Some((family, access_token.generation()))).await
    }

    /// The logins of a subject that have neither ended nor expired, in any order.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the store fails.
    pub async fn logins(&self, subject: &str) -> Result<Vec<LoginEntry>, RefreshError> {
        Ok(self.0.families.list(self.owner(subject)).await?)
    }

    /// The subject and the family of an access token that this value issued.
    pub(crate) fn login_of<'t>(&self, token: &'t VerifiedToken) -> Option<(&'t str, RandomId)> {
        let session_id = token.session_id().filter(|_| token.issuer() == self.0.issuer.name())?;
        Some((token.subject()?, session_id.parse().ok()?))
    }

    /// Ends all logins of a subject, except the one of this family and generation.
    pub(crate) async fn end_all_except(
        &self,
        subject: &str,
        except: Option<(RandomId, u64)>,
    ) -> Result<(), RefreshError> {
        let inner = &*self.0;
        let spared = except.map(|(family, generation)| (family.to_string(), generation));
        if let Some((family, _)) = &spared
            && inner
                .revocations
                .is_revoked(RevocationQuery::new(inner.issuer.name(), family).uncached())
                .await?
        {
            return Err(RevocationError::Revoked.into());
        }
        let revoke_subject = || {
            let (issuer, until) = (inner.issuer.name(), self.last_access_token());
            let spared =
                spared.as_ref().map(|(family, generation)| ExceptedLogin::new(family, *generation));
            inner.revocations.revoke_subject(issuer, subject, spared, until)
        };
        // A login that begins at the same time looks at the generation after it has begun its
        // family. So either this finds the family, or that login finds the new generation. The
        // second revocation is for a refresh that has read the generation in between. A failure of
        // one step does not keep the others from running, except that a login that has ended must
        // not end others.
        let first = revoke_subject().await;
        if let Err(RevocationError::Revoked) = first {
            return Err(RevocationError::Revoked.into());
        }
        let families =
            inner.families.revoke_all(self.owner(subject), except.map(|(family, _)| family)).await;
        revoke_subject().await?;
        first?;
        families?;
        inner.events.emit(Event::Revoked { subject });
        Ok(())
    }

    async fn end_family(
        &self,
        subject: &str,
        family: RandomId,
        until: OffsetDateTime,
    ) -> Result<(), RefreshError> {
        let inner = &*self.0;
        // The family first: no refresh can issue a token after the revocation. A failure does not
        // keep the access tokens from ending.
        let ended = inner.families.revoke(self.owner(subject), family).await;
        inner.revocations.revoke(inner.issuer.name(), &family.to_string(), until).await?;
        ended?;
        inner.events.emit(Event::Logout { subject: Some(subject) });
        Ok(())
    }

    pub(super) fn owner<'t>(&'t self, subject: &'t str) -> FamilyOwner<'t> {
        FamilyOwner::new(&self.0.scope, subject)
    }

    pub(super) async fn generation(&self, subject: &str) -> Result<u64, RefreshError> {
        Ok(self.0.revocations.generation(self.0.issuer.name(), subject).await?)
    }

    fn decrypt(&self, text: &str) -> Result<(RefreshToken, RandomId, RandomId), RefreshError> {
        let inner = &*self.0;
        let now = inner.clock.now().unix_timestamp();
        RefreshToken::decrypt(text, &inner.keys, &inner.assertion, now).inspect_err(|error| {
            let is_expired = matches!(error, RefreshError::Expired);
            let kind =
                if is_expired { VerifyErrorKind::Expired } else { VerifyErrorKind::Rejected };
            inner.events.emit(Event::Rejected(kind));
        })
    }

    pub(super) fn next_login(
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
            since: OffsetDateTime::from_unix_timestamp(token.since)
                .map_err(|_| RefreshError::Invalid)?,
            subject: token.sub,
            acr: token.acr,
            refresh_token: Zeroizing::new(text),
        })
    }

    /// Revokes the access tokens of a family, by the session id that they have in common.
    async fn revoke_access(&self, family: RandomId) -> Result<(), RefreshError> {
        let inner = &*self.0;
        inner
            .revocations
            .revoke(inner.issuer.name(), &family.to_string(), self.last_access_token())
            .await?;
        Ok(())
    }

    /// The time from which on every verifier rejects all tokens that the issuer has issued until now.
    fn last_access_token(&self) -> OffsetDateTime {
        let inner = &*self.0;
        inner
            .clock
            .now()
            .saturating_add(span(inner.issuer.longest_ttl()))
            .saturating_add(RECORD_SLACK)
    }
}

pub(super) fn random() -> Result<RandomId, RefreshError> {
    RandomId::generate().ok_or(RefreshError::Encryption)
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
