mod request;

use std::fmt;

use actix_http::Request;
use actix_web::Error;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::cookie::Cookie;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use serde::Serialize;

use self::request::{Initiator, OWN_ORIGIN};
use super::cookie_jar::CookieJar;
#[cfg(feature = "session")]
use crate::csrf::CsrfToken;
use crate::test_request::send;

/// The maximum number of redirects that a browser follows.
const MAX_REDIRECTS: usize = 10;

/// A browser for the tests of an application: it stores and sends cookies, sends the headers that
/// the protection from other origins needs, and follows redirects.
///
/// - It connects over `https`, so it also stores and sends `Secure` cookies. It knows one site and
///   ignores `Domain`.
/// - It stores cookies by their name and `Path`. `Max-Age=0` or a past `Expires` removes a cookie.
///   Other cookies do not expire, so that the server must enforce the expiry. It discards cookies
///   of more than 4,096 bytes.
/// - It sends `Sec-Fetch-Site`, `Sec-Fetch-Mode`, `Sec-Fetch-Dest` and `Accept` as browsers do when
///   they load a page, and `Origin` with forms.
/// - It sends `Host: localhost:8080`, and `X-Forwarded-Proto: https` because the requests of tests
///   have no TLS.
/// - It follows up to 10 redirects. A `301`, `302` or `303` becomes a `GET` request. A `307` or
///   `308` repeats the request.
///
/// ```
/// use actix_web::http::header::LOCATION;
/// use actix_web::test::init_service;
/// use actix_web::{App, HttpRequest, HttpResponse, web};
/// use actix_web::cookie::Cookie;
/// use paseto_actix::testing::Browser;
///
/// # #[actix_web::main]
/// # async fn main() {
/// let login = async || {
///     let cookie = Cookie::build("user", "ada").path("/").secure(true).finish();
///     HttpResponse::SeeOther().insert_header((LOCATION, "/me")).cookie(cookie).finish()
/// };
/// let me = async |req: HttpRequest| {
///     req.cookie("user").map_or("anonymous".to_owned(), |user| user.value().to_owned())
/// };
/// let app = App::new().route("/login", web::post().to(login)).route("/me", web::get().to(me));
/// let app = init_service(app).await;
///
/// let mut browser = Browser::new();
/// assert_eq!(browser.get(&app, "/me").await.body, "anonymous");
/// let page = browser.post_form(&app, "/login", &[("password", "secret")]).await;
/// assert_eq!((page.path.as_str(), page.body.as_str()), ("/me", "ada"));
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Browser {
    cookies: CookieJar,
    is_cross_site: bool,
}

/// The page that a [`Browser`] has loaded: the last response, after all redirects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The path and the query of the page.
    pub path: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. Bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Browser {
    /// Returns a browser without cookies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the same browser at a page of another site. Its requests contain `Sec-Fetch-Site:
    /// cross-site`, a foreign `Origin`, and the cookies that browsers send then: cookies with
    /// `SameSite=None` or without `SameSite`, and for `get` also cookies with `SameSite=Lax`. Some
    /// browsers treat a cookie without `SameSite` as `Lax`, so a server must not rely on it.
    ///
    /// The returned browser has a copy of the cookies.
    #[must_use]
    pub fn cross_site(&self) -> Self {
        Self { cookies: self.cookies.clone(), is_cross_site: true }
    }

    /// Returns the value of a cookie as the server sent it.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(Cookie::value)
    }

    /// Stores a cookie with this value and the path `/`.
    pub fn set_cookie(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.cookies.add(Cookie::build(name.into(), value.into()).path("/").finish(), "/");
    }

    /// Removes the cookies with this name.
    pub fn remove_cookie(&mut self, name: &str) {
        self.cookies.remove(name, None);
    }

    /// Closes the browser and opens it again: removes the cookies without `Max-Age` and `Expires`
    /// ([RFC 6265, section 5.3]), and so the session of a user. A remembered login stays, but it is
    /// no longer a fresh login.
    ///
    /// A session with [`persistent`](crate::session::PasetoSessionBuilder::persistent) also stays.
    ///
    /// [RFC 6265, section 5.3]: https://www.rfc-editor.org/rfc/rfc6265#section-5.3
    pub fn restart(&mut self) {
        self.cookies.remove_session_cookies();
    }

    /// Loads a page: a path with or without a query.
    ///
    /// # Panics
    ///
    /// Panics after 10 redirects, after a redirect to another site, if the body of the response
    /// fails, or if a [`RemoteApp`](super::RemoteApp) does not respond.
    pub async fn get<S, B>(&mut self, app: &S, path: &str) -> Page
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        self.load(app, Method::GET, path, |request| request).await
    }

    /// Submits a form with the method `POST`.
    ///
    /// # Panics
    ///
    /// Panics if the form cannot be serialized, after 10 redirects, after a redirect to another
    /// site, if the body of the response fails, or if a [`RemoteApp`](super::RemoteApp) does not
    /// respond.
    pub async fn post_form<S, B, F>(&mut self, app: &S, path: &str, form: &F) -> Page
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
        F: Serialize + ?Sized,
    {
        self.load(app, Method::POST, path, |request| request.set_form(form)).await
    }

    /// Sends a request as a script in the page does, with any method, body and headers. Does not
    /// follow redirects, as `fetch` with `redirect: "manual"`.
    ///
    /// The browser adds its cookies and these headers: `Host`, `Accept`, `X-Forwarded-Proto`,
    /// `Sec-Fetch-Site`, `Sec-Fetch-Mode: cors`, `Sec-Fetch-Dest: empty`, and `Origin` with unsafe
    /// methods. A header of the request replaces the header of the browser. If the request has
    /// `Origin` or a `Sec-Fetch-…` header, the browser adds neither `Origin` nor `Sec-Fetch-…`
    /// headers. So a test can omit them. A script of [another site](Self::cross_site) sends only
    /// cookies with `SameSite=None` or without `SameSite`.
    ///
    /// ```
    /// use actix_web::test::{TestRequest, init_service};
    /// use actix_web::{App, web};
    /// use paseto_actix::CrossOriginProtection;
    /// use paseto_actix::testing::Browser;
    ///
    /// # #[actix_web::main]
    /// # async fn main() {
    /// let app = App::new()
    ///     .wrap(CrossOriginProtection::new())
    ///     .route("/orders/1", web::delete().to(async || "deleted"));
    /// let app = init_service(app).await;
    ///
    /// let mut browser = Browser::new();
    /// let delete = || TestRequest::delete().uri("/orders/1");
    /// assert_eq!(browser.send(&app, delete()).await.body, "deleted");
    /// assert_eq!(browser.cross_site().send(&app, delete()).await.status, 403);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the body of the response fails, or if a [`RemoteApp`](super::RemoteApp) does not
    /// respond.
    pub async fn send<S, B>(&mut self, app: &S, request: TestRequest) -> Page
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        let request = self.complete(request, Initiator::Script);
        self.exchange(app, request).await
    }

    async fn load<S, B>(
        &mut self,
        app: &S,
        mut method: Method,
        path: &str,
        with_body: impl Fn(TestRequest) -> TestRequest,
    ) -> Page
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        let mut path = path.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = TestRequest::with_uri(&path).method(method.clone());
            if method == Method::POST {
                request = with_body(request);
            }
            let request = self.complete(request, Initiator::Navigation);
            let page = self.exchange(app, request).await;
            let Some(target) = page.redirect() else { return page };
            if !matches!(page.status.as_u16(), 307 | 308) {
                method = Method::GET;
            }
            path = target;
        }
        panic!("expected at most {MAX_REDIRECTS} redirects, the last one leads to `{path}`");
    }

    /// Sends a request, and stores the cookies of the response.
    pub(super) async fn exchange<S, B>(&mut self, app: &S, request: Request) -> Page
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let response = send(app, request).await;
        self.cookies.store(response.headers(), path_of(&path));
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body())
            .await
            .unwrap_or_else(|error| panic!("the body of `{path}` failed: {error}"));
        let body = String::from_utf8_lossy(&body).into_owned();
        Page { path, status, headers, body }
    }
}

impl Page {
    /// Returns the value of a header, or an empty string.
    #[must_use]
    pub fn header(&self, name: impl AsRef<str>) -> &str {
        let value =
            HeaderName::try_from(name.as_ref()).ok().and_then(|name| self.headers.get(name));
        value.and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the CSRF token of the form in the page, as
    /// [`CsrfToken::input`](crate::csrf::CsrfToken::input) writes it. Submit it in the field
    /// [`CsrfToken::FIELD`](crate::csrf::CsrfToken::FIELD).
    ///
    /// ```
    /// use actix_web::test::init_service;
    /// use actix_web::{App, web};
    /// use paseto_actix::csrf::{CsrfForm, CsrfToken};
    /// use paseto_actix::testing::Browser;
    /// use paseto_actix::{LocalKey, PasetoSession};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), paseto_actix::ConfigError> {
    /// let form = async |csrf: CsrfToken| format!("<form method=post>{}</form>", csrf.input());
    /// let send = async |_: CsrfForm<()>| "sent";
    /// let app = App::new()
    ///     .route("/", web::get().to(form))
    ///     .route("/", web::post().to(send))
    ///     .wrap(PasetoSession::builder(LocalKey::generate()).build()?);
    /// let app = init_service(app).await;
    ///
    /// let mut browser = Browser::new();
    /// let page = browser.get(&app, "/").await;
    /// let form = [(CsrfToken::FIELD, page.csrf_token())];
    /// assert_eq!(browser.post_form(&app, "/", &form).await.body, "sent");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the page has no such field.
    #[cfg(feature = "session")]
    #[must_use]
    #[track_caller]
    pub fn csrf_token(&self) -> &str {
        let before = format!(r#"name="{}" value=""#, CsrfToken::FIELD);
        let field = self.body.split_once(&before).and_then(|(_, rest)| rest.split_once('"'));
        let Some((token, _)) = field else {
            panic!(
                "expected a form with `CsrfToken::input`, `{}` with status {} has none",
                self.path, self.status
            );
        };
        token
    }

    /// Returns the path that a redirect leads to.
    fn redirect(&self) -> Option<String> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let target = self.headers.get(LOCATION)?.to_str().ok()?;
        let target = target.strip_prefix(OWN_ORIGIN).unwrap_or(target);
        assert!(
            target.starts_with('/') && !target.starts_with("//"),
            "expected a redirect to a path of the application, `{}` redirects to `{target}`",
            self.path
        );
        Some(target.split('#').next().unwrap_or_default().to_owned())
    }
}

/// Returns the path without the query.
fn path_of(uri: &str) -> &str {
    uri.split('?').next().unwrap_or_default()
}

/// Omits the cookies, which are secrets.
impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("is_cross_site", &self.is_cross_site)
            .finish_non_exhaustive()
    }
}
