//! Logs users in with the remember-me cookies of the request.

use std::fmt;
use std::time::Duration;

use actix_identity::Identity;
use actix_session::SessionExt;
use actix_web::dev::ServiceRequest;
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpMessage};

use super::context::{Change, Context, StoreError, unset_fresh};
use super::token::RememberToken;
use super::{SessionProtection, client};
use crate::cross_origin::log_rejection;
use crate::error::{VerifyErrorKind as Kind, problem};
use crate::event::Event;
use crate::token_family::{RandomId, Rotation, RotationRequest, TokenFamilyError};

/// The grace period of a used token. Browsers send requests of several tabs in parallel.
const GRACE_PERIOD: Duration = Duration::from_secs(60);

impl Context {
    /// Logs a user in with the first valid cookie.
    ///
    /// An invalid cookie is removed only if it is the only cookie of its name. A removal applies to
    /// one path and one domain, so with several cookies it could remove a valid one.
    ///
    /// An error stops the search and removes no cookie, because the cookie that could not be
    /// checked may be valid.
    pub(super) async fn restore(&self, req: &ServiceRequest) -> Result<(), Error> {
        let candidates = self.candidates(req.headers());
        if candidates == 0 {
            return Ok(());
        }
        if !self.remember.0.cross_origin.allows(req.request()) {
            log_rejection(req.request());
            self.remember.0.events.emit(Event::Rejected(Kind::CrossOrigin));
            let response = problem(StatusCode::FORBIDDEN);
            return Err(InternalError::from_response(
                "a remember-me cookie in a request of another origin: call `.trusted_origin(..)`",
                response,
            )
            .into());
        }
        let presented = self.presented(req.headers());
        if presented.is_empty() {
            tracing::info!("rejected a remember-me cookie that is forged or has expired");
            self.remember.0.events.emit(Event::Rejected(Kind::Rejected));
        }
        self.logins.replace(Some(presented.iter().map(|(token, _)| token.clone()).collect()));
        for (token, retired_key) in presented {
            if self.log_in(req, token, retired_key).await? {
                return Ok(());
            }
        }
        if candidates == 1 {
            self.change(Change::Remove);
        }
        Ok(())
    }

    /// Logs the token's user in. Returns `false` if the token is invalid.
    async fn log_in(
        &self,
        req: &ServiceRequest,
        token: RememberToken,
        retired_key: bool,
    ) -> Result<bool, Error> {
        let settings = &*self.remember.0;
        let client = (settings.protection != SessionProtection::Off)
            .then(|| settings.client_fingerprint.of(req.request()));
        if settings.protection == SessionProtection::Strong && token.client != client {
            return self
                .revoke_and_reject(&token, Kind::Rejected, "it is bound to another client")
                .await;
        }
        // Read the generation first. If a parallel request revokes all logins of the user, the new
        // session then has an outdated generation.
        let generation = self.session_generation(&token.sub).await.map_err(unavailable)?;
        let credentials =
            settings.credential_loader.load(&token.sub).await.inspect_err(|error| {
                tracing::error!(
                    %error,
                    "the credential loader failed: the request gets the response of its error"
                );
            })?;
        let Some(credentials) = credentials else {
            return self
                .revoke_and_reject(&token, Kind::Rejected, "the user is unknown or may not log in")
                .await;
        };
        if !token.fits(&credentials) {
            // Do not revoke the login. After a password change, its owner has a newer token.
            self.forget(&token);
            return Ok(self.reject(Kind::Rejected, "the user has other credentials"));
        }
        // After the credential loader, because it can be slow, and before the rotation, because an
        // error of this store must not use the token.
        if let Some(store) = &settings.revocations {
            let is_revoked = store.is_login_revoked(&token.id, token.subject()).await;
            if is_revoked.map_err(StoreError::from).map_err(unavailable)? {
                self.forget(&token);
                return Ok(self.reject(Kind::Revoked, "its login was revoked"));
            }
        }
        let (user, id) = (&token.sub, &token.id);
        match self.rotate(&token).await.map_err(unavailable)? {
            RestoreOutcome::Unknown => {
                let reason = "its token family was revoked or has expired";
                return self.revoke_and_reject(&token, Kind::Revoked, reason).await;
            }
            RestoreOutcome::NotInFamily => {
                let reason = "it does not belong to a token family";
                return self.revoke_and_reject(&token, Kind::Rejected, reason).await;
            }
            RestoreOutcome::Reused => {
                tracing::warn!(
                    login = %id,
                    "a remember-me cookie was used again: a copy of it exists"
                );
                // Emit the event before the revocation, which may fail. The next use of the cookie
                // is not detected as reuse, because the store has removed the family.
                settings.events.emit(Event::Reused { subject: user, login: id });
                self.revoke_login(&token).await.map_err(unavailable)?;
                return Ok(false);
            }
            RestoreOutcome::Replaced(next) => self.set(&next)?,
            RestoreOutcome::Unchanged if retired_key => self.set(&token)?,
            RestoreOutcome::Unchanged => (),
        }
        let session = req.get_session();
        let write = || {
            // Bind the client first, so that a failure does not leave an unbound login.
            if let Some(client) = client {
                client::bind(&session, client).map_err(|error| error.to_string())?;
            }
            Identity::login(&req.extensions(), user.clone()).map_err(|error| error.to_string())?;
            self.write_login(&session, user, &credentials, generation, Some(&token))
        };
        write().map_err(|error| {
            // Remove a partly written login.
            session.purge();
            tracing::error!(error, "a remembered login could not be written to the session");
            InternalError::from_response(
                "a remembered login could not be written to the session",
                problem(StatusCode::INTERNAL_SERVER_ERROR),
            )
        })?;
        unset_fresh(req);
        settings.events.emit(Event::Remembered { subject: user });
        Ok(true)
    }

    /// Revokes the login of a token in all stores, and rejects the token.
    async fn revoke_and_reject(
        &self,
        token: &RememberToken,
        kind: Kind,
        reason: &str,
    ) -> Result<bool, Error> {
        self.revoke_login(token).await.map_err(unavailable)?;
        Ok(self.reject(kind, reason))
    }

    fn reject(&self, kind: Kind, reason: &str) -> bool {
        tracing::info!(reason, "rejected a remember-me cookie");
        self.remember.0.events.emit(Event::Rejected(kind));
        false
    }

    /// Rotates the token in the token family store, if there is one.
    pub(super) async fn rotate(&self, token: &RememberToken) -> Result<RestoreOutcome, StoreError> {
        let settings = &*self.remember.0;
        let Some(store) = &settings.families else { return Ok(RestoreOutcome::Unchanged) };
        let Some((family, presented)) = token.family() else {
            return Ok(RestoreOutcome::NotInFamily);
        };
        let no_random_bytes =
            || TokenFamilyError::Other("the operating system returned no random bytes".into());
        let next = RandomId::generate().ok_or_else(no_random_bytes)?;
        let rotation =
            RotationRequest::new(settings.owner(&token.sub), family, presented, next, GRACE_PERIOD);
        Ok(match store.rotate(rotation).await? {
            Rotation::Rotated => RestoreOutcome::Replaced(token.clone().rotated(next)),
            // The response with the current token may have been lost.
            Rotation::Superseded { current } => {
                RestoreOutcome::Replaced(token.clone().rotated(current))
            }
            Rotation::Unknown => RestoreOutcome::Unknown,
            Rotation::Reused => RestoreOutcome::Reused,
        })
    }

    /// Sets the cookie to this token.
    fn set(&self, token: &RememberToken) -> Result<(), Error> {
        let cookie = self.remember.set_cookie(token).ok_or_else(|| {
            unavailable(
                "the next token could not be encrypted: the operating system returned no random \
                 bytes, or the cookie exceeds 4,096 bytes (use a shorter user ID)",
            )
        })?;
        self.replace(token);
        self.change(Change::Set(cookie));
        Ok(())
    }
}

/// The result of the rotation of a token.
pub(super) enum RestoreOutcome {
    /// No token family store is set, so the token stays valid.
    Unchanged,
    /// The browser receives this token.
    Replaced(RememberToken),
    /// The token was issued before the application had a token family store.
    NotInFamily,
    /// See [`Rotation::Unknown`].
    Unknown,
    /// See [`Rotation::Reused`].
    Reused,
}

/// Logs the error, and returns the response `503`.
pub(super) fn unavailable(error: impl fmt::Display) -> Error {
    tracing::error!(%error, "a remembered login failed: the response is 503");
    InternalError::from_response(
        "remembered logins are unavailable",
        problem(StatusCode::SERVICE_UNAVAILABLE),
    )
    .into()
}
