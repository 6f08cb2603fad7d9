//! A browser as far as cookies go, and sites with sessions to send it to.

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

/// What a browser keeps of a cookie: this many bytes, or nothing.
pub const MAX_COOKIE_LEN: usize = 4096;

/// The two ways to have sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A [`PasetoSession`].
    Middleware,
    /// `SessionMiddleware::new` with a [`PasetoSessionStore`]. Its cookie is private, and its idle
    /// limit is a day.
    Store,
}

impl Kind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Middleware, Self::Store];

    /// The cookie's name.
    pub fn cookie(self) -> &'static str {
        if self == Self::Store { "id" } else { "__Host-session" }
    }

    /// A site with the usual [`routes`].
    pub async fn site(self, keys: impl Into<KeyRing>, clock: &TestClock) -> Site {
        if self == Self::Store {
            let store = PasetoSessionStore::new(keys).clock(clock.clone());
            return Site::alone(SessionMiddleware::new(store, cookie_key()), routes).await;
        }
        Site::of(session(keys, clock).build().expect("a session"), routes).await
    }

    /// A site of these routes with a revocation store.
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

    /// The token in a cookie, if the cookie is intact.
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

    /// The value of a cookie with this token.
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

/// Builds a [`PasetoSession`] with this clock.
pub fn session(keys: impl Into<KeyRing>, clock: &TestClock) -> PasetoSessionBuilder {
    PasetoSession::builder(keys).clock(clock.clone())
}

/// The key of actix-session's cookies.
fn cookie_key() -> Key {
    Key::from(&[b'x'; 64])
}

/// A site that answers `/` with what is in the session, such as `cart=["tea"] user="ada"`, that
/// sets texts at `/set?name=value`, and removes them all at `/clear`; `/renew` and `/purge` do what
/// they say, `/idle` nothing.
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

type Answering = Pin<Box<dyn Future<Output = TestResponse>>>;

/// Any application, behind one type.
pub struct Site(Box<dyn Fn(TestRequest) -> Answering>);

impl Site {
    /// An application with such a session around these routes.
    pub async fn of(session: PasetoSession, routes: fn(&mut web::ServiceConfig)) -> Self {
        Self::new(init_service(App::new().wrap(session).configure(routes)).await, |request| {
            request.to_request()
        })
    }

    /// A site whose outer middleware has called `req.cookies()`. actix decodes the names then, caches
    /// the cookies that it parsed, and ignores later changes of the `Cookie` header.
    pub async fn behind_a_reader(clock: &TestClock) -> Self {
        let session = session(LocalKey::generate(), clock).build().expect("a session");
        let read = |req: ServiceRequest, service: &_| {
            let _ = req.cookies().map(|cookies| cookies.len());
            Service::call(service, req)
        };
        let app = App::new().wrap(session).wrap_fn(read).configure(routes);
        Self::new(init_service(app).await, |request| request.to_request())
    }

    /// The same with actix-session's own middleware.
    pub async fn alone(
        session: SessionMiddleware<PasetoSessionStore>,
        routes: fn(&mut web::ServiceConfig),
    ) -> Self {
        Self::new(init_service(App::new().wrap(session).configure(routes)).await, |request| {
            request.to_request()
        })
    }

    /// An application of a test's own. Errors are answered as actix-web answers them.
    pub fn new<S, R, B>(service: S, to_request: fn(TestRequest) -> R) -> Self
    where
        S: Service<R, Response = ServiceResponse<B>, Error = Error>,
        S::Future: 'static,
        S: 'static,
        R: 'static,
        B: MessageBody + 'static,
    {
        Self(Box::new(move |request| {
            // A server answers what a middleware fails with; `ServiceResponse` wants a request
            // beside it.
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

    /// Sends a request as it is.
    pub async fn send(&self, request: TestRequest) -> TestResponse {
        (self.0)(request).await
    }

    /// What `/` answers to this value of the cookie, and its headers.
    pub async fn read(&self, kind: Kind, value: &str) -> (String, HeaderMap) {
        let mut client = Client::new();
        client.keep(kind.cookie(), value);
        let answer = client.get(self, "/").await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
        (answer.body, answer.headers)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").finish_non_exhaustive()
    }
}

/// A browser: it keeps cookies, sends them back, drops them when told, and loses what is too long.
/// What it never does is let one expire: that is for the server to do.
#[derive(Clone, Debug, Default)]
pub struct Client {
    cookies: BTreeMap<String, String>,
}

impl Client {
    /// One without cookies.
    pub fn new() -> Self {
        Self::default()
    }

    /// A cookie's value as it was sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// The value of the cookie of such a session, which has to be there.
    #[track_caller]
    pub fn session(&self, kind: Kind) -> String {
        self.cookie(kind.cookie()).expect("a session's cookie").to_owned()
    }

    /// Puts a cookie in, be it one that was dropped long ago.
    pub fn keep(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a cookie out.
    pub fn drop_cookie(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// Sends a `GET` with the cookies, and keeps those of the answer.
    pub async fn get(&mut self, site: &Site, uri: &str) -> TestResponse {
        self.send(site, TestRequest::with_uri(uri)).await
    }

    /// Sends a request with the cookies, and keeps those of the answer.
    pub async fn send(&mut self, site: &Site, request: TestRequest) -> TestResponse {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.insert_header((header::COOKIE, cookies.join("; ")))
        };
        let answer = site.send(request).await;
        for text in set_cookies(&answer.headers) {
            let cookie = Cookie::parse(text).expect("a cookie");
            if cookie.max_age().is_some_and(|age| age <= Duration::ZERO) {
                self.drop_cookie(cookie.name());
            } else if text.len() <= MAX_COOKIE_LEN {
                self.keep(cookie.name(), cookie.value());
            }
        }
        answer
    }
}

/// The cookies that an answer sets, as they are.
pub fn set_cookies(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(header::SET_COOKIE).map(|value| value.to_str().expect("a text")).collect()
}

/// The one cookie that an answer sets.
#[track_caller]
pub fn set_cookie(headers: &HeaderMap) -> Cookie<'_> {
    match set_cookies(headers)[..] {
        [cookie] => Cookie::parse(cookie).expect("a cookie"),
        ref cookies => panic!("one cookie, not {cookies:?}"),
    }
}
