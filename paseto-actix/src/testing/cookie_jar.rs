use actix_web::cookie::Cookie;
use actix_web::http::header::{HeaderMap, SET_COOKIE};
use time::{Duration, OffsetDateTime};

use crate::cookie::MAX_COOKIE_LEN;

/// The cookies of a browser for one site.
#[derive(Clone, Default)]
pub(super) struct CookieJar(Vec<Cookie<'static>>);

impl CookieJar {
    /// Stores and removes the cookies of a response to this path.
    pub(super) fn store(&mut self, headers: &HeaderMap, path: &str) {
        for header in headers.get_all(SET_COOKIE) {
            let Ok(Ok(cookie)) = header.to_str().map(|text| Cookie::parse(text.to_owned())) else {
                continue;
            };
            if header.len() <= MAX_COOKIE_LEN {
                self.add(cookie, path);
            }
        }
    }

    /// Stores a cookie, or removes it if it has expired.
    pub(super) fn add(&mut self, mut cookie: Cookie<'static>, path: &str) {
        // RFC 6265, section 5.2.4: another value means the folder of the request.
        if !cookie.path().is_some_and(|path| path.starts_with('/')) {
            cookie.set_path(folder(path).to_owned());
        }
        self.remove(cookie.name(), cookie.path());
        // RFC 6265, section 5.3: `Max-Age` has precedence over `Expires`.
        let is_expired = match (cookie.max_age(), cookie.expires_datetime()) {
            (Some(age), _) => age <= Duration::ZERO,
            (None, Some(expiry)) => expiry <= OffsetDateTime::now_utc(),
            (None, None) => false,
        };
        if !is_expired {
            self.0.push(cookie);
        }
    }

    /// Removes the cookies with this name, of one path or of all paths.
    pub(super) fn remove(&mut self, name: &str, path: Option<&str>) {
        let is_same = |cookie: &Cookie<'_>| {
            cookie.name() == name && path.is_none_or(|path| cookie.path() == Some(path))
        };
        self.0.retain(|cookie| !is_same(cookie));
    }

    /// Removes the cookies without `Max-Age` and `Expires`.
    pub(super) fn remove_session_cookies(&mut self) {
        self.0.retain(|cookie| cookie.max_age().is_some() || cookie.expires_datetime().is_some());
    }

    /// Returns a cookie by its name.
    pub(super) fn get(&self, name: &str) -> Option<&Cookie<'static>> {
        self.0.iter().find(|cookie| cookie.name() == name)
    }

    /// Returns the header `Cookie` of a request to this path, with longer paths first (RFC 6265,
    /// section 5.4). `is_sent` selects cookies by their `SameSite`.
    pub(super) fn header(
        &self,
        path: &str,
        is_sent: impl Fn(&Cookie<'_>) -> bool,
    ) -> Option<String> {
        let cookie_path = |cookie: &Cookie<'_>| cookie.path().unwrap_or("/").to_owned();
        let mut cookies: Vec<_> = self
            .0
            .iter()
            .filter(|cookie| path_matches(path, &cookie_path(cookie)) && is_sent(cookie))
            .collect();
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie_path(cookie).len()));
        let pairs: Vec<_> =
            cookies.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Returns the default path of a cookie ([RFC 6265, section 5.1.4]).
///
/// [RFC 6265, section 5.1.4]: https://www.rfc-editor.org/rfc/rfc6265#section-5.1.4
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        Some(end) if end > 0 => &path[..end],
        _ => "/",
    }
}

/// Returns whether a request with this path gets a cookie with this path ([RFC 6265, section
/// 5.1.4]).
///
/// [RFC 6265, section 5.1.4]: https://www.rfc-editor.org/rfc/rfc6265#section-5.1.4
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'))
}
