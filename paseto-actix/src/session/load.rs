//! Loads the session of a request from its cookies.

use std::rc::Rc;

use actix_session::Session;
use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use time::OffsetDateTime;

use super::Inner;
use super::cookie::RequestState;
use super::decrypted_cache::DecryptedSession;
use super::failure::Failure;
use super::middleware::WorkerState;
use super::tokens::Validity;
use crate::cookie::{MAX_COOKIES_PER_NAME, cookie_values};
use crate::cross_origin::log_rejection;

/// The session at the start of a request, before the handler changes it.
pub(super) struct LoadedSession {
    /// The time at which the request started.
    pub(super) now: OffsetDateTime,
    /// The number of cookies with the name of the session cookie.
    pub(super) cookies: usize,
    /// The session of the first valid cookie.
    pub(super) decrypted: Option<Rc<DecryptedSession>>,
    /// Whether one of the cookies belongs to a revoked session.
    pub(super) has_revoked_cookie: bool,
    pub(super) state: Rc<RequestState>,
}

impl LoadedSession {
    /// Copies the content to the session of the request.
    pub(super) fn fill(&self, session: &Session) {
        for (name, value) in self.decrypted.iter().flat_map(|session| session.values.iter()) {
            // The serialization of a `RawValue` cannot fail.
            let _ = session.insert(name.clone(), value);
        }
    }
}

impl WorkerState {
    /// Loads the session of the first cookie that is authentic, not expired and not revoked.
    pub(super) async fn load(&self, req: &ServiceRequest) -> Result<LoadedSession, Failure> {
        let Inner { tokens, cookie, cross_origin, .. } = self.settings();
        let state = Rc::new(RequestState::new(self.session.clone()));
        // actix-session has one session per request, so a second middleware would use the session
        // of the first middleware.
        if req.extensions_mut().insert(Rc::clone(&state)).is_some() {
            return Err(Failure::Nested);
        }
        if !cross_origin.allows(req.request())
            && cookie_values(req.headers(), cookie.name()).next().is_some()
        {
            log_rejection(req.request());
            return Err(Failure::CrossOrigin);
        }
        let mut loaded = LoadedSession {
            now: tokens.now(),
            cookies: 0,
            decrypted: None,
            has_revoked_cookie: false,
            state,
        };
        for token in cookie_values(req.headers(), cookie.name()) {
            loaded.cookies += 1;
            if loaded.decrypted.is_none() && loaded.cookies <= MAX_COOKIES_PER_NAME {
                self.load_token(&mut loaded, token).await?;
            }
        }
        if let Some(session) = &loaded.decrypted {
            loaded.state.persistent.set(session.head.persistent);
            loaded.state.loaded.replace(Some(Rc::clone(session)));
        }
        Ok(loaded)
    }

    /// Loads the session of one token, unless the token is forged, expired or revoked.
    async fn load_token(&self, loaded: &mut LoadedSession, token: &[u8]) -> Result<(), Failure> {
        let tokens = &self.settings().tokens;
        let keys_version = self.cache.borrow_mut().check_keys(&tokens.keys, loaded.now);
        let cached = self.cache.borrow().get(token);
        let Some(session) = cached.clone().or_else(|| tokens.decrypt(token).map(Rc::new)) else {
            return Ok(());
        };
        let validity = tokens.check(&session, loaded.now).await?;
        if validity == Validity::Valid {
            if cached.is_none() {
                self.cache.borrow_mut().insert(token, &session, keys_version);
            }
            loaded.decrypted = Some(session);
            return Ok(());
        }
        loaded.has_revoked_cookie |= validity == Validity::Revoked;
        self.cache.borrow_mut().remove(token);
        Ok(())
    }
}
