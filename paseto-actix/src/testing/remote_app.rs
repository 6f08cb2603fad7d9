use std::fmt;
use std::time::Duration;

use actix_http::Request;
use actix_web::body::{BodyStream, to_bytes};
use actix_web::dev::{Service, ServiceResponse, always_ready};
use actix_web::http::Uri;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::test::TestRequest;
use actix_web::{Error, HttpMessage, HttpResponse};
use awc::Client;
use futures_util::future::LocalBoxFuture;

/// The time until the whole response must arrive.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum length of a response: 64 MiB.
const MAX_BODY_LEN: usize = 64 * 1024 * 1024;

/// A server at a URL, which a [`Browser`](super::Browser) uses instead of an application of
/// `init_service`. The server can run in another process.
///
/// It sends each request over HTTP, on a connection of its own. It adds only `Connection`,
/// `Content-Length` and `Date`, and `Host` if the request has none. It follows no redirects, stores
/// no cookies, and decodes no `Content-Encoding`. A response must arrive within 30 seconds, and
/// have at most 64 MiB.
///
/// - The server must speak `http`, as behind a proxy with TLS. The browser sends what a proxy with
///   TLS sends: `Host: localhost:8080`, `X-Forwarded-Proto: https`, and also `Secure` cookies. So
///   `Origin` and `Host` are equal at each port, and a server with `CrossOriginProtection` accepts
///   the forms of the browser.
/// - A client cannot see the routes and middlewares of a server, so
///   [`assert_guarded`](super::assert_guarded) and `Browser::log_in_as` need an application of
///   `init_service`. If both have the same keys and stores, the cookies of `log_in_as` are also
///   valid at the server.
///
/// ```
/// use actix_web::{App, HttpServer, web};
/// use paseto_actix::testing::{Browser, RemoteApp};
///
/// # #[actix_web::main]
/// # async fn main() -> std::io::Result<()> {
/// // In your test: a process that runs your program.
/// let server = HttpServer::new(|| App::new().route("/", web::get().to(async || "home")))
///     .workers(1)
///     .bind(("127.0.0.1", 0))?;
/// let address = server.addrs()[0];
/// actix_web::rt::spawn(server.run());
///
/// let app = RemoteApp::new(&format!("http://{address}"));
/// assert_eq!(Browser::new().get(&app, "/").await.body, "home");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteApp {
    origin: String,
    client: Client,
}

impl RemoteApp {
    /// Returns the application at this URL, such as `http://127.0.0.1:8080`.
    ///
    /// # Panics
    ///
    /// Panics if the scheme is not `http`, or if the URL has a path or a query.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let parsed = url.parse::<Uri>().ok().filter(|uri| {
            uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none()
        });
        let Some(authority) = parsed.as_ref().and_then(Uri::authority) else {
            panic!(
                "expected an `http` URL without a path, such as `http://127.0.0.1:8080`, found \
                 `{url}`"
            );
        };
        let client = Client::builder().disable_redirects().timeout(TIMEOUT).finish();
        Self { origin: format!("http://{authority}"), client }
    }
}

/// # Panics
///
/// A call panics if no response arrives, because a page with an error would hide the cause.
impl Service<Request> for RemoteApp {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    always_ready!();

    fn call(&self, mut request: Request) -> Self::Future {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let url = format!("{}{path}", self.origin);
        // A connection of its own, because the server can end and start again between two requests.
        let mut sent = self.client.request(request.method().clone(), &url);
        sent = sent.force_close().no_decompress();
        for header in request.headers() {
            if *header.0 != CONTENT_LENGTH {
                sent = sent.append_header(header);
            }
        }
        let of_response = TestRequest::with_uri(&path).method(request.method().clone());
        let of_response = of_response.to_http_request();
        let payload = request.take_payload();
        Box::pin(async move {
            let body = to_bytes(BodyStream::new(payload)).await.unwrap_or_else(|error| {
                panic!("the body of the request to `{path}` failed: {error}")
            });
            let mut response = sent
                .send_body(body)
                .await
                .unwrap_or_else(|error| panic!("expected a response from `{url}`: {error}"));
            let body = response.body().limit(MAX_BODY_LEN).await;
            let body = body.unwrap_or_else(|error| panic!("the body of `{url}` failed: {error}"));
            let mut copy = HttpResponse::with_body(response.status(), body);
            for (name, value) in response.headers() {
                copy.headers_mut().append(name.clone(), value.clone());
            }
            Ok(ServiceResponse::new(of_response, copy.map_into_boxed_body()))
        })
    }
}

impl fmt::Debug for RemoteApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteApp").field("origin", &self.origin).finish_non_exhaustive()
    }
}
