use time::OffsetDateTime;

use super::token::RefreshToken;
use super::{RefreshError, RefreshTokens, span};
use crate::event::Event;
use crate::limits::RECORD_SLACK;
use crate::revocation::{ExceptedLogin, RevocationError, RevocationQuery};
use crate::token::VerifiedToken;
use crate::token_family::RandomId;

impl RefreshTokens {
    /// Returns the subject and the family of an access token of this issuer.
    pub(crate) fn login_of<'t>(&self, token: &'t VerifiedToken) -> Option<(&'t str, RandomId)> {
        let session_id = token.session_id().filter(|_| token.issuer() == self.0.issuer.name())?;
        Some((token.subject()?, session_id.parse().ok()?))
    }

    /// Revokes all logins of a subject, except the login with this family and generation.
    pub(crate) async fn logout_all_except(
        &self,
        subject: &str,
        except: Option<(RandomId, u64)>,
    ) -> Result<(), RefreshError> {
        let inner = &*self.0;
        let excepted = except.map(|(family, generation)| (family.to_string(), generation));
        if let Some((family, _)) = &excepted
            && inner
                .revocations
                .is_revoked(RevocationQuery::new(inner.issuer.name(), family).uncached())
                .await?
        {
            return Err(RevocationError::Revoked.into());
        }
        let revoke_subject = || {
            let (issuer, until) = (inner.issuer.name(), self.last_access_token());
            let excepted = excepted
                .as_ref()
                .map(|(family, generation)| ExceptedLogin::new(family, *generation));
            inner.revocations.revoke_subject(issuer, subject, excepted, until)
        };
        // A parallel login creates its family and then reads the generation. So either `revoke_all`
        // revokes the new family, or the login reads the new generation. A parallel refresh may
        // have read the generation after the first revocation, so revoke a second time. Run all
        // steps, even if one of them fails. Stop only if the excepted login is revoked, because a
        // revoked login must not revoke others.
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

    /// Revokes the token family and the access tokens of a login. `until` is the expiry of the
    /// revocation record.
    pub(super) async fn revoke_login(
        &self,
        subject: &str,
        family: RandomId,
        until: OffsetDateTime,
    ) -> Result<(), RefreshError> {
        let inner = &*self.0;
        // The family first, so that a refresh cannot issue a token after the revocation of the
        // access tokens. Revoke the access tokens even if this step fails.
        let revoked = inner.families.revoke(self.owner(subject), family).await;
        inner.revocations.revoke(inner.issuer.name(), &family.to_string(), until).await?;
        revoked?;
        inner.events.emit(Event::Logout { subject: Some(subject) });
        Ok(())
    }

    /// Returns whether the login of a refresh token is neither revoked nor expired.
    pub(crate) async fn is_active(&self, refresh_token: &str) -> Result<bool, RefreshError> {
        let Some((subject, family)) = self.login_of_refresh_token(refresh_token) else {
            return Ok(false);
        };
        Ok(self.logins(&subject).await?.iter().any(|login| login.id == family))
    }

    /// Revokes the login of `old` if `new` belongs to another login. An invalid token is ignored.
    pub(crate) async fn replace_login(&self, old: &str, new: &str) -> Result<(), RefreshError> {
        match (self.login_of_refresh_token(old), self.login_of_refresh_token(new)) {
            (Some((subject, old)), Some((_, new))) if old != new => {
                self.revoke_login(&subject, old, self.last_access_token()).await
            }
            _ => Ok(()),
        }
    }

    /// Returns the subject and the family of a refresh token. Reports no event.
    fn login_of_refresh_token(&self, text: &str) -> Option<(String, RandomId)> {
        let (inner, now) = (&*self.0, self.now().unix_timestamp());
        let token = RefreshToken::decrypt(text, &inner.keys, &inner.assertion, now);
        token.ok().map(|(token, family, _)| (token.sub, family))
    }

    /// Revokes the access tokens of a login. The family ID is their `sid`.
    pub(super) async fn revoke_access_tokens(&self, family: RandomId) -> Result<(), RefreshError> {
        let inner = &*self.0;
        inner
            .revocations
            .revoke(inner.issuer.name(), &family.to_string(), self.last_access_token())
            .await?;
        Ok(())
    }

    /// Returns the time after which verifiers reject all access tokens issued until now.
    pub(super) fn last_access_token(&self) -> OffsetDateTime {
        let inner = &*self.0;
        inner
            .clock
            .now()
            .saturating_add(span(inner.issuer.longest_ttl()))
            .saturating_add(RECORD_SLACK)
    }
}
