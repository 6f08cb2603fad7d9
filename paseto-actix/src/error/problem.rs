use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};

/// A response with the constant body of its status, as a problem document ([RFC 9457]): whoever sends bad tokens
/// must not learn from the body why one is bad. A service that is away says when to come again.
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
