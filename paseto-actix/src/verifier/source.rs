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

/// A place in a request where the Verifier looks for the token: see
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

    /// The token that a closure returns. If it may have come from a cookie, it is treated as a
    /// cookie.
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
                Credential { bytes: Cow::Owned(token.into_bytes()), ambient, grammar: Grammar::Utf8(NOT_UTF8) }
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

/// A token as it is in a request.
pub(super) struct Credential<'r> {
    bytes: Cow<'r, [u8]>,
    /// Whether a browser may have added it by itself.
    pub(super) ambient: bool,
    grammar: Grammar,
}

/// The grammar that a credential has to match, and the error if it does not.
#[derive(Clone, Copy)]
enum Grammar {
    /// The credentials of [RFC 9110, section
    /// 11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2).
    Token68(&'static str),
    Utf8(&'static str),
}

const NOT_UTF8: &str = "a token that is not UTF-8";

impl<'r> Credential<'r> {
    fn token68(bytes: impl Into<Cow<'r, [u8]>>, problem: &'static str) -> Self {
        Self { bytes: bytes.into(), ambient: false, grammar: Grammar::Token68(problem) }
    }

    /// The bytes, which may not be a token at all. They suffice to find a token in the cache, which
    /// was a well-formed text when it was stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of the token, if the credential matches its grammar.
    pub(super) fn text(&self) -> Result<&str, VerifyError> {
        let (is_well_formed, problem) = match self.grammar {
            Grammar::Token68(problem) => (is_token68(&self.bytes), problem),
            Grammar::Utf8(problem) => (true, problem),
        };
        str::from_utf8(&self.bytes).ok().filter(|_| is_well_formed).ok_or_else(|| malformed(problem))
    }
}

impl<'r> From<&'r str> for Credential<'r> {
    fn from(token: &'r str) -> Self {
        Self { bytes: token.as_bytes().into(), ambient: false, grammar: Grammar::Utf8(NOT_UTF8) }
    }
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

    /// The one token of the request, from all places. Two different tokens are an error: otherwise
    /// two parts of a system could see two users in one request.
    pub(super) fn find<'r>(&'r self, req: &'r HttpRequest) -> Result<Credential<'r>, VerifyError> {
        let mut found: Option<Credential<'r>> = None;
        for source in &self.places {
            match (&mut found, source.find(req)?) {
                (Some(first), Some(next)) if first.bytes != next.bytes => {
                    return Err(malformed("two different tokens in one request"));
                }
                // A browser does not add a header by itself, so a token in a header is not ambient.
                (Some(first), Some(next)) => first.ambient &= next.ambient,
                (None, next) => found = next,
                (Some(_), None) => {}
            }
        }
        found.ok_or_else(|| VerifyError::new(Kind::MissingToken, "no token in the request"))
    }

    /// Which caches may store the response. `is_private`: the credential came in a cookie, or is
    /// malformed.
    pub(super) fn caching(&self, is_private: bool) -> Caching {
        // A closure may have looked for a cookie, even if it found a token in a header.
        let reads_cookies = self.has_cookie || self.has_custom;
        Caching { varies_by_cookie: reads_cookies, is_private: reads_cookies && is_private }
    }
}

fn malformed(detail: &'static str) -> VerifyError {
    VerifyError::new(Kind::InvalidRequest, detail)
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
    Ok(Some(Credential::token68(credentials, "malformed credentials after `Bearer`")))
}

/// The grammar is `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &bytes[..bytes.len() - padding];
    let fits = |byte: u8| {
        // Without a branch, the compiler checks several bytes at once.
        let (letter, digit) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'0') < 10);
        letter | digit | matches!(byte, b'-'..=b'/') | (byte == b'+') | (byte == b'_') | (byte == b'~')
    };
    !body.is_empty() && body.iter().fold(true, |all, byte| all & fits(*byte))
}

fn whole_header<'r>(req: &'r HttpRequest, name: &str) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut values = req.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("more than one header with a token"));
    }
    Ok(Some(Credential::token68(value.as_bytes(), "a malformed header in place of a token")))
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
    let grammar = Grammar::Utf8("a cookie that is not UTF-8");
    Ok(Some(Credential { bytes: first.into(), ambient: true, grammar }))
}

fn websocket<'r>(req: &'r HttpRequest, marker: &str) -> Result<Option<Credential<'r>>, VerifyError> {
    let mut protocols = Vec::new();
    for value in req.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let value = value.to_str().map_err(|_| malformed("subprotocols that are no text"))?;
        protocols.extend(value.split(',').map(str::trim));
    }
    let mut marked = protocols.iter().enumerate().filter(|(_, protocol)| **protocol == marker).map(|(index, _)| index);
    let Some(index) = marked.next() else { return Ok(None) };
    let problem = "no one token after the subprotocol that announces it";
    match (protocols.get(index + 1), marked.next()) {
        (Some(token), None) => Ok(Some(Credential::token68(token.as_bytes(), problem))),
        _ => Err(malformed(problem)),
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
    Ok(Some(Credential::token68(token.into_bytes(), "a malformed token in the query string")))
}

/// Whether a browser may have added the credentials by itself from which a closure made the token:
/// a cookie, or those of HTTP's own schemes, which browsers repeat. No, if a header other than
/// `Cookie` has the token itself.
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
    fn token68_byte_by_byte() {
        for byte in 0..=u8::MAX {
            let fits = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            for text in [vec![byte], vec![b'a', byte, b'a'], vec![b'a', byte, b'=', b'=']] {
                let is_padding = byte == b'=' && text[0] == b'a' && *text.last().expect("a byte") == b'=';
                assert_eq!(is_token68(&text), fits || is_padding, "{text:?}");
            }
        }
        assert!(!is_token68(b"") && !is_token68(b"=") && !is_token68(b"a=a"));
    }
}
