use time::OffsetDateTime;

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
