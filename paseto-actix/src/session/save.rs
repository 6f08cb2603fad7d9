//! Saves the session after the handler: encrypts it, revokes it, and writes the response headers.

use actix_session::{Session, SessionStatus};
use actix_web::Error;
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use time::OffsetDateTime;

use super::Inner;
use super::decrypted_cache::DecryptedSession;
use super::failure::Failure;
use super::load::LoadedSession;
use super::login::{LOGIN, SessionLogin};
use super::middleware::WorkerState;
use super::payload;
use super::payload::SessionHead;
use super::tokens::{EncryptError, LoginChange};
use super::user_activity::is_user_activity;
use crate::cookie::{
    MAX_COOKIES_PER_NAME, cookie_values, forbid_caching, forbid_shared_caching, vary_by_cookie,
};
use crate::revocation::RevocationError;

impl WorkerState {
    /// Compares the session with the loaded session. Returns the `Set-Cookie` value if the client
    /// needs another cookie.
    pub(super) async fn save(
        &self,
        loaded: &LoadedSession,
        session: &Session,
        req: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Failure> {
        let Inner { tokens, cookie, .. } = self.settings();
        let (status, persistent) = (session.status(), loaded.state.persistent.get());
        if loaded.decrypted.is_none() || status == SessionStatus::Renewed {
            self.apply_started_login(loaded, session)?;
        }
        let Some(previous) = &loaded.decrypted else {
            if status != SessionStatus::Purged && !session.entries().is_empty() {
                return self.encrypt_new(loaded, session).await.map(Some);
            }
            // Do not remove a revoked cookie: if this request began before a login and its response
            // arrives later, the removal would hit the cookie of the login. If several cookies have
            // the name, a removal would hit an arbitrary one.
            let is_invalid =
                loaded.cookies == 1 && !loaded.has_revoked_cookie && is_user_activity(req);
            let remove = is_invalid || (status == SessionStatus::Purged && loaded.cookies > 0);
            return Ok(remove.then(|| cookie.removal()));
        };
        if status == SessionStatus::Purged {
            self.revoke_cookies(req).await?;
            return Ok(Some(cookie.removal()));
        }
        let is_renewed = status == SessionStatus::Renewed;
        let changed = is_renewed
            || persistent != previous.head.persistent
            || !previous.values.is_equal_to(&session.entries());
        if !changed && !self.needs_reencryption(previous, loaded.now, req) {
            return Ok(None);
        }
        // If a parallel request has revoked the session, this request must not restore it, and must
        // not replace the cookie of the next session. A new login does not depend on the previous
        // session.
        let is_new_login = is_renewed
            && (loaded.state.is_new_login.get() || self.has_new_subject(session, previous));
        if !is_new_login && tokens.is_revoked(previous).await? {
            tracing::info!("discarded the changes of a session that a parallel request revoked");
            return Ok(None);
        }
        if !is_renewed {
            let head = SessionHead { persistent, ..previous.head.clone() };
            return self.encrypt(head, loaded, session).await.map(Some);
        }
        // Encrypt first: if the new session is too large, the previous session must stay valid.
        let header = self.encrypt_new(loaded, session).await?;
        self.revoke(&previous.head).await?;
        Ok(Some(header))
    }

    /// Completes a `purge` if an inner service returned an error. The error becomes the response.
    /// Other changes of the session are lost.
    pub(super) async fn purge_on_error(
        &self,
        error: Error,
        loaded: &LoadedSession,
        session: &Session,
    ) -> Error {
        if session.status() != SessionStatus::Purged || loaded.cookies == 0 {
            return error;
        }
        if let Some(previous) = &loaded.decrypted
            && let Err(failure) = self.revoke(&previous.head).await
        {
            let response = Failure::from(failure).error_response();
            return InternalError::from_response(error, response).into();
        }
        let mut response = error.error_response();
        self.write_headers(response.headers_mut(), Some(self.settings().cookie.removal()), session);
        InternalError::from_response(error, response).into()
    }

    /// Writes `Vary`, `Set-Cookie` and `Cache-Control`.
    pub(super) fn write_headers(
        &self,
        headers: &mut HeaderMap,
        cookie: Option<HeaderValue>,
        session: &Session,
    ) {
        vary_by_cookie(headers);
        if let Some(cookie) = cookie {
            headers.append(SET_COOKIE, cookie);
            forbid_shared_caching(headers);
        }
        if self.settings().no_store_if.as_ref().is_some_and(|no_store_if| no_store_if(session)) {
            forbid_caching(headers);
        }
    }

    /// Revokes the sessions of all cookies of a request. A browser can send the cookies of several
    /// paths or domains.
    async fn revoke_cookies(&self, req: &HeaderMap) -> Result<(), Failure> {
        let Inner { tokens, cookie, .. } = self.settings();
        for token in cookie_values(req, cookie.name()).take(MAX_COOKIES_PER_NAME) {
            self.cache.borrow_mut().remove(token);
            if let Some(session) = tokens.decrypt(token) {
                self.revoke(&session.head).await?;
            }
        }
        Ok(())
    }

    /// Revokes a session until all its cookies have expired. A parallel request can set a cookie
    /// whose idle timeout begins now.
    async fn revoke(&self, head: &SessionHead) -> Result<(), RevocationError> {
        let Inner { tokens, idle_timeout, .. } = self.settings();
        let until = tokens
            .expiry(head, tokens.now(), *idle_timeout)
            .max(head.expires)
            .min(tokens.absolute_expiry(head));
        tokens.revoke(&head.id, until).await
    }

    /// Returns whether to encrypt an unchanged session again, because half of its idle timeout has
    /// passed or because its key is retired.
    ///
    /// Requests for subresources never cause this. A browser sends many of them in parallel, and
    /// each response would overwrite the changes of a parallel request.
    fn needs_reencryption(
        &self,
        session: &DecryptedSession,
        now: OffsetDateTime,
        req: &HeaderMap,
    ) -> bool {
        let Inner { tokens, idle_timeout, .. } = self.settings();
        let remaining = session.head.expires.saturating_sub(now.unix_timestamp());
        let can_extend = session.head.expires < tokens.absolute_expiry(&session.head);
        (session.retired_key || (can_extend && remaining <= idle_timeout.whole_seconds() / 2))
            && is_user_activity(req)
    }

    /// Encrypts the content under a new session ID.
    async fn encrypt_new(
        &self,
        loaded: &LoadedSession,
        session: &Session,
    ) -> Result<HeaderValue, Failure> {
        let head = SessionHead::new(loaded.now, loaded.state.persistent.get())
            .map_err(EncryptError::from)?;
        self.encrypt(head, loaded, session).await
    }

    /// Encrypts a session and returns its `Set-Cookie` value.
    ///
    /// The idle timeout begins with the request, not with the response. Otherwise a request that
    /// began before a logout could set a cookie that expires after the revocation record.
    async fn encrypt(
        &self,
        mut head: SessionHead,
        loaded: &LoadedSession,
        session: &Session,
    ) -> Result<HeaderValue, Failure> {
        let Inner { tokens, cookie, idle_timeout, persistent, .. } = self.settings();
        let now = loaded.now;
        self.update_login(loaded, session).await?;
        let state = &*session.entries();
        head.expires = tokens.expiry(&head, now, *idle_timeout);
        let mut header = cookie.start_header(payload::estimated_token_len(state));
        tokens.encrypt(&head, state, &mut header)?;
        let max_age =
            head.persistent.unwrap_or(*persistent).then(|| head.expires - now.unix_timestamp());
        cookie.finish_header(header, max_age).map_err(Failure::Header)
    }

    /// Returns whether the session has a subject that differs from its previous subject.
    fn has_new_subject(&self, session: &Session, previous: &DecryptedSession) -> bool {
        let login = self.settings().tokens.login_of_state(&session.entries());
        let previous = previous.login.as_ref();
        login.is_some_and(|login| previous.is_none_or(|previous| previous.subject != login.subject))
    }

    /// Writes the generation of a [started login](super::SessionCookie::start_login) to the
    /// session.
    ///
    /// Call this for a new or renewed session only. If the handler did not renew the session, the
    /// password may have been wrong.
    fn apply_started_login(
        &self,
        loaded: &LoadedSession,
        session: &Session,
    ) -> Result<(), Failure> {
        let Some(started) = loaded.state.started_login.take() else { return Ok(()) };
        let login = self.settings().tokens.login_of_state(&session.entries());
        let Some(login) = login.filter(|login| login.subject == started.subject) else {
            return Ok(());
        };
        loaded.state.is_new_login.set(true);
        // Keep the ID: it may be the ID of a remembered login that started in this request.
        SessionLogin { generation: started.generation, ..login }
            .write(session)
            .map_err(Failure::Login)
    }

    /// Inserts or removes the login entry of the session.
    async fn update_login(&self, loaded: &LoadedSession, session: &Session) -> Result<(), Failure> {
        let tokens = &self.settings().tokens;
        let change = tokens.login_change(&session.entries());
        match change {
            LoginChange::Keep => (),
            LoginChange::Insert(subject) => {
                let previous = loaded.decrypted.as_ref().and_then(|session| session.login.as_ref());
                let login = tokens.create_login(subject, previous).await?;
                login.write(session).map_err(Failure::Login)?;
            }
            LoginChange::Remove => {
                session.remove(LOGIN);
            }
        }
        Ok(())
    }
}
