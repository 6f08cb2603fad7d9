//! Protection of tokens that a browser sends by itself from requests that another site made it send.
//!
//! Modelled on Go's `http.CrossOriginProtection`. Sources: [Fetch Metadata], [RFC 6454] (`Origin`), and
//! [RFC 9110, section 9.2.1] (safe methods).
//!
//! [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
//! [RFC 6454]: https://www.rfc-editor.org/rfc/rfc6454#section-7
//! [RFC 9110, section 9.2.1]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1

use actix_web::{
    HttpRequest,
    http::{Method, header},
};

use crate::{ConfigError, VerifyError, VerifyErrorKind};

/// Which cross-origin requests may use a token that came in a cookie.
#[derive(Debug)]
pub(super) enum Csrf {
    /// Those of these origins (`https://app.example`), beside the application's own.
    Trust(Vec<String>),
    /// All of them.
    Off,
}

impl Csrf {
    /// `None` turns the protection off.
    pub(super) fn new(trusted: Option<Vec<String>>) -> Result<Self, ConfigError> {
        let Some(trusted) = trusted else { return Ok(Self::Off) };
        let is_origin = |text: &String| {
            text.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains('/') && *text == text.to_ascii_lowercase()
            })
        };
        match trusted.iter().find(|text| !is_origin(text)) {
            Some(other) => Err(ConfigError::setting(
                "trusted_origin",
                format!("{other:?} is no origin, such as `https://app.example`: lower case, without a path"),
            )),
            None => Ok(Self::Trust(trusted)),
        }
    }

    pub(super) fn check(&self, req: &HttpRequest) -> Result<(), VerifyError> {
        let Self::Trust(trusted) = self else { return Ok(()) };
        let is_trusted = |origin| trusted.iter().any(|own| own == origin);
        if is_harmless(req) || same_origin(req) || header_text(req, header::ORIGIN).is_some_and(is_trusted) {
            return Ok(());
        }
        Err(VerifyError::new(
            VerifyErrorKind::CrossOrigin,
            "a token in a cookie, and a request that another site may have made: name that site by \
             `.trusted_origin(..)` on the Verifier's builder, if it is one of yours",
        ))
    }
}

/// A safe method that opens no connection. The same-origin policy does not hold for WebSockets, so a handshake, though a
/// GET, gives another site's page all that the cookie gives.
fn is_harmless(req: &HttpRequest) -> bool {
    matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !req.headers().contains_key(header::UPGRADE)
}

fn same_origin(req: &HttpRequest) -> bool {
    if req.headers().contains_key("sec-fetch-site") {
        return matches!(header_text(req, "sec-fetch-site"), Some("same-origin" | "none"));
    }
    if !req.headers().contains_key(header::ORIGIN) {
        // Every browser of the last years sends one of the two with an unsafe method; this is no browser.
        return true;
    }
    let origin = header_text(req, header::ORIGIN).and_then(|origin| origin.split_once("://"));
    let host = req.uri().authority().map(|authority| authority.as_str()).or_else(|| header_text(req, header::HOST));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host))
}

/// The value of a header that is there once, and is text.
fn header_text(req: &HttpRequest, name: impl header::AsHeaderName) -> Option<&str> {
    let mut values = req.headers().get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
