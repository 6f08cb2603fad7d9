use actix_web::http::header::{HeaderMap, HeaderValue};

/// Returns whether a request counts as a use of the session, by `Sec-Fetch-Dest` ([Fetch Metadata])
/// and `Sec-Purpose`.
///
/// Page loads and requests of scripts count. Requests for subresources, such as images, and
/// prefetches do not count. A client that is not a browser sends neither header, so its requests
/// count.
///
/// [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header
pub(super) fn is_user_activity(req: &HeaderMap) -> bool {
    let is_prefetch =
        |name| req.get(name).is_some_and(|value| value.as_bytes().starts_with(b"prefetch"));
    let is_page_or_script = |dest: &HeaderValue| {
        matches!(
            dest.as_bytes(),
            b"document" | b"empty" | b"iframe" | b"frame" | b"fencedframe" | b"embed" | b"object"
        )
    };
    !is_prefetch("sec-purpose")
        && !is_prefetch("purpose")
        && req.get_all("sec-fetch-dest").all(is_page_or_script)
}
