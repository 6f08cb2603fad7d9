//! Decides whether a request may use a credential that browsers add by themselves.
//!
//! The rules follow `http.CrossOriginProtection` of Go. Sources: [Fetch Metadata], [RFC 6454]
//! (`Origin`) and [RFC 9110, section 9.2.1] (safe methods).
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

/// The origins whose unsafe requests are accepted, in addition to the origin of the application.
#[derive(Clone, Debug)]
pub(crate) struct CrossOriginPolicy {
    /// With `None`, requests from all origins are accepted.
    trusted: Option<Vec<String>>,
}

impl Default for CrossOriginPolicy {
    /// Trusts no other origin.
    fn default() -> Self {
        Self { trusted: Some(Vec::new()) }
    }
}

impl CrossOriginPolicy {
    /// Adds a trusted origin. This also turns the protection on.
    pub(crate) fn trust(&mut self, origin: impl Into<String>) {
        self.trusted.get_or_insert_default().push(origin.into());
    }

    /// Turns the protection off.
    pub(crate) fn allow_all(&mut self) {
        self.trusted = None;
    }

    /// Returns the policy, or an error if a trusted origin is malformed.
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

    /// Returns whether to accept a request.
    pub(crate) fn allows(&self, req: &HttpRequest) -> bool {
        is_safe(req) || self.trusts_origin_of(req)
    }

    /// Returns whether a page of the application or of a trusted origin has caused a request, or
    /// the user, or a client that is not a browser. The method does not matter.
    pub(crate) fn trusts_origin_of(&self, req: &HttpRequest) -> bool {
        let Some(trusted) = &self.trusted else { return true };
        let headers = req.headers();
        // Browsers do not repeat these headers. If a header is repeated, a proxy and this server
        // could read different values.
        let (Ok(site), Ok(origin)) =
            (single_value(headers, &SEC_FETCH_SITE), single_value(headers, &ORIGIN))
        else {
            return false;
        };
        let is_same_origin = match (site, origin) {
            (Some(site), _) => site == "same-origin" || site == "none",
            (None, Some(origin)) => is_own_origin(req, origin),
            // Browsers since 2020 send at least one of the two headers with an unsafe method. Only
            // a browser adds the cookies of a user to a request of another site.
            (None, None) => true,
        };
        is_same_origin
            || origin.is_some_and(|origin| trusted.iter().any(|trusted| trusted == origin))
    }
}

/// Logs a rejected request.
///
/// The log contains the pattern of the route instead of the path, because a path can contain
/// secrets. A long `Origin` is omitted, because the client chooses its length.
pub(crate) fn log_rejection(req: &HttpRequest) {
    const MAX_ORIGIN_LEN: usize = 200;
    let origin = req.headers().get(ORIGIN).filter(|origin| origin.len() <= MAX_ORIGIN_LEN);
    tracing::warn!(
        method = %req.method(), route = ?req.match_pattern(), ?origin,
        "rejected a cross-origin request: if the origin is yours, add it with `.trusted_origin(..)`"
    );
}

/// Returns whether a request has a safe method and no `Upgrade` header.
///
/// A WebSocket handshake uses `GET`, but the same-origin policy does not cover WebSockets. A page
/// of another origin could send and read messages.
fn is_safe(req: &HttpRequest) -> bool {
    matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !req.headers().contains_key(UPGRADE)
}

/// Returns the value of a header. Returns an error if the header is repeated or not visible ASCII.
fn single_value<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<Option<&'r str>, ()> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Returns whether `Origin` names the server that the request was sent to.
///
/// Behind a proxy, the server does not know the port of the proxy, and it does not always know the
/// scheme. So the host and the port are compared with the authority of the request. If the server
/// knows that the browser used https, the origin must also use https. An attacker on the network
/// can replace the pages of `http://host`.
fn is_own_origin(req: &HttpRequest, origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "https" => ":443",
        "http" if !req.connection_info().scheme().eq_ignore_ascii_case("https") => ":80",
        _ => return false,
    };
    let target = match req.uri().authority() {
        Some(authority) => authority.as_str(),
        // Browsers omit the default port in both headers. Other clients and proxies may include it.
        None => match single_value(req.headers(), &HOST) {
            Ok(Some(host)) => host,
            _ => return false,
        },
    };
    let [own, other] = [target, authority]
        .map(|authority| authority.strip_suffix(default_port).unwrap_or(authority));
    !own.is_empty() && own.eq_ignore_ascii_case(other)
}

/// Returns an error if a string is not an origin in the form that browsers send ([RFC 6454, section
/// 6.2]). A trusted origin in another form would never match.
///
/// [RFC 6454, section 6.2]: https://www.rfc-editor.org/rfc/rfc6454#section-6.2
fn check_origin(origin: &str) -> Result<(), &'static str> {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Err("has no scheme");
    };
    let default_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return Err("has a scheme other than `https` and `http`"),
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
    // Browsers do not write leading zeros.
    if port.is_some_and(|port| port.starts_with('0') || !is_port(port)) {
        return Err("has an invalid port");
    }
    if is_host(host) { Ok(()) } else { Err("has an invalid host") }
}
