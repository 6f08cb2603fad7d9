use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};

/// Returns the response with the constant body of its status, as a problem document ([RFC 9457]).
/// The body does not contain the cause, because a client that sends forged tokens must not learn
/// why they are rejected. A `503` contains `Retry-After`.
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457#section-3
pub(crate) fn problem(status: StatusCode) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or("Error");
    let mut response = HttpResponse::build(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, "1"));
    }
    response
        .insert_header((CONTENT_TYPE, "application/problem+json"))
        .body(format!(r#"{{"type":"about:blank","title":"{title}","status":{}}}"#, status.as_u16()))
}
