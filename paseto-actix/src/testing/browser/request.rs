//! The requests of a browser: their headers and cookies.

use actix_http::Request;
use actix_web::HttpMessage;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN};
use actix_web::test::TestRequest;

use super::Browser;

/// The host of requests in the tests of actix-web.
const HOST_NAME: &str = "localhost:8080";
pub(super) const OWN_ORIGIN: &str = "https://localhost:8080";
const FOREIGN_ORIGIN: &str = "https://cross-site.invalid";

/// What sends a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Initiator {
    /// The user, who loads a page or submits a form.
    Navigation,
    /// A script in the page.
    Script,
}

impl Initiator {
    fn accept(self) -> &'static str {
        match self {
            Self::Navigation => "text/html,application/xhtml+xml,*/*;q=0.8",
            Self::Script => "*/*",
        }
    }

    /// Returns `Sec-Fetch-Mode` and `Sec-Fetch-Dest`.
    fn mode_and_dest(self) -> (&'static str, &'static str) {
        match self {
            Self::Navigation => ("navigate", "document"),
            Self::Script => ("cors", "empty"),
        }
    }
}

impl Browser {
    /// Returns a request to load a page.
    #[cfg(feature = "remember")]
    pub(in crate::testing) fn navigation(&self, path: &str) -> Request {
        self.complete(TestRequest::with_uri(path), Initiator::Navigation)
    }

    /// Adds the headers of a browser and the cookies.
    pub(super) fn complete(&self, request: TestRequest, initiator: Initiator) -> Request {
        let mut request = request.to_request();
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let is_top_level = is_safe && initiator == Initiator::Navigation;
        let is_sent = |cookie: &Cookie<'_>| match cookie.same_site().unwrap_or(SameSite::None) {
            SameSite::None => true,
            SameSite::Lax => is_top_level || !self.is_cross_site,
            SameSite::Strict => !self.is_cross_site,
        };
        let cookies = self.cookies.header(request.path(), is_sent);
        let headers = request.headers_mut();
        let mut add = |name: HeaderName, value: &str| {
            if !headers.contains_key(&name) {
                let value = HeaderValue::try_from(value)
                    .unwrap_or_else(|error| panic!("`{name}` cannot be sent: {error}"));
                headers.insert(name, value);
            }
        };
        add(HOST, HOST_NAME);
        add(HeaderName::from_static("x-forwarded-proto"), "https");
        add(ACCEPT, initiator.accept());
        if let Some(cookies) = cookies {
            add(COOKIE, &cookies);
        }
        let is_own = |name: &HeaderName| *name == ORIGIN || name.as_str().starts_with("sec-fetch-");
        if !request.headers().keys().any(is_own) {
            let (site, origin) = match self.is_cross_site {
                true => ("cross-site", FOREIGN_ORIGIN),
                false => ("same-origin", OWN_ORIGIN),
            };
            let (mode, dest) = initiator.mode_and_dest();
            let origin = (!is_safe).then_some((ORIGIN, origin));
            let fetch =
                [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            let fetch = fetch.map(|(name, value)| (HeaderName::from_static(name), value));
            for (name, value) in fetch.into_iter().chain(origin) {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
        }
        request
    }
}
