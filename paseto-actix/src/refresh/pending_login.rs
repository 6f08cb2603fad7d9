use std::fmt;

use time::OffsetDateTime;

use super::token::RefreshToken;
use super::tokens::{random, span};
use super::{Login, RefreshError, RefreshTokens};
use crate::error::IssueError;
use crate::event::Event;
use crate::token::is_scope_token;
use crate::token_family::NewTokenFamily;

/// A login whose credentials the application is about to check: see [`RefreshTokens::attempt`].
#[must_use = "call `.complete()` to complete the login"]
pub struct PendingLogin {
    pub(super) tokens: RefreshTokens,
    pub(super) subject: String,
    pub(super) noted: OffsetDateTime,
    pub(super) generation: u64,
    pub(super) label: String,
    pub(super) acr: Option<String>,
}

impl PendingLogin {
    /// A text for the [list of the user's logins](RefreshTokens::logins), such as the name of the
    /// app. A store keeps its first 128 bytes. Default: empty.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The class of the login (`acr`): how the user authenticated. All access tokens of the login
    /// get it, also after a refresh: see [`TokenBuilder::acr`](crate::issuer::TokenBuilder::acr). For a
    /// stronger class, begin another login. Default: no `acr`.
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Begins the login.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Issue`] if the `acr` has other characters than visible ASCII without space,
    /// `"` and `\`; [`RefreshError`] if one of the stores fails; [`RefreshError::Revoked`] if all
    /// logins of the subject ended since the attempt was noted, or if the attempt is older than the
    /// lifetime of an access token, because the store may have removed the record of that end.
    pub async fn complete(self) -> Result<Login, RefreshError> {
        let Self { tokens, subject, noted, generation, label, acr } = self;
        // The issuer would reject it, so no family must begin.
        if let Some(acr) = acr.as_ref().filter(|acr| !is_scope_token(acr)) {
            return Err(IssueError::InvalidAcr(acr.clone()).into());
        }
        let inner = &*tokens.0;
        let now = inner.clock.now();
        let age = now - noted;
        if age.is_negative() || age > span(inner.access_ttl) {
            return Err(RefreshError::Revoked);
        }
        let expires = now.saturating_add(span(inner.lifetime));
        let (family, first) = (random()?, random()?);
        let (since, exp) = (now.unix_timestamp(), expires.unix_timestamp());
        let token = RefreshToken::new(subject, acr, since, exp, family, first);
        // First, because a token that cannot be encrypted must not begin a family.
        let text = token.encrypt(&inner.keys, &inner.assertion).ok_or(RefreshError::Encryption)?;
        let new = NewTokenFamily::new(tokens.owner(&token.sub), family, first, inner.lifetime)
            .label(&label);
        inner.families.begin(new).await?;
        // After that: a parallel end of all logins either finds the family, or is found here.
        let outcome = match tokens.generation(&token.sub).await {
            Ok(by_now) if by_now <= generation => {
                inner.events.emit(Event::Login { subject: &token.sub });
                return tokens.next_login(token, family, text, generation);
            }
            Ok(_) => RefreshError::Revoked,
            Err(error) => error,
        };
        // No client has a token of the family.
        inner.families.revoke(tokens.owner(&token.sub), family).await?;
        Err(outcome)
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin").field("subject", &self.subject).finish_non_exhaustive()
    }
}
