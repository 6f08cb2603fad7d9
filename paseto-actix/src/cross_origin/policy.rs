//! Which requests may act with a credential that the browser adds by itself.
//!
//! Modelled on Go's `http.CrossOriginProtection`. Sources: [Fetch Metadata], [RFC 6454] (`Origin`),
//! and [RFC 9110, section 9.2.1] (safe methods).
//!
//! [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
//! [RFC 6454]: https://www.rfc-editor.org/rfc/rfc6454#section-7
//! [RFC 9110, section 9.2.1]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN, UPGRADE};

use crate::authority;
use crate::authority::{is_host, is_port};
use crate::error::{ConfigError, quote};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Rejects requests of other origins, apart from the trusted origins.
#[derive(Clone, Debug)]
pub(crate) struct CrossOriginPolicy {
    /// `None` turns the protection off.
    trusted: Option<Vec<String>>,
}

impl Default for CrossOriginPolicy {
    /// Trusts no other origin.
    fn default() -> Self {
        Self { trusted: Some(Vec::new()) }
    }
}

impl CrossOriginPolicy {
    /// Trusts one more origin. It turns the protection on.
    pub(crate) fn trust(&mut self, origin: impl Into<String>) {
        self.trusted.get_or_insert_default().push(origin.into());
    }

    /// Turns the protection off.
    pub(crate) fn allow_all(&mut self) {
        self.trusted = None;
    }

    /// Returns an error if a trusted origin is not an origin.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        for origin in self.trusted.iter().flatten() {
            check_origin(origin).map_err(|problem| {
                let advice =
                    "write it as browsers send it in `Origin`, such as `https://app.example`";
                ConfigError::setting(
                    "trusted_origin",
                    format!("{} {problem}: {advice}", quote(origin)),
                )
            })?;
        }
        Ok(self)
    }

    pub(crate) fn allows(&self, req: &HttpRequest) -> bool {
        let Some(trusted) = &self.trusted else { return true };
        if is_safe(req) {
            return true;
        }
        let headers = req.headers();
        // No browser repeats these headers. A proxy and this server could each read another one.
        let (Ok(site), Ok(origin)) = (single(headers, &SEC_FETCH_SITE), single(headers, &ORIGIN))
        else {
            return false;
        };
        let is_same_origin = match (site, origin) {
            (Some(site), _) => site == "same-origin" || site == "none",
            (None, Some(origin)) => is_own_origin(req, origin),
            // Each browser since 2020 sends one of the two with an unsafe method. Other clients
            // hold no cookies of a user who visits another site.
            (None, None) => true,
        };
        is_same_origin
            || origin.is_some_and(|origin| trusted.iter().any(|trusted| trusted == origin))
    }
}

/// Logs the pattern of the route and not the path, which may contain secrets. The client chooses
/// `Origin`, so a long value is left out.
pub(crate) fn log_rejection(req: &HttpRequest) {
    const LONGEST: usize = 200;
    let origin = req.headers().get(ORIGIN).filter(|origin| origin.len() <= LONGEST);
    tracing::warn!(
        method = %req.method(), route = ?req.match_pattern(), ?origin,
        "rejected a cross-origin request: if the origin is yours, add it by `.trusted_origin(..)`"
    );
}

/// A method that changes nothing. A WebSocket handshake is a GET, but the page of another origin
/// can then send and read messages, because the same-origin policy does not cover WebSockets.
fn is_safe(req: &HttpRequest) -> bool {
    matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !req.headers().contains_key(UPGRADE)
}

/// The value of a header; an error if there are several, or if it is not ASCII.
fn single<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<Option<&'r str>, ()> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Whether the origin is the one of the request's target.
///
/// The server does not know the port that a proxy listens on, nor always the scheme. So the host
/// and the port are compared with those in the request's authority. If the server knows that the
/// browser used https, the origin must use it too: an attacker on the network can replace the pages
/// of `http://host`.
fn is_own_origin(req: &HttpRequest, origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "https" => ":443",
        "http" if !req.connection_info().scheme().eq_ignore_ascii_case("https") => ":80",
        _ => return false,
    };
    let target = match req.uri().authority() {
        Some(authority) => authority.as_str(),
        // Browsers leave out the default port in both headers, other clients and proxies may write
        // it.
        None => match single(req.headers(), &HOST) {
            Ok(Some(host)) => host,
            _ => return false,
        },
    };
    let [own, other] =
        [target, authority].map(|text| text.strip_suffix(default_port).unwrap_or(text));
    !own.is_empty() && own.eq_ignore_ascii_case(other)
}

/// Whether the text is an origin, written as browsers write it: [RFC 6454, section 6.2]. A trusted
/// origin in another form never matches.
///
/// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
fn check_origin(text: &str) -> Result<(), &'static str> {
    let Some((scheme, authority)) = text.split_once("://") else {
        return Err("has no scheme");
    };
    let default_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return Err("has another scheme than `https` and `http`"),
    };
    if authority.contains(['/', '?', '#', '\\']) {
        return Err("has a path, a query or a fragment");
    }
    if authority.contains('@') {
        return Err("has a user name");
    }
    if authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("has upper-case letters");
    }
    let (host, port) = authority::split(authority);
    if port == Some(default_port) {
        return Err("has the default port of its scheme");
    }
    // Browsers write no leading zero.
    if port.is_some_and(|port| port.starts_with('0') || !is_port(port)) {
        return Err("has no valid port after the colon");
    }
    if is_host(host) { Ok(()) } else { Err("has no valid host") }
}
