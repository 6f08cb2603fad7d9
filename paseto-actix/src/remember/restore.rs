//! The login by a cookie of the request.

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

/// How long the token before the current one is accepted: browsers send requests of several tabs at
/// once.
const GRACE: Duration = Duration::from_secs(60);

impl Context {
    /// Logs a user in by the first cookie that is authentic, unexpired and valid.
    ///
    /// A cookie that is invalid is removed if it is the only one of its name. A removal names one
    /// path and one domain: with several cookies, it might remove one that logs in elsewhere.
    ///
    /// An error ends the search, because the cookie that could not be checked may be valid. No
    /// cookie is removed then.
    pub(super) async fn restore(&self, req: &ServiceRequest) -> Result<(), Error> {
        let candidates = self.candidates(req.headers());
        if candidates == 0 {
            return Ok(());
        }
        if !self.remember.0.cross_origin.allows(req.request()) {
            log_rejection(req.request());
            self.remember.0.events.emit(Event::Rejected(Kind::CrossOrigin));
            let response = problem(StatusCode::FORBIDDEN);
            return Err(InternalError::from_response("a cross-origin request", response).into());
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
            .then(|| settings.fingerprint.of(req.request()));
        if settings.protection == SessionProtection::Strong && token.client != client {
            return self
                .end_and_reject(&token, Kind::Rejected, "it is bound to another client")
                .await;
        }
        // First, because all logins of the user may end at any later step: the session then has an
        // old generation.
        let generation = self.session_generation(&token.sub).await.map_err(unavailable)?;
        let stamp = settings.user_loader.load(&token.sub).await.inspect_err(|error| {
            tracing::error!(%error, "the user loader failed: the request gets the response of its error");
        })?;
        let Some(stamp) = stamp else {
            return self
                .end_and_reject(&token, Kind::Rejected, "the user is unknown or may not log in")
                .await;
        };
        if !token.fits(&stamp) {
            // The login does not end: after a password change, its owner has a newer token.
            self.forget(&token);
            return Ok(self.reject(Kind::Rejected, "the user has other credentials"));
        }
        // After the user loader, which may take long, and before the rotation: an error of this
        // store must not use a token up.
        if let Some(store) = &settings.revocations {
            let is_revoked = store.is_login_revoked(&token.id, token.subject()).await;
            if is_revoked.map_err(StoreError::from).map_err(unavailable)? {
                self.forget(&token);
                return Ok(self.reject(Kind::Revoked, "its login has ended"));
            }
        }
        let (user, id) = (&token.sub, &token.id);
        match self.rotate(&token).await.map_err(unavailable)? {
            Outcome::Unknown => {
                return self.end_and_reject(&token, Kind::Revoked, "its family has ended").await;
            }
            Outcome::NotInFamily => {
                return self.end_and_reject(&token, Kind::Rejected, "it has no family").await;
            }
            Outcome::Reused => {
                tracing::warn!(login = %id, "a remember-me cookie was used again: a copy of it exists");
                // First, because the next use finds no token family, and a store may fail.
                settings.events.emit(Event::Reused { subject: user, login: id });
                self.end(&token).await.map_err(unavailable)?;
                return Ok(false);
            }
            Outcome::Replaced(next) => self.set(&next)?,
            Outcome::Unchanged if retired_key => self.set(&token)?,
            Outcome::Unchanged => (),
        }
        let session = req.get_session();
        let write = || {
            // The client first: a user must not be logged in without it.
            if let Some(client) = client {
                client::bind(&session, client).map_err(|error| error.to_string())?;
            }
            Identity::login(&req.extensions(), user.clone()).map_err(|error| error.to_string())?;
            self.fill(&session, user, &stamp, generation, Some(&token))
        };
        write().map_err(|error| {
            // A part of the login may be in the session.
            session.purge();
            tracing::error!(error, "a remembered login could not be written into the session");
            InternalError::from_response("no session", problem(StatusCode::INTERNAL_SERVER_ERROR))
        })?;
        unset_fresh(req);
        settings.events.emit(Event::Remembered { subject: user });
        Ok(true)
    }

    /// Ends the login of a token in all stores, and rejects the token.
    async fn end_and_reject(
        &self,
        token: &RememberToken,
        kind: Kind,
        reason: &str,
    ) -> Result<bool, Error> {
        self.end(token).await.map_err(unavailable)?;
        Ok(self.reject(kind, reason))
    }

    fn reject(&self, kind: Kind, reason: &str) -> bool {
        tracing::info!(reason, "rejected a remember-me cookie");
        self.remember.0.events.emit(Event::Rejected(kind));
        false
    }

    /// Rotates the token in the token family store, if there is one.
    pub(super) async fn rotate(&self, token: &RememberToken) -> Result<Outcome, StoreError> {
        let settings = &*self.remember.0;
        let Some(store) = &settings.family else { return Ok(Outcome::Unchanged) };
        let Some((family, presented)) = token.family() else { return Ok(Outcome::NotInFamily) };
        let no_random_bytes =
            || TokenFamilyError::Other("the operating system returned no random bytes".into());
        let next = RandomId::generate().ok_or_else(no_random_bytes)?;
        let rotation =
            RotationRequest::new(settings.owner(&token.sub), family, presented, next, GRACE);
        Ok(match store.rotate(rotation).await? {
            Rotation::Rotated => Outcome::Replaced(token.clone().rotated(next)),
            // The response that set the current token may have been lost.
            Rotation::Superseded { current } => Outcome::Replaced(token.clone().rotated(current)),
            Rotation::Unknown => Outcome::Unknown,
            Rotation::Reused => Outcome::Reused,
        })
    }

    /// Sets the cookie to this token.
    fn set(&self, token: &RememberToken) -> Result<(), Error> {
        let cookie = self.remember.set_cookie(token);
        let cookie = cookie
            .ok_or_else(|| unavailable("the next token could not be encrypted: the operating system returned no random bytes, or the cookie is longer than 4096 bytes (shorten the user id)"))?;
        self.replace(token);
        self.change(Change::Set(cookie));
        Ok(())
    }
}

/// The decision of the token family store about a token.
pub(super) enum Outcome {
    /// The browser keeps the cookie.
    Unchanged,
    /// The browser gets this token instead.
    Replaced(RememberToken),
    /// The token is older than the token family store of the application.
    NotInFamily,
    Unknown,
    Reused,
}

/// The error of a request whose cookie cannot be checked, or whose login cannot be ended.
pub(super) fn unavailable(error: impl fmt::Display) -> Error {
    tracing::error!(%error, "a remembered login could not be checked or ended: the request gets 503");
    InternalError::from_response(
        "remembered logins are unavailable",
        problem(StatusCode::SERVICE_UNAVAILABLE),
    )
    .into()
}
