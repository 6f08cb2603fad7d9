//! Requests with `Cookie` and `Authorization` headers. A simple parser of both headers finds the
//! same token. The input has one header per line: `c` is a cookie, `a` is `Authorization`. `$A` and
//! `$B` stand for valid tokens, `$X` for an expired one.

use std::sync::LazyLock;

use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use futures_util::FutureExt;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::{TokenSource, VerifiedToken, Verifier, VerifyError};

use crate::fixtures::{ISSUER, sign, verifier_builder};
use crate::form::replace;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let sources = [TokenSource::cookie("id"), TokenSource::bearer()];
    // The response does not contain the kind of the error, so the handler stores it.
    let handler = |req: &HttpRequest, error: &VerifyError| {
        let text = format!("{error} {error:?}");
        for (_, token) in TOKENS.iter() {
            assert!(!text.contains(&token[..]), "the error contains the token");
        }
        req.extensions_mut().insert(error.kind());
        HttpResponse::Unauthorized().finish()
    };
    verifier_builder().token_from(sources).error_handler(handler).build().expect("a verifier")
});

static TOKENS: LazyLock<[(&str, String); 3]> = LazyLock::new(|| {
    [("$A", 2030), ("$B", 2031), ("$X", 2020)].map(|(name, year)| {
        let payload = format!(r#"{{"iss":"{ISSUER}","exp":"{year}-01-01T00:00:00Z"}}"#);
        (name, sign(payload.as_bytes(), b""))
    })
});

/// The outcome of the search in one place.
type Found = Result<Option<Vec<u8>>, Kind>;

/// Sends one request.
pub fn target(data: &[u8]) {
    if data.len() > 2000 {
        return;
    }
    let tokens = TOKENS.each_ref().map(|(name, token)| (*name, token.as_str()));
    let (mut cookies, mut authorizations) = (Vec::new(), Vec::new());
    for line in data.split(|byte| *byte == b'\n').take(20) {
        let Some((kind, value)) = line.split_first() else { continue };
        let value = replace(value, &tokens);
        let Ok(header) = HeaderValue::from_bytes(&value) else { continue };
        match kind {
            b'c' => cookies.push(header),
            b'a' => authorizations.push(header),
            _ => {}
        }
    }
    let mut request = TestRequest::get().app_data(VERIFIER.clone());
    for value in &cookies {
        request = request.append_header(("Cookie", value.clone()));
    }
    for value in &authorizations {
        request = request.append_header(("Authorization", value.clone()));
    }
    let outcome = extract(&request.to_http_request());

    let bytes = |values: &[HeaderValue]| -> Vec<Vec<u8>> {
        values.iter().map(|value| value.as_bytes().to_vec()).collect()
    };
    let found = cookie(&bytes(&cookies)).and_then(|cookie| {
        let (bearer, is_bearer) = match bearer(&bytes(&authorizations))? {
            None => (None, false),
            Some(bearer) => (Some(bearer), true),
        };
        match (cookie, bearer) {
            (Some(a), Some(b)) if a != b => Err(Kind::InvalidRequest),
            (Some(token), _) => Ok((token, false)),
            (None, Some(token)) => Ok((token, is_bearer)),
            (None, None) => Err(Kind::MissingToken),
        }
    });
    let expected = found.and_then(|(token, is_bearer)| {
        if is_bearer && !is_token68(&token) {
            return Err(Kind::InvalidRequest);
        }
        let text = String::from_utf8(token).map_err(|_| Kind::InvalidRequest)?;
        let token = VERIFIER.verify_str(&text).map_err(|error| error.kind())?;
        Ok(token.expires_at())
    });
    assert_eq!(outcome, expected);
}

fn extract(req: &HttpRequest) -> Result<Option<time::OffsetDateTime>, Kind> {
    let token = VerifiedToken::extract(req).now_or_never().expect("a check without waiting");
    let kind = |_| *req.extensions().get::<Kind>().expect("a call of the handler");
    token.map(|token| token.expires_at()).map_err(kind)
}

/// Returns the token of the cookie `id`.
fn cookie(lines: &[Vec<u8>]) -> Found {
    let mut values = Vec::new();
    for pair in lines.iter().flat_map(|line| line.split(|byte| *byte == b';')) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if name.trim_ascii() == b"id" {
            let value = value.trim_ascii();
            let is_quoted = value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
            values.push(if is_quoted { &value[1..value.len() - 1] } else { value });
        }
    }
    // Each cookie is read in order, so a difference before the fifth cookie is found first. Both
    // cases have the same kind of error.
    let mut tokens: Vec<_> = values.iter().filter(|v| !v.is_empty() && **v != b"\"\"").collect();
    tokens.dedup();
    if values.len() > 4 || tokens.len() > 1 {
        return Err(Kind::InvalidRequest);
    }
    Ok(tokens.first().map(|token| token.to_vec()))
}

/// Returns the token of `Authorization: Bearer`.
fn bearer(values: &[Vec<u8>]) -> Found {
    let value = match values {
        [] => return Ok(None),
        [value] => value,
        _ => return Err(Kind::InvalidRequest),
    };
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_ascii = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if scheme.starts_with(b"v4.") {
        Err(Kind::InvalidRequest)
    } else if scheme.eq_ignore_ascii_case(b"bearer") {
        let rest = value[scheme.len()..].iter().skip_while(|byte| **byte == b' ');
        Ok(Some(rest.copied().collect()))
    } else if is_ascii {
        Ok(None)
    } else {
        Err(Kind::InvalidRequest)
    }
}

/// The grammar `token68` of RFC 9110, section 11.2.
fn is_token68(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c))
}
