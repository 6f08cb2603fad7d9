//! The session's cookie in the `Cookie` header, read as it is written there.

use actix_session::config::CookieContentSecurity;
use actix_web::{
    cookie::{Cookie, CookieJar, Key},
    http::header::{COOKIE, HeaderMap, HeaderValue},
};
use memchr::memchr;

use crate::cookie::{cookies, value_of};

/// A key as actix-session wraps it, percent-encoded.
pub(super) fn wrapped(session_key: &str, name: &str, key: &Key, wrapping: CookieContentSecurity) -> String {
    let mut jar = CookieJar::new();
    let cookie = Cookie::new(name.to_owned(), session_key.to_owned());
    match wrapping {
        CookieContentSecurity::Signed => jar.signed_mut(key).add(cookie),
        CookieContentSecurity::Private => jar.private_mut(key).add(cookie),
    }
    let cookie = jar.get(name).map(|cookie| cookie.stripped().encoded().to_string()).unwrap_or_default();
    cookie.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// Writes another value in the place of that one; what the headers were before is given back.
pub(super) fn replace_value(headers: &mut HeaderMap, name: &str, value: &str) -> Vec<HeaderValue> {
    let before: Vec<_> = headers.get_all(COOKIE).cloned().collect();
    let mut replaced = false;
    rewrite(headers, &before, |cookie| match value_of(cookie, name) {
        Some(_) if !replaced => {
            replaced = true;
            Some([name.as_bytes(), b"=", value.as_bytes()].concat())
        }
        _ => Some(cookie.to_vec()),
    });
    before
}

/// Puts the headers back.
pub(super) fn restore(headers: &mut HeaderMap, before: Vec<HeaderValue>) {
    headers.remove(COOKIE);
    for header in before {
        headers.append(COOKIE, header);
    }
}

/// Takes out cookies that actix would decode to the session's name. A browser that holds a site to the promise of `__Host-`
/// promises nothing for `%5F%5FHost-`, nor for the name behind a space of Unicode's, which actix trims: another site of the
/// domain can set those.
pub(super) fn hide_aliases(headers: &mut HeaderMap, name: &str) {
    let is_alias = |cookie: &[u8]| {
        let written = memchr(b'=', cookie).map_or(cookie, |end| &cookie[..end]).trim_ascii();
        if !written.contains(&b'%') && written.is_ascii() {
            return false;
        }
        let read = percent_decoded(String::from_utf8_lossy(written).trim().as_bytes());
        written != name.as_bytes() && read == name.as_bytes()
    };
    if headers.get_all(COOKIE).any(|header| cookies(header).any(is_alias)) {
        let before: Vec<_> = headers.get_all(COOKIE).cloned().collect();
        rewrite(headers, &before, |cookie| (!is_alias(cookie)).then(|| cookie.to_vec()));
    }
}

fn rewrite(headers: &mut HeaderMap, before: &[HeaderValue], mut rewritten: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    headers.remove(COOKIE);
    for header in before {
        let kept: Vec<_> = cookies(header).filter_map(&mut rewritten).collect();
        if let Ok(header) = HeaderValue::from_bytes(&kept.join(&b';')) {
            headers.append(COOKIE, header);
        }
    }
}

pub(super) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(plain) = memchr(b'%', rest) {
        decoded.extend_from_slice(&rest[..plain]);
        let digit = |index: usize| rest.get(index).and_then(|digit| char::from(*digit).to_digit(16));
        let (byte, length) = match (digit(plain + 1), digit(plain + 2)) {
            (Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            _ => (b'%', 1),
        };
        decoded.push(byte);
        rest = &rest[plain + length..];
    }
    decoded.extend_from_slice(rest);
    decoded
}
