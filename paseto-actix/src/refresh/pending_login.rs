use std::fmt;

use time::OffsetDateTime;

use super::token::RefreshToken;
use super::{Login, RefreshError, RefreshTokens, random, span};
use crate::error::IssueError;
use crate::event::Event;
use crate::token::is_scope_token;
use crate::token_family::NewTokenFamily;

/// A login that was started before the password check. [`RefreshTokens::start_login`] returns it.
#[must_use = "call `.complete()` to complete the login"]
pub struct PendingLogin {
    pub(super) tokens: RefreshTokens,
    pub(super) subject: String,
    pub(super) started: OffsetDateTime,
    pub(super) generation: u64,
    pub(super) label: String,
    pub(super) acr: Option<String>,
}

impl PendingLogin {
    /// Sets the label in the [list of the user's logins](RefreshTokens::logins), such as the name
    /// of the app. The store truncates it to 128 bytes. Default: empty.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the authentication context class (`acr`) of all access tokens of the login, including
    /// tokens after a refresh. See [`TokenBuilder::acr`](crate::issuer::TokenBuilder::acr). For a
    /// stronger class, start a new login. Default: no `acr`.
    pub fn acr(mut self, acr: impl Into<String>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Creates the login. Call it after the application has checked the credentials.
    ///
    /// # Errors
    ///
    /// - [`RefreshError::Issue`] if the `acr` contains a character other than visible ASCII, or
    ///   contains a space, `"` or `\`.
    /// - [`RefreshError::Revoked`] if all logins of the subject were revoked after
    ///   [`start_login`](RefreshTokens::start_login).
    /// - [`RefreshError::PendingLoginExpired`] if `start_login` was called longer ago than the
    ///   lifetime of an access token, because the store may have removed the record of a
    ///   revocation.
    /// - [`RefreshError`] if a store fails.
    pub async fn complete(self) -> Result<Login, RefreshError> {
        let Self { tokens, subject, started, generation, label, acr } = self;
        // The issuer would reject this `acr`, so check it before the family is created.
        if let Some(acr) = acr.as_ref().filter(|acr| !is_scope_token(acr)) {
            return Err(IssueError::InvalidAcr(acr.clone()).into());
        }
        let inner = &*tokens.0;
        let now = inner.clock.now();
        let age = now - started;
        if age.is_negative() || age > span(inner.access_ttl) {
            return Err(RefreshError::PendingLoginExpired);
        }
        let expires = now.saturating_add(span(inner.lifetime));
        let (family, first) = (random()?, random()?);
        let (since, exp) = (now.unix_timestamp(), expires.unix_timestamp());
        let token = RefreshToken::new(subject, acr, since, exp, family, first);
        // Encrypt first. A token that cannot be encrypted must not create a family.
        let text = token.encrypt(&inner.keys, &inner.assertion)?;
        let new = NewTokenFamily::new(tokens.owner(&token.sub), family, first, inner.lifetime)
            .label(&label);
        inner.families.create(new).await?;
        // Read the generation after storing the family. A parallel `logout_all` either revokes the
        // new family or changes the generation that is read here.
        let outcome = match tokens.generation(&token.sub).await {
            Ok(current) if current <= generation => {
                inner.events.emit(Event::Login { subject: &token.sub });
                return tokens.next_login(token, family, text, generation);
            }
            Ok(_) => RefreshError::Revoked,
            Err(error) => error,
        };
        // No client has a token of this family, so it can be removed.
        inner.families.revoke(tokens.owner(&token.sub), family).await?;
        Err(outcome)
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin").field("subject", &self.subject).finish_non_exhaustive()
    }
}
