//! A browser that stores cookies, and sites with sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::pin::Pin;

use actix_session::{Session, SessionMiddleware};
use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, Route, web};
use paseto_actix::keys::KeyRing;
use paseto_actix::revocation::RevocationStore;
use paseto_actix::session::PasetoSessionBuilder;
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

type ResponseFuture = Pin<Box<dyn Future<Output = TestResponse>>>;

/// An application, independent of its type.
pub struct Site(Box<dyn Fn(TestRequest) -> ResponseFuture>);

impl Site {
    /// Returns an application with this session and these routes.
    pub async fn of(session: PasetoSession, routes: fn(&mut web::ServiceConfig)) -> Self {
        Self::new(init_service(App::new().wrap(session).configure(routes)).await, |request| {
            request.to_request()
        })
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
        Self::new(init_service(app).await, |request| request.to_request())
    }

    /// Returns an application with the middleware of actix-session and these routes.
    pub async fn alone(
        session: SessionMiddleware<PasetoSessionStore>,
        routes: fn(&mut web::ServiceConfig),
    ) -> Self {
        Self::new(init_service(App::new().wrap(session).configure(routes)).await, |request| {
            request.to_request()
        })
    }

    /// Returns a site for an application that a test defines. Errors become responses as in
    /// actix-web.
    pub fn new<S, R, B>(service: S, to_request: fn(TestRequest) -> R) -> Self
    where
        S: Service<R, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        S: 'static,
        R: 'static,
        B: MessageBody + 'static,
    {
        Self(Box::new(move |request| {
            // A server converts the error of a middleware to a response. `ServiceResponse` requires
            // a request.
            let any = TestRequest::default().to_http_request();
            let response = service.call(to_request(request));
            Box::pin(async move {
                match response.await {
                    Ok(response) => TestResponse::read(response.map_into_boxed_body()).await,
                    Err(error) => {
                        TestResponse::read(ServiceResponse::new(any, error.error_response())).await
                    }
                }
            })
        }))
    }

    /// Sends a request without changes.
    pub async fn send(&self, request: TestRequest) -> TestResponse {
        (self.0)(request).await
    }

    /// Sends this cookie value to `/`. Returns the body and the headers.
    pub async fn read(&self, kind: Kind, value: &str) -> (String, HeaderMap) {
        let mut client = Client::new();
        client.keep(kind.cookie(), value);
        let response = client.get(self, "/").await;
        assert_eq!(response.status.as_u16(), 200, "{}", response.body);
        (response.body, response.headers)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").finish_non_exhaustive()
    }
}

/// A browser that stores, sends and removes cookies and discards oversized ones. Its cookies never
/// expire, so that the server must enforce the expiry.
#[derive(Clone, Debug, Default)]
pub struct Client {
    cookies: BTreeMap<String, String>,
}

impl Client {
    /// Returns a browser without cookies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value of a cookie as it was sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Returns the value of the session cookie. Panics if there is none.
    #[track_caller]
    pub fn session(&self, kind: Kind) -> String {
        self.cookie(kind.cookie()).expect("a session cookie").to_owned()
    }

    /// Stores a cookie. The server may have removed it before.
    pub fn keep(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Removes a cookie.
    pub fn drop_cookie(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// Sends a `GET` request with the cookies, and stores the cookies of the response.
    pub async fn get(&mut self, site: &Site, uri: &str) -> TestResponse {
        self.send(site, TestRequest::with_uri(uri)).await
    }

    /// Sends a request with the cookies, and stores the cookies of the response.
    pub async fn send(&mut self, site: &Site, request: TestRequest) -> TestResponse {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.insert_header((header::COOKIE, cookies.join("; ")))
        };
        let response = site.send(request).await;
        for text in set_cookies(&response.headers) {
            let cookie = Cookie::parse(text).expect("a cookie");
            if cookie.max_age().is_some_and(|age| age <= Duration::ZERO) {
                self.drop_cookie(cookie.name());
            } else if text.len() <= MAX_COOKIE_LEN {
                self.keep(cookie.name(), cookie.value());
            }
        }
        response
    }
}

/// The body of the page `/` in a session of Ada.
pub const ADA: &str = r#"user="ada""#;

/// Returns a browser in which Ada has a session.
pub async fn ada(site: &Site) -> Client {
    let mut client = Client::new();
    assert_eq!(client.get(site, "/set?user=ada").await.body, "set");
    assert_eq!(client.get(site, "/").await.body, ADA, "the session exists");
    client
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
