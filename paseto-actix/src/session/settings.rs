use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;

use super::PasetoSessionBuilder;
use super::tokens::SessionTokens;
use crate::cookie::{CookieSettings, PreparedCookie};
use crate::cross_origin::CrossOriginPolicy;
use crate::keys::KeyRing;
use crate::revocation::RevocationError;

/// A middleware that keeps each session in an encrypted cookie, for [`actix_session::Session`].
///
/// - The cookie is `__Host-session`, with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`, until
///   the browser is closed. Its value is a `v4.local` token: only a server with the key can read or
///   change the session.
/// - A session expires 30 minutes after its last use (the idle limit), and 12 hours after it began
///   (the absolute limit). The middleware encrypts a session anew when half of the idle limit is
///   over, so a session lives for 15 to 30 minutes after its last use.
/// - A cookie that is forged, expired or revoked is an empty session. The middleware removes a
///   forged or expired cookie.
/// - A session that is too large for a cookie is answered with `507`: see
///   [`SessionTooLarge`](super::SessionTooLarge).
/// - A request with a session cookie is rejected with `403` if a page of another origin sent it. A
///   sibling subdomain is another origin. `GET`, `HEAD` and `OPTIONS` are accepted, except
///   WebSocket handshakes: see [`trusted_origin`](PasetoSessionBuilder::trusted_origin).
/// - Every response has `Vary: Cookie`. A response that sets the cookie has `Cache-Control:
///   no-store`, unless the handler set `no-store` or `private`. So a shared cache stores no cookie
///   ([RFC 9111, section 7.3]).
///
/// If an inner middleware returns `Err`, only a `purge` counts: other changes of the session are
/// lost, and the response has no `Vary`. Return a response instead.
///
/// `Session` works as under actix-session's own middleware. `renew` begins a new session with the
/// same state: call it when a user logs in. `purge` ends a session: call it when a user logs out.
/// There is one difference: a session that was loaded with content has
/// [`SessionStatus::Changed`](actix_session::SessionStatus::Changed) from the beginning. The
/// middleware compares the state with the one that it loaded, and sets a cookie only if they
/// differ.
///
/// A request has one session. Put a `PasetoSession` around each of several scopes, and never one
/// inside of another.
///
/// # Limits of sessions in cookies
///
/// The cookie is the session. If two requests of one browser change it at the same time, the
/// response that arrives last wins. A client can also send an older cookie of its session again,
/// which restores the older content. So keep no counters of attempts and no one-time codes in a
/// session, and call `renew` when the rights of a user change. Without a [revocation
/// store](PasetoSessionBuilder::revocation_store), a copy of a cookie from before `purge` or `renew` is
/// accepted until it expires, and a request that began before a logout may set the cookie once
/// more.
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
pub struct PasetoSession(pub(super) Arc<Settings>);

pub(super) struct Settings {
    pub(super) tokens: SessionTokens,
    pub(super) cookie: PreparedCookie,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) idle_timeout: time::Duration,
    pub(super) persistent: bool,
    pub(super) decrypted_cache: usize,
    pub(super) no_store_if: Option<Predicate>,
}

/// A predicate on the session after the handler.
pub(super) type Predicate = Arc<dyn Fn(&Session) -> bool + Send + Sync>;

impl PasetoSession {
    /// Starts a middleware that encrypts with the active key of the ring, and decrypts with all its
    /// keys.
    pub fn builder(keys: impl Into<KeyRing>) -> PasetoSessionBuilder {
        PasetoSessionBuilder {
            tokens: SessionTokens::new(keys.into(), 0),
            cookie: CookieSettings::default(),
            idle_timeout: Duration::from_secs(30 * 60),
            persistent: false,
            decrypted_cache: 256,
            cross_origin: CrossOriginPolicy::default(),
            no_store_if: None,
        }
    }
}

impl PasetoSession {
    /// Ends all sessions of a user, from the next request on: after a password change, or when the
    /// account closes. To end remembered logins and tokens too, use
    /// [`LoginLayer::logout_all`](crate::LoginLayer::logout_all).
    ///
    /// The session that handles the request ends too. To keep it, use
    /// [`SessionCookie::logout_others`](super::SessionCookie::logout_others). A login that overlaps this call
    /// needs [`SessionCookie::start_login`](super::SessionCookie::start_login).
    ///
    /// # Errors
    ///
    /// [`RevocationError::NoStore`] without a [revocation
    /// store](PasetoSessionBuilder::revocation_store); another error if the store fails. Sessions go on
    /// then.
    pub async fn logout_all(&self, subject: &str) -> Result<(), RevocationError> {
        self.0.tokens.revoke_subject(subject, None).await?;
        Ok(())
    }

    #[cfg(feature = "remember")]
    pub(crate) fn stores_revocations(&self) -> bool {
        self.0.tokens.revocations.is_some()
    }

    /// Ends all sessions of a login. Without a store there is nothing to do.
    #[cfg(feature = "remember")]
    pub(crate) async fn logout_by_id(&self, login: &str) -> Result<(), RevocationError> {
        self.0.tokens.revoke(login, self.0.tokens.last_expiry()).await
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
