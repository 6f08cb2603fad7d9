use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_identity::IdentityMiddleware;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use time::OffsetDateTime;

use super::builder::LONGEST_LIFETIME;
use super::client::Fingerprint;
use super::context::StoreError;
use super::token::RememberToken;
use super::user::{UserCheck, UserLoader};
use super::{LoginError, RememberMeBuilder, SessionProtection};
use crate::clock::{Clock, SystemClock};
use crate::cookie::{CookieSettings, PreparedCookie};
use crate::cross_origin::CrossOriginPolicy;
use crate::error::problem;
use crate::event::{Event, EventHook};
use crate::keys::KeyRing;
use crate::revocation::{ExceptedLogin, RevocationError, ScopedRevocationStore};
use crate::token_family::{AnyTokenFamilyStore, FamilyOwner, LoginEntry, TokenFamilyError};

/// Logins that outlive the session, as a middleware: a user who wants to be remembered gets a second
/// cookie, which logs in again when the session has expired.
///
/// Wrap it as a part of a [`LoginLayer`](super::LoginLayer), which has a complete example. It
/// contains the middleware of [`actix_identity`], and needs a session middleware around it:
/// `App::new().wrap(remember).wrap(session)` in this order, because the last `wrap` is the outermost.
/// In another order, each request gets `500`.
///
/// - The cookie is `__Host-remember_token`, with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`,
///   and lives for 30 days. It holds a `v4.local` token: clients cannot read or change it.
/// - A login by the cookie is not [`FreshLogin`](super::FreshLogin): sensitive pages ask for the password
///   again.
/// - The user loader decides whether a user may log in. When the stamp of the credentials changes,
///   all remembered logins of the user end.
/// - With a [`token_family_store`](RememberMeBuilder::token_family_store), each token is good for one use. A copy
///   that is used ends the login for all clients that have its cookie.
/// - With a [revocation store](RememberMeBuilder::revocation_store), a logout ends every copy, with or
///   without token family. **Without a store** a copied cookie is valid until it expires or the credentials
///   change, logout or not.
/// - A browser sends several cookies of the name if their paths or domains differ. The first four
///   are read, and the first that is authentic, unexpired and valid logs in. Of several tokens of
///   one login, only the newest counts. While several cookies have the name, an invalid one is not
///   removed, because the removal might hit the valid one. A logout or another login ends the logins
///   of all of them in the stores.
/// - If a store or the user loader fails, the response is an error such as `503`, and no cookie is
///   removed.
#[derive(Clone)]
pub struct RememberMe(pub(super) Arc<Settings>);

pub(super) struct Settings {
    pub(super) keys: KeyRing,
    pub(super) assertion: Vec<u8>,
    pub(super) cookie: PreparedCookie,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) lifetime: Duration,
    pub(super) user_loader: UserLoader,
    pub(super) user_check: Option<UserCheck>,
    pub(super) family: Option<Arc<dyn AnyTokenFamilyStore>>,
    /// The scope of the logins in both stores.
    pub(super) scope: Arc<str>,
    pub(super) events: EventHook,
    pub(super) identity: IdentityFactory,
    pub(super) other_session_middleware: bool,
    pub(super) protection: SessionProtection,
    pub(super) fingerprint: Fingerprint,
    pub(super) not_logged_in: ResponseFn,
    pub(super) not_fresh: ResponseFn,
    pub(super) revocations: Option<ScopedRevocationStore>,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) type IdentityFactory = Box<dyn Fn() -> IdentityMiddleware + Send + Sync>;

pub(super) type ResponseFn = Box<dyn Fn(&HttpRequest) -> HttpResponse + Send + Sync>;

impl Settings {
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(super) fn owner<'a>(&'a self, user_id: &'a str) -> FamilyOwner<'a> {
        FamilyOwner::new(&self.scope, user_id)
    }

    /// The second in which the last remembered login expires that exists now.
    pub(super) fn last_expiry(&self) -> i64 {
        self.now().unix_timestamp().saturating_add(LONGEST_LIFETIME.as_secs().cast_signed())
    }

    /// The generation of a user, if there is a revocation store.
    pub(super) async fn generation(&self, user_id: &str) -> Result<u64, RevocationError> {
        match &self.revocations {
            Some(store) => store.generation(user_id).await,
            None => Ok(0),
        }
    }

    /// Ends one login in both stores. Both are asked, even if the first one fails.
    pub(super) async fn end(
        &self,
        user_id: &str,
        login: &str,
        expires: i64,
    ) -> Result<(), StoreError> {
        let ended = match (&self.family, login.parse()) {
            (Some(store), Ok(family)) => store.revoke(self.owner(user_id), family).await,
            _ => Ok(()),
        };
        if let Some(store) = &self.revocations {
            store.revoke(login, expires).await?;
        }
        Ok(ended?)
    }

    /// Ends all logins of a user in both stores, except that of a token. A failure of one store does
    /// not keep the other from ending them, except that a login that has ended must not end others.
    pub(super) async fn logout_all(
        &self,
        user_id: &str,
        except: Option<&RememberToken>,
    ) -> Result<(), StoreError> {
        let mut revoked = Ok(());
        if let Some(store) = &self.revocations {
            let except = except.map(|token| ExceptedLogin::new(&token.id, token.subject().1));
            revoked = store.revoke_subject(user_id, except, self.last_expiry()).await.map(|_| ());
            if let Err(RevocationError::Revoked) = revoked {
                return Ok(revoked?);
            }
        }
        if let Some(store) = &self.family {
            let except = except.and_then(|token| token.id.parse().ok());
            store.revoke_all(self.owner(user_id), except).await?;
        }
        revoked?;
        if self.family.is_none() && self.revocations.is_none() {
            return Err(RevocationError::NoStore.into());
        }
        self.events.emit(Event::Revoked { subject: user_id });
        Ok(())
    }
}

impl RememberMe {
    /// Starts a middleware that encrypts with the active key of the ring, and decrypts with all its
    /// keys. Sessions may use the same keys: tokens of one are rejected as tokens of the other.
    pub fn builder(keys: impl Into<KeyRing>) -> RememberMeBuilder {
        RememberMeBuilder {
            keys: keys.into(),
            application: String::new(),
            cookie: CookieSettings::default(),
            cross_origin: CrossOriginPolicy::default(),
            lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            user_loader: None,
            check_user: None,
            family: None,
            revocations: None,
            events: EventHook::default(),
            identity: Box::new(IdentityMiddleware::default),
            other_session_middleware: false,
            protection: SessionProtection::Off,
            fingerprint: Fingerprint::default(),
            not_logged_in: Box::new(|_| problem(StatusCode::UNAUTHORIZED)),
            not_fresh: Box::new(|_| problem(StatusCode::FORBIDDEN)),
            clock: Arc::new(SystemClock),
        }
    }

    /// Ends all remembered logins of a user. To end sessions and tokens too, use
    /// [`LoginLayer::logout_all`](super::LoginLayer::logout_all).
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if there is neither a [token family
    /// store](RememberMeBuilder::token_family_store) nor a [revocation
    /// store](RememberMeBuilder::revocation_store). (Without a store, change the credentials of the
    /// stamp.)
    pub async fn logout_all(&self, user_id: &str) -> Result<(), LoginError> {
        Ok(self.0.logout_all(user_id, None).await?)
    }

    /// The remembered logins of a user that have neither ended nor expired, in any order.
    ///
    /// # Errors
    ///
    /// [`LoginError`] if the token family store fails, or if there is none.
    pub async fn logins(&self, user_id: &str) -> Result<Vec<LoginEntry>, LoginError> {
        match &self.0.family {
            Some(store) => Ok(store.list(self.0.owner(user_id)).await?),
            None => Err(TokenFamilyError::Other(
                "no family are stored: call `.token_family_store(..)`".into(),
            )
            .into()),
        }
    }
}

impl fmt::Debug for RememberMe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberMe")
            .field("keys", &self.0.keys)
            .field("cookie", &self.0.cookie.name())
            .field("lifetime", &self.0.lifetime)
            .finish_non_exhaustive()
    }
}
