//! Reads a document from a URL. All functions block.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use ureq::config::Config;
use ureq::http::header;
use ureq::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use super::MAX_DOCUMENT_LEN;
use super::fetch::FetchReason;
use crate::error::{ConfigError, quote};

const MAX_REDIRECTS: usize = 3;
const MAX_TAG_LEN: usize = 256;
/// The time until the next fetch after `no-store` and `no-cache`. The thread does not fetch more
/// often.
const NO_CACHE: Duration = Duration::ZERO;
const USER_AGENT: &str = concat!("paseto-actix/", env!("CARGO_PKG_VERSION"));

/// A URL, and how to connect to its server.
pub(super) struct HttpSource {
    url: Uri,
    /// Additional root certificates.
    roots: Vec<Certificate<'static>>,
    /// Whether a URL that begins with `http://` may have each host.
    plain_http: bool,
    /// The `ETag` of the last valid document.
    tag: Option<Tag>,
}

/// An `ETag`, which is only unique for its URL ([RFC 9110, section
/// 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
pub(super) struct Tag {
    url: Uri,
    value: HeaderValue,
}

/// The content of a response.
pub(super) enum Answer {
    Document { body: Vec<u8>, tag: Option<Tag> },
    NotModified,
}

impl HttpSource {
    pub(super) fn new(url: &str, roots: &[Vec<u8>], plain_http: bool) -> Result<Self, ConfigError> {
        let url = check_url(url, plain_http)?;
        let mut certificates = Vec::new();
        for pem in roots {
            let invalid =
                || ConfigError::setting("root_certificates", "expected certificates in PEM");
            let before = certificates.len();
            for item in parse_pem(pem) {
                match item {
                    Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
                    _ => return Err(invalid()),
                }
            }
            if certificates.len() == before {
                return Err(invalid());
            }
        }
        Ok(Self { url, roots: certificates, plain_http, tag: None })
    }

    /// Sets the `ETag` of the last valid document.
    pub(super) fn set_tag(&mut self, tag: Option<Tag>) {
        self.tag = tag;
    }

    /// Reads the document. Also returns the rest of its `max-age`.
    pub(super) fn get(
        &self,
        timeout: Duration,
        reason: FetchReason,
    ) -> Result<(Answer, Option<Duration>), String> {
        // The timeout covers a call of the operating system, so it does not use the `Clock`.
        let deadline = Instant::now() + timeout;
        let agent = self.agent()?;
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let left = deadline.saturating_duration_since(Instant::now());
            let tag = self.tag.as_ref().filter(|tag| tag.url == url);
            let mut response = request(&agent, &url, tag, left, reason)?;
            match response.status() {
                StatusCode::OK => {
                    let max_age = max_age(response.headers());
                    let value = response.headers().get(header::ETAG).cloned();
                    let tag = value.filter(|value| value.len() <= MAX_TAG_LEN);
                    let tag = tag.map(|value| Tag { url, value });
                    return Ok((Answer::Document { body: body(&mut response)?, tag }, max_age));
                }
                StatusCode::NOT_MODIFIED if tag.is_some() => {
                    return Ok((Answer::NotModified, max_age(response.headers())));
                }
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => url = target(&url, response.headers())?,
                status => return Err(format!("expected status 200, found {}", status.as_u16())),
            }
        }
        Err(format!("more than {MAX_REDIRECTS} redirects"))
    }

    /// Returns an agent for one fetch. So each fetch resolves the name again and reads the current
    /// certificates of the operating system.
    fn agent(&self) -> Result<Agent, String> {
        let is_tls = self.url.scheme_str() == Some("https");
        let mut roots = self.roots.clone();
        if is_tls {
            let system = rustls_native_certs::load_native_certs();
            roots.extend(system.certs.iter().map(|der| Certificate::from_der(der).to_owned()));
            if roots.is_empty() {
                return Err("the operating system has no root certificates".to_owned());
            }
        }
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(is_tls)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .user_agent(USER_AGENT)
            .accept("application/json")
            .build();
        let resolver = Names { loopback_only: !is_tls && !self.plain_http };
        Ok(Agent::with_parts(config, DefaultConnector::default(), resolver))
    }
}

fn request(
    agent: &Agent,
    url: &Uri,
    tag: Option<&Tag>,
    left: Duration,
    reason: FetchReason,
) -> Result<Response<Body>, String> {
    let mut request = agent.get(url.clone());
    if let Some(Tag { value, .. }) = tag {
        request = request.header(header::IF_NONE_MATCH, value);
    }
    if reason == FetchReason::UnknownKey {
        // A cache must ask the server (RFC 9111, section 5.2.1.4).
        request = request.header(header::CACHE_CONTROL, "no-cache");
    }
    // A timeout of 0 would turn the timeout off.
    let left = left.max(Duration::from_millis(1));
    let request = request.config().timeout_global(Some(left)).build();
    request.call().map_err(|error| error.to_string())
}

/// Resolves the names of hosts.
#[derive(Debug)]
struct Names {
    /// Whether each address must be a loopback address. The name `localhost` can have others.
    loopback_only: bool,
}

impl Resolver for Names {
    fn resolve(
        &self,
        url: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = DefaultResolver::default().resolve(url, config, timeout)?;
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        if self.loopback_only && !addresses.iter().all(|address| is_loopback(address.ip())) {
            let problem =
                "expected a loopback address of the host, because the URL begins with `http://`";
            return Err(ureq::Error::Other(problem.into()));
        }
        Ok(addresses)
    }
}

fn check_url(url: &str, plain_http: bool) -> Result<Uri, ConfigError> {
    let error = |problem: String| ConfigError::setting("remote_keys", problem);
    if url.contains('@') {
        // The URL may contain a password.
        return Err(error("expected a URL without user, password and `@`".to_owned()));
    }
    let invalid = || {
        let expected = "a URL that begins with `https://` and has no fragment";
        error(format!("expected {expected}, found {}", quote(url)))
    };
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    // The parser removes a fragment.
    let origin = Origin::of(&uri).filter(|_| !url.contains('#')).ok_or_else(invalid)?;
    match origin.scheme {
        "https" => Ok(uri),
        "http" if plain_http || is_loopback(&origin.host) => Ok(uri),
        "http" => Err(error(format!(
            "expected a URL that begins with `https://` (or `http://` on a loopback host), found {}",
            quote(url)
        ))),
        _ => Err(invalid()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Returns the target of a redirect, if it has the same scheme, host and port.
fn target(from: &Uri, headers: &HeaderMap) -> Result<Uri, String> {
    let location = headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    let location = location.ok_or("the redirect has no `Location`")?;
    let is_path = location.starts_with('/') && !location.starts_with("//");
    let absolute = if is_path {
        let authority = from.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}{location}", from.scheme_str().unwrap_or_default())
    } else {
        location.to_owned()
    };
    let error = || {
        format!("expected a redirect to the same scheme, host and port, found {}", quote(location))
    };
    let to: Uri = absolute.parse().map_err(|_| error())?;
    let origin = Origin::of(&to).ok_or_else(error)?;
    if Some(origin) == Origin::of(from) { Ok(to) } else { Err(error()) }
}

#[derive(PartialEq, Eq)]
struct Origin<'u> {
    scheme: &'u str,
    host: String,
    port: u16,
}

impl<'u> Origin<'u> {
    /// Returns `None` for a URI without scheme or host, with a user, or with an invalid port.
    fn of(uri: &'u Uri) -> Option<Self> {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let port = authority.port_u16();
        // The parser accepts a user, an empty port, and a port that is not a number.
        let is_canonical = match port {
            Some(port) => authority.as_str() == format!("{}:{port}", authority.host()),
            None => authority.as_str() == authority.host(),
        };
        let port = port.unwrap_or(if scheme == "https" { 443 } else { 80 });
        let host = authority.host().to_ascii_lowercase();
        (is_canonical && port != 0 && !host.is_empty()).then_some(Self { scheme, host, port })
    }
}

/// Reads the body of a JSON document. A longer body is not read to its end.
fn body(response: &mut Response<Body>) -> Result<Vec<u8>, String> {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/");
    if !subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json")) {
        return Err(format!(
            "expected the content type `application/json`, found {}",
            quote(media_type)
        ));
    }
    let too_long = || "the document is longer than 64 KiB".to_owned();
    let limit = MAX_DOCUMENT_LEN as u64;
    if response.body().content_length().is_some_and(|length| length > limit) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    response
        .body_mut()
        .as_reader()
        .take(limit + 1)
        .read_to_end(&mut body)
        .map_err(|error| format!("reading the body failed: {error}"))?;
    if body.len() > MAX_DOCUMENT_LEN { Err(too_long()) } else { Ok(body) }
}

/// Returns the time until the next fetch, from `Cache-Control` ([RFC 9111, section
/// 5.2.2](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2)) and `Age` (section 5.1). The most
/// restrictive directive applies.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = |name| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let directives = values(header::CACHE_CONTROL).flat_map(|value| value.split(','));
    let max_age = directives
        .filter_map(|directive| {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => Some(NO_CACHE),
                // Section 4.2.1: an invalid value means a stale document.
                "max-age" => Some(seconds(value.trim().trim_matches('"')).unwrap_or(NO_CACHE)),
                _ => None,
            }
        })
        .min()?;
    let age = values(header::AGE).filter_map(|value| seconds(value.trim())).max();
    Some(max_age.saturating_sub(age.unwrap_or_default()))
}

/// Reads a number of seconds. A number that is too large is very long (RFC 9111, section 1.2.2).
fn seconds(digits: &str) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;
