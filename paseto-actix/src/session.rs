//! Sessions in encrypted cookies, for [`actix_session`].

mod builder;
mod config;
mod cookie;
mod decrypted_cache;
mod failure;
mod load;
mod login;
mod middleware;
mod payload;
mod save;
mod store;
mod tokens;
mod too_large;
mod user_activity;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;

use crate::cookie::{CookieConfig, PreparedCookie};
use crate::cross_origin::CrossOriginPolicy;
use crate::keys::KeyRing;
use crate::revocation::RevocationError;

pub use builder::PasetoSessionBuilder;
pub use config::PasetoSessionConfig;
pub(crate) use cookie::RequestState;
pub use cookie::SessionCookie;
#[cfg(feature = "remember")]
pub(crate) use login::SessionLogin;
#[cfg(feature = "remember")]
pub(crate) use middleware::PasetoSessionMiddleware;
pub use store::PasetoSessionStore;
use tokens::SessionTokens;
pub use too_large::SessionTooLarge;

/// A middleware that stores each [`actix_session::Session`] in an encrypted cookie.
///
/// - The default cookie is `__Host-session` with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`.
///   Browsers remove it when they are closed. Its value is a `v4.local` token, so only a server
///   with the key can read or change the session.
/// - A session expires 30 minutes after its last use (the idle timeout) and 12 hours after its
///   creation (the absolute timeout). The middleware encrypts an unchanged session again when half
///   of the idle timeout has passed. So a session that is only read expires 15 to 30 minutes after
///   its last use.
/// - A request with a forged, expired or revoked cookie gets an empty session. The response removes
///   a forged or expired cookie.
/// - If a session is too large for a cookie, the response is `507`: see [`SessionTooLarge`].
/// - If a page of another origin sent a request with a session cookie, the response is `403`. A
///   sibling subdomain is another origin. `GET`, `HEAD` and `OPTIONS` are accepted, except
///   WebSocket handshakes: see [`trusted_origin`](PasetoSessionBuilder::trusted_origin).
/// - Every response has `Vary: Cookie`. A response that sets the cookie has `Cache-Control:
///   no-store`, unless the handler set `no-store`, or `private` without `public`. So shared caches
///   do not store the cookie ([RFC 9111, section 7.3]).
///
/// If an inner middleware returns `Err`, only a `purge` takes effect. Other changes of the session
/// are lost, and the response has no `Vary`. Return a response instead.
///
/// `Session` works as under the middleware of actix-session. Call `renew` when a user logs in: it
/// starts a new session with the same content. Call `purge` when a user logs out: it removes the
/// session. There is one difference: a session that was loaded with content has
/// [`SessionStatus::Changed`](actix_session::SessionStatus::Changed) from the start. The middleware
/// compares the content with the loaded content, and sets a cookie only if they differ.
///
/// A request has one session. You can wrap several scopes with one `PasetoSession` each, but a
/// `PasetoSession` inside another one is an error.
///
/// The guide has a chapter about [sessions](crate::guide::sessions).
///
/// # Limits of sessions in cookies
///
/// The cookie is the only copy of the session:
///
/// - If two requests of one browser change the session at the same time, the last response wins.
/// - A client can send an older cookie of its session again, which restores the older content. So
///   do not store counters of attempts or one-time codes in a session, and call `renew` when the
///   rights of a user change.
/// - Without a [revocation store](PasetoSessionBuilder::revocation_store), a copy of a cookie from
///   before `purge` or `renew` is accepted until it expires. A request that began before a logout
///   can also set the cookie once more.
///
/// ```
/// use actix_session::Session;
/// use actix_web::{App, web};
/// use paseto_actix::{LocalKey, PasetoSession};
///
/// async fn counter(session: Session) -> actix_web::Result<String> {
///     let count = session.get::<u32>("count")?.unwrap_or(0) + 1;
///     session.insert("count", count)?;
///     Ok(count.to_string())
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let session = PasetoSession::builder(LocalKey::generate()).build()?;
/// let app = App::new().wrap(session).route("/counter", web::get().to(counter));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9111, section 7.3]: https://www.rfc-editor.org/rfc/rfc9111#section-7.3
#[derive(Clone)]
pub struct PasetoSession(Arc<Inner>);

/// The settings of a [`PasetoSession`], which all its clones share.
struct Inner {
    tokens: SessionTokens,
    cookie: PreparedCookie,
    cross_origin: CrossOriginPolicy,
    idle_timeout: time::Duration,
    persistent: bool,
    decrypted_cache_capacity: usize,
    no_store_if: Option<SessionPredicate>,
}

/// A predicate that is applied to the session after the handler.
type SessionPredicate = Arc<dyn Fn(&Session) -> bool + Send + Sync>;

impl PasetoSession {
    /// Returns a builder. All settings are optional. The active key of the ring encrypts sessions,
    /// and all keys of the ring decrypt them.
    pub fn builder(keys: impl Into<KeyRing>) -> PasetoSessionBuilder {
        PasetoSessionBuilder {
            tokens: SessionTokens::new(keys.into(), 0),
            cookie: CookieConfig::default(),
            secure: true,
            idle_timeout: Duration::from_secs(30 * 60),
            persistent: false,
            decrypted_cache_capacity: 256,
            cross_origin: CrossOriginPolicy::default(),
            no_store_if: None,
        }
    }

    /// Revokes all sessions of a user, for example after a password change or when the account is
    /// closed. It takes effect with the next request of each session.
    ///
    /// The session of the current request is revoked too. To keep it, call
    /// [`SessionCookie::logout_others`]. To revoke remembered logins and tokens too, call
    /// [`LoginLayer::logout_all`](crate::LoginLayer::logout_all). A login that runs at the same
    /// time needs [`SessionCookie::start_login`].
    ///
    /// # Errors
    ///
    /// [`RevocationError::NoStore`] if no [revocation
    /// store](PasetoSessionBuilder::revocation_store) is set. Another error if the store fails. The
    /// sessions then stay valid.
    pub async fn logout_all(&self, subject: &str) -> Result<(), RevocationError> {
        self.0.tokens.revoke_subject(subject, None).await?;
        Ok(())
    }
}

/// For remembered logins.
#[cfg(feature = "remember")]
impl PasetoSession {
    pub(crate) fn has_revocation_store(&self) -> bool {
        self.0.tokens.revocation_store.is_some()
    }

    /// Revokes all sessions of a login. Does nothing without a revocation store.
    pub(crate) async fn logout_by_id(&self, login: &str) -> Result<(), RevocationError> {
        self.0.tokens.revoke(login, self.0.tokens.last_possible_expiry()).await
    }
}

impl fmt::Debug for PasetoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasetoSession")
            .field("tokens", &self.0.tokens)
            .field("cookie", &self.0.cookie.name())
            .field("idle_timeout", &self.0.idle_timeout)
            .finish_non_exhaustive()
    }
}
