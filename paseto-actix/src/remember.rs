//! Remembered logins, which outlive the session, for [`actix_identity`]: [`RememberMe`] and
//! [`LoginLayer`].

mod builder;
mod client;
mod config;
mod context;
mod error;
mod fresh;
mod layer;
mod login;
mod middleware;
mod page;
mod restore;
mod token;
mod user;

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use actix_identity::IdentityMiddleware;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use time::OffsetDateTime;

use crate::clock::{Clock, SystemClock};
use crate::cookie::{CookieConfig, PreparedCookie};
use crate::cross_origin::CrossOriginPolicy;
use crate::error::problem;
use crate::event::{Event, EventHook};
use crate::keys::KeyRing;
use crate::revocation::{ExceptedLogin, NamespacedRevocationStore, RevocationError};
use crate::token_family::{AnyTokenFamilyStore, FamilyOwner, LoginEntry, TokenFamilyError};

pub use builder::RememberMeBuilder;
use client::ClientFingerprint;
pub use client::SessionProtection;
pub use config::RememberMeConfig;
use context::StoreError;
#[cfg(feature = "testing")]
pub(crate) use context::middlewares_of;
pub use error::LoginError;
pub use fresh::{FreshLogin, Freshness, LoggedIn};
pub use layer::LoginLayer;
pub use login::{PendingSessionLogin, Remember};
pub use page::safe_redirect_path;
use token::RememberToken;
pub use user::CredentialFingerprint;
use user::{CredentialLoader, UserCheck};

/// A middleware that remembers logins. It logs users in with a second, long-lived cookie after
/// their session has expired.
///
/// Use it in a [`LoginLayer`], which has a complete example. Alone, it must be inside of a session
/// middleware: `App::new().wrap(remember).wrap(session)`, because the last `wrap` is the outermost.
/// In the wrong order, each request gets `500`. `RememberMe` contains the middleware of
/// [`actix_identity`].
///
/// - **Cookie.** Its name is `__Host-remember_token`. Its attributes are `Secure`, `HttpOnly`,
///   `SameSite=Lax` and `Path=/`. Default lifetime: 30 days. Its value is a `v4.local` token, so
///   clients cannot read or change it.
/// - **Fresh logins.** A login with the cookie is not a [`FreshLogin`]. Sensitive handlers can
///   require one, so that the user enters the password again.
/// - **Users.** The credential loader decides whether a user may log in. If the credential
///   fingerprint of a user changes, all remembered logins of the user become invalid.
/// - **Copied cookies.** With a [token family store](RememberMeBuilder::token_family_store), each
///   token can be used once. If a copy is used, the login is revoked for all clients. With a
///   [revocation store](RememberMeBuilder::revocation_store), a logout invalidates all copies.
///   **Without a store, a copied cookie stays valid until it expires or the credentials change,
///   even after a logout.**
/// - **Several cookies.** A browser sends several cookies with this name if their paths or domains
///   differ. The middleware reads the first four. The first valid cookie logs the user in. If
///   several tokens belong to one login, only the newest token is used. Invalid cookies are then
///   not removed, because the removal could affect the valid cookie. A logout or a new login
///   revokes the logins of all these cookies in the stores.
/// - **Failures.** If a store or the credential loader fails, the response is an error such as
///   `503`, and the browser keeps its cookie.
///
/// The guide has a chapter on [remembered logins](crate::guide::remembered_logins).
#[derive(Clone)]
pub struct RememberMe(Arc<Inner>);

struct Inner {
    keys: KeyRing,
    assertion: Vec<u8>,
    cookie: PreparedCookie,
    cross_origin: CrossOriginPolicy,
    lifetime: Duration,
    credential_loader: CredentialLoader,
    user_check: Option<UserCheck>,
    families: Option<Arc<dyn AnyTokenFamilyStore>>,
    /// The scope of the logins in both stores. See [`FamilyOwner::scope`].
    namespace: Arc<str>,
    events: EventHook,
    identity: IdentityFactory,
    other_session_middleware: bool,
    protection: SessionProtection,
    client_fingerprint: ClientFingerprint,
    not_logged_in: ResponseFn,
    not_fresh: ResponseFn,
    revocations: Option<NamespacedRevocationStore>,
    clock: Arc<dyn Clock>,
}

/// The maximum lifetime of a remembered login.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_LIFETIME;

type IdentityFactory = Box<dyn Fn() -> IdentityMiddleware + Send + Sync>;

type ResponseFn = Box<dyn Fn(&HttpRequest) -> HttpResponse + Send + Sync>;

impl Inner {
    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    fn owner<'a>(&'a self, user_id: &'a str) -> FamilyOwner<'a> {
        FamilyOwner::new(&self.namespace, user_id)
    }

    /// Returns the latest possible expiry of a login that exists now, in Unix seconds.
    fn last_expiry(&self) -> i64 {
        self.now().unix_timestamp().saturating_add(MAX_LIFETIME.as_secs().cast_signed())
    }

    /// Returns the generation of a user, or 0 without a revocation store.
    async fn generation(&self, user_id: &str) -> Result<u64, RevocationError> {
        match &self.revocations {
            Some(store) => store.generation(user_id).await,
            None => Ok(0),
        }
    }

    /// Revokes one login in both stores, even if the first store fails.
    async fn revoke(&self, user_id: &str, login: &str, expires: i64) -> Result<(), StoreError> {
        let family_revoked = match (&self.families, login.parse()) {
            (Some(store), Ok(family)) => store.revoke(self.owner(user_id), family).await,
            _ => Ok(()),
        };
        if let Some(store) = &self.revocations {
            store.revoke(login, expires).await?;
        }
        Ok(family_revoked?)
    }

    /// Revokes all logins of a user in both stores, except the login of `except`. Continues with
    /// the second store if the first store fails. Stops if the login of `except` is revoked,
    /// because a revoked login must not revoke others.
    async fn logout_all(
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
        if let Some(store) = &self.families {
            let except = except.and_then(|token| token.id.parse().ok());
            store.revoke_all(self.owner(user_id), except).await?;
        }
        revoked?;
        if self.families.is_none() && self.revocations.is_none() {
            return Err(RevocationError::NoStore.into());
        }
        self.events.emit(Event::Revoked { subject: user_id });
        Ok(())
    }
}

impl RememberMe {
    /// Returns a builder. A [`credential_loader`](RememberMeBuilder::credential_loader) is
    /// required. The active key of the ring encrypts the tokens, and all its keys decrypt them.
    ///
    /// [`PasetoSession`](crate::PasetoSession) can use the same keys. A session token is not
    /// accepted as a remember-me token, and vice versa.
    pub fn builder(keys: impl Into<KeyRing>) -> RememberMeBuilder {
        RememberMeBuilder {
            keys: keys.into(),
            application: String::new(),
            cookie: CookieConfig::default(),
            secure: true,
            cross_origin: CrossOriginPolicy::default(),
            lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            credential_loader: None,
            check_user: None,
            families: None,
            revocations: None,
            events: EventHook::default(),
            identity: Box::new(IdentityMiddleware::default),
            other_session_middleware: false,
            protection: SessionProtection::Off,
            client_fingerprint: ClientFingerprint::default(),
            not_logged_in: Box::new(|_| problem(StatusCode::UNAUTHORIZED)),
            not_fresh: Box::new(|_| problem(StatusCode::FORBIDDEN)),
            clock: Arc::new(SystemClock),
        }
    }

    /// Revokes all remembered logins of a user. To also revoke sessions and tokens, use
    /// [`LoginLayer::logout_all`].
    ///
    /// # Errors
    ///
    /// [`LoginError`] if a store fails, or if neither a
    /// [`token_family_store`](RememberMeBuilder::token_family_store) nor a
    /// [`revocation_store`](RememberMeBuilder::revocation_store) is set. Without a store, only a
    /// changed [`CredentialFingerprint`] invalidates the logins.
    pub async fn logout_all(&self, user_id: &str) -> Result<(), LoginError> {
        Ok(self.0.logout_all(user_id, None).await?)
    }

    /// Returns the remembered logins of a user that are neither revoked nor expired, in any order.
    ///
    /// # Errors
    ///
    /// [`LoginError`] if the token family store fails or is not set.
    pub async fn logins(&self, user_id: &str) -> Result<Vec<LoginEntry>, LoginError> {
        match &self.0.families {
            Some(store) => Ok(store.list(self.0.owner(user_id)).await?),
            None => Err(TokenFamilyError::Other(
                "no token family store is set: call `.token_family_store(..)`".into(),
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
