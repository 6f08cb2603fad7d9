use crate::authority;
use crate::authority::{is_host, is_port};
use crate::error::{ConfigError, quote};

/// The parts of a URL.
#[derive(Debug)]
pub(crate) struct Url<'u> {
    /// The scheme and the authority, without the slash after them.
    pub(super) origin: &'u str,
    /// Empty, or begins with a slash.
    pub(super) path: &'u str,
    pub(super) has_query: bool,
}

impl Url<'_> {
    pub(super) fn without_query(self, setting: &'static str) -> Result<Self, ConfigError> {
        if self.has_query {
            // RFC 8707, section 2, and RFC 8414, section 2.
            return Err(ConfigError::setting(setting, "expected a URL without a query"));
        }
        Ok(self)
    }
}

/// Splits a URL that begins with `https://`, or with `http://` on a loopback host.
///
/// The URL contains only characters of a URI ([RFC 3986, appendix
/// A](https://www.rfc-editor.org/rfc/rfc3986#appendix-A)). So the URL can be a quoted string in a
/// header, and its path is not a pattern of actix-web.
pub(crate) fn check_url<'u>(setting: &'static str, url: &'u str) -> Result<Url<'u>, ConfigError> {
    if url.contains('@') {
        // The URL may contain a password.
        return Err(ConfigError::setting(setting, "expected a URL without user, password and `@`"));
    }
    let is_uri = |c: char| c.is_ascii_alphanumeric() || "-._~:/?[]!$&'()*+,;=%".contains(c);
    if let Some(wrong) = url.chars().find(|c| !is_uri(*c) && *c != '#') {
        return Err(ConfigError::setting(
            setting,
            format!("a URL cannot contain the character {wrong:?}"),
        ));
    }
    split(url).ok_or_else(|| {
        let problem = format!(
            "expected a URL that begins with `https://` (or `http://` on a loopback host) and has no fragment, found {}",
            quote(url)
        );
        ConfigError::setting(setting, problem)
    })
}

fn split(url: &str) -> Option<Url<'_>> {
    if url.contains('#') {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let (authority, _) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let (host, port) = authority::split(authority);
    let is_loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    if !is_host(host)
        || !port.is_none_or(is_port)
        || !(scheme == "https" || scheme == "http" && is_loopback)
    {
        return None;
    }
    let (origin, rest) = url.split_at(url.len() - rest.len() + authority.len());
    let (path, has_query) = rest.split_once('?').map_or((rest, false), |(path, _)| (path, true));
    Some(Url { origin, path, has_query })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_urls_are_split() {
        for (url, origin, path) in [
            ("https://api.example", "https://api.example", ""),
            ("https://api.example/", "https://api.example", "/"),
            ("https://api.example:8443/a/b", "https://api.example:8443", "/a/b"),
            ("https://[2001:db8::1]/a", "https://[2001:db8::1]", "/a"),
            ("http://localhost:8080/mcp", "http://localhost:8080", "/mcp"),
            ("http://127.0.0.1", "http://127.0.0.1", ""),
            ("http://[::1]:8080/", "http://[::1]:8080", "/"),
        ] {
            let found = check_url("resource", url).expect(url);
            assert_eq!((found.origin, found.path, found.has_query), (origin, path, false), "{url}");
        }
        assert!(check_url("resource", "https://api.example?a=b").expect("a URL").has_query);
    }

    #[test]
    fn invalid_urls_are_rejected() {
        for url in [
            "",
            "api.example",
            "http://api.example",
            "http://localhost.example",
            "https://",
            "https:///a",
            "https://:443",
            "https://user@api.example",
            "https://api.example:http",
            "https://api.example:99999",
            "https://api.example:0",
            "https://api.example:+443",
            "https://[",
            "https://[::1",
            "https://[api.example]",
            "https://..",
            "https://a,b",
            "https://api.example/#a",
            "https://api.example/{id}",
            "https://api.example/\"",
            "https://api.example/a b",
            "https://bücher.example",
            "https://api.example\n",
            "HTTPS://api.example",
        ] {
            assert!(check_url("resource", url).is_err(), "{url}");
        }
    }
}
