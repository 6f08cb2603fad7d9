//! Refresh tokens with rotation and reuse detection: [`RefreshTokens`], its builder and its
//! settings.

mod builder;
mod config;
mod error;
mod issue_tokens;
mod login;
mod logout;
mod pending_login;
mod reject;
mod renewals;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::clock::Clock;
use crate::error::VerifyErrorKind;
use crate::event::{Event, EventHook};
use crate::issuer::Issuer;
use crate::keys::KeyRing;
use crate::limits::RECORD_SLACK;
use crate::revocation::AnyRevocationStore;
use crate::token::VerifiedToken;
use crate::token_family::{
    AnyTokenFamilyStore, FamilyOwner, LoginEntry, RandomId, Rotation, RotationRequest,
};

pub use builder::RefreshTokensBuilder;
pub use config::RefreshTokensConfig;
pub use error::RefreshError;
pub(crate) use issue_tokens::{IssueTokens, NextToken, RefreshFailure};
pub use login::{Login, TokenPair};
pub use pending_login::PendingLogin;
use reject::ErrorHandler;
pub(crate) use renewals::{Renewals, Renewed};
use token::RefreshToken;

/// Issues pairs of a short-lived access token (`v4.public`) and a long-lived refresh token
/// (`v4.local`).
///
/// Each refresh token can be used once. Each use returns the next refresh token of the login
/// (rotation). All refresh tokens of one login are a token family. The second use of a refresh
/// token revokes its family and the access tokens of the login, as [RFC 9700, section 4.14]
/// recommends.
///
/// A client that lost the response can repeat the request within the
/// [`grace_period`](RefreshTokensBuilder::grace_period). It then gets the same next refresh token,
/// encrypted again, so the strings differ.
///
/// The guide describes setup and storage: [refresh tokens and
/// revocation](crate::guide::refresh_and_revocation).
///
/// ```
/// use paseto_actix::revocation::MemoryRevocationStore;
/// use paseto_actix::token_family::MemoryTokenFamilyStore;
/// use paseto_actix::{Issuer, LocalKey, RefreshTokens, SecretKey, Verifier};
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
/// // After the application has checked the password:
/// let pair = tokens.login("ada").await?.issue(&serde_json::json!({ "plan": "pro" }))?;
/// assert_eq!(verifier.verify_str_async(&pair.access_token).await?.subject(), Some("ada"));
///
/// // Later. Pass the current claims, because the refresh token does not contain them:
/// let login = tokens.refresh(&pair.refresh_token).await?;
/// assert_eq!(login.subject(), "ada");
/// let pair =
///     login.issue_with(&serde_json::json!({ "plan": "pro" }), |token| token.scopes(["read"]))?;
///
/// tokens.logout_with_refresh_token(&pair.refresh_token).await?;
/// assert!(verifier.verify_str_async(&pair.access_token).await.is_err());
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9700, section 4.14]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14
#[derive(Clone)]
pub struct RefreshTokens(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    access_ttl: Duration,
    keys: KeyRing,
    assertion: Vec<u8>,
    lifetime: Duration,
    grace_period: Duration,
    families: Arc<dyn AnyTokenFamilyStore>,
    /// The scope of the owners in the token family store.
    namespace: Arc<str>,
    revocations: Arc<dyn AnyRevocationStore>,
    events: EventHook,
    error_handler: Option<ErrorHandler>,
    clock: Arc<dyn Clock>,
}

impl RefreshTokens {
    /// Returns a builder. The stores are required:
    /// [`token_family_store`](RefreshTokensBuilder::token_family_store) and
    /// [`revocation_store`](RefreshTokensBuilder::revocation_store). The issuer signs the access
    /// tokens. The active key of the ring encrypts the refresh tokens, and all its keys decrypt
    /// them.
    pub fn builder(issuer: Issuer, keys: impl Into<KeyRing>) -> RefreshTokensBuilder {
        RefreshTokensBuilder::new(issuer, keys.into())
    }

    /// Creates a login. Call it after the application has checked the credentials.
    ///
    /// If the password changes during the login, the login with the old password can survive the
    /// change. To prevent this, use [`start_login`](Self::start_login).
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if a store fails. [`RefreshError::Revoked`] if all logins of the subject
    /// were revoked during the call.
    pub async fn login(&self, subject: impl Into<String>) -> Result<Login, RefreshError> {
        self.start_login(subject).await?.complete().await
    }

    /// Starts a login before the application checks the password. Call
    /// [`complete`](PendingLogin::complete) after the check, within the lifetime of an access
    /// token.
    ///
    /// If a parallel request changes the password and calls [`logout_all`](Self::logout_all),
    /// `complete` rejects the login with the old password.
    ///
    /// ```no_run
    /// # use paseto_actix::RefreshTokens;
    /// # use paseto_actix::refresh::{RefreshError, TokenPair};
    /// # fn is_right(_: &str, _: &str) -> bool { true }
    /// async fn login(
    ///     tokens: &RefreshTokens,
    ///     user: &str,
    ///     password: &str,
    /// ) -> Result<Option<TokenPair>, RefreshError> {
    ///     let pending = tokens.start_login(user).await?;
    ///     if !is_right(user, password) {
    ///         return Ok(None);
    ///     }
    ///     pending.complete().await?.issue(&serde_json::json!({})).map(Some)
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
        let (subject, started) = (subject.into(), self.0.clock.now());
        let generation = self.generation(&subject).await?;
        Ok(PendingLogin {
            tokens: self.clone(),
            subject,
            started,
            generation,
            label: String::new(),
            acr: None,
        })
    }

    /// Uses a refresh token and returns the login with the next refresh token.
    ///
    /// The use of a token that was already used revokes its login.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the string is not a refresh token of this application, if the token has
    /// expired or was already used, if its login was revoked, or if a store fails.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Login, RefreshError> {
        let inner = &*self.0;
        let (token, family, presented) = self.decrypt(refresh_token)?;
        let next = random()?;
        // Read the generation before the rotation. A parallel `logout_all` then either revokes the
        // family before the rotation, or makes this generation outdated.
        let generation = self.generation(&token.sub).await?;
        let owner = self.owner(&token.sub);
        let rotation = RotationRequest::new(owner, family, presented, next, inner.grace_period);
        let current = match inner.families.rotate(rotation).await? {
            Rotation::Rotated => next,
            // A parallel refresh, or a lost response.
            Rotation::Superseded { current } => current,
            Rotation::Unknown => {
                // The request that revoked the family may not have revoked the access tokens yet.
                self.revoke_access_tokens(family).await?;
                inner.events.emit(Event::Rejected(VerifyErrorKind::Revoked));
                return Err(RefreshError::Revoked);
            }
            Rotation::Reused => {
                tracing::warn!(%family, "a refresh token was used again: a copy of it exists, and its token family is revoked");
                let revoked = self.revoke_access_tokens(family).await;
                inner
                    .events
                    .emit(Event::Reused { subject: &token.sub, login: &family.to_string() });
                revoked?;
                return Err(RefreshError::Reused);
            }
        };
        let token = token.successor(current);
        let text = token.encrypt(&inner.keys, &inner.assertion)?;
        inner.events.emit(Event::Refreshed { subject: &token.sub });
        self.next_login(token, family, text, generation)
    }

    /// Revokes the login of a refresh token. A parallel refresh cannot undo the logout.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Invalid`] if the string is not a refresh token of this application. Another
    /// error if a store fails. The login may then still be valid.
    pub async fn logout_with_refresh_token(&self, refresh_token: &str) -> Result<(), RefreshError> {
        let (token, family, _) = self.decrypt(refresh_token)?;
        self.revoke_login(&token.sub, family, self.last_access_token()).await
    }

    /// Revokes the login of an access token, for clients that do not send the refresh token.
    ///
    /// # Errors
    ///
    /// [`RefreshError::ForeignAccessToken`] if the token does not belong to a login of this issuer.
    /// Another error if a store fails. The login may then still be valid.
    pub async fn logout(&self, access_token: &VerifiedToken) -> Result<(), RefreshError> {
        let (subject, family) =
            self.login_of(access_token).ok_or(RefreshError::ForeignAccessToken)?;
        let expires = access_token.expires_at().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let until = expires.saturating_add(RECORD_SLACK).max(self.last_access_token());
        self.revoke_login(subject, family, until).await
    }

    /// Revokes one login of a subject by its ID from [`logins`](Self::logins).
    ///
    /// An ID that does not belong to a login of this subject is ignored, so a handler can pass an
    /// ID from a form.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if a store fails. The login may then still be valid.
    pub async fn logout_by_id(&self, subject: &str, login: RandomId) -> Result<(), RefreshError> {
        if !self.logins(subject).await?.iter().any(|known| known.id == login) {
            return Ok(());
        }
        // The access tokens first. If this step fails, the login is still listed, so that the user
        // can try again.
        self.revoke_access_tokens(login).await?;
        self.revoke_login(subject, login, self.last_access_token()).await
    }

    /// Revokes all logins of a subject: all refresh tokens, and all access tokens of the issuer.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if a store fails. Logins may then still be valid.
    pub async fn logout_all(&self, subject: &str) -> Result<(), RefreshError> {
        self.logout_all_except(subject, None).await
    }

    /// Revokes all logins of the subject of an access token, except the login of this token.
    ///
    /// # Errors
    ///
    /// [`RefreshError::ForeignAccessToken`] if the token does not belong to a login of this issuer.
    /// [`RevocationError::Revoked`](crate::revocation::RevocationError::Revoked) if its login is
    /// revoked. Another error if a store fails. Logins may then still be valid.
    pub async fn logout_others(&self, access_token: &VerifiedToken) -> Result<(), RefreshError> {
        let (subject, family) =
            self.login_of(access_token).ok_or(RefreshError::ForeignAccessToken)?;
        self.logout_all_except(subject, Some((family, access_token.generation()))).await
    }

    /// Returns the logins of a subject that are neither revoked nor expired, in any order.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if the token family store fails.
    pub async fn logins(&self, subject: &str) -> Result<Vec<LoginEntry>, RefreshError> {
        Ok(self.0.families.list(self.owner(subject)).await?)
    }

    fn owner<'t>(&'t self, subject: &'t str) -> FamilyOwner<'t> {
        FamilyOwner::new(&self.0.namespace, subject)
    }

    async fn generation(&self, subject: &str) -> Result<u64, RefreshError> {
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
}

fn random() -> Result<RandomId, RefreshError> {
    RandomId::generate().ok_or(RefreshError::NoRandomBytes)
}

/// Converts a duration. The `time` crate has a smaller maximum.
fn span(duration: Duration) -> time::Duration {
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
