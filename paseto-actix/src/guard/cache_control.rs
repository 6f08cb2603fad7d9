use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use futures_util::future::{FutureExt, Map};

use super::authentication::caching;

/// A middleware that keeps responses that depend on a token in a cookie out of shared caches.
///
/// Use it for handlers with the extractors [`Paseto`](crate::Paseto),
/// [`MaybePaseto`](crate::MaybePaseto) or [`VerifiedToken`](crate::VerifiedToken), without
/// `#[paseto_required]` and outside [`PasetoRequired`](crate::PasetoRequired). The attribute and
/// `PasetoRequired` set the same headers. An extractor cannot change the response.
///
/// If an extractor used a [`Verifier`](crate::Verifier) that reads a cookie
/// ([`TokenSource::cookie`](crate::TokenSource::cookie)), the middleware adds `Cookie` to the
/// `Vary` header ([RFC 9110, section 12.5.5]). If the token is in a cookie, it also sets
/// `Cache-Control: no-store`, unless the handler set `no-store`, or `private` without `public`, and
/// it removes headers for shared caches such as `CDN-Cache-Control`. Other responses do not change.
///
/// ```
/// use actix_web::http::header::VARY;
/// use actix_web::{App, HttpResponse, Responder, test, web};
/// use paseto_actix::guard::PasetoCacheControl;
/// use paseto_actix::{MaybePaseto, SecretKey, TokenSource, Verifier};
///
/// async fn index(MaybePaseto(paseto): MaybePaseto<serde_json::Value>) -> impl Responder {
///     if paseto.is_some() { "Hello" } else { "Hello stranger" }
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), paseto_actix::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust("https://issuer.example", SecretKey::generate().public_key())
///     .token_from([TokenSource::cookie("paseto")])
///     .build()?;
/// let app = App::new()
///     .app_data(verifier)
///     .route("/", web::get().to(index))
///     .wrap(PasetoCacheControl::new());
///
/// let app = test::init_service(app).await;
/// let response = test::call_service(&app, test::TestRequest::get().to_request()).await;
/// assert_eq!(response.headers().get(VARY).unwrap(), "Cookie");
/// # Ok(())
/// # }
/// ```
///
/// [RFC 9110, section 12.5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PasetoCacheControl;

impl PasetoCacheControl {
    /// Returns the middleware.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl<S, B> Transform<S, ServiceRequest> for PasetoCacheControl
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = PasetoCacheControlMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(PasetoCacheControlMiddleware { service }))
    }
}

/// The service of [`PasetoCacheControl`].
#[derive(Debug)]
pub struct PasetoCacheControlMiddleware<S> {
    service: S,
}

type ServiceResult<B> = Result<ServiceResponse<B>, Error>;

impl<S, B> Service<ServiceRequest> for PasetoCacheControlMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Map<S::Future, fn(ServiceResult<B>) -> ServiceResult<B>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        self.service.call(req).map(|response| Ok(restrict(response?)))
    }
}

/// Adds the headers for caches that the verifiers of this request require.
pub(super) fn restrict<B>(mut response: ServiceResponse<B>) -> ServiceResponse<B> {
    let caching = caching(response.request());
    caching.restrict(response.headers_mut());
    response
}
