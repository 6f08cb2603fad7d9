use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use futures_util::future::{FutureExt, Map};

use super::authentication::caching;

/// A middleware that keeps responses which depend on a token in a cookie out of shared caches.
///
/// It is for handlers that take [`Paseto`](crate::Paseto), [`MaybePaseto`](crate::MaybePaseto) or
/// [`VerifiedToken`](crate::VerifiedToken) without `#[paseto_required]` and outside of
/// [`PasetoRequired`](crate::PasetoRequired). The attribute and that middleware set the same headers, but an
/// extractor cannot change the response.
///
/// If an extractor asked a [`Verifier`](crate::Verifier) that reads a cookie
/// ([`TokenSource::cookie`](crate::TokenSource::cookie)), the response gets `Cookie` in its `Vary` header
/// ([RFC 9110, section 12.5.5]). If the token came in a cookie, `Cache-Control` becomes `no-store`, unless it has
/// `no-store`, or `private` without `public`. Headers for shared caches alone, such as `CDN-Cache-Control`, are
/// removed. Other responses are not changed.
///
/// ```
/// use actix_web::{App, HttpResponse, Responder, test, web};
/// use actix_web::http::header::VARY;
/// use paseto_actix::{MaybePaseto, SecretKey, TokenSource, Verifier};
/// use paseto_actix::guard::PasetoCacheControl;
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
/// let app = App::new().app_data(verifier).route("/", web::get().to(index)).wrap(PasetoCacheControl::new());
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
    /// Makes the middleware.
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

/// The service that [`PasetoCacheControl`] wraps around another.
#[derive(Debug)]
pub struct PasetoCacheControlMiddleware<S> {
    service: S,
}

type Outcome<B> = Result<ServiceResponse<B>, Error>;

impl<S, B> Service<ServiceRequest> for PasetoCacheControlMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Map<S::Future, fn(Outcome<B>) -> Outcome<B>>;

    forward_ready!(service);

    fn call(&self, req: ServiceRequest) -> Self::Future {
        self.service.call(req).map(|response| Ok(restrict(response?)))
    }
}

/// Adds the headers for caches that the Verifiers of this request need.
pub(super) fn restrict<B>(mut response: ServiceResponse<B>) -> ServiceResponse<B> {
    let caching = caching(response.request());
    caching.restrict(response.headers_mut());
    response
}
