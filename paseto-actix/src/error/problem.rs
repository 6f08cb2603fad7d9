use actix_web::{HttpResponse, http::StatusCode, http::header::CONTENT_TYPE};

/// A response with the constant body of its status, as a problem document ([RFC 9457]): whoever sends bad tokens
/// must not learn from the body why one is bad.
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457#section-3
pub(crate) fn problem(status: StatusCode) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or("Error");
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/problem+json"))
        .body(format!(r#"{{"type":"about:blank","title":"{title}","status":{}}}"#, status.as_u16()))
}
