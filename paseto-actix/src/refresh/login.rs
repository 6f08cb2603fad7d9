use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{RefreshError, RefreshTokens};
use crate::issuer::TokenBuilder;

/// A login that has begun, or goes on by a refresh token: what is missing is the claims of the access token.
#[must_use = "a pair of tokens is made by `.issue(&claims)`"]
pub struct Login {
    pub(super) tokens: RefreshTokens,
    pub(super) subject: String,
    pub(super) session_id: String,
    pub(super) generation: u64,
    pub(super) since: OffsetDateTime,
    pub(super) acr: Option<String>,
    pub(super) refresh_token: Zeroizing<String>,
}

impl Login {
    /// Whose login it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the user logged in, in whole seconds.
    #[must_use]
    pub fn since(&self) -> OffsetDateTime {
        self.since
    }

    /// How the user logged in (`acr`), as set by [`PendingLogin::acr`](super::PendingLogin::acr).
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// Issues the access token with these claims, and makes a pair of it and the refresh token. Do it at once: what ends the login
    /// meanwhile is remembered for as long as an access token lives and 5 minutes.
    ///
    /// Its subject, session id, generation, time and class of login, and lifetime are set already.
    ///
    /// # Errors
    ///
    /// [`RefreshError::Issue`] if the issuer cannot sign such a token.
    pub fn issue<C: Serialize + ?Sized>(self, claims: &C) -> Result<TokenPair, RefreshError> {
        self.issue_with(claims, |token| token)
    }

    /// The same with more settings, such as scopes. Subject, session id, generation and lifetime stay what they are.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn issue_with<C: Serialize + ?Sized>(
        self,
        claims: &C,
        settings: impl FnOnce(TokenBuilder<'_, C>) -> TokenBuilder<'_, C>,
    ) -> Result<TokenPair, RefreshError> {
        let inner = &*self.tokens.0;
        let mut token = inner.issuer.token(claims).auth_time(self.since);
        if let Some(acr) = self.acr {
            token = token.acr(acr);
        }
        // After the settings, because revocation depends on these claims.
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
        })
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

/// An access token and a refresh token, with the names of [RFC 6749, section 5.1]. As a response it is JSON that nobody may
/// store.
///
/// [RFC 6749, section 5.1]: https://www.rfc-editor.org/rfc/rfc6749#section-5.1
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct TokenPair {
    /// For each request, until it expires.
    pub access_token: String,
    /// For one refresh.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// How long the access token lives, in seconds.
    pub expires_in: u64,
}

impl Responder for TokenPair {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(self)
    }
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}
