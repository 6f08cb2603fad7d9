use std::fmt;

use time::OffsetDateTime;

use super::{
    Login, RefreshError, RefreshTokens,
    token::RefreshToken,
    tokens::{random, span},
};

/// A login that waits for its password to be found right: see [`RefreshTokens::attempt`].
#[must_use = "a login begins by `.begin()`"]
pub struct LoginAttempt {
    pub(super) tokens: RefreshTokens,
    pub(super) subject: String,
    pub(super) noted: OffsetDateTime,
    pub(super) generation: u64,
}

impl LoginAttempt {
    /// Begins the login.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if one of the stores does not do its part; [`RefreshError::Ended`] if all logins of the subject were ended
    /// since the attempt was noted, or if that is longer ago than an access token lives: whether they were may be forgotten then.
    pub async fn begin(self) -> Result<Login, RefreshError> {
        let Self { tokens, subject, noted, generation } = self;
        let inner = &*tokens.0;
        let now = inner.clock.now();
        let age = now - noted;
        if age.is_negative() || age > span(inner.access_ttl) {
            return Err(RefreshError::Ended);
        }
        let expires = now.saturating_add(span(inner.lifetime));
        let (family, first) = (random()?, random()?);
        let (since, exp) = (now.unix_timestamp(), expires.unix_timestamp());
        let token = RefreshToken::new(subject, since, exp, family, first);
        // First, because a token that cannot be encrypted must not begin a family.
        let text = token.encrypt(&inner.keys, &inner.assertion).ok_or(RefreshError::Sealing)?;
        inner.families.begin(family, first, &token.sub, expires, now).await?;
        // After that: of a logout everywhere at the same time, either the family is found by it, or it is found here.
        let outcome = match tokens.generation(&token.sub).await {
            Ok(by_now) if by_now <= generation => return tokens.login(token, family, text, generation),
            Ok(_) => RefreshError::Ended,
            Err(error) => error,
        };
        // Nobody has a token of it: if it stays, it only takes room.
        inner.families.revoke(family).await?;
        Err(outcome)
    }
}

impl fmt::Debug for LoginAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAttempt").field("subject", &self.subject).finish_non_exhaustive()
    }
}
