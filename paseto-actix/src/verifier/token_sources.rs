//! All places where a verifier looks for a token.

use std::fmt::Write;

use actix_web::HttpRequest;
use actix_web::http::{Method, header};

use super::CacheRestriction;
use super::credential::{Credential, invalid_request};
use super::token_source::TokenSource;
use crate::error::{ConfigError, VerifyError, VerifyErrorKind as Kind, quote};

/// All token sources, in order.
#[derive(Debug)]
pub(super) struct TokenSources {
    sources: Vec<TokenSource>,
    /// A closure may look for a cookie even if it returns a token from a header.
    may_read_cookies: bool,
}

impl TokenSources {
    pub(super) fn new(sources: Vec<TokenSource>) -> Result<Self, ConfigError> {
        if sources.is_empty() {
            return Err(ConfigError::setting("token_from", "the list of sources is empty"));
        }
        sources.iter().try_for_each(TokenSource::validate)?;
        Ok(Self { may_read_cookies: sources.iter().any(TokenSource::may_read_cookies), sources })
    }

    /// Returns the token of the request. Two different tokens are an error, because two parts of a
    /// system could otherwise see two users in one request.
    pub(super) fn find<'r>(&'r self, req: &'r HttpRequest) -> Result<Credential<'r>, VerifyError> {
        let mut found: Option<Credential<'r>> = None;
        for source in &self.sources {
            match (&mut found, source.find(req)?) {
                (Some(first), Some(next)) if first.bytes != next.bytes => {
                    return Err(invalid_request("the request has two different tokens"));
                }
                // A browser does not add a header automatically, so a token in a header is not
                // ambient.
                (Some(first), Some(next)) => first.ambient &= next.ambient,
                (None, next) => found = next,
                (Some(_), None) => {}
            }
        }
        found.ok_or_else(|| VerifyError::new(Kind::MissingToken, "the request has no token"))
    }

    /// Describes why a request has no token, for the log.
    pub(super) fn describe_missing(&self, req: &HttpRequest) -> String {
        if is_preflight(req) {
            return "a CORS preflight has no token: wrap `Cors` outside of the guard, as the last `wrap`".to_owned();
        }
        let mut detail = "the request has no token in ".to_owned();
        for (index, source) in self.sources.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            _ = write!(detail, "{separator}{source}");
        }
        detail.push_str(": send it there, or add another source with `.token_from(..)`");
        if let Some(value) = req
            .headers()
            .get(header::AUTHORIZATION)
            .filter(|_| self.sources.iter().any(TokenSource::is_bearer))
        {
            // A string without a space may be a secret and not a scheme.
            let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
            let is_scheme = scheme.len() < value.len() && scheme.len() <= 16 && scheme.is_ascii();
            match str::from_utf8(scheme) {
                Ok(scheme) if is_scheme => {
                    _ = write!(detail, "; expected the scheme `Bearer`, found {}", quote(scheme))
                }
                _ => detail.push_str("; expected the scheme `Bearer`, found another string"),
            }
        }
        detail
    }

    /// Returns which caches may store the response. `is_private` means that the credential is in a
    /// cookie or is malformed.
    pub(super) fn caching(&self, is_private: bool) -> CacheRestriction {
        CacheRestriction {
            varies_by_cookie: self.may_read_cookies,
            is_private: self.may_read_cookies && is_private,
        }
    }
}

/// Returns whether the request is a [CORS
/// preflight](https://fetch.spec.whatwg.org/#cors-preflight-request), by which a browser asks
/// whether a script of another origin may send the request.
pub(super) fn is_preflight(req: &HttpRequest) -> bool {
    req.method() == Method::OPTIONS
        && req.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
