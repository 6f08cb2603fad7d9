//! Paths for redirects after a login. A URL parser of the WHATWG, as browsers have it, resolves
//! each accepted path to the origin of the application.

use actix_web::http::header::HeaderValue;
use paseto_actix::remember::safe_redirect_path;
use url::Url;

/// Checks one value of `next`.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let is_plain = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\');
    let is_safe = is_plain
        && text.len() <= 2048
        && text.starts_with('/')
        && text.as_bytes().get(1) != Some(&b'/');
    let Some(path) = safe_redirect_path(text) else { return assert!(!is_safe, "rejected {text}") };
    assert!(is_safe);
    assert_eq!(path, text);
    assert!(HeaderValue::from_str(path).is_ok());
    for base in ["https://app.example/login", "http://localhost:8080/a/b?next=c"] {
        let base = Url::parse(base).expect("a URL");
        let joined = base.join(path).expect("a URL");
        assert_eq!(joined.origin(), base.origin(), "{path}");
        assert!(joined.username().is_empty() && joined.password().is_none());
    }
}
