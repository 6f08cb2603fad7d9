use actix_web::http::header::HeaderValue;

/// The `Set-Cookie` values of the remembered logins that began in this request, in the request's
/// extensions.
///
/// A session middleware that discards the response of a login, because it could not store the
/// session, drops these values too: the browser must not get the cookie of a login that failed.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "remember"), allow(dead_code))]
pub(crate) struct LoginCookies(pub(crate) Vec<HeaderValue>);
