//! The state of remembered logins per request.

use std::cell::RefCell;
use std::rc::Rc;

use actix_identity::IdentityExt;
use actix_session::{Session, SessionExt, SessionInsertError};
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};

use super::RememberMe;
use super::token::RememberToken;
use super::user::CredentialFingerprint;
use crate::cookie::{MAX_COOKIE_LEN, MAX_COOKIES_PER_NAME, cookie_values};
use crate::revocation::RevocationError;
#[cfg(feature = "testing")]
use crate::session::PasetoSession;
use crate::session::RequestState;
use crate::token_family::TokenFamilyError;

/// The session key of the ID of the user whose login is fresh.
const FRESH: &str = "paseto_actix.fresh";
/// The session key of the user ID and the credential fingerprint of the login, for
/// `RememberMeBuilder::check_user`.
const CREDENTIALS: &str = "paseto_actix.credentials";

pub(super) struct Context {
    pub(super) remember: RememberMe,
    /// The sessions of `PasetoSession`, or `None` under another session middleware.
    pub(super) sessions: Option<Rc<RequestState>>,
    /// The change of the cookie in the response.
    pub(super) cookie: RefCell<Change>,
    /// One token per login that a logout must revoke: the logins of the request's cookies, or the
    /// new login of this request. `None` until the cookies are read.
    pub(super) logins: RefCell<Option<Vec<RememberToken>>>,
    /// The user before the handler, or the user that logged in during this request.
    pub(super) user: RefCell<Option<String>>,
}

/// The error of one of the two stores.
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
    /// Sets the next token of an existing login.
    Set(HeaderValue),
    /// Sets the first token of a new login.
    New(HeaderValue),
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

    /// Returns the context of the nearest middleware.
    pub(super) fn of(req: &HttpRequest) -> Option<Rc<Self>> {
        let context = req.extensions().get::<Rc<Self>>().cloned();
        if context.is_none() {
            tracing::error!(
                "no RememberMe around this handler: call `App::wrap(LoginLayer::new(session, remember))`"
            );
        }
        context
    }

    /// Returns the number of remember-me cookies in the request, at most [`MAX_COOKIES_PER_NAME`].
    pub(super) fn candidates(&self, headers: &HeaderMap) -> usize {
        cookie_values(headers, self.remember.0.cookie.name()).take(MAX_COOKIES_PER_NAME).count()
    }

    /// Returns the authentic, unexpired tokens in the order of their cookies, and whether a retired
    /// key had encrypted each token.
    ///
    /// A browser sends several cookies with one name if their paths or domains differ. Only the
    /// newest token per login is returned, because the token family store would report an older
    /// token as reuse. Tokens of one login with equal rotations are the same token of the family,
    /// so the first of them is returned.
    pub(super) fn presented(&self, headers: &HeaderMap) -> Vec<(RememberToken, bool)> {
        let settings = &*self.remember.0;
        let now = settings.now().unix_timestamp();
        let mut newest: Vec<(RememberToken, bool)> = Vec::new();
        for text in cookie_values(headers, settings.cookie.name()).take(MAX_COOKIES_PER_NAME) {
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

    /// Returns the current token of the user's login in this browser.
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

    /// Replaces the known token of a login with the next token.
    pub(super) fn replace(&self, token: &RememberToken) {
        for known in
            self.logins.borrow_mut().iter_mut().flatten().filter(|known| known.id == token.id)
        {
            known.clone_from(token);
        }
    }

    /// Revokes the remembered logins of the request.
    pub(super) async fn revoke(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        if self.logins.borrow().is_none() {
            self.logins.replace(Some(
                self.presented(headers).into_iter().map(|(token, _)| token).collect(),
            ));
        }
        self.revoke_known().await
    }

    /// Revokes the logins that were read already. Continues with the next login if one fails.
    pub(super) async fn revoke_known(&self) -> Result<(), StoreError> {
        let logins = self.logins.borrow().clone().unwrap_or_default();
        let mut first_error = Ok(());
        for login in &logins {
            let revoked = self.revoke_login(login).await;
            first_error = first_error.and(revoked);
        }
        first_error
    }

    /// Revokes the login of a token and its sessions.
    pub(super) async fn revoke_login(&self, login: &RememberToken) -> Result<(), StoreError> {
        self.revoke_by_id(&login.sub, &login.id, login.exp).await?;
        self.forget(login);
        Ok(())
    }

    /// Revokes a remembered login and its sessions. Revokes the sessions even if the first step
    /// fails.
    pub(super) async fn revoke_by_id(
        &self,
        user: &str,
        id: &str,
        expires: i64,
    ) -> Result<(), StoreError> {
        let login_revoked = self.remember.0.revoke(user, id, expires).await;
        if let Some(sessions) = &self.sessions {
            sessions.logout_by_id(id).await?;
        }
        login_revoked
    }

    /// Returns the generation of a user for a new session, if the sessions have a revocation store.
    pub(super) async fn session_generation(&self, user: &str) -> Result<Option<u64>, StoreError> {
        match &self.sessions {
            Some(sessions) => Ok(sessions.generation(user).await?),
            None => Ok(None),
        }
    }

    /// Removes a login from the logins that a logout of this request revokes.
    pub(super) fn forget(&self, removed: &RememberToken) {
        if let Some(logins) = &mut *self.logins.borrow_mut() {
            logins.retain(|login| login.id != removed.id);
        }
    }

    pub(super) fn change(&self, change: Change) {
        self.cookie.replace(change);
    }
}

/// Returns the middlewares around the handler of a request. Returns `None` without a `RememberMe`,
/// or under a session middleware other than `PasetoSession`.
#[cfg(feature = "testing")]
pub(crate) fn middlewares_of(req: &HttpRequest) -> Option<(RememberMe, PasetoSession)> {
    let extensions = req.extensions();
    let context = extensions.get::<Rc<Context>>()?;
    Some((context.remember.clone(), context.sessions.as_ref()?.middleware().clone()))
}

/// Returns the user ID of actix-identity.
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

/// Writes the credential fingerprint of the login to the session.
pub(super) fn set_credentials(
    session: &Session,
    user: &str,
    credentials: &CredentialFingerprint,
) -> Result<(), SessionInsertError> {
    session.insert(CREDENTIALS, (user, credentials.to_text()))
}

/// Returns whether the session of a user contains this credential fingerprint. A session without a
/// fingerprint of this user is accepted.
pub(super) fn fits_credentials(
    session: &Session,
    user: &str,
    credentials: &CredentialFingerprint,
) -> bool {
    match session.get::<(String, String)>(CREDENTIALS) {
        Ok(Some((known, text))) if known == user => credentials.matches(&text),
        Ok(_) => true,
        Err(_) => false,
    }
}

impl RememberMe {
    /// Returns the `Set-Cookie` header for a token. `Max-Age` is the remaining lifetime of the
    /// token. Returns `None` if the operating system returns no random bytes, or if the header
    /// exceeds 4,096 bytes.
    pub(super) fn set_cookie(&self, token: &RememberToken) -> Option<HeaderValue> {
        let settings = &*self.0;
        let text = token.encrypt(&settings.keys, &settings.assertion)?;
        let mut header = settings.cookie.start_header(text.len());
        header.push_str(&text);
        let max_age = token.exp - settings.now().unix_timestamp();
        settings
            .cookie
            .finish_header(header, Some(max_age))
            .ok()
            .filter(|header| header.len() <= MAX_COOKIE_LEN)
    }
}
