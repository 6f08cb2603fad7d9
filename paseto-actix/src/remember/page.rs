//! Redirects browsers to the login page, and validates the path to return to.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

use crate::error::problem;

/// The maximum length of a path to return to, in bytes. Longer paths are rejected.
const MAX_NEXT_LEN: usize = 2048;

/// The path of the login page. It may contain a query.
#[derive(Clone, Debug)]
pub(super) struct LoginPage(String);

impl LoginPage {
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }
}

/// Returns `303` to the login page for a browser, and a problem document for other clients. `next`
/// is set only for `GET` and `HEAD`, because a browser cannot repeat other methods after the login.
pub(super) fn redirect(req: &HttpRequest, page: &LoginPage, again: bool) -> HttpResponse {
    if !accepts_html(req) {
        return problem(if again { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED });
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    if again {
        query.append_pair("again", "1");
    }
    let here = req.uri().path_and_query().map(|here| here.as_str());
    if let Some(here) = here
        .filter(|_| matches!(*req.method(), Method::GET | Method::HEAD))
        .and_then(safe_redirect_path)
    {
        query.append_pair("next", here);
    }
    let query = query.finish();
    let joint = match (query.is_empty(), page.0.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    HttpResponse::SeeOther()
        .insert_header((LOCATION, format!("{}{joint}{query}", page.0)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// Returns whether `Accept` contains `text/html`, as browsers send it when they load a page.
fn accepts_html(req: &HttpRequest) -> bool {
    let accepted = req.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case("text/html"))
    })
}

/// Returns the path to redirect to after a login, or `None` if it is not a path of this origin.
///
/// Call it on the query parameter `next`. Without it, an attacker could send users a login link
/// that redirects them to another site (open redirect, [CWE-601]).
///
/// A safe path begins with exactly one `/`, consists of visible ASCII characters, contains no
/// backslash (browsers treat it as `/`), and has at most 2,048 bytes. It may contain quotes, so
/// escape it in HTML.
///
/// ```
/// use paseto_actix::remember::safe_redirect_path;
///
/// assert_eq!(safe_redirect_path("/account?tab=keys"), Some("/account?tab=keys"));
/// for elsewhere in [
///     "https://evil.example/",
///     "//evil.example/",
///     "/\\evil.example/",
///     "account",
///     "/\t/evil.example",
/// ] {
///     assert_eq!(safe_redirect_path(elsewhere), None);
/// }
/// ```
///
/// [CWE-601]: https://cwe.mitre.org/data/definitions/601.html
#[must_use]
pub fn safe_redirect_path(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_path && is_plain && next.len() <= MAX_NEXT_LEN).then_some(next)
}
