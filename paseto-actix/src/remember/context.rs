//! The state of remembered logins within one request.

use std::cell::RefCell;
use std::rc::Rc;

use actix_identity::IdentityExt;
use actix_session::{Session, SessionExt, SessionInsertError};
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};

use super::RememberMe;
use super::token::RememberToken;
use super::user::CredentialFingerprint;
use crate::cookie::{MAX_CANDIDATES, MAX_COOKIE_LEN, cookie_values};
use crate::revocation::RevocationError;
use crate::session::RequestState;
use crate::token_family::TokenFamilyError;

/// The session key of the user whose login is fresh.
const FRESH: &str = "paseto_actix.fresh";
/// The session key of the credentials of the login, for the check of each request.
const STAMP: &str = "paseto_actix.stamp";

pub(super) struct Context {
    pub(super) remember: RememberMe,
    /// The session's layer, unless it is another session middleware.
    pub(super) sessions: Option<Rc<RequestState>>,
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
    #[error("the token family store failed: {0}")]
    TokenFamily(#[from] TokenFamilyError),
    #[error("the revocation store failed: {0}")]
    Revocation(#[from] RevocationError),
}

#[derive(Default)]
pub(super) enum Change {
    #[default]
    None,
    /// The next token of a login that goes on.
    Set(HeaderValue),
    /// The first token of a login.
    Begin(HeaderValue),
    Remove,
}

impl Context {
    pub(super) fn new(remember: RememberMe, sessions: Option<Rc<RequestState>>) -> Self {
        Self {
            remember,
            sessions,
            cookie: RefCell::default(),
            logins: RefCell::default(),
            user: RefCell::default(),
        }
    }

    /// The context of the nearest middleware.
    pub(super) fn of(req: &HttpRequest) -> Option<Rc<Self>> {
        let context = req.extensions().get::<Rc<Self>>().cloned();
        if context.is_none() {
            tracing::error!(
                "no RememberMe around this handler: call `App::wrap(LoginLayer::new(session, remember))`"
            );
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
    /// only the newest token is returned: an older one was used, and the token family store would take it
    /// for a copy in the hands of a thief. Tokens of one login with the same number of rotations
    /// are the same token of the token family, so the first of them is returned.
    pub(super) fn presented(&self, headers: &HeaderMap) -> Vec<(RememberToken, bool)> {
        let settings = &*self.remember.0;
        let now = settings.now().unix_timestamp();
        let mut newest: Vec<(RememberToken, bool)> = Vec::new();
        for text in cookie_values(headers, settings.cookie.name()).take(MAX_CANDIDATES) {
            let Some(decrypted) =
                RememberToken::decrypt(text, &settings.keys, &settings.assertion, now)
            else {
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

    /// The current token of the user's login in this browser.
    pub(super) fn token_of(
        &self,
        headers: &HeaderMap,
        user: &str,
        login: Option<&str>,
    ) -> Option<RememberToken> {
        let known = self.logins.borrow().clone();
        let tokens = known.unwrap_or_else(|| {
            self.presented(headers).into_iter().map(|(token, _)| token).collect()
        });
        tokens
            .into_iter()
            .find(|token| token.sub == user && login.is_none_or(|login| token.id == login))
    }

    /// Replaces a token that was read by the next one of its token family.
    pub(super) fn replace(&self, token: &RememberToken) {
        for known in
            self.logins.borrow_mut().iter_mut().flatten().filter(|known| known.id == token.id)
        {
            known.clone_from(token);
        }
    }

    /// Ends the remembered logins of the request in the stores.
    pub(super) async fn revoke(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        if self.logins.borrow().is_none() {
            self.logins.replace(Some(
                self.presented(headers).into_iter().map(|(token, _)| token).collect(),
            ));
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

    /// Ends the login of a token, and its sessions.
    pub(super) async fn end(&self, login: &RememberToken) -> Result<(), StoreError> {
        self.end_by_id(&login.sub, &login.id, login.exp).await?;
        self.forget(login);
        Ok(())
    }

    /// Ends a remembered login and its sessions. All stores are asked, even if the first one fails.
    pub(super) async fn end_by_id(
        &self,
        user: &str,
        id: &str,
        expires: i64,
    ) -> Result<(), StoreError> {
        let ended = self.remember.0.end(user, id, expires).await;
        if let Some(sessions) = &self.sessions {
            sessions.logout_by_id(id).await?;
        }
        ended
    }

    /// The generation of a user for a session that begins, if ends of sessions are stored.
    pub(super) async fn session_generation(&self, user: &str) -> Result<Option<u64>, StoreError> {
        match &self.sessions {
            Some(sessions) => Ok(sessions.generation(user).await?),
            None => Ok(None),
        }
    }

    /// Removes a login from those that a logout of this request ends.
    pub(super) fn forget(&self, ended: &RememberToken) {
        if let Some(logins) = &mut *self.logins.borrow_mut() {
            logins.retain(|login| login.id != ended.id);
        }
    }

    pub(super) fn change(&self, change: Change) {
        self.cookie.replace(change);
    }
}

/// The user of actix-identity.
pub(super) fn user_of(req: &impl IdentityExt) -> Option<String> {
    req.get_identity().ok()?.id().ok()
}

pub(super) fn is_fresh(req: &HttpRequest, user: &str) -> bool {
    matches!(req.get_session().get::<String>(FRESH), Ok(Some(fresh)) if fresh == user)
}

pub(super) fn set_fresh(req: &HttpRequest, user: &str) -> Result<(), SessionInsertError> {
    req.get_session().insert(FRESH, user)
}

pub(super) fn unset_fresh(req: &impl SessionExt) {
    let session = req.get_session();
    if session.contains_key(FRESH) {
        session.remove(FRESH);
    }
}

/// Writes the stamp of the login into the session.
pub(super) fn set_stamp(
    session: &Session,
    user: &str,
    stamp: &CredentialFingerprint,
) -> Result<(), SessionInsertError> {
    session.insert(STAMP, (user, stamp.to_text()))
}

/// Whether the session of a user began under these credentials. A session without a stamp of this
/// user is accepted.
pub(super) fn fits_stamp(session: &Session, user: &str, stamp: &CredentialFingerprint) -> bool {
    match session.get::<(String, String)>(STAMP) {
        Ok(Some((known, text))) if known == user => stamp.is(&text),
        Ok(_) => true,
        Err(_) => false,
    }
}

impl RememberMe {
    /// The `Set-Cookie` header with this token, whose `Max-Age` is the rest of the token's
    /// lifetime. Returns `None` if the operating system returns no random bytes, or if the header
    /// is longer than 4,096 bytes.
    pub(super) fn set_cookie(&self, token: &RememberToken) -> Option<HeaderValue> {
        let settings = &*self.0;
        let text = token.encrypt(&settings.keys, &settings.assertion)?;
        let mut header = settings.cookie.start_value(text.len());
        header.push_str(&text);
        let max_age = token.exp - settings.now().unix_timestamp();
        settings
            .cookie
            .into_header(header, Some(max_age))
            .ok()
            .filter(|header| header.len() <= MAX_COOKIE_LEN)
    }
}
