//! A shared cache must not store a response that sets a session or remember-me cookie.

use std::rc::Rc;

use actix_cors::Cors;
use actix_session::Session;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, always_ready};
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, HeaderMap, ORIGIN, SET_COOKIE, VARY,
};
use actix_web::middleware::{Compress, DefaultHeaders, Logger};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpRequest, HttpResponse, Responder, web};
use futures_util::future::{FutureExt, LocalBoxFuture, TryFutureExt};
use paseto_actix::remember::Remember;
use paseto_actix::testing::Browser;
use paseto_actix::{LocalKey, RememberMe};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::remember::Application;
use paseto_actix_tests::session::{Site, session};
use time::Duration;

/// Returns a page that every cache may store.
fn public_page(body: &'static str) -> impl Responder {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .append_header((VARY, "Accept-Encoding"))
        .append_header((VARY, "Accept-Language"))
        .body(body)
}

async fn read(session: Session) -> actix_web::Result<impl Responder> {
    session.get::<String>("user")?;
    Ok(public_page("page"))
}

async fn write(session: Session) -> actix_web::Result<impl Responder> {
    session.insert("user", "ada")?;
    Ok(public_page("page"))
}

async fn purge(session: Session) -> impl Responder {
    session.purge();
    public_page("page")
}

async fn login(req: HttpRequest) -> actix_web::Result<impl Responder> {
    RememberMe::login(&req, "ada", Remember::Default).await?;
    Ok(public_page("page"))
}

fn pages(config: &mut web::ServiceConfig) {
    config
        .route("/read", web::get().to(read))
        .route("/write", web::get().to(write))
        .route("/purge", web::get().to(purge))
        .route("/login", web::get().to(login));
}

/// Returns the elements of all lines of a header, in lower case.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).map(|line| line.to_str().unwrap());
    lines.flat_map(|line| line.split(',')).map(|element| element.trim().to_lowercase()).collect()
}

#[track_caller]
fn assert_private(headers: &HeaderMap, case: &str) {
    let cache_control = list(headers, "cache-control");
    assert!(
        cache_control.iter().any(|directive| directive == "no-store" || directive == "private"),
        "{case}: {headers:?}"
    );
    assert!(!cache_control.contains(&"public".to_owned()), "{case}: {headers:?}");
    assert_varies(headers, case);
}

#[track_caller]
fn assert_varies(headers: &HeaderMap, case: &str) {
    let vary = list(headers, "vary");
    assert_eq!(vary.iter().filter(|field| *field == "cookie").count(), 1, "{case}: {headers:?}");
}

/// Returns a cross-origin request of a browser that accepts compression.
fn request(path: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .insert_header((ORIGIN, "https://app.example"))
        .insert_header((ACCEPT_ENCODING, "gzip"))
}

/// A service with an erased type, so that a loop can wrap it in layers.
#[derive(Clone)]
struct Boxed(Rc<dyn Fn(ServiceRequest) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>>>);

impl Boxed {
    fn new<S, B>(service: S) -> Self
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
        S::Future: 'static,
        B: MessageBody + 'static,
    {
        Self(Rc::new(move |req| {
            service.call(req).map_ok(ServiceResponse::map_into_boxed_body).boxed_local()
        }))
    }

    /// Wraps this service in another layer.
    async fn within<T, B>(self, layer: T) -> Self
    where
        T: Transform<
                Self,
                ServiceRequest,
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            >,
        T::Transform: 'static,
        <T::Transform as Service<ServiceRequest>>::Future: 'static,
        B: MessageBody + 'static,
    {
        Self::new(layer.new_transform(self).await.expect("a layer"))
    }
}

impl Service<ServiceRequest> for Boxed {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    always_ready!();

    fn call(&self, req: ServiceRequest) -> Self::Future {
        (self.0)(req)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Cors,
    Compress,
    DefaultHeaders,
    Logger,
    Session,
    Remember,
}

/// Returns all orders of the layers, from innermost to outermost, with `RememberMe` inside of
/// `PasetoSession`.
fn orders(layers: &[Layer]) -> Vec<Vec<Layer>> {
    if layers.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in layers.iter().enumerate() {
        let rest: Vec<_> = [&layers[..index], &layers[index + 1..]].concat();
        if *first == Layer::Session && rest.contains(&Layer::Remember) {
            continue;
        }
        all.extend(orders(&rest).into_iter().map(|order| [vec![*first], order].concat()));
    }
    all
}

/// Layers in one order, as a single layer.
struct Stack {
    order: Vec<Layer>,
    clock: TestClock,
}

impl<S, B> Transform<S, ServiceRequest> for Stack
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = Boxed;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Boxed, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (order, clock) = (self.order.clone(), self.clock.clone());
        async move {
            let mut service = Boxed::new(service);
            for layer in order {
                service = match layer {
                    // `Cors` keeps only the first `Vary` line.
                    Layer::Cors => service.within(Cors::permissive()).await,
                    Layer::Compress => service.within(Compress::default()).await,
                    Layer::DefaultHeaders => {
                        let headers = DefaultHeaders::new()
                            .add((CACHE_CONTROL, "public"))
                            .add((VARY, "Accept"));
                        service.within(headers).await
                    }
                    Layer::Logger => service.within(Logger::default()).await,
                    Layer::Session => {
                        service
                            .within(
                                session(LocalKey::generate(), &clock).build().expect("a session"),
                            )
                            .await
                    }
                    Layer::Remember => {
                        let remember = Application::new().remember().clock(clock.clone());
                        service.within(remember.build().expect("settings")).await
                    }
                };
            }
            Ok(service)
        }
        .boxed_local()
    }
}

#[actix_web::test]
async fn response_with_a_cookie_is_private_in_every_order_of_layers() {
    use Layer::{Compress, Cors, DefaultHeaders, Logger, Remember, Session};
    let all = orders(&[Cors, Compress, DefaultHeaders, Logger, Session, Remember]);
    assert_eq!(all.len(), 360);
    for order in all {
        let clock = TestClock::new();
        let app =
            App::new().configure(pages).wrap(Stack { order: order.clone(), clock: clock.clone() });
        let site = Site::new(init_service(app).await);
        let mut browser = Browser::new();
        let mut cookies = 0;
        // The second `/read` renews the session, because half of its idle timeout has passed.
        for (minutes, path) in
            [(0, "/write"), (0, "/read"), (0, "/login"), (20, "/read"), (0, "/purge")]
        {
            clock.advance(Duration::minutes(minutes));
            let response = browser.send(&site, request(path)).await;
            let case = format!("{order:?}, {path}");
            assert_eq!(response.status.as_u16(), 200, "{case}");
            assert_varies(&response.headers, &case);
            if response.headers.contains_key(SET_COOKIE) {
                cookies += 1;
                assert_private(&response.headers, &case);
            }
        }
        assert_eq!(cookies, 4, "{order:?}: all pages except the first `/read` set a cookie");
    }
}
