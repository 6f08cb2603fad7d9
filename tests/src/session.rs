//! Sites with sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::pin::Pin;

use actix_http::Request;
use actix_session::{Session, SessionMiddleware};
use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, CookieJar, Key};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, always_ready};
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, Route, web};
use paseto_actix::keys::KeyRing;
use paseto_actix::revocation::RevocationStore;
use paseto_actix::session::PasetoSessionBuilder;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, PasetoSession, PasetoSessionStore};

use crate::app::TestResponse;
use crate::clock::TestClock;

/// The maximum length of a cookie in bytes. Browsers discard longer cookies. RFC 6265, section
/// 6.1, requires support of this length.
pub const MAX_COOKIE_LEN: usize = 4096;

/// The two ways to use sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A [`PasetoSession`].
    Middleware,
    /// `SessionMiddleware::new` with a [`PasetoSessionStore`]. Its cookie is encrypted by
    /// actix-session, and its idle timeout is one day.
    Store,
}

impl Kind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Middleware, Self::Store];

    /// Returns the name of the cookie.
    pub fn cookie(self) -> &'static str {
        if self == Self::Store { "id" } else { "__Host-session" }
    }

    /// Returns the value of the cookie that a browser has.
    #[track_caller]
    pub fn value(self, browser: &Browser) -> String {
        browser.cookie(self.cookie()).expect("a session cookie").to_owned()
    }

    /// Returns a site with the usual [`routes`].
    pub async fn site(self, keys: impl Into<KeyRing>, clock: &TestClock) -> Site {
        if self == Self::Store {
            let store = PasetoSessionStore::new(keys).clock(clock.clone());
            return Site::alone(SessionMiddleware::new(store, cookie_key()), routes).await;
        }
        Site::of(session(keys, clock).build().expect("a session"), routes).await
    }

    /// Returns a site with these routes and a revocation store.
    pub async fn site_revoking(
        self,
        key: LocalKey,
        clock: &TestClock,
        store: impl RevocationStore,
        routes: fn(&mut web::ServiceConfig),
    ) -> Site {
        if self == Self::Store {
            let store = PasetoSessionStore::new(key).clock(clock.clone()).revocation_store(store);
            return Site::alone(SessionMiddleware::new(store, cookie_key()), routes).await;
        }
        Site::of(session(key, clock).revocation_store(store).build().expect("a session"), routes)
            .await
    }

    /// Returns the token in a cookie, or `None` if the cookie is damaged.
    pub fn token(self, value: &str) -> Option<String> {
        if self == Self::Middleware {
            return Some(value.to_owned());
        }
        let mut jar = CookieJar::new();
        jar.add_original(
            Cookie::parse_encoded(format!("{}={value}", self.cookie())).ok()?.into_owned(),
        );
        let cookie = jar.private(&cookie_key()).get(self.cookie())?;
        Some(cookie.value().to_owned())
    }

    /// Returns the cookie value that contains this token.
    pub fn wrap(self, token: &str) -> String {
        if self == Self::Middleware {
            return token.to_owned();
        }
        let name = self.cookie();
        let mut jar = CookieJar::new();
        jar.private_mut(&cookie_key()).add(Cookie::new(name, token.to_owned()));
        let wrapped = jar.get(name).expect("the cookie that was added").encoded().to_string();
        wrapped[name.len() + 1..].to_owned()
    }
}

/// Returns a builder of a [`PasetoSession`] with this clock.
pub fn session(keys: impl Into<KeyRing>, clock: &TestClock) -> PasetoSessionBuilder {
    PasetoSession::builder(keys).clock(clock.clone())
}

/// Returns the key of actix-session's cookies.
fn cookie_key() -> Key {
    Key::from(&[b'x'; 64])
}

/// Adds the routes. `/` returns the entries of the session, such as `cart=["tea"] user="ada"`.
/// `/set?name=value` adds strings, and `/clear` removes all entries. `/renew` and `/purge` call the
/// method of that name, and `/idle` does not use the session.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(read))
        .route("/set", web::get().to(set))
        .route("/clear", change(Session::clear))
        .route("/renew", change(Session::renew))
        .route("/purge", change(Session::purge))
        .route("/idle", web::get().to(async || "idle"));
}

fn change(how: fn(&Session)) -> Route {
    web::get().to(move |session: Session| {
        how(&session);
        ready("changed")
    })
}

async fn read(session: Session) -> String {
    let sorted: BTreeMap<_, _> = session.entries().clone().into_iter().collect();
    sorted.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

async fn set(
    session: Session,
    values: web::Query<BTreeMap<String, String>>,
) -> actix_web::Result<&'static str> {
    for (name, value) in values.into_inner() {
        session.insert(name, value)?;
    }
    Ok("set")
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;

/// An application, independent of its type.
pub struct Site(Box<dyn Fn(Request) -> ResponseFuture>);

impl Site {
    /// Returns an application with this session and these routes.
    pub async fn of(session: PasetoSession, routes: fn(&mut web::ServiceConfig)) -> Self {
        Self::new(init_service(App::new().wrap(session).configure(routes)).await)
    }

    /// Returns a site whose outer middleware has called `req.cookies()`. actix-web then decodes the
    /// names, caches the parsed cookies and ignores later changes of the `Cookie` header.
    pub async fn behind_a_reader(clock: &TestClock) -> Self {
        let session = session(LocalKey::generate(), clock).build().expect("a session");
        let read = |req: ServiceRequest, service: &_| {
            let _ = req.cookies().map(|cookies| cookies.len());
            Service::call(service, req)
        };
        let app = App::new().wrap(session).wrap_fn(read).configure(routes);
        Self::new(init_service(app).await)
    }

    /// Returns an application with the middleware of actix-session and these routes.
    pub async fn alone(
        session: SessionMiddleware<PasetoSessionStore>,
        routes: fn(&mut web::ServiceConfig),
    ) -> Self {
        Self::new(init_service(App::new().wrap(session).configure(routes)).await)
    }

    /// Returns a site for an application that a test defines.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        Self(Box::new(move |request| {
            let response = service.call(request);
            Box::pin(async move { Ok(response.await?.map_into_boxed_body()) })
        }))
    }

    /// Sends a request without changes. Errors become responses as in actix-web.
    pub async fn send(&self, request: TestRequest) -> TestResponse {
        // A server converts the error of a middleware to a response. `ServiceResponse` requires a
        // request.
        let any = TestRequest::default().to_http_request();
        let response = self.call(request.to_request()).await;
        TestResponse::read(
            response.unwrap_or_else(|error| ServiceResponse::new(any, error.error_response())),
        )
        .await
    }

    /// Sends this cookie value to `/`. Returns the body and the headers.
    pub async fn read(&self, kind: Kind, value: &str) -> (String, HeaderMap) {
        let mut browser = Browser::new();
        browser.set_cookie(kind.cookie(), value);
        let response = browser.get(self, "/").await;
        assert_eq!(response.status.as_u16(), 200, "{}", response.body);
        (response.body, response.headers)
    }
}

impl Service<Request> for Site {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = ResponseFuture;

    always_ready!();

    fn call(&self, request: Request) -> ResponseFuture {
        (self.0)(request)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").finish_non_exhaustive()
    }
}

/// The body of the page `/` in a session of Ada.
pub const ADA: &str = r#"user="ada""#;

/// Returns a browser in which Ada has a session.
pub async fn ada(site: &Site) -> Browser {
    let mut browser = Browser::new();
    assert_eq!(browser.get(site, "/set?user=ada").await.body, "set");
    assert_eq!(browser.get(site, "/").await.body, ADA, "the session exists");
    browser
}

/// Returns the `Set-Cookie` headers.
pub fn set_cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(header::SET_COOKIE).map(|value| value.to_str().expect("a string")).collect()
}

/// Returns the cookie that a response sets. Panics unless there is exactly one.
#[track_caller]
pub fn set_cookie(headers: &HeaderMap) -> Cookie<'_> {
    match set_cookies(headers)[..] {
        [cookie] => Cookie::parse(cookie).expect("a cookie"),
        ref cookies => panic!("expected one cookie, found {cookies:?}"),
    }
}
