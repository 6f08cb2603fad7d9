//! What one request knows of the login that is, or is to be, remembered.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use actix_identity::IdentityExt;
use actix_session::SessionExt;
use actix_web::{HttpMessage, HttpRequest, cookie::Cookie, http::header::HeaderMap};

use super::{RememberMe, settings::Settings, token::RememberToken};
use crate::{
    RevocationError, SeriesError,
    cookie::{MAX_COOKIE_LEN, first_value},
};

/// Where a session keeps whose login in it is a fresh one.
const FRESH: &str = "paseto_actix.fresh";

pub(super) struct Context {
    pub(super) remember: RememberMe,
    /// What the response does with the cookie.
    pub(super) cookie: RefCell<Change>,
    /// A token of the login that the request's cookie is of, or that it began.
    pub(super) login: RefCell<Option<RememberToken>>,
    /// Whether the login of the request's cookie has ended, so that it need not be ended again.
    pub(super) ended: Cell<bool>,
    /// Who is logged in as far as this middleware knows.
    pub(super) user: RefCell<Option<String>>,
}

/// What one of the stores failed with.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error(transparent)]
    Series(#[from] SeriesError),
    #[error(transparent)]
    Revocation(#[from] RevocationError),
}

#[derive(Default)]
pub(super) enum Change {
    #[default]
    None,
    /// The next token of a login that goes on.
    Set(Cookie<'static>),
    /// The first token of one that begins.
    Begin(Cookie<'static>),
    Remove,
}

impl Context {
    pub(super) fn new(remember: RememberMe) -> Self {
        Self {
            remember,
            cookie: RefCell::default(),
            login: RefCell::default(),
            ended: Cell::default(),
            user: RefCell::default(),
        }
    }

    /// That of the nearest middleware.
    pub(super) fn of(req: &HttpRequest) -> Option<Rc<Self>> {
        let context = req.extensions().get::<Rc<Self>>().cloned();
        if context.is_none() {
            tracing::error!("no RememberMe around this handler: call `App::wrap(remember_me)`");
        }
        context
    }

    /// The token in the request's cookie.
    pub(super) fn presented(&self, headers: &HeaderMap) -> Option<(RememberToken, bool)> {
        let settings = &*self.remember.0;
        let text = first_value(headers, settings.cookie.name())?;
        RememberToken::open(text, &settings.keys, &settings.assertion, settings.now().unix_timestamp())
    }

    /// Ends the login of the request, if it has one that is remembered, in whatever stores there are.
    pub(super) async fn revoke(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        let Settings { series, revocations, .. } = &*self.remember.0;
        if series.is_none() && revocations.is_none() {
            return Ok(());
        }
        if self.login.borrow().is_none() && !self.ended.get() {
            self.login.replace(self.presented(headers).map(|(token, _)| token));
        }
        self.revoke_known().await
    }

    /// Ends the login that is known already.
    pub(super) async fn revoke_known(&self) -> Result<(), StoreError> {
        let Settings { series, revocations, .. } = &*self.remember.0;
        let Some(login) = self.login.take() else { return Ok(()) };
        // The one whatever became of the other.
        let ended = match (series, login.series()) {
            (Some(store), Some((series, _))) => store.revoke(series).await,
            _ => Ok(()),
        };
        if let Some(store) = revocations {
            store.revoke(&login.id, login.exp).await?;
        }
        ended?;
        self.ended.set(true);
        Ok(())
    }

    pub(super) fn change(&self, change: Change) {
        self.cookie.replace(change);
    }
}

/// Who is logged in, as actix-identity has it.
pub(super) fn user_of(req: &impl IdentityExt) -> Option<String> {
    req.get_identity().ok()?.id().ok()
}

pub(super) fn is_fresh(req: &HttpRequest, user: &str) -> bool {
    matches!(req.get_session().get::<String>(FRESH), Ok(Some(fresh)) if fresh == user)
}

pub(super) fn set_fresh(req: &HttpRequest, user: &str) -> Result<(), actix_session::SessionInsertError> {
    req.get_session().insert(FRESH, user)
}

pub(super) fn unset_fresh(req: &impl SessionExt) {
    let session = req.get_session();
    if session.contains_key(FRESH) {
        session.remove(FRESH);
    }
}

impl RememberMe {
    /// A cookie with this token, for as long as it lives; `None` if no browser would keep it.
    pub(super) fn cookie(&self, token: &RememberToken) -> Option<Cookie<'static>> {
        let settings = &*self.0;
        let mut cookie = settings.cookie.clone();
        cookie.set_value(token.seal(&settings.keys, &settings.assertion)?);
        cookie.set_max_age(time::Duration::seconds(token.exp - settings.now().unix_timestamp()));
        (cookie.encoded().to_string().len() <= MAX_COOKIE_LEN).then_some(cookie)
    }
}
