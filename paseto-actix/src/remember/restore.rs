//! The login by a cookie of the request.

use std::{fmt, time::Duration};

use actix_identity::Identity;
use actix_session::SessionExt;
use actix_web::{Error, HttpMessage, dev::ServiceRequest, error::InternalError, http::StatusCode};

use super::{
    SessionProtection, client,
    context::{Change, Context, StoreError, unset_fresh},
    token::RememberToken,
};
use crate::{
    cross_origin::log_rejection,
    error::problem,
    series::{RandomId, Rotation, SeriesReuse, TokenUse},
};

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
            let response = problem(StatusCode::FORBIDDEN);
            return Err(InternalError::from_response("a cross-origin request", response).into());
        }
        let presented = self.presented(req.headers());
        if presented.is_empty() {
            tracing::info!("a remember-me cookie that is forged or has expired");
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

    /// Logs the token's user in; `false` if the token is invalid.
    async fn log_in(&self, req: &ServiceRequest, token: RememberToken, retired_key: bool) -> Result<bool, Error> {
        let settings = &*self.remember.0;
        let client = (settings.protection != SessionProtection::Off).then(|| settings.fingerprint.of(req.request()));
        let is_bound = settings.protection == SessionProtection::Strong;
        if is_bound && token.client != client {
            tracing::warn!("a remember-me cookie of another client");
            self.end(&token).await.map_err(unavailable)?;
            return Ok(false);
        }
        let stamp = settings.user_loader.load(&token.sub).await.inspect_err(|error| {
            tracing::error!(%error, "the user loader failed: the request gets the response of its error");
        })?;
        if !stamp.is_some_and(|stamp| token.fits(&stamp)) {
            tracing::info!("a remember-me cookie of a user who is unknown, or has other credentials by now");
            self.end(&token).await.map_err(unavailable)?;
            return Ok(false);
        }
        // After the user loader, which may take long, and before the rotation: an error of this
        // store must not use a token up.
        if let Some(store) = &settings.revocations
            && store.is_revoked(&token.id).await.map_err(StoreError::from).map_err(unavailable)?
        {
            tracing::info!("a remember-me cookie of a login that has ended");
            self.forget(&token);
            return Ok(false);
        }
        match self.rotate(&token).await? {
            RotationOutcome::Rejected => {
                self.end(&token).await.map_err(unavailable)?;
                return Ok(false);
            }
            RotationOutcome::Replaced(token) => self.set(&token)?,
            RotationOutcome::Unchanged if retired_key => self.set(&token)?,
            RotationOutcome::Unchanged => (),
        }
        let failed = |error: &dyn fmt::Display| {
            tracing::error!(%error, "a remembered login could not be written into the session");
            InternalError::from_response("no session", problem(StatusCode::INTERNAL_SERVER_ERROR))
        };
        // The client first: a user must not be logged in without it.
        if let Some(client) = client {
            client::bind(&req.get_session(), client).map_err(|error| failed(&error))?;
        }
        Identity::login(&req.extensions(), token.sub).map_err(|error| failed(&error))?;
        unset_fresh(req);
        Ok(true)
    }

    /// Rotates the token in the series store, if there is one.
    async fn rotate(&self, token: &RememberToken) -> Result<RotationOutcome, Error> {
        let settings = &*self.remember.0;
        let Some(store) = &settings.series else { return Ok(RotationOutcome::Unchanged) };
        let Some((series, presented)) = token.series() else {
            tracing::info!("a remember-me cookie from before series were kept");
            return Ok(RotationOutcome::Rejected);
        };
        let next = RandomId::generate().ok_or_else(|| unavailable("the operating system returned no random bytes"))?;
        let token_use = TokenUse::new(series, presented, next, settings.now(), GRACE);
        Ok(match store.rotate(token_use).await.map_err(StoreError::from).map_err(unavailable)? {
            Rotation::Rotated => RotationOutcome::Replaced(token.clone().rotated(series, next)),
            // The response that set the current token may have been lost.
            Rotation::Superseded { current } => RotationOutcome::Replaced(token.clone().rotated(series, current)),
            Rotation::Unknown => RotationOutcome::Rejected,
            Rotation::Reused => {
                let user_id = token.sub.clone();
                tracing::warn!(%series, "a remember-me cookie was used again: a copy of it exists, and its series was revoked");
                (settings.on_reuse)(&SeriesReuse { user_id, series });
                RotationOutcome::Rejected
            }
        })
    }

    /// Sets the cookie to this token.
    fn set(&self, token: &RememberToken) -> Result<(), Error> {
        let cookie = self.remember.set_cookie(token);
        let cookie = cookie
            .ok_or_else(|| unavailable("the next token could not be encrypted: the operating system returned no random bytes, or the cookie is longer than 4096 bytes (shorten the user id)"))?;
        self.change(Change::Set(cookie));
        Ok(())
    }
}

/// The decision of the series store about a token.
enum RotationOutcome {
    Rejected,
    /// The browser keeps the cookie.
    Unchanged,
    /// The browser gets this token instead.
    Replaced(RememberToken),
}

/// The error of a request whose cookie cannot be checked, or whose login cannot be ended.
pub(super) fn unavailable(error: impl fmt::Display) -> Error {
    tracing::error!(%error, "a remembered login could not be checked or ended: the request gets 503");
    InternalError::from_response("remembered logins are unavailable", problem(StatusCode::SERVICE_UNAVAILABLE)).into()
}
