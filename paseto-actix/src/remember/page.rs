//! Sending a browser to the login page, and back to where it came from.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

use crate::error::problem;

/// Longer ones are no path that anybody has to come back to.
const MAX_NEXT_LEN: usize = 2048;

/// The path of the login page, perhaps with a query.
#[derive(Clone, Debug)]
pub(super) struct LoginPage(String);

impl LoginPage {
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }
}

/// `303` to the login page, for a browser; a program can make nothing of that. Only what is asked
/// for by `GET` can be come back to.
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

/// Whether `Accept` names HTML, as that of a browser does where it wants a page.
fn accepts_html(req: &HttpRequest) -> bool {
    let accepted = req.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case("text/html"))
    })
}

/// The path to go to after a login, if it is one of this origin. Whatever else a link says in its
/// `next` would send users who have just logged in to somebody else's page ([CWE-601]).
///
/// It may hold quotes: where it is put into HTML, escape it like any other text.
///
/// It is a path if it begins with one `/`, and holds no backslash (which browsers read as `/`) and
/// nothing but visible ASCII.
///
/// ```
/// use paseto_actix::remember::safe_redirect_path;
///
/// assert_eq!(safe_redirect_path("/account?tab=keys"), Some("/account?tab=keys"));
/// for elsewhere in ["https://evil.example/", "//evil.example/", "/\\evil.example/", "account", "/\t/evil.example"] {
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
