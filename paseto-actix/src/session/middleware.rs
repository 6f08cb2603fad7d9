use std::cell::RefCell;
use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_session::{Session, SessionExt, SessionStatus};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::{Error, HttpMessage};
use futures_util::future::LocalBoxFuture;
use time::OffsetDateTime;

use super::cookie::RequestState;
use super::decrypted_cache::{DecryptedCache, DecryptedSession};
use super::failure::{Failure, replace};
use super::login::{LOGIN, SessionLogin};
use super::payload::SessionHead;
use super::settings::Settings;
use super::tokens::{EncryptError, Tie, Verdict};
use super::{PasetoSession, payload};
use crate::cookie::{
    MAX_CANDIDATES, cookie_values, forbid_caching, forbid_shared_caching, vary_by_cookie,
};
use crate::cross_origin::log_rejection;
use crate::revocation::RevocationError;

impl<S, B> Transform<S, ServiceRequest> for PasetoSession
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = PasetoSessionMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let cache = RefCell::new(DecryptedCache::new(self.0.decrypted_cache));
        ready(Ok(PasetoSessionMiddleware {
            service: Rc::new(service),
            worker: Rc::new(Worker { session: self.clone(), cache }),
        }))
    }
}

/// The service that [`PasetoSession`] wraps around another.
pub struct PasetoSessionMiddleware<S> {
    service: Rc<S>,
    worker: Rc<Worker>,
}

/// The part of a [`PasetoSession`] that one worker has.
struct Worker {
    session: PasetoSession,
    cache: RefCell<DecryptedCache>,
}

impl<S, B> Service<ServiceRequest> for PasetoSessionMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        let (service, worker) = (Rc::clone(&self.service), Rc::clone(&self.worker));
        Box::pin(async move {
            let loaded = match worker.load(&req).await {
                Ok(loaded) => loaded,
                Err(failure) => {
                    let mut response = req.into_response(failure.error_response());
                    vary_by_cookie(response.headers_mut());
                    return Ok(response.map_into_right_body());
                }
            };
            let session = req.get_session();
            loaded.fill(&session);
            let mut response = match service.call(req).await {
                Ok(response) => response,
                Err(error) => return Err(worker.end_on_error(error, &loaded, &session).await),
            };
            match worker.save(&loaded, &session, response.request().headers()).await {
                Ok(cookie) => {
                    worker.write_headers(response.headers_mut(), cookie, &session);
                    Ok(response.map_into_left_body())
                }
                Err(failure) => {
                    Ok(replace(response, failure.error_response()).map_into_right_body())
                }
            }
        })
    }
}

/// The session with which a request begins.
struct Loaded {
    now: OffsetDateTime,
    /// The number of cookies that have the name.
    cookies: usize,
    session: Option<Rc<DecryptedSession>>,
    /// Whether one of the cookies is of a session that was revoked.
    revoked: bool,
    state: Rc<RequestState>,
}

impl Loaded {
    fn fill(&self, session: &Session) {
        for (name, value) in self.session.iter().flat_map(|session| session.values.iter()) {
            // A `RawValue` serializes to its own text, which cannot fail.
            let _ = session.insert(name.clone(), value);
        }
    }
}

impl Worker {
    fn settings(&self) -> &Settings {
        &self.session.0
    }

    /// Finds the session of a request: that of the first cookie that is authentic, not expired and
    /// not revoked.
    async fn load(&self, req: &ServiceRequest) -> Result<Loaded, Failure> {
        let Settings { tokens, cookie, cross_origin, .. } = self.settings();
        let state = Rc::new(RequestState::new(self.session.clone()));
        // actix-session has one session in a request. A second middleware would read the session of
        // the first.
        if req.extensions_mut().insert(Rc::clone(&state)).is_some() {
            return Err(Failure::Nested);
        }
        if !cross_origin.allows(req.request())
            && cookie_values(req.headers(), cookie.name()).next().is_some()
        {
            log_rejection(req.request());
            return Err(Failure::CrossOrigin);
        }
        let mut loaded =
            Loaded { now: tokens.now(), cookies: 0, session: None, revoked: false, state };
        for token in cookie_values(req.headers(), cookie.name()) {
            loaded.cookies += 1;
            if loaded.session.is_none() && loaded.cookies <= MAX_CANDIDATES {
                self.accept(&mut loaded, token).await?;
            }
        }
        if let Some(session) = &loaded.session {
            loaded.state.persistent.set(session.head.persistent);
            loaded.state.loaded.replace(Some(Rc::clone(session)));
        }
        Ok(loaded)
    }

    /// Takes the session of a token, unless the token is not authentic, has expired or is revoked.
    async fn accept(&self, loaded: &mut Loaded, token: &[u8]) -> Result<(), Failure> {
        let tokens = &self.settings().tokens;
        let cached = self.cache.borrow().get(token);
        let Some(session) = cached.clone().or_else(|| tokens.decrypt(token).map(Rc::new)) else {
            return Ok(());
        };
        let verdict = tokens.check(&session, loaded.now).await?;
        if verdict == Verdict::Valid {
            if cached.is_none() {
                self.cache.borrow_mut().insert(token, &session);
            }
            loaded.session = Some(session);
            return Ok(());
        }
        loaded.revoked |= verdict == Verdict::Revoked;
        self.cache.borrow_mut().remove(token);
        Ok(())
    }

    /// Compares the session with the one that was loaded, and returns the `Set-Cookie` header that
    /// the client needs.
    async fn save(
        &self,
        loaded: &Loaded,
        session: &Session,
        req: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Failure> {
        let Settings { tokens, cookie, .. } = self.settings();
        let (status, persistent) = (session.status(), loaded.state.persistent.get());
        if loaded.session.is_none() || status == SessionStatus::Renewed {
            self.use_attempt(loaded, session)?;
        }
        let Some(before) = &loaded.session else {
            if status != SessionStatus::Purged && !session.entries().is_empty() {
                return self.begin(loaded, session).await.map(Some);
            }
            // The response to a request that began before a login may arrive after it. The removal
            // of a revoked cookie would remove the cookie of the login then. With several cookies
            // of the name, a removal hits an arbitrary one.
            let is_invalid = loaded.cookies == 1 && !loaded.revoked && is_use(req);
            let remove = is_invalid || (status == SessionStatus::Purged && loaded.cookies > 0);
            return Ok(remove.then(|| cookie.removal()));
        };
        if status == SessionStatus::Purged {
            self.logout_all(req).await?;
            return Ok(Some(cookie.removal()));
        }
        let is_renewed = status == SessionStatus::Renewed;
        let changed = is_renewed
            || persistent != before.head.persistent
            || !before.values.is_equal_to(&session.entries());
        if !changed && !self.is_due(before, loaded.now, req) {
            return Ok(None);
        }
        // A parallel request may have ended the session. This one must not bring it back, nor
        // replace the cookie of the next. A new login does not depend on the session before it.
        let is_new_login = is_renewed
            && (loaded.state.is_new_login.get() || self.has_other_subject(session, before));
        if !is_new_login && tokens.is_revoked(before).await? {
            tracing::info!("a session ended in a parallel request: its changes are lost");
            return Ok(None);
        }
        if !is_renewed {
            let head = SessionHead { persistent, ..before.head.clone() };
            return self.encrypt(head, loaded, session).await.map(Some);
        }
        // First, because a session that is too large must not end the one before it.
        let header = self.begin(loaded, session).await?;
        self.end(&before.head).await?;
        Ok(Some(header))
    }

    /// Adds the end of a session to the error of an inner service, which becomes the response.
    /// Other changes are lost.
    async fn end_on_error(&self, error: Error, loaded: &Loaded, session: &Session) -> Error {
        if session.status() != SessionStatus::Purged || loaded.cookies == 0 {
            return error;
        }
        if let Some(before) = &loaded.session
            && let Err(failure) = self.end(&before.head).await
        {
            let response = Failure::from(failure).error_response();
            return InternalError::from_response(error, response).into();
        }
        let mut response = error.error_response();
        self.write_headers(response.headers_mut(), Some(self.settings().cookie.removal()), session);
        InternalError::from_response(error, response).into()
    }

    /// Ends the sessions of all cookies of a request: a browser may send the cookies of several
    /// paths or domains.
    async fn logout_all(&self, req: &HeaderMap) -> Result<(), Failure> {
        let Settings { tokens, cookie, .. } = self.settings();
        for token in cookie_values(req, cookie.name()).take(MAX_CANDIDATES) {
            self.cache.borrow_mut().remove(token);
            if let Some(session) = tokens.decrypt(token) {
                self.end(&session.head).await?;
            }
        }
        Ok(())
    }

    /// Revokes a session until its last cookie has expired.
    async fn end(&self, head: &SessionHead) -> Result<(), RevocationError> {
        let Settings { tokens, idle_timeout, .. } = self.settings();
        let until = tokens
            .expiry(head, tokens.now(), *idle_timeout)
            .max(head.expires)
            .min(tokens.latest_expiry(head));
        tokens.revoke(&head.id, until).await
    }

    /// Whether an unchanged session is encrypted anew: half of its idle limit is over, or its key
    /// is retired.
    ///
    /// The request for a subresource does not cause it. Browsers send many of them at once, and
    /// each would write the state that it has read over a change of a parallel request.
    fn is_due(&self, session: &DecryptedSession, now: OffsetDateTime, req: &HeaderMap) -> bool {
        let Settings { tokens, idle_timeout, .. } = self.settings();
        let left = session.head.expires.saturating_sub(now.unix_timestamp());
        let can_slide = session.head.expires < tokens.latest_expiry(&session.head);
        (session.retired_key || (can_slide && left <= idle_timeout.whole_seconds() / 2))
            && is_use(req)
    }

    async fn begin(&self, loaded: &Loaded, session: &Session) -> Result<HeaderValue, Failure> {
        let head = SessionHead::begin(loaded.now, loaded.state.persistent.get())
            .map_err(EncryptError::from)?;
        self.encrypt(head, loaded, session).await
    }

    /// Encrypts a session. Its idle limit begins with the request and not with the response, so a
    /// request that began before a logout sets no cookie that outlives the record of the logout.
    async fn encrypt(
        &self,
        mut head: SessionHead,
        loaded: &Loaded,
        session: &Session,
    ) -> Result<HeaderValue, Failure> {
        let Settings { tokens, cookie, idle_timeout, persistent, .. } = self.settings();
        let now = loaded.now;
        self.tie(loaded, session).await?;
        let state = &*session.entries();
        head.expires = tokens.expiry(&head, now, *idle_timeout);
        let mut text = cookie.start_value(payload::estimated_token_len(state));
        tokens.encrypt(&head, state, &mut text)?;
        let max_age =
            head.persistent.unwrap_or(*persistent).then(|| head.expires - now.unix_timestamp());
        cookie.into_header(text, max_age).map_err(Failure::Header)
    }

    /// Whether a session has a subject, and another one than before.
    fn has_other_subject(&self, session: &Session, before: &DecryptedSession) -> bool {
        let login = self.settings().tokens.login_of_state(&session.entries());
        let known = before.login.as_ref();
        login.is_some_and(|login| known.is_none_or(|known| known.subject != login.subject))
    }

    /// Ties a session that begins to the login that its handler has noted. A session that goes on
    /// keeps its login: the password may have been wrong.
    fn use_attempt(&self, loaded: &Loaded, session: &Session) -> Result<(), Failure> {
        let Some(attempt) = loaded.state.attempt.take() else { return Ok(()) };
        let login = self.settings().tokens.login_of_state(&session.entries());
        let Some(login) = login.filter(|login| login.subject == attempt.subject) else {
            return Ok(());
        };
        loaded.state.is_new_login.set(true);
        // The id stays, because a remembered login may have begun in this request.
        SessionLogin { generation: attempt.generation, ..login }
            .write(session)
            .map_err(Failure::Login)
    }

    /// Ties a session with a subject to its login.
    async fn tie(&self, loaded: &Loaded, session: &Session) -> Result<(), Failure> {
        let tie = self.settings().tokens.tie(&session.entries());
        match tie {
            Tie::Keep => (),
            Tie::Begin(subject) => {
                let before = loaded.session.as_ref().and_then(|session| session.login.as_ref());
                let login = self.settings().tokens.begin_login(subject, before).await?;
                login.write(session).map_err(Failure::Login)?;
            }
            Tie::Remove => {
                session.remove(LOGIN);
            }
        }
        Ok(())
    }

    fn write_headers(
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
}

/// Whether a user, or a script of a page, uses the site by this request ([Fetch Metadata]). A
/// client that is not a browser sends neither header.
///
/// [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header
fn is_use(req: &HeaderMap) -> bool {
    let is_prefetch =
        |name| req.get(name).is_some_and(|value| value.as_bytes().starts_with(b"prefetch"));
    let is_use = |dest: &HeaderValue| {
        matches!(
            dest.as_bytes(),
            b"document" | b"empty" | b"iframe" | b"frame" | b"fencedframe" | b"embed" | b"object"
        )
    };
    !is_prefetch("sec-purpose")
        && !is_prefetch("purpose")
        && req.get_all("sec-fetch-dest").all(is_use)
}

impl<S> fmt::Debug for PasetoSessionMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionMiddleware")
            .field("session", &self.worker.session)
            .finish_non_exhaustive()
    }
}
