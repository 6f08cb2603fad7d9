use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::token::RefreshToken;
use super::{NextToken, RefreshError, RefreshTokens};
use crate::issuer::TokenBuilder;
use crate::token_family::RandomId;

/// A new or refreshed login. Call [`issue`](Self::issue) to get its tokens.
#[must_use = "call `.issue(&claims)` to get a pair of tokens"]
pub struct Login {
    pub(super) tokens: RefreshTokens,
    pub(super) subject: String,
    pub(super) session_id: String,
    pub(super) generation: u64,
    pub(super) since: OffsetDateTime,
    /// The time at which the login expires, as a Unix timestamp.
    pub(super) expires: i64,
    pub(super) acr: Option<String>,
    pub(super) refresh_token: Zeroizing<String>,
}

impl Login {
    /// Returns the subject (`sub`) of the login.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the time of the login, in whole seconds.
    #[must_use]
    pub fn since(&self) -> OffsetDateTime {
        self.since
    }

    /// Returns the authentication context class (`acr`), set by
    /// [`PendingLogin::acr`](super::PendingLogin::acr).
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// Issues the access token with these claims, and returns it with the refresh token.
    ///
    /// The access token contains `sub`, `sid`, the generation, `auth_time`, `acr` and `exp` of this
    /// login. Call this method without delay. If the login is revoked before the call, the
    /// revocation record applies to this access token too, but it expires after the lifetime of an
    /// access token plus 5 minutes.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Issue`] if the issuer rejects the claims.
    pub fn issue<C: Serialize + ?Sized>(self, claims: &C) -> Result<TokenPair, RefreshError> {
        self.issue_with(claims, |token| token)
    }

    /// Issues the tokens like [`issue`](Self::issue), with more settings of the access token, such
    /// as scopes. `settings` cannot change the subject, the session ID, the generation and the
    /// lifetime.
    ///
    /// # Errors
    ///
    /// The errors of [`issue`](Self::issue).
    pub fn issue_with<C: Serialize + ?Sized>(
        self,
        claims: &C,
        settings: impl FnOnce(TokenBuilder<'_, C>) -> TokenBuilder<'_, C>,
    ) -> Result<TokenPair, RefreshError> {
        let login_expires_in = self.expires_in();
        let inner = &*self.tokens.0;
        let mut token = inner.issuer.token(claims).auth_time(self.since);
        if let Some(acr) = self.acr {
            token = token.acr(acr);
        }
        // Set these claims last, because revocation depends on them.
        let access_token = settings(token)
            .subject(&self.subject)
            .session_id(&self.session_id)
            .generation(self.generation)
            .ttl(inner.access_ttl)
            .issue()?;
        Ok(TokenPair {
            access_token,
            refresh_token: (*self.refresh_token).clone(),
            token_type: "Bearer",
            expires_in: inner.access_ttl.as_secs(),
            login_expires_in,
        })
    }

    /// Returns the remaining lifetime of the login, in seconds.
    pub(super) fn expires_in(&self) -> i64 {
        self.expires.saturating_sub(self.tokens.now().unix_timestamp()).max(0)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("subject", &self.subject)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// An access token and a refresh token, with the field names of [RFC 6749, section 5.1].
///
/// As a response, it is a JSON object with `Cache-Control: no-store` and `Pragma: no-cache`, which
/// the section requires.
///
/// [RFC 6749, section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct TokenPair {
    /// The access token, for any number of requests until it expires.
    pub access_token: String,
    /// The refresh token, for one refresh.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// The remaining lifetime of the login, in seconds, for cookies.
    #[serde(skip)]
    pub(crate) login_expires_in: i64,
}

impl TokenPair {
    /// Returns the refresh token alone.
    pub(crate) fn next(&self) -> NextToken {
        NextToken {
            token: Zeroizing::new(self.refresh_token.clone()),
            login_expires_in: self.login_expires_in,
        }
    }
}

impl Responder for TokenPair {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((PRAGMA, "no-cache"))
            .json(self)
    }
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

impl RefreshTokens {
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
            expires: token.exp,
            session_id: family.to_string(),
            since: OffsetDateTime::from_unix_timestamp(token.since)
                .map_err(|_| RefreshError::Invalid)?,
            subject: token.sub,
            acr: token.acr,
            refresh_token: Zeroizing::new(text),
        })
    }
}
