//! The state of remembered logins within one request.

use std::{cell::RefCell, rc::Rc};

use actix_identity::IdentityExt;
use actix_session::SessionExt;
use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{HeaderMap, HeaderValue},
};

use super::{RememberMe, settings::Settings, token::RememberToken};
use crate::{
    cookie::{MAX_CANDIDATES, MAX_COOKIE_LEN, cookie_values},
    revocation::RevocationError,
    series::SeriesError,
};

/// The session key of the user whose login is fresh.
const FRESH: &str = "paseto_actix.fresh";

pub(super) struct Context {
    pub(super) remember: RememberMe,
    /// The change that the response makes to the cookie.
    pub(super) cookie: RefCell<Change>,
    /// A token of each login that a logout has to end: those of the request's cookies, or the one
    /// that began in this request. `None` until the cookies are read.
    pub(super) logins: RefCell<Option<Vec<RememberToken>>>,
    /// The user who was logged in when this middleware last looked.
    pub(super) user: RefCell<Option<String>>,
}

/// The failure of one of the stores.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("the series store failed: {0}")]
    Series(#[from] SeriesError),
    #[error("the revocation store failed: {0}")]
    Revocation(#[from] RevocationError),
}

#[derive(Default)]
pub(super) enum Change {
    #[default]
    None,
    /// The next token of a login that goes on.
    Set(HeaderValue),
    /// The first token of one that begins.
    Begin(HeaderValue),
    Remove,
}

impl Context {
    pub(super) fn new(remember: RememberMe) -> Self {
        Self { remember, cookie: RefCell::default(), logins: RefCell::default(), user: RefCell::default() }
    }

    /// That of the nearest middleware.
    pub(super) fn of(req: &HttpRequest) -> Option<Rc<Self>> {
        let context = req.extensions().get::<Rc<Self>>().cloned();
        if context.is_none() {
            tracing::error!("no RememberMe around this handler: call `App::wrap(remember_me)`");
        }
        context
    }

    /// How many cookies of the name the request has, of those that are read.
    pub(super) fn candidates(&self, headers: &HeaderMap) -> usize {
        cookie_values(headers, self.remember.0.cookie.name()).take(MAX_CANDIDATES).count()
    }

    /// The authentic tokens that have not expired, in the order of their cookies, and whether a
    /// retired key had encrypted each.
    ///
    /// A browser sends several cookies of one name if their paths or domains differ. Of each login,
    /// only the newest token is returned: an older one was used, and the series store would take it
    /// for a copy in the hands of a thief. Tokens of one login with the same number of rotations
    /// are the same token of the series, so the first of them is returned.
    pub(super) fn presented(&self, headers: &HeaderMap) -> Vec<(RememberToken, bool)> {
        let settings = &*self.remember.0;
        let now = settings.now().unix_timestamp();
        let mut newest: Vec<(RememberToken, bool)> = Vec::new();
        for text in cookie_values(headers, settings.cookie.name()).take(MAX_CANDIDATES) {
            let Some(decrypted) = RememberToken::decrypt(text, &settings.keys, &settings.assertion, now) else {
                continue;
            };
            match newest.iter_mut().find(|(known, _)| known.id == decrypted.0.id) {
                Some(known) if decrypted.0.is_newer_than(&known.0) => *known = decrypted,
                Some(_) => (),
                None => newest.push(decrypted),
            }
        }
        newest
    }

    /// Ends the remembered logins of the request in the stores.
    pub(super) async fn revoke(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        let Settings { series, revocations, .. } = &*self.remember.0;
        if series.is_none() && revocations.is_none() {
            return Ok(());
        }
        if self.logins.borrow().is_none() {
            self.logins.replace(Some(self.presented(headers).into_iter().map(|(token, _)| token).collect()));
        }
        self.revoke_known().await
    }

    /// Ends the logins that were read already. A failure of one does not keep the others from
    /// ending.
    pub(super) async fn revoke_known(&self) -> Result<(), StoreError> {
        let logins = self.logins.borrow().clone().unwrap_or_default();
        let mut ended = Ok(());
        for login in &logins {
            let this_one = self.end(login).await;
            ended = ended.and(this_one);
        }
        ended
    }

    /// Ends this login in the stores.
    pub(super) async fn end(&self, login: &RememberToken) -> Result<(), StoreError> {
        let Settings { series, revocations, .. } = &*self.remember.0;
        // Both stores are asked, even if the first one fails.
        let ended = match (series, login.series()) {
            (Some(store), Some((series, _))) => store.revoke(series).await,
            _ => Ok(()),
        };
        if let Some(store) = revocations {
            store.revoke(&login.id, login.exp).await?;
        }
        ended?;
        self.forget(login);
        Ok(())
    }

    /// A login that has ended need not be ended again.
    pub(super) fn forget(&self, ended: &RememberToken) {
        if let Some(logins) = &mut *self.logins.borrow_mut() {
            logins.retain(|login| login.id != ended.id);
        }
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
    /// The `Set-Cookie` header with this token, whose `Max-Age` is the rest of the token's
    /// lifetime. Returns `None` if the operating system returns no random bytes, or if the header
    /// is longer than 4,096 bytes.
    pub(super) fn set_cookie(&self, token: &RememberToken) -> Option<HeaderValue> {
        let settings = &*self.0;
        let text = token.encrypt(&settings.keys, &settings.assertion)?;
        let mut header = settings.cookie.begin(text.len());
        header.push_str(&text);
        let max_age = token.exp - settings.now().unix_timestamp();
        settings.cookie.finish(header, Some(max_age)).ok().filter(|header| header.len() <= MAX_COOKIE_LEN)
    }
}
