use std::{fmt, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use time::OffsetDateTime;

use super::{RememberMeBuilder, SessionProtection, client::Fingerprint, user::UserLoader};
use crate::{
    Clock, KeyRing, SeriesError, SeriesReuse, SystemClock,
    cookie::{CookieSettings, PreparedCookie},
    cross_origin::CrossOriginPolicy,
    error::problem,
    revocation::ScopedRevocations,
    series::AnySeries,
};

/// Logins that outlive the session, as a middleware beside [`actix_identity`]: a user who wants to
/// be remembered gets a second cookie, which logs in again once the session is gone.
///
/// - The cookie is `__Host-remember_token`, `Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/`, and
///   lives for 30 days. It holds a `v4.local` token: clients cannot read or change it.
/// - A login by it is no [`Fresh`](super::Fresh) one: let pages where much is at stake ask for the
///   password again.
/// - The application is asked whether the user still exists, and each login that was remembered
///   ends with the credentials that it was made under.
/// - With a [`series_store`](RememberMeBuilder::series_store), each token is good for one use. A
///   copied one is found out, and ends the login for both who have it.
/// - With a [revocation store](RememberMeBuilder::revocations), a logout ends every copy, with
///   series or without. **Without either** a copied cookie is good until it expires or the
///   credentials change, logout or not.
/// - A browser sends several cookies of the name if their paths or domains differ. The first four
///   are read, and the first that is authentic, unexpired and alive logs in. Of several tokens of
///   one login, only the newest counts. While several cookies have the name, a dead one is not
///   removed, because the removal might hit the living one. A logout or another login ends the
///   logins of all of them in the stores.
/// - If a store or the user loader fails, the response is an error such as `503`, and no cookie is
///   removed.
///
/// It goes inside of actix-identity's middleware, which goes inside of the session's:
///
/// ```
/// use actix_identity::IdentityMiddleware;
/// use actix_web::{App, HttpRequest, HttpResponse, web};
/// use paseto_actix::{Fresh, LocalKey, LoggedIn, PasetoSession, Remember, RememberMe, UserStamp};
///
/// async fn login(req: HttpRequest) -> actix_web::Result<HttpResponse> {
///     // ... check the password ...
///     RememberMe::login(&req, "ada", Remember::Yes).await?;
///     Ok(HttpResponse::Ok().finish())
/// }
///
/// async fn profile(user: LoggedIn) -> String {
///     format!("{}'s profile", user.id())
/// }
///
/// async fn delete_account(user: Fresh) -> String {
///     format!("{} typed the password not long ago", user.id())
/// }
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let session = PasetoSession::builder(LocalKey::generate()).build()?;
/// let remember = RememberMe::builder(LocalKey::generate())
///     .user_loader(async |id: String| (id == "ada").then(|| UserStamp::of("the hash of her password")))
///     .login_page("/login")
///     .build()?;
/// let app = App::new()
///     .wrap(remember)
///     .wrap(IdentityMiddleware::default())
///     .wrap(session)
///     .route("/login", web::post().to(login))
///     .route("/profile", web::get().to(profile))
///     .route("/account", web::delete().to(delete_account));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RememberMe(pub(super) Arc<Settings>);

pub(super) struct Settings {
    pub(super) keys: KeyRing,
    pub(super) assertion: Vec<u8>,
    pub(super) cookie: PreparedCookie,
    pub(super) cross_origin: CrossOriginPolicy,
    pub(super) lifetime: Duration,
    pub(super) user_loader: UserLoader,
    pub(super) series: Option<AnySeries>,
    pub(super) on_reuse: Box<dyn Fn(&SeriesReuse) + Send + Sync>,
    pub(super) protection: SessionProtection,
    pub(super) fingerprint: Fingerprint,
    pub(super) not_logged_in: Answer,
    pub(super) not_fresh: Answer,
    pub(super) revocations: Option<ScopedRevocations>,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) type Answer = Box<dyn Fn(&HttpRequest) -> HttpResponse + Send + Sync>;

impl Settings {
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
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
            series: None,
            revocations: None,
            on_reuse: Box::new(|_| ()),
            protection: SessionProtection::Off,
            fingerprint: Fingerprint::default(),
            not_logged_in: Box::new(|_| problem(StatusCode::UNAUTHORIZED)),
            not_fresh: Box::new(|_| problem(StatusCode::FORBIDDEN)),
            clock: Arc::new(SystemClock),
        }
    }

    /// Ends all remembered logins of a user, where they are kept in a
    /// [`SeriesStore`](crate::SeriesStore). (Without one, change what the stamp is of.)
    ///
    /// # Errors
    ///
    /// [`SeriesError`] if the store could not end them, or if there is none.
    pub async fn revoke_all(&self, user_id: &str) -> Result<(), SeriesError> {
        match &self.0.series {
            Some(series) => series.revoke_all(user_id).await,
            None => Err(SeriesError::Other("no series are kept: call `.series_store(..)`".into())),
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
