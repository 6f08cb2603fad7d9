use std::borrow::Cow;
use std::fmt;

use actix_web::http::header;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, web};

use super::credential::{Credential, Grammar, NOT_UTF8, invalid_request};
#[cfg(feature = "session")]
use crate::cookie::RenewedToken;
use crate::cookie::{MAX_COOKIES_PER_NAME, cookie_values, is_cookie_name};
use crate::error::{ConfigError, VerifyError, quote};

/// A place in a request where the verifier looks for the token: see
/// [`VerifierBuilder::token_from`](super::VerifierBuilder::token_from).
///
/// ```
/// use paseto_actix::{SecretKey, TokenSource, Verifier};
///
/// # fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .token_from([TokenSource::bearer(), TokenSource::cookie("paseto")])
///     .build()?;
/// # let _ = verifier;
/// # Ok(())
/// # }
/// ```
pub struct TokenSource(Place);

enum Place {
    Bearer,
    Header(String),
    Cookie(String),
    WebSocket(String),
    Query(String),
    Custom(Loader),
}

pub(super) type Loader = Box<dyn Fn(&HttpRequest) -> Option<String> + Send + Sync>;

impl TokenSource {
    /// Reads the header `Authorization: Bearer <token>` ([RFC 6750, section 2.1]). This is the
    /// default.
    ///
    /// [RFC 6750, section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    #[must_use]
    pub fn bearer() -> Self {
        Self(Place::Bearer)
    }

    /// Reads a header that contains only the token.
    pub fn header(name: impl Into<String>) -> Self {
        Self(Place::Header(name.into()))
    }

    /// Reads a cookie. On unsafe methods, requests from other origins are rejected: see
    /// [`VerifierBuilder::trusted_origin`](super::VerifierBuilder::trusted_origin). A cookie with
    /// an empty value counts as a missing token.
    ///
    /// Shared caches do not store responses to requests with `Authorization`, but they may store
    /// responses to requests with a cookie ([RFC 9111, section 3.5]). So `#[paseto_required]` and
    /// [`PasetoRequired`](crate::PasetoRequired) add `Vary: Cookie`, and also
    /// `Cache-Control: no-store` if the token is in a cookie. For handlers that use only
    /// extractors, [`PasetoCacheControl`](crate::guard::PasetoCacheControl) adds these headers.
    ///
    /// [RFC 9111, section 3.5]: https://www.rfc-editor.org/rfc/rfc9111#section-3.5
    pub fn cookie(name: impl Into<String>) -> Self {
        Self(Place::Cookie(name.into()))
    }

    /// Reads the subprotocol after `marker` of a WebSocket handshake, as in
    /// `new WebSocket(url, ["paseto", token])`. Scripts cannot set other headers of a handshake. In
    /// the response, select the marker as the subprotocol, not the token.
    pub fn websocket_subprotocol(marker: impl Into<String>) -> Self {
        Self(Place::WebSocket(marker.into()))
    }

    /// Reads a parameter of the query string. Prefer another source.
    ///
    /// Servers, browser histories and `Referer` headers record URLs, and the token with them. [RFC
    /// 6750, section 5.3] advises against bearer tokens in page URLs, and [RFC 9700, section 4.3.2]
    /// forbids access tokens in query parameters. If you need this source, issue tokens that expire
    /// within seconds.
    ///
    /// [RFC 6750, section 5.3]: https://www.rfc-editor.org/rfc/rfc6750#section-5.3
    /// [RFC 9700, section 4.3.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.3.2
    pub fn query(parameter: impl Into<String>) -> Self {
        Self(Place::Query(parameter.into()))
    }

    /// Calls a closure that returns the token. If the token may come from a cookie, the rules for
    /// cookies apply. An empty string counts as a missing token.
    pub fn custom(loader: impl Fn(&HttpRequest) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Place::Custom(Box::new(loader)))
    }

    pub(super) fn find<'r>(
        &'r self,
        req: &'r HttpRequest,
    ) -> Result<Option<Credential<'r>>, VerifyError> {
        match &self.0 {
            Place::Bearer => bearer(req),
            Place::Header(name) => whole_header(req, name),
            Place::Cookie(name) => cookie(req, name),
            Place::WebSocket(marker) => websocket(req, marker),
            Place::Query(parameter) => query(req, parameter),
            // A closure that reads a cookie may return the empty value of a cleared cookie.
            Place::Custom(loader) => {
                Ok(loader(req).filter(|token| !is_empty(token.as_bytes())).map(|token| {
                    let ambient = may_be_ambient(req, &token);
                    Credential {
                        bytes: Cow::Owned(token.into_bytes()),
                        ambient,
                        grammar: Grammar::Utf8(NOT_UTF8),
                    }
                }))
            }
        }
    }

    pub(super) fn is_bearer(&self) -> bool {
        matches!(self.0, Place::Bearer)
    }

    pub(super) fn may_read_cookies(&self) -> bool {
        matches!(self.0, Place::Cookie(_) | Place::Custom(_))
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let reject = |problem: String| Err(ConfigError::setting("token_from", problem));
        match &self.0 {
            Place::Header(name) => match HeaderName::try_from(name.as_str()) {
                Ok(header::AUTHORIZATION) => reject(
                    "`Authorization` has a scheme before the token: use `TokenSource::bearer()`"
                        .to_owned(),
                ),
                Ok(header::COOKIE) => reject(
                    "`Cookie` can contain several cookies: use `TokenSource::cookie(..)`"
                        .to_owned(),
                ),
                Ok(_) => Ok(()),
                Err(_) => reject(format!("{} is not a valid header name", quote(name))),
            },
            Place::Cookie(name) if !is_cookie_name(name) => reject(format!(
                "{} is not a valid cookie name (RFC 6265, section 4.1.1)",
                quote(name)
            )),
            Place::WebSocket(name) if name.is_empty() => {
                reject("the marker subprotocol is empty".to_owned())
            }
            Place::Query(name) if name.is_empty() => {
                reject("the name of the query parameter is empty".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Describes the source, for the log.
impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Bearer => f.write_str("`Authorization: Bearer`"),
            Place::Header(name) => write!(f, "header {}", quote(name)),
            Place::Cookie(name) => write!(f, "cookie {}", quote(name)),
            Place::WebSocket(marker) => write!(f, "subprotocol after {}", quote(marker)),
            Place::Query(parameter) => write!(f, "query parameter {}", quote(parameter)),
            Place::Custom(_) => f.write_str("a closure"),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Bearer => f.write_str("Bearer"),
            Place::Header(name) => write!(f, "Header({name:?})"),
            Place::Cookie(name) => write!(f, "Cookie({name:?})"),
            Place::WebSocket(marker) => write!(f, "WebSocketSubprotocol({marker:?})"),
            Place::Query(parameter) => write!(f, "Query({parameter:?})"),
            Place::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// Returns whether a cookie was cleared. RFC 6265, section 4.1.1 allows quotes around a value.
fn is_empty(value: &[u8]) -> bool {
    value.is_empty() || value == b"\"\""
}

fn bearer(req: &HttpRequest) -> Result<Option<Credential<'_>>, VerifyError> {
    let mut values = req.headers().get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid_request("the request has more than one `Authorization` header"));
    }
    let (value, is_text) = (value.as_bytes(), || value.to_str().is_ok());
    let (scheme, credentials) =
        value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    if scheme.starts_with(b"v4.") {
        return Err(invalid_request(
            "`Authorization` has a token without the scheme `Bearer`: send `Authorization: Bearer <token>`",
        ));
    }
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return if is_text() {
            Ok(None)
        } else {
            Err(invalid_request("the `Authorization` header is not ASCII"))
        };
    }
    let credentials = &credentials[credentials.iter().take_while(|byte| **byte == b' ').count()..];
    let problem = match credentials {
        [] => "`Authorization: Bearer` has no token",
        _ => "the token after `Bearer` has a character that is not allowed: RFC 6750, section 2.1",
    };
    Ok(Some(Credential::token68(credentials, problem)))
}

fn whole_header<'r>(
    req: &'r HttpRequest,
    name: &str,
) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut values = req.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid_request("the request has more than one header with a token"));
    }
    Ok(Some(Credential::token68(value.as_bytes(), "the header of the token is empty or malformed")))
}

fn cookie<'r>(req: &'r HttpRequest, name: &'r str) -> Result<Option<Credential<'r>>, VerifyError> {
    let grammar = Grammar::Utf8("the cookie is not UTF-8");
    #[cfg(feature = "session")]
    if let Some(renewed) = RenewedToken::of(req, name) {
        let bytes = renewed.into_bytes().into();
        return Ok(Some(Credential { bytes, ambient: true, grammar }));
    }
    let mut token = None;
    for (index, value) in cookie_values(req.headers(), name).enumerate() {
        if index == MAX_COOKIES_PER_NAME {
            return Err(invalid_request("the request has more than four cookies of one name"));
        }
        if is_empty(value) {
            continue;
        }
        // Another site of the same domain can add a cookie, but cannot remove the first cookie.
        if token.replace(value).is_some_and(|first| first != value) {
            return Err(invalid_request("the request has two different cookies of one name"));
        }
    }
    Ok(token.map(|value| Credential { bytes: value.into(), ambient: true, grammar }))
}

fn websocket<'r>(
    req: &'r HttpRequest,
    marker: &str,
) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut protocols = Vec::new();
    for value in req.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let value =
            value.to_str().map_err(|_| invalid_request("the subprotocols are not ASCII"))?;
        protocols.extend(value.split(',').map(str::trim));
    }
    let mut marked = protocols
        .iter()
        .enumerate()
        .filter(|(_, protocol)| **protocol == marker)
        .map(|(index, _)| index);
    let Some(index) = marked.next() else { return Ok(None) };
    let problem = "expected the marker subprotocol once, and the token after it";
    match (protocols.get(index + 1), marked.next()) {
        (Some(token), None) => Ok(Some(Credential::token68(token.as_bytes(), problem))),
        _ => Err(invalid_request(problem)),
    }
}

fn query<'r>(req: &'r HttpRequest, parameter: &str) -> Result<Option<Credential<'r>>, VerifyError> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(req.query_string())
        .map_err(|_| invalid_request("the query string is malformed"))?;
    let mut named = pairs
        .into_inner()
        .into_iter()
        .filter(|(name, _)| name == parameter)
        .map(|(_, value)| value);
    let Some(token) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(invalid_request("the query string has two tokens"));
    }
    Ok(Some(Credential::token68(
        token.into_bytes(),
        "the token in the query string is empty or malformed",
    )))
}

/// Returns whether a browser may have added the credentials automatically from which the closure
/// derived the token. Browsers add cookies and repeat the credentials of HTTP authentication. If a
/// header other than `Cookie` contains the token itself, a script has set it.
fn may_be_ambient(req: &HttpRequest, token: &str) -> bool {
    let contains_token = |(name, value): (&HeaderName, &HeaderValue)| {
        name != header::COOKIE
            && name != header::REFERER
            && value.to_str().is_ok_and(|value| value.contains(token))
    };
    let headers = req.headers();
    let ambient =
        headers.contains_key(header::COOKIE) || headers.contains_key(header::AUTHORIZATION);
    ambient && (token.is_empty() || !headers.iter().any(contains_token))
}
