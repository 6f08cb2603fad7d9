use std::sync::Arc;

use super::{CrossOriginPolicy, CrossOriginProtectionBuilder};

/// A middleware that rejects requests which a page of another origin made the browser send (CSRF).
///
/// The browser adds its cookies to every request, also to a form that another site submits. This
/// middleware protects handlers that act on a cookie: sessions, logins, and cookies of the
/// application. It also covers login CSRF, where another site logs the browser in to an account of
/// the attacker: it checks requests without cookies too, so the handler of the login form belongs
/// behind it.
///
/// It rejects a request if its method is unsafe ([RFC 9110, section 9.2.1]: all but GET, HEAD,
/// OPTIONS), or if it has `Upgrade` (a WebSocket handshake, which the same-origin policy does not
/// cover), and:
///
/// - `Sec-Fetch-Site` ([Fetch Metadata]) is neither `same-origin` nor `none`; or
/// - the browser is too old for `Sec-Fetch-Site`, and `Origin` ([RFC 6454]) has another host or
///   port than the request's target, or `http` where the connection to the browser used https (by
///   TLS of actix-web, or by `Forwarded` or `X-Forwarded-Proto`). `Origin: null` is rejected; or
/// - one of the two headers occurs several times.
///
/// A request with neither header is accepted. Browsers since 2020 send at least one of them with an
/// unsafe method, so the request comes from another client or from an older browser. Origins that
/// the builder trusts are accepted. A handler of GET must not change anything, because this
/// middleware does not check GET.
///
/// The response to a rejected request is `403` with an `application/problem+json` body ([RFC
/// 9457]). It is a response and not an error, so middlewares around this one, such as CORS, see it.
/// A warning is logged.
///
/// A [`Verifier`](crate::Verifier) has this protection for its tokens in cookies already.
///
/// Do not wrap this middleware around an API that pages of any origin call by CORS with a token in
/// a header. Such a token is not added by the browser, so the API needs no protection, and the
/// middleware would reject those pages.
///
/// Put it around everything that reads cookies: of several `wrap` calls, the last one is the
/// outermost.
///
/// ```
/// use actix_web::{App, HttpResponse, test, web};
/// use actix_web::http::StatusCode;
/// use paseto_actix::CrossOriginProtection;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), paseto_actix::ConfigError> {
/// let protection = CrossOriginProtection::builder().trusted_origin("https://app.example").build()?;
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
    pub(super) policy: Arc<CrossOriginPolicy>,
}

impl CrossOriginProtection {
    /// Trusts no other origin.
    #[must_use]
    pub fn new() -> Self {
        Self { policy: Arc::default() }
    }

    /// Starts a middleware that trusts other origins.
    pub fn builder() -> CrossOriginProtectionBuilder {
        CrossOriginProtectionBuilder::default()
    }
}

impl Default for CrossOriginProtection {
    fn default() -> Self {
        Self::new()
    }
}
