use actix_web::http::header::HeaderValue;

/// The `Set-Cookie` values of remembered logins that started in this request, stored in the
/// extensions of the request.
///
/// If the session middleware cannot save the session, it replaces the response and drops these
/// values. Otherwise the browser would get the cookie of a failed login.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "remember"), allow(dead_code))]
pub(crate) struct LoginCookies(pub(crate) Vec<HeaderValue>);
