use std::{borrow::Cow, fmt};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName, HeaderValue},
    web,
};

use super::Caching;
use crate::{
    cookie::{cookie_values, is_cookie_name},
    error::{ConfigError, VerifyError, VerifyErrorKind as Kind},
};

/// A place in a request where a token may stand: see [`VerifierBuilder::token_from`](super::VerifierBuilder::token_from).
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
    /// The header `Authorization: Bearer <token>` ([RFC 6750, section 2.1]), the default.
    ///
    /// [RFC 6750, section 2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    #[must_use]
    pub fn bearer() -> Self {
        Self(Place::Bearer)
    }

    /// A header whose whole value is the token.
    pub fn header(name: impl Into<String>) -> Self {
        Self(Place::Header(name.into()))
    }

    /// A cookie. On unsafe methods, requests from other origins are refused: see
    /// [`VerifierBuilder::trusted_origin`](super::VerifierBuilder::trusted_origin).
    ///
    /// Shared caches protect responses to requests with `Authorization`, but not those to requests with a cookie
    /// ([RFC 9111, section 3.5]). So `#[paseto_required]` and [`PasetoRequired`](crate::PasetoRequired) add `Vary: Cookie`,
    /// and `Cache-Control: no-store` if the token came in a cookie. For handlers that use extractors alone,
    /// [`PasetoCacheControl`](crate::PasetoCacheControl) adds them.
    ///
    /// [RFC 9111, section 3.5]: https://www.rfc-editor.org/rfc/rfc9111#section-3.5
    pub fn cookie(name: impl Into<String>) -> Self {
        Self(Place::Cookie(name.into()))
    }

    /// The subprotocols of a WebSocket handshake, where browsers allow no other header: the one after `marker`, as in
    /// `new WebSocket(url, ["paseto", token])`. Answer with the marker, not the token, as the protocol chosen.
    pub fn websocket_subprotocol(marker: impl Into<String>) -> Self {
        Self(Place::WebSocket(marker.into()))
    }

    /// A parameter of the query string.
    ///
    /// URLs end up in logs, histories and `Referer` headers, and a token with them: [RFC 9700, section 2.4] forbids it for
    /// OAuth. Let such tokens live for seconds.
    ///
    /// [RFC 9700, section 2.4]: https://www.rfc-editor.org/rfc/rfc9700#section-2.4
    pub fn query(parameter: impl Into<String>) -> Self {
        Self(Place::Query(parameter.into()))
    }

    /// Whatever a closure finds. Where the token may have come from a cookie, it is treated as if it had.
    pub fn custom(loader: impl Fn(&HttpRequest) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Place::Custom(Box::new(loader)))
    }

    fn find<'r>(&'r self, req: &'r HttpRequest) -> Result<Option<Credential<'r>>, VerifyError> {
        match &self.0 {
            Place::Bearer => bearer(req),
            Place::Header(name) => whole_header(req, name),
            Place::Cookie(name) => cookie(req, name),
            Place::WebSocket(marker) => websocket(req, marker),
            Place::Query(parameter) => query(req, parameter),
            Place::Custom(loader) => Ok(loader(req).map(|token| {
                let ambient = may_be_ambient(req, &token);
                Credential { token: Cow::Owned(token), ambient }
            })),
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let reject = |problem| Err(ConfigError::setting("token_from", problem));
        match &self.0 {
            Place::Header(name) => match HeaderName::try_from(name.as_str()) {
                Ok(header::AUTHORIZATION) => reject("`Authorization` holds a scheme too: use `TokenSource::bearer()`"),
                Ok(header::COOKIE) => reject("`Cookie` holds cookies: use `TokenSource::cookie(..)`"),
                Ok(_) => Ok(()),
                Err(_) => reject("no valid name of a header"),
            },
            Place::Cookie(name) if !is_cookie_name(name) => reject("no valid name of a cookie"),
            Place::WebSocket(name) | Place::Query(name) if name.is_empty() => reject("an empty name"),
            _ => Ok(()),
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

/// A token as it stands in a request.
pub(super) struct Credential<'r> {
    pub(super) token: Cow<'r, str>,
    /// Whether a browser may have added it by itself.
    pub(super) ambient: bool,
}

/// All places to look at, in order.
#[derive(Debug)]
pub(super) struct Sources {
    places: Vec<TokenSource>,
    has_cookie: bool,
    has_custom: bool,
}

impl Sources {
    pub(super) fn new(sources: Vec<TokenSource>) -> Result<Self, ConfigError> {
        if sources.is_empty() {
            return Err(ConfigError::setting("token_from", "no place to look for a token"));
        }
        sources.iter().try_for_each(TokenSource::validate)?;
        let has = |is: fn(&Place) -> bool| sources.iter().any(|source| is(&source.0));
        Ok(Self {
            has_cookie: has(|place| matches!(place, Place::Cookie(_))),
            has_custom: has(|place| matches!(place, Place::Custom(_))),
            places: sources,
        })
    }

    /// The request's one token. Every place is looked at: two different tokens mean that somebody is confused, or wants
    /// two parts of a system to believe in different users.
    pub(super) fn find<'r>(&'r self, req: &'r HttpRequest) -> Result<Credential<'r>, VerifyError> {
        let mut found: Option<Credential<'r>> = None;
        for source in &self.places {
            match (&mut found, source.find(req)?) {
                (Some(first), Some(next)) if first.token != next.token => {
                    return Err(malformed("two different tokens in one request"));
                }
                // Whoever can set a header was not forged by a browser.
                (Some(first), Some(next)) => first.ambient &= next.ambient,
                (None, next) => found = next,
                (Some(_), None) => {}
            }
        }
        found.ok_or_else(|| VerifyError::new(Kind::MissingToken, "no token in the request"))
    }

    /// Which caches may store the response to a request in which this was [found](Self::find).
    pub(super) fn caching(&self, found: &Result<Credential<'_>, VerifyError>) -> Caching {
        if !self.has_cookie && !self.has_custom {
            return Caching::default();
        }
        let is_private = match found {
            Ok(credential) => credential.ambient,
            // A malformed cookie is also a credential.
            Err(error) => error.kind() != Kind::MissingToken,
        };
        // A closure may have looked for a cookie, even if it found a token in a header.
        Caching { varies_by_cookie: true, is_private }
    }
}

fn malformed(detail: &'static str) -> VerifyError {
    VerifyError::new(Kind::InvalidRequest, detail)
}

fn explicit(token: &str) -> Credential<'_> {
    Credential { token: Cow::Borrowed(token), ambient: false }
}

fn bearer(req: &HttpRequest) -> Result<Option<Credential<'_>>, VerifyError> {
    let mut values = req.headers().get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("more than one `Authorization` header"));
    }
    let (value, is_text) = (value.as_bytes(), || value.to_str().is_ok());
    let (scheme, credentials) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return if is_text() { Ok(None) } else { Err(malformed("an `Authorization` header that is no text")) };
    }
    let credentials = &credentials[credentials.iter().take_while(|byte| **byte == b' ').count()..];
    match token68(credentials) {
        Some(token) => Ok(Some(explicit(token))),
        None => Err(malformed("malformed credentials after `Bearer`")),
    }
}

/// The grammar of credentials: [RFC 9110, section 11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2).
fn token68(bytes: &[u8]) -> Option<&str> {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &bytes[..bytes.len() - padding];
    let fits = |byte: u8| {
        // Without a branch, several bytes are looked at at once.
        let (letter, digit) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'0') < 10);
        letter | digit | matches!(byte, b'-'..=b'/') | (byte == b'+') | (byte == b'_') | (byte == b'~')
    };
    if body.is_empty() || !body.iter().fold(true, |all, byte| all & fits(*byte)) {
        return None;
    }
    str::from_utf8(bytes).ok()
}

fn whole_header<'r>(req: &'r HttpRequest, name: &str) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut values = req.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("more than one header with a token"));
    }
    match token68(value.as_bytes()) {
        Some(token) => Ok(Some(explicit(token))),
        None => Err(malformed("a malformed header in place of a token")),
    }
}

/// A client sends one cookie of a name for each path and domain for which it is set. Four leave room for an
/// old one at another path. More are an attack on the time that the server spends.
const MOST_COOKIES: usize = 4;

fn cookie<'r>(req: &'r HttpRequest, name: &'r str) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut values = cookie_values(req.headers(), name);
    let Some(first) = values.next() else { return Ok(None) };
    for (index, next) in values.enumerate() {
        if index + 2 > MOST_COOKIES {
            return Err(malformed("more than four cookies of one name"));
        }
        // Another site of the same domain can add a cookie, but cannot remove the first one.
        if next != first {
            return Err(malformed("two different cookies of one name"));
        }
    }
    let token = str::from_utf8(first).map_err(|_| malformed("a cookie that is not UTF-8"))?;
    Ok(Some(Credential { token: Cow::Borrowed(token), ambient: true }))
}

fn websocket<'r>(req: &'r HttpRequest, marker: &str) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut protocols = Vec::new();
    for value in req.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let value = value.to_str().map_err(|_| malformed("subprotocols that are no text"))?;
        protocols.extend(value.split(',').map(str::trim));
    }
    let mut marked = protocols.iter().enumerate().filter(|(_, protocol)| **protocol == marker).map(|(index, _)| index);
    let Some(index) = marked.next() else { return Ok(None) };
    match (protocols.get(index + 1), marked.next()) {
        (Some(token), None) if token68(token.as_bytes()).is_some() => Ok(Some(explicit(token))),
        _ => Err(malformed("no one token after the subprotocol that announces it")),
    }
}

fn query<'r>(req: &'r HttpRequest, parameter: &str) -> Result<Option<Credential<'r>>, VerifyError> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(req.query_string())
        .map_err(|_| malformed("a malformed query string"))?;
    let mut named = pairs.into_inner().into_iter().filter(|(name, _)| name == parameter).map(|(_, value)| value);
    let Some(token) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(malformed("two tokens in the query string"));
    }
    if token68(token.as_bytes()).is_none() {
        return Err(malformed("a malformed token in the query string"));
    }
    Ok(Some(Credential { token: Cow::Owned(token), ambient: false }))
}

/// Whether a browser may have sent by itself what a closure made a token of: a cookie, or the credentials of HTTP's own
/// schemes, which it repeats too. Not so if a header that is no cookie holds the very token.
fn may_be_ambient(req: &HttpRequest, token: &str) -> bool {
    let holds_it = |(name, value): (&HeaderName, &HeaderValue)| {
        name != header::COOKIE && name != header::REFERER && value.to_str().is_ok_and(|value| value.contains(token))
    };
    let headers = req.headers();
    let ambient = headers.contains_key(header::COOKIE) || headers.contains_key(header::AUTHORIZATION);
    ambient && (token.is_empty() || !headers.iter().any(holds_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b05_token68_byte_by_byte() {
        for byte in 0..=u8::MAX {
            let fits = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            for text in [vec![byte], vec![b'a', byte, b'a'], vec![b'a', byte, b'=', b'=']] {
                let is_padding = byte == b'=' && text[0] == b'a' && *text.last().expect("a byte") == b'=';
                assert_eq!(token68(&text).is_some(), fits || is_padding, "{text:?}");
            }
        }
        assert!(token68(b"").is_none() && token68(b"=").is_none() && token68(b"a=a").is_none());
    }
}
