//! The current user of a request: [`UserLoader`], [`CurrentUser`] and [`MaybeCurrentUser`].

mod loader;
mod loading;
#[cfg(feature = "session")]
mod login;
mod rejection;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use futures_util::future::{FutureExt, LocalBoxFuture};

use crate::error::VerifyErrorKind;

#[cfg(feature = "session")]
pub use loader::Credential;
pub use loader::{LoaderOutput, UserLoader};
use loading::load;

/// Extracts the user of a request, as a type of the application.
///
/// The [`UserLoader`] in app data loads the user from a token or from the login of a session. It
/// runs once per request, also if several extractors and middlewares need the user. It runs again
/// if the nearest loader or verifier differs, or if the login changes during the request. The
/// extractor dereferences to `U`.
///
/// The extractor requires and verifies the credential itself. `#[paseto_required]` can add
/// requirements for a token, such as scopes. The attribute requires a token, so do not use it on
/// handlers for users with a session.
///
/// | request | response |
/// | --- | --- |
/// | without a credential | `401` |
/// | with a token that the verifier rejects, also if the request has a session | the rejection of the verifier, such as `401` |
/// | with a valid credential, but the loader returns `None` | `401`, as for an invalid token |
/// | the loader returns an error | `503`, and the error is logged |
/// | the loader panics | `500` |
/// | without a `UserLoader<U>`, or without the `Verifier` or the session that it needs | `500`, and the cause is logged |
///
/// The error handler of the [`Verifier`](crate::Verifier) creates the rejections of a loader that
/// reads tokens. For a login, `not_logged_in` or `login_page` of a `RememberMe` around the handler
/// creates the `401`, as for the extractor `LoggedIn`.
///
/// An extractor cannot change the response. For tokens in cookies, wrap
/// [`PasetoCacheControl`](crate::guard::PasetoCacheControl). `PasetoSession` sets `Vary: Cookie` on
/// each response. If a handler sets `Cache-Control: public`, also set
/// `PasetoSessionBuilder::no_store_if`.
///
/// `Option<CurrentUser<U>>` accepts a request with an invalid token. Use [`MaybeCurrentUser`].
///
/// ```
/// use actix_web::http::StatusCode;
/// use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
/// use actix_web::{App, get};
/// use paseto_actix::{
///     CurrentUser, Issuer, SecretKey, UserLoader, VerifiedToken, Verifier, paseto_required,
/// };
///
/// struct User {
///     name: String,
/// }
///
/// #[get("/me")]
/// #[paseto_required]
/// async fn me(user: CurrentUser<User>) -> String {
///     user.name.clone()
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A real application queries a database.
/// let users = UserLoader::from_token(async |token: VerifiedToken| {
///     (token.subject() == Some("17")).then(|| User { name: "Ada".to_owned() })
/// });
/// let key = SecretKey::generate();
/// let verifier = Verifier::builder().trust("https://issuer.example", key.public_key()).build()?;
/// let issuer = Issuer::builder("https://issuer.example").key(key).build()?;
/// let app = init_service(App::new().app_data(verifier).app_data(users).service(me)).await;
///
/// let send = |subject: &str| -> Result<_, paseto_actix::IssueError> {
///     let token = issuer.token(&serde_json::json!({})).subject(subject).issue()?;
///     let bearer = ("Authorization", format!("Bearer {token}"));
///     Ok(TestRequest::with_uri("/me").insert_header(bearer).to_request())
/// };
/// assert_eq!(call_and_read_body(&app, send("17")?).await, "Ada");
/// assert_eq!(call_service(&app, send("18")?).await.status(), StatusCode::UNAUTHORIZED);
/// # Ok(())
/// # }
/// ```
pub struct CurrentUser<U>(Arc<U>);

impl<U> CurrentUser<U> {
    /// Returns the user, which all extractors of the request share.
    #[must_use]
    pub fn into_inner(self) -> Arc<U> {
        self.0
    }
}

impl<U> Deref for CurrentUser<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<U> Clone for CurrentUser<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: 'static> FromRequest for CurrentUser<U> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (req, loading) = (req.clone(), load::<U>(req));
        // Reject the request only when the future is polled. If several extractors fail, actix-web
        // returns the first error, and the error handler must run only once.
        async move { loading.await.map(Self).map_err(|rejected| rejected.into_error(&req)) }
            .boxed_local()
    }
}

/// Omits the user, whose data may be personal.
impl<U> fmt::Debug for CurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentUser").finish_non_exhaustive()
    }
}

/// Extracts the user of a request, if the request has a credential.
///
/// Without a token and without a login, the value is `None`. A credential that is not accepted is
/// rejected, as by [`CurrentUser`]: an invalid token, and a token or a login whose user the loader
/// does not find.
///
/// ```
/// use actix_web::get;
/// use paseto_actix::MaybeCurrentUser;
///
/// struct User {
///     name: String,
/// }
///
/// #[get("/")]
/// async fn index(MaybeCurrentUser(user): MaybeCurrentUser<User>) -> String {
///     match user {
///         Some(user) => format!("Hello {}", user.name),
///         None => "Hello stranger".to_owned(),
///     }
/// }
/// # let _ = actix_web::App::new().service(index);
/// ```
pub struct MaybeCurrentUser<U>(
    /// The user, if the request has a credential.
    pub Option<CurrentUser<U>>,
);

impl<U> Clone for MaybeCurrentUser<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U: 'static> FromRequest for MaybeCurrentUser<U> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (req, loading) = (req.clone(), load::<U>(req));
        async move {
            match loading.await {
                Ok(user) => Ok(Self(Some(CurrentUser(user)))),
                Err(rejected) if rejected.kind() == VerifyErrorKind::MissingToken => Ok(Self(None)),
                Err(rejected) => Err(rejected.into_error(&req)),
            }
        }
        .boxed_local()
    }
}

impl<U> fmt::Debug for MaybeCurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MaybeCurrentUser").field(&self.0).finish()
    }
}
