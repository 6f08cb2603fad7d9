//! Rejects requests that a page of another origin caused (CSRF).

mod builder;
mod middleware;
mod policy;

use std::sync::Arc;

pub use builder::CrossOriginProtectionBuilder;
pub(crate) use policy::{CrossOriginPolicy, log_rejection};

/// A middleware that rejects requests from pages of other origins (CSRF).
///
/// A browser adds its cookies to every request, also to the request of a form on another site. This
/// middleware protects handlers that use a cookie, such as a session cookie, a remember-me cookie
/// or a cookie of the application.
///
/// The middleware also checks requests without cookies. So it protects the handler of a login form
/// against login CSRF, where another site logs the browser in to an account of the attacker.
///
/// The middleware checks requests with an unsafe method, which are all methods except `GET`, `HEAD`
/// and `OPTIONS` ([RFC 9110, section 9.2.1]). It also checks requests with an `Upgrade` header,
/// because the same-origin policy does not cover WebSocket handshakes. A checked request is
/// rejected if
///
/// - `Sec-Fetch-Site` ([Fetch Metadata]) is neither `same-origin` nor `none`;
/// - `Sec-Fetch-Site` is missing, and `Origin` ([RFC 6454]) differs from the host or the port of
///   the request's target. `Origin: null` is rejected. An `http` origin is rejected if the
///   connection to the browser uses https (by TLS of actix-web, `Forwarded` or
///   `X-Forwarded-Proto`);
/// - the request repeats one of the two headers.
///
/// The middleware accepts the origins that the builder trusts. It also accepts a request without
/// both headers. Browsers since 2020 send at least one of them with an unsafe method, so the
/// request was sent by another client or by an older browser. `GET` is not checked, so a `GET`
/// handler must not change anything.
///
/// A rejected request gets the response `403` with an `application/problem+json` body ([RFC 9457]),
/// and a warning is logged. The middleware returns a response and not an error, so outer
/// middlewares, such as CORS, can change it.
///
/// Wrap the middleware around all handlers that read cookies. With several `wrap` calls, the last
/// one is the outermost.
///
/// Do not wrap it around an API that pages of other origins call with a token in a header (CORS).
/// Browsers do not add a header by themselves, so the API needs no protection, and the middleware
/// would reject these pages.
///
/// A [`Verifier`](crate::Verifier) has the same protection for its tokens in cookies. The guide has
/// a chapter about [forms and CSRF](crate::guide::forms_and_csrf).
///
/// ```
/// use actix_web::{App, HttpResponse, test, web};
/// use actix_web::http::StatusCode;
/// use paseto_actix::CrossOriginProtection;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), paseto_actix::ConfigError> {
/// let protection =
///     CrossOriginProtection::builder().trusted_origin("https://app.example").build()?;
/// let login = web::post().to(async || HttpResponse::NoContent());
/// let app = test::init_service(App::new().route("/login", login).wrap(protection)).await;
///
/// let post = || test::TestRequest::post().uri("/login");
/// let of_another_site = post().insert_header(("sec-fetch-site", "cross-site"));
/// let response = test::call_service(&app, of_another_site.to_request()).await;
/// assert_eq!(response.status(), StatusCode::FORBIDDEN);
///
/// let own = post().insert_header(("sec-fetch-site", "same-origin"));
/// let response = test::call_service(&app, own.to_request()).await;
/// assert_eq!(response.status(), StatusCode::NO_CONTENT);
/// # Ok(())
/// # }
/// ```
///
/// [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
/// [RFC 6454]: https://www.rfc-editor.org/rfc/rfc6454#section-7
/// [RFC 9110, section 9.2.1]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457#section-3
#[derive(Clone, Debug)]
pub struct CrossOriginProtection {
    policy: Arc<CrossOriginPolicy>,
}

impl CrossOriginProtection {
    /// Returns a middleware that accepts only the origin of the application.
    #[must_use]
    pub fn new() -> Self {
        Self { policy: Arc::default() }
    }

    /// Returns a builder, which can trust other origins. All settings are optional.
    pub fn builder() -> CrossOriginProtectionBuilder {
        CrossOriginProtectionBuilder::default()
    }
}

impl Default for CrossOriginProtection {
    fn default() -> Self {
        Self::new()
    }
}
