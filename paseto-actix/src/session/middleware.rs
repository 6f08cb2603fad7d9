use std::{
    cell::RefCell,
    fmt,
    rc::Rc,
    task::{Context, Poll},
};

use actix_session::SessionMiddleware;
use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::MessageBody,
    cookie::Cookie,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    error::InternalError,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
};
use futures_util::future::{FutureExt, LocalBoxFuture};
use memchr::memchr;

use super::{
    PasetoSession, PasetoSessionStore, SessionBudget, SessionTooLarge,
    facts::{self, Facts},
    opened::OpenedCookies,
    slide::Slide,
    wire,
};
use crate::{
    cookie::{MAX_COOKIE_LEN, first_value, forbid_shared_caching, vary_by_cookie},
    error::problem,
};

type Inside<S> = <SessionMiddleware<PasetoSessionStore> as Transform<Slide<S>, ServiceRequest>>::Transform;

impl<S, B> Transform<S, ServiceRequest> for PasetoSession
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = PasetoSessionMiddleware<Inside<S>>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let session = self.clone();
        let slide = Slide { service: Rc::new(service), store: session.store(), idle_limit: session.idle_limit() };
        let inside = session.actix().new_transform(slide);
        let opened = Rc::new(RefCell::new(OpenedCookies::new(session.opened_cookies())));
        async move { Ok(PasetoSessionMiddleware { inside: Rc::new(inside.await?), session, opened }) }.boxed_local()
    }
}

/// The service that [`PasetoSession`] wraps around another: around actix-session's own, which is around [`Slide`].
pub struct PasetoSessionMiddleware<S> {
    inside: Rc<S>,
    session: PasetoSession,
    opened: Rc<RefCell<OpenedCookies>>,
}

impl<S, B> Service<ServiceRequest> for PasetoSessionMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inside.poll_ready(cx)
    }

    fn call(&self, mut req: ServiceRequest) -> Self::Future {
        let (inside, session, opened) = (Rc::clone(&self.inside), self.session.clone(), Rc::clone(&self.opened));
        Box::pin(async move {
            // actix-session keeps one session a request: a second would take the first one's state for its own.
            let first = req.extensions_mut().insert(SessionBudget::new(session.max_token_len())).is_none();
            if !first {
                tracing::error!("a PasetoSession inside of another: wrap scopes beside each other instead");
                return Err(
                    InternalError::from_response("two sessions", problem(StatusCode::INTERNAL_SERVER_ERROR)).into()
                );
            }
            wire::hide_aliases(req.headers_mut(), session.cookie_name());
            let before = put_stand_in(&mut req, &session, &opened.borrow());
            let (response, facts) = facts::gather(before, async { inside.call(req).await }).await;
            let mut response = match (response, facts.too_large) {
                (Ok(response), _) => response,
                (Err(_), _) if facts.unavailable => return Err(unavailable()),
                (Err(_), Some(size)) => return Err(too_large(size, session.max_token_len())),
                (Err(error), None) => return Err(error),
            };
            warn_if_nearly_full(&facts, &session);
            if opened.borrow().has_room() {
                remember(&response, &facts, &session, &mut opened.borrow_mut());
            }
            let bad_cookie = facts.loaded.is_none() && was_read(response.request(), session.cookie_name());
            finish(response.headers_mut(), &session, bad_cookie)?;
            Ok(response)
        })
    }
}

/// If this worker knows what the cookie holds, a stand-in takes its place until actix-session has asked for it: that one is
/// checked and decoded sooner. (Where a middleware outside has looked at the cookies, actix goes on with what it read then, and
/// the session is opened as ever.)
fn put_stand_in(req: &mut ServiceRequest, session: &PasetoSession, opened: &OpenedCookies) -> Facts {
    let name = session.cookie_name();
    let Some(known) = first_value(req.headers(), name).and_then(|cookie| opened.get(cookie)) else {
        return Facts::default();
    };
    let stand_in = known.wrapped_stand_in(|key| session.wrap(key));
    let headers = wire::replace_value(req.headers_mut(), name, stand_in);
    Facts { known: Some(known), headers: Some(headers), ..Facts::default() }
}

/// Remembers what the cookie of the request holds, and the one that the response sets.
fn remember<B>(response: &ServiceResponse<B>, facts: &Facts, session: &PasetoSession, opened: &mut OpenedCookies) {
    let name = session.cookie_name();
    let read = first_value(response.request().headers(), name).unwrap_or_default();
    match (&facts.known, &facts.loaded) {
        // It has expired, or was revoked.
        (Some(_), None) => opened.remove(read),
        // Of two cookies with the name, actix may have read another.
        (None, Some(loaded)) if cookie_read(response.request(), name, |value| value == wire::percent_decoded(read)) => {
            opened.insert(read, Rc::clone(loaded));
        }
        _ => (),
    }
    let mut set = set_cookies(response.headers(), name);
    // A cookie of the name that a handler sets is not what was sealed, and nobody knows which one a browser keeps.
    if let (Some(sealed), Some(cookie), None) = (&facts.sealed, set.next(), set.next()) {
        let cookie = memchr(b';', cookie.as_bytes()).map_or(cookie.as_bytes(), |end| &cookie.as_bytes()[..end]);
        opened.insert(&cookie[name.len() + 1..], Rc::clone(sealed));
    }
}

/// Removes a bad cookie, and says what caches need to know.
fn finish(headers: &mut HeaderMap, session: &PasetoSession, bad_cookie: bool) -> Result<(), Error> {
    let mut sets_cookie = false;
    if let Some(cookie) = set_cookies(headers, session.cookie_name()).last() {
        // The budget leaves room for every wrapping, but a browser drops a longer one without a word.
        if cookie.len() > MAX_COOKIE_LEN {
            return Err(too_large(cookie.len(), MAX_COOKIE_LEN));
        }
        sets_cookie = true;
    } else if bad_cookie {
        let removal = removal(session.cookie());
        headers.append(header::SET_COOKIE, removal);
        sets_cookie = true;
    }
    vary_by_cookie(headers);
    if sets_cookie {
        forbid_shared_caching(headers);
    }
    Ok(())
}

/// The cookies of this name that a response sets: actix-session's is the last.
fn set_cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a HeaderValue> {
    let is_own = |value: &[u8]| value.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    headers.get_all(header::SET_COOKIE).filter(move |value| is_own(value.as_bytes()))
}

fn removal(cookie: Cookie<'static>) -> HeaderValue {
    let mut cookie = cookie;
    cookie.make_removal();
    HeaderValue::from_str(&cookie.encoded().to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether a session has ended is not known, or not kept: the client is to come again with the cookie that it has.
fn unavailable() -> Error {
    InternalError::from_response("no revocations", problem(StatusCode::SERVICE_UNAVAILABLE)).into()
}

fn too_large(size: usize, limit: usize) -> Error {
    tracing::error!(size, limit, "a session is too large for a cookie; nothing of it was changed");
    SessionTooLarge { size, limit }.into()
}

fn warn_if_nearly_full(facts: &Facts, session: &PasetoSession) {
    let limit = session.max_token_len();
    let size = facts.sealed.as_ref().map(|sealed| sealed.token.len());
    if let Some(size) = size.filter(|size| size * 5 >= limit * 4) {
        tracing::warn!(size, limit, "a session is nearly too large for a cookie");
    }
}

/// Whether actix-session saw a cookie of this name. Of a header that is no UTF-8, which another application's cookie may make
/// it, actix reads none: that hides the session, and is no reason to end it.
fn was_read(req: &HttpRequest, name: &str) -> bool {
    cookie_read(req, name, |_| true)
}

/// Whether the cookie that actix read first of this name is such a one.
fn cookie_read(req: &HttpRequest, name: &str, is_such: impl FnOnce(&[u8]) -> bool) -> bool {
    let cookies = req.cookies().ok();
    let cookie = cookies.as_ref().and_then(|cookies| cookies.iter().find(|cookie| cookie.name() == name));
    cookie.is_some_and(|cookie| is_such(cookie.value().as_bytes()))
}

impl<S> fmt::Debug for PasetoSessionMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionMiddleware").field("session", &self.session).finish_non_exhaustive()
    }
}
