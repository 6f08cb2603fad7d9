//! Serves public documents below `/.well-known`, for scripts of every origin.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Resource, guard, web};

/// Returns a resource that responds to `GET` and `HEAD` requests, and to the preflights of browsers.
/// A browser sends a preflight if a script adds a header such as `If-None-Match`.
pub(crate) fn resource(
    path: String,
    respond: impl Fn(&HttpRequest) -> HttpResponse + Clone + 'static,
) -> Resource {
    let read = web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    web::resource(path)
        .route(read.to(move |req: HttpRequest| {
            let response = respond(&req);
            async move { response }
        }))
        .route(web::method(Method::OPTIONS).to(async || {
            HttpResponse::NoContent()
                .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, "3600"))
                .finish()
        }))
}

/// Adds the headers that let caches keep a response for `max_age` seconds, and scripts of every
/// origin read it.
pub(crate) fn publish(
    response: &mut HttpResponseBuilder,
    max_age: u64,
) -> &mut HttpResponseBuilder {
    response
        .insert_header((header::CACHE_CONTROL, format!("public, max-age={max_age}")))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
}

/// The description of [`is_literal_path`] for errors.
pub(crate) const LITERAL_PATH: &str = "expected a path that begins with `/` and contains only letters, digits, `/`, `-`, `.`, `_` and `~`";

/// Returns whether a route can have this path. actix-web compares the decoded path, and treats `{`
/// and `*` as a pattern.
pub(crate) fn is_literal_path(path: &str) -> bool {
    let is_literal = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    let is_parent = |segment| segment == "." || segment == "..";
    path.starts_with('/') && path.chars().all(is_literal) && !path.split('/').any(is_parent)
}
