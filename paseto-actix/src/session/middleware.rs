use std::{
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

use super::{
    PasetoSession, PasetoSessionStore, SessionBudget, SessionTooLarge,
    budget::MAX_COOKIE_LEN,
    facts::{self, Facts},
    slide::Slide,
};
use crate::error::problem;

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
        async move { Ok(PasetoSessionMiddleware { inside: Rc::new(inside.await?), session }) }.boxed_local()
    }
}

/// The service that [`PasetoSession`] wraps around another: around actix-session's own, which is around [`Slide`].
pub struct PasetoSessionMiddleware<S> {
    inside: Rc<S>,
    session: PasetoSession,
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
        let (inside, session) = (Rc::clone(&self.inside), self.session.clone());
        Box::pin(async move {
            // actix-session keeps one session a request: a second would take the first one's state for its own.
            let first = req.extensions_mut().insert(SessionBudget::new(session.max_token_len())).is_none();
            if !first {
                tracing::error!("a PasetoSession inside of another: wrap scopes beside each other instead");
                return Err(
                    InternalError::from_response("two sessions", problem(StatusCode::INTERNAL_SERVER_ERROR)).into()
                );
            }
            hide_aliases(req.headers_mut(), session.cookie_name());
            let (response, facts) = facts::gather(async { inside.call(req).await }).await;
            let mut response = match (response, facts.too_large) {
                (Ok(response), _) => response,
                (Err(_), Some(size)) => return Err(too_large(size, session.max_token_len())),
                (Err(error), None) => return Err(error),
            };
            warn_if_nearly_full(&facts, &session);
            let bad_cookie = facts.loaded.is_none() && was_read(response.request(), session.cookie_name());
            finish(response.headers_mut(), &session, bad_cookie)?;
            Ok(response)
        })
    }
}

/// Removes a bad cookie, and says what caches need to know.
fn finish(headers: &mut HeaderMap, session: &PasetoSession, bad_cookie: bool) -> Result<(), Error> {
    let prefix = format!("{}=", session.cookie_name());
    let own = |value: &&HeaderValue| value.as_bytes().starts_with(prefix.as_bytes());
    let mut sets_cookie = false;
    if let Some(cookie) = headers.get_all(header::SET_COOKIE).find(own) {
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
    headers.append(header::VARY, HeaderValue::from_static("Cookie"));
    if sets_cookie && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(())
}

fn removal(cookie: Cookie<'static>) -> HeaderValue {
    let mut cookie = cookie;
    cookie.make_removal();
    HeaderValue::from_str(&cookie.encoded().to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn too_large(size: usize, limit: usize) -> Error {
    tracing::error!(size, limit, "a session is too large for a cookie; nothing of it was changed");
    SessionTooLarge { size, limit }.into()
}

fn warn_if_nearly_full(facts: &Facts, session: &PasetoSession) {
    let limit = session.max_token_len();
    if let Some(size) = facts.sealed.filter(|size| size * 5 >= limit * 4) {
        tracing::warn!(size, limit, "a session is nearly too large for a cookie");
    }
}

/// Takes out cookies that actix would decode to the session's name. A browser that holds a site to the promise of `__Host-`
/// promises nothing for `%5F%5FHost-`, so that another site of the domain can set that one.
fn hide_aliases(headers: &mut HeaderMap, name: &str) {
    let is_alias = |cookie: &&[u8]| {
        let written = cookie.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        written != name.as_bytes() && percent_decoded(written) == name.as_bytes()
    };
    let values: Vec<_> = headers.get_all(header::COOKIE).cloned().collect();
    if !values.iter().any(|value| value.as_bytes().split(|byte| *byte == b';').any(|cookie| is_alias(&cookie))) {
        return;
    }
    headers.remove(header::COOKIE);
    for value in values {
        let kept: Vec<_> = value.as_bytes().split(|byte| *byte == b';').filter(|cookie| !is_alias(cookie)).collect();
        if let Ok(value) = HeaderValue::from_bytes(&kept.join(&b';')) {
            headers.append(header::COOKIE, value);
        }
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |index: usize| after.get(index).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

/// Whether actix-session saw a cookie of this name. Of a header that is no UTF-8, which another application's cookie may make
/// it, actix reads none: that hides the session, and is no reason to end it.
fn was_read(req: &HttpRequest, name: &str) -> bool {
    req.cookies().is_ok_and(|cookies| cookies.iter().any(|cookie| cookie.name() == name))
}

impl<S> fmt::Debug for PasetoSessionMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSessionMiddleware").field("session", &self.session).finish_non_exhaustive()
    }
}
