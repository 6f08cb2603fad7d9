use std::fmt;
use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture};

use crate::token::VerifiedToken;

/// Loads the user of a request, for [`CurrentUser`](super::CurrentUser).
///
/// Build it once, clone it into the closure of `HttpServer::new`, and register it with
/// `App::app_data`. The `app_data` of a scope overrides the `app_data` of the application. Each
/// type of user has its own loader.
///
/// The closure is an `async` closure, and can use values that it captures, such as a pool of
/// database connections. It returns one of these types:
///
/// - `Option<U>`: the user, or `None` if the user does not exist or may not use the application.
///   The response to `None` is `401`.
/// - `Result<Option<U>, E>`, where `E` implements `Display`. An error is logged, and the response
///   is `503`. The client does not get the text of the error.
///
/// The loader runs after the credential was verified, and once per request, unless the nearest
/// loader, the nearest verifier or the login changes. A user is never cached across requests.
///
/// ```
/// use std::collections::HashMap;
/// use std::io;
/// use std::sync::Arc;
///
/// use actix_web::App;
/// use paseto_actix::{UserLoader, VerifiedToken};
///
/// #[derive(Clone)]
/// struct User {
///     name: String,
/// }
///
/// struct Database(HashMap<String, User>);
///
/// impl Database {
///     async fn find(&self, id: &str) -> io::Result<Option<User>> {
///         Ok(self.0.get(id).cloned())
///     }
/// }
///
/// let database = Arc::new(Database(HashMap::new()));
/// let users = UserLoader::from_token(async move |token: VerifiedToken| {
///     match token.subject() {
///         Some(id) => database.find(id).await,
///         None => Ok(None),
///     }
/// });
/// let app = App::new().app_data(users);
/// # let _ = app;
/// ```
pub struct UserLoader<U>(Arc<Source<U>>);

/// The closure of the application, and the credential that it reads.
pub(super) enum Source<U> {
    Token(Load<VerifiedToken, U>),
    #[cfg(feature = "session")]
    Login(Load<String, U>),
    #[cfg(feature = "session")]
    Any(Load<Credential, U>),
}

type Load<C, U> =
    Box<dyn Fn(C) -> LocalBoxFuture<'static, Result<Option<U>, String>> + Send + Sync>;

impl<U: 'static> UserLoader<U> {
    /// Loads the user of the token that the nearest [`Verifier`](crate::Verifier) has accepted, for
    /// an API.
    ///
    /// A subject belongs to its issuer. If the verifier trusts several issuers, find the user by
    /// [`issuer`](VerifiedToken::issuer) and [`subject`](VerifiedToken::subject).
    pub fn from_token<F, O>(load: F) -> Self
    where
        F: AsyncFn(VerifiedToken) -> O + Send + Sync + 'static,
        O: LoaderOutput<User = U>,
    {
        Self(Arc::new(Source::Token(boxed(load))))
    }

    /// Loads the user of the login of the session, for a site. The argument is the ID of the user:
    /// the user of actix-identity with `RememberMe`, and otherwise the value of the
    /// [`subject_key`] in the session of a [`PasetoSession`].
    ///
    /// The handler must be inside of one of these middlewares. They reject unsafe requests of other
    /// origins (CSRF) with `403`. Tokens in the request are ignored.
    ///
    /// [`PasetoSession`]: crate::PasetoSession
    /// [`subject_key`]: crate::session::PasetoSessionBuilder::subject_key
    ///
    /// ```
    /// use actix_session::Session;
    /// use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
    /// use actix_web::{App, web};
    /// use paseto_actix::{CurrentUser, LocalKey, PasetoSession, UserLoader};
    ///
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// async fn log_in(session: Session) -> actix_web::Result<&'static str> {
    ///     // ... check the password ...
    ///     session.renew();
    ///     session.insert("user", "17")?;
    ///     Ok("welcome")
    /// }
    ///
    /// async fn me(user: CurrentUser<User>) -> String {
    ///     user.name.clone()
    /// }
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let users = UserLoader::from_login(async |id: String| {
    ///     (id == "17").then(|| User { name: "Ada".to_owned() })
    /// });
    /// let session = PasetoSession::builder(LocalKey::generate()).subject_key("user").build()?;
    /// let app = App::new()
    ///     .app_data(users)
    ///     .route("/login", web::post().to(log_in))
    ///     .route("/me", web::get().to(me))
    ///     .wrap(session);
    ///
    /// let app = init_service(app).await;
    /// let login = TestRequest::post().uri("/login").to_request();
    /// let response = call_service(&app, login).await;
    /// let cookie = response.response().cookies().next().expect("a session cookie").into_owned();
    /// let request = TestRequest::get().uri("/me").cookie(cookie).to_request();
    /// assert_eq!(call_and_read_body(&app, request).await, "Ada");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "session")]
    pub fn from_login<F, O>(load: F) -> Self
    where
        F: AsyncFn(String) -> O + Send + Sync + 'static,
        O: LoaderOutput<User = U>,
    {
        Self(Arc::new(Source::Login(boxed(load))))
    }

    /// Loads the user of a token, or of the login of the session if the request has no token. So a
    /// site and an API share their handlers.
    ///
    /// If the request has a token, only the token counts: an invalid token is rejected, also if the
    /// session has a login. A handler outside of a session middleware has no logins. The nearest
    /// [`Verifier`](crate::Verifier) is required.
    ///
    /// ```
    /// use paseto_actix::UserLoader;
    /// use paseto_actix::current_user::Credential;
    ///
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// async fn find(id: &str) -> Option<User> {
    ///     (id == "17").then(|| User { name: "Ada".to_owned() })
    /// }
    ///
    /// let users = UserLoader::any_of(async |credential: Credential| {
    ///     find(credential.user_id()?).await
    /// });
    /// # let _ = users;
    /// ```
    #[cfg(feature = "session")]
    pub fn any_of<F, O>(load: F) -> Self
    where
        F: AsyncFn(Credential) -> O + Send + Sync + 'static,
        O: LoaderOutput<User = U>,
    {
        Self(Arc::new(Source::Any(boxed(load))))
    }
}

impl<U> UserLoader<U> {
    pub(super) fn source(&self) -> &Source<U> {
        &self.0
    }

    /// Returns whether both are clones of one loader.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

fn boxed<C, F, O>(load: F) -> Load<C, O::User>
where
    C: 'static,
    F: AsyncFn(C) -> O + Send + Sync + 'static,
    O: LoaderOutput,
{
    let load = Arc::new(load);
    Box::new(move |credential| {
        let load = Arc::clone(&load);
        async move { load(credential).await.into_result() }.boxed_local()
    })
}

impl<U> Clone for UserLoader<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for UserLoader<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads = match &*self.0 {
            Source::Token(_) => "token",
            #[cfg(feature = "session")]
            Source::Login(_) => "login",
            #[cfg(feature = "session")]
            Source::Any(_) => "token or login",
        };
        f.debug_struct("UserLoader").field("reads", &reads).finish_non_exhaustive()
    }
}

/// An accepted credential of a request, for [`UserLoader::any_of`].
#[cfg(feature = "session")]
#[derive(Clone, Debug)]
pub enum Credential {
    /// The token, which the verifier has accepted.
    Token(VerifiedToken),
    /// The ID of the user who is logged in to the session.
    Login(String),
}

#[cfg(feature = "session")]
impl Credential {
    /// Returns the ID of the user: the subject of the token, or the user of the session.
    ///
    /// A subject belongs to its issuer. If the verifier trusts several issuers, also compare
    /// [`issuer`](VerifiedToken::issuer).
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::Token(token) => token.subject(),
            Self::Login(id) => Some(id),
        }
    }
}

/// The result of the closure of a [`UserLoader`]: `Option<U>`, or `Result<Option<U>, E>` where `E`
/// implements `Display`. Other types cannot implement this trait.
#[diagnostic::on_unimplemented(
    message = "a user loader cannot return `{Self}`",
    label = "expected a closure that returns `Option<U>` or `Result<Option<U>, E>`",
    note = "`E` must implement `std::fmt::Display`"
)]
pub trait LoaderOutput: sealed::IntoResult<Self::User> {
    /// The type of the user.
    type User: 'static;
}

impl<U: 'static> LoaderOutput for Option<U> {
    type User = U;
}

impl<U: 'static, E: fmt::Display> LoaderOutput for Result<Option<U>, E> {
    type User = U;
}

mod sealed {
    use super::fmt;

    pub trait IntoResult<U> {
        /// Returns the user, or the text of the error.
        fn into_result(self) -> Result<Option<U>, String>;
    }

    impl<U> IntoResult<U> for Option<U> {
        fn into_result(self) -> Result<Self, String> {
            Ok(self)
        }
    }

    impl<U, E: fmt::Display> IntoResult<U> for Result<Option<U>, E> {
        fn into_result(self) -> Result<Option<U>, String> {
            self.map_err(|error| error.to_string())
        }
    }
}
