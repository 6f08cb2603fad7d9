use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::test::init_service;
use actix_web::{App, Error, HttpRequest, HttpResponse, web};

use super::Browser;
use super::routes::{random_name, tested_paths, unknown_paths};
use crate::remember::{Remember, RememberMe, middlewares_of};
use crate::session::PasetoSession;

impl Browser {
    /// Logs a user in without a password, as [`RememberMe::login`] with [`Remember::Default`] does:
    /// the browser gets the session cookie and the remember-me cookie of a fresh login. To get the
    /// state of a user who comes back later, call [`restart`](Self::restart) after it.
    ///
    /// The application needs a [`LoginLayer`](crate::LoginLayer), or a [`RememberMe`] in a
    /// [`PasetoSession`], around the application or a scope. The browser sends `GET` requests to
    /// random paths, and reads the middlewares from the response. It then logs the user in with a
    /// handler of its own in the same middlewares. So the login calls the credential loader, the
    /// stores and the event hook of the application. Only the `default_service`, or a handler whose
    /// route matches such a path, for example `/{page}`, runs.
    ///
    /// ```
    /// use actix_web::test::init_service;
    /// use actix_web::{App, web};
    /// use paseto_actix::remember::{CredentialFingerprint, FreshLogin, LoggedIn};
    /// use paseto_actix::testing::Browser;
    /// use paseto_actix::{LocalKey, LoginLayer, PasetoSession, RememberMe};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let session = PasetoSession::builder(LocalKey::generate()).build()?;
    /// let remember = RememberMe::builder(LocalKey::generate())
    ///     .credential_loader(async |id| (id == "ada").then(|| CredentialFingerprint::new("hash")))
    ///     .build()?;
    /// let app = App::new()
    ///     .wrap(LoginLayer::new(session, remember))
    ///     .route("/me", web::get().to(async |user: LoggedIn| user.id().to_owned()))
    ///     .route("/password", web::get().to(async |_: FreshLogin| "a form"));
    /// let app = init_service(app).await;
    ///
    /// let mut browser = Browser::new();
    /// assert_eq!(browser.get(&app, "/me").await.status, 401);
    /// browser.log_in_as(&app, "ada").await;
    /// assert_eq!(browser.get(&app, "/password").await.body, "a form");
    /// browser.restart();
    /// assert_eq!(browser.get(&app, "/me").await.body, "ada");
    /// assert_eq!(browser.get(&app, "/password").await.status, 403);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the application has no such middleware, if an outer middleware returns an error
    /// instead of a response, if the credential loader returns `None`, or if the login fails for
    /// another reason.
    pub async fn log_in_as<S, B>(&mut self, app: &S, user_id: impl Into<String>)
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        let Some((path, remember, session)) = find_middlewares(app).await else {
            panic!(
                "`log_in_as` found no `RememberMe` in a `PasetoSession`: call \
                 `App::wrap(LoginLayer::new(session, remember))`, or submit the form of the login \
                 page with `post_form`"
            );
        };
        let user_id = user_id.into();
        let log_in = move |req: HttpRequest| {
            let user_id = user_id.clone();
            async move {
                if let Err(error) = RememberMe::login(&req, &user_id, Remember::Default).await {
                    panic!("`log_in_as` cannot log in `{user_id}`: {error}");
                }
                HttpResponse::NoContent().finish()
            }
        };
        let app = App::new().wrap(remember).wrap(session).default_service(web::to(log_in));
        let request = self.navigation(&path);
        let page = self.exchange(&init_service(app).await, request).await;
        assert!(
            page.status == StatusCode::NO_CONTENT,
            "`log_in_as` cannot log in: a middleware responded with `{}`, and logged the reason",
            page.status
        );
    }
}

/// Returns the middlewares of the application or of a scope, with a path inside of them.
///
/// They come from the extensions of the request, which stay in this process. So the middlewares
/// contain no code for a login without a password that a client could reach.
async fn find_middlewares<S, B>(app: &S) -> Option<(String, RememberMe, PasetoSession)>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    // Without the cookies of the browser, because the response could replace them.
    let request = |path: &str| Browser::new().navigation(path);
    let name = random_name();
    let Ok(first) = app.call(request(&format!("/{name}"))).await else {
        panic!(
            "a middleware returned an error instead of a response, so `log_in_as` cannot find the \
             `LoginLayer`"
        );
    };
    for (_, candidates) in unknown_paths(&tested_paths(first.request()), &name) {
        for path in candidates {
            let Ok(response) = app.call(request(&path)).await else { continue };
            if let Some((remember, session)) = middlewares_of(response.request()) {
                return Some((path, remember, session));
            }
        }
    }
    None
}
