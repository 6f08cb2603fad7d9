//! A site where users log in and are remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_identity::config::LogoutBehavior;
use actix_identity::{Identity, IdentityMiddleware};
use actix_session::Session;
use actix_web::cookie::Cookie;
use actix_web::error::ErrorServiceUnavailable;
use actix_web::http::header::{COOKIE, HeaderMap};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, web};
use paseto_actix::event::Event;
use paseto_actix::remember::{
    CredentialFingerprint, FreshLogin, LoggedIn, Remember, RememberMeBuilder,
};
use paseto_actix::testing::Browser;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, LoginLayer, PasetoSession, RememberMe};

use crate::app::TestResponse;
use crate::clock::TestClock;
use crate::session::{Site, set_cookies};

/// The name of the session cookie.
pub const SESSION: &str = "__Host-session";
/// The name of the remember-me cookie.
pub const REMEMBER: &str = "__Host-remember_token";

/// Users and their passwords.
#[derive(Clone, Debug, Default)]
pub struct Users(Arc<Mutex<HashMap<String, String>>>);

impl Users {
    /// Returns the users `ada` and `bob`.
    pub fn new() -> Self {
        let users = Self::default();
        users.set("ada", Some("analytical"));
        users.set("bob", Some("builder"));
        users
    }

    /// Changes the password of a user, or removes the user.
    pub fn set(&self, id: &str, password: Option<&str>) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match password {
            Some(password) => users.insert(id.to_owned(), password.to_owned()),
            None => users.remove(id),
        };
    }

    /// Returns the credential fingerprint of a user, as the credential loader does.
    ///
    /// # Errors
    ///
    /// Returns an error while a user `down` exists. This simulates a database that is unavailable.
    pub fn fingerprint(&self, id: &str) -> Result<Option<CredentialFingerprint>, actix_web::Error> {
        let users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let down = users.get("down").is_some();
        if down {
            Err(ErrorServiceUnavailable("no database"))
        } else {
            Ok(users.get(id).map(CredentialFingerprint::new))
        }
    }
}

/// The parts of a site. A site can be rebuilt with the same parts.
#[derive(Clone, Debug)]
pub struct Application {
    /// The key of sessions.
    pub session_key: LocalKey,
    /// The key of remembered logins.
    pub remember_key: LocalKey,
    /// The users of the site.
    pub users: Users,
    /// The clock of the site.
    pub clock: TestClock,
}

impl Application {
    /// Returns an application with generated keys.
    pub fn new() -> Self {
        let (session_key, remember_key) = (LocalKey::generate(), LocalKey::generate());
        Self { session_key, remember_key, users: Users::new(), clock: TestClock::new() }
    }

    /// Returns the builder of the middleware.
    pub fn remember(&self) -> RememberMeBuilder {
        let users = self.users.clone();
        RememberMe::builder(self.remember_key.clone())
            .clock(self.clock.clone())
            .try_credential_loader(move |id| {
                let fingerprint = users.fingerprint(&id);
                async { fingerprint }
            })
    }

    /// Returns the site with default settings and without stores.
    pub async fn site(&self) -> Site {
        self.site_with(|remember| remember).await
    }

    /// Returns the site with changed settings.
    pub async fn site_with(
        &self,
        settings: impl FnOnce(RememberMeBuilder) -> RememberMeBuilder,
    ) -> Site {
        self.site_of(settings(self.remember()), LogoutBehavior::PurgeSession).await
    }

    /// Returns the site with this middleware and this logout behavior of actix-identity.
    pub async fn site_of(&self, remember: RememberMeBuilder, on_logout: LogoutBehavior) -> Site {
        let session = PasetoSession::builder(self.session_key.clone()).clock(self.clock.clone());
        let identity =
            move || IdentityMiddleware::builder().logout_behavior(on_logout.clone()).build();
        let remember = remember.identity(identity).build().expect("a middleware");
        let session = session.build().expect("a session");
        let app = App::new().wrap(LoginLayer::new(session, remember)).configure(routes);
        Site::new(init_service(app).await)
    }
}

impl Default for Application {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds the routes. `/login?user=ada&remember=yes` (or `no`, or seconds) logs in; `/logout` and
/// similar routes log out. `/me` requires a login, `/fresh` requires a fresh login, and `/state`
/// requires no login. `/confirm?user=ada` confirms the login after the password was entered again.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/login", web::get().to(login))
        .route("/identity-login", web::get().to(identity_login))
        .route("/purge-and-login", web::get().to(purge_and_login))
        .route("/confirm", web::get().to(confirm))
        .route(
            "/logout",
            web::get().to(async |req: HttpRequest| {
                RememberMe::logout(&req);
                "out"
            }),
        )
        .route(
            "/identity-logout",
            web::get().to(async |user: Identity| {
                user.logout();
                "out"
            }),
        )
        .route(
            "/purge",
            web::get().to(async |session: Session| {
                session.purge();
                "out"
            }),
        )
        .route("/me", web::get().to(async |user: LoggedIn| user.id().to_owned()))
        .route("/fresh", web::get().to(async |user: FreshLogin| user.id().to_owned()))
        .route(
            "/state",
            web::get().to(async |req: HttpRequest| format!("{:?}", RememberMe::freshness(&req))),
        );
}

async fn login(
    req: HttpRequest,
    query: web::Query<HashMap<String, String>>,
) -> actix_web::Result<HttpResponse> {
    let remember = match query.get("remember").map(String::as_str) {
        Some("yes") => Remember::Default,
        Some("no") | None => Remember::Never,
        Some(seconds) => {
            Remember::For(std::time::Duration::from_secs(seconds.parse().expect("seconds")))
        }
    };
    RememberMe::login(&req, &query["user"], remember).await?;
    let mut response = HttpResponse::Ok();
    if let Some(cache) = query.get("cache") {
        response.insert_header(("Cache-Control", cache.as_str())).insert_header(("Vary", "Origin"));
    }
    Ok(response.body("in"))
}

async fn purge_and_login(
    req: HttpRequest,
    session: Session,
    query: web::Query<HashMap<String, String>>,
) -> actix_web::Result<&'static str> {
    session.purge();
    RememberMe::login(&req, &query["user"], Remember::Default).await?;
    Ok("in")
}

async fn identity_login(
    req: HttpRequest,
    query: web::Query<HashMap<String, String>>,
) -> actix_web::Result<String> {
    Identity::login(&req.extensions(), query["user"].clone())?;
    Ok(format!("in {:?}", RememberMe::freshness(&req)))
}

async fn confirm(
    req: HttpRequest,
    query: web::Query<HashMap<String, String>>,
) -> actix_web::Result<HttpResponse> {
    RememberMe::confirm_login(&req, &query["user"])?;
    Ok(HttpResponse::Ok().finish())
}

/// Returns a browser in which Ada has logged in with a remembered login.
pub async fn ada(site: &Site) -> Browser {
    let mut browser = Browser::new();
    let response = browser.get(site, "/login?user=ada&remember=yes").await;
    assert_eq!(response.body, "in");
    assert!(browser.cookie(REMEMBER).is_some(), "{:?}", response.headers);
    browser
}

/// Returns a browser with this remember-me cookie only.
pub fn with_cookie(value: &str) -> Browser {
    let mut browser = Browser::new();
    browser.set_cookie(REMEMBER, value);
    browser
}

/// Returns the freshness of the login in this browser.
pub async fn state(site: &Site, browser: &mut Browser) -> String {
    browser.get(site, "/state").await.body
}

/// Returns the remember-me cookie that a response sets or removes.
pub fn remember_cookie(headers: &HeaderMap) -> Option<Cookie<'_>> {
    let cookies =
        set_cookies(headers).into_iter().map(|cookie| Cookie::parse(cookie).expect("a cookie"));
    cookies.into_iter().find(|cookie| cookie.name() == REMEMBER)
}

/// The users whose tokens were reused, in the order of the reuses.
pub type Reuses = Arc<Mutex<Vec<String>>>;

/// Returns a site with a token family store, and the reuses that it reports.
pub async fn site_with_token_family(application: &Application) -> (Site, Reuses) {
    let reuses = Reuses::default();
    let recorded = Arc::clone(&reuses);
    let site = application.site_with(|remember| {
        let remember = remember
            .token_family_store(MemoryTokenFamilyStore::new(1000).clock(application.clock.clone()));
        remember.on_event(move |event| {
            if let Event::Reused { subject, .. } = event {
                recorded.lock().unwrap_or_else(PoisonError::into_inner).push((*subject).to_owned());
            }
        })
    });
    (site.await, reuses)
}

/// Sends this remember-me cookie without a session. Returns the freshness of the login and the
/// cookie after the response.
pub async fn use_up(site: &Site, value: &str) -> (String, Option<String>) {
    let mut browser = with_cookie(value);
    let state = state(site, &mut browser).await;
    (state, browser.cookie(REMEMBER).map(str::to_owned))
}

/// Sends a request with several remember-me cookies and no session, like a browser with cookies for
/// several paths or domains.
pub async fn send_cookies<V: AsRef<str>>(site: &Site, uri: &str, values: &[V]) -> TestResponse {
    let cookies: Vec<_> =
        values.iter().map(|value| format!("{REMEMBER}={}", value.as_ref())).collect();
    site.send(TestRequest::with_uri(uri).insert_header((COOKIE, cookies.join("; ")))).await
}
