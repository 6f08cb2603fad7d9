//! The kit's browser at a server.

use std::future::ready;

use actix_session::Session;
use actix_web::dev::Service;
use actix_web::http::header::{CONTENT_ENCODING, LOCATION};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, middleware, web};
use paseto_actix::testing::{Browser, RemoteApp, assert_guarded};
use paseto_actix::{CrossOriginProtection, LocalKey, PasetoSession};
use paseto_actix_tests::http::LocalServer;

/// Starts a server with sessions and these routes.
fn start(key: LocalKey, routes: fn(&mut ServiceConfig)) -> (LocalServer, RemoteApp) {
    let server = LocalServer::start(move |config| {
        let session = PasetoSession::builder(key.clone()).build().unwrap();
        config.service(web::scope("").wrap(session).configure(routes));
    });
    let app = RemoteApp::new(&server.url);
    (server, app)
}

fn routes(config: &mut ServiceConfig) {
    let log_in = async |session: Session, form: web::Form<Vec<(String, String)>>| {
        session.insert("user", &form[0].1).unwrap();
        HttpResponse::SeeOther().insert_header((LOCATION, "/me?from=login")).finish()
    };
    let me = async |session: Session| {
        session.get::<String>("user").unwrap().unwrap_or_else(|| "anonymous".to_owned())
    };
    let order = || web::post().to(async |body: String| body);
    config
        .route("/login", web::post().to(log_in))
        .route("/me", web::get().to(me))
        .route("/order", order().wrap(CrossOriginProtection::new()))
        .route("/twin", order())
        .route("/headers", web::route().to(headers));
}

/// Returns the method and the headers of the request.
async fn headers(req: HttpRequest, body: String) -> String {
    let mut headers: Vec<_> = req.headers().iter().map(|(name, _)| name.as_str()).collect();
    headers.sort_unstable();
    let info = req.connection_info().clone();
    let (method, uri) = (req.method(), req.uri());
    format!("{method} {uri} {}://{} {body} {}", info.scheme(), info.host(), headers.join(" "))
}

#[actix_web::test]
async fn browser_logs_in_at_a_server_and_follows_its_redirect() {
    let (_server, app) = start(LocalKey::generate(), routes);
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app, "/me").await.body, "anonymous");
    let page = browser.post_form(&app, "/login", &[("user", "ada")]).await;
    assert_eq!((page.path.as_str(), page.body.as_str()), ("/me?from=login", "ada"));
    assert_eq!(browser.get(&app, "/me").await.body, "ada");
    browser.restart();
    assert_eq!(browser.get(&app, "/me").await.body, "anonymous");
}

#[actix_web::test]
async fn protected_server_accepts_the_forms_of_its_pages_and_no_others() {
    let (_server, app) = start(LocalKey::generate(), routes);
    let (mut browser, form) = (Browser::new(), [("item", "tea")]);
    let mut other = browser.cross_site();
    assert_eq!(browser.post_form(&app, "/order", &form).await.body, "item=tea");
    assert_eq!(other.post_form(&app, "/order", &form).await.status, 403);
    assert_eq!(other.post_form(&app, "/twin", &form).await.body, "item=tea");
}

/// The server must decide by `Host` and `Origin` too, because not all browsers send
/// `Sec-Fetch-Site`.
#[actix_web::test]
async fn request_reaches_the_server_with_its_own_headers() {
    let (_server, app) = start(LocalKey::generate(), routes);
    let page = Browser::new().get(&app, "/headers?a=b%20c").await;
    assert_eq!(
        page.body,
        "GET /headers?a=b%20c https://localhost:8080  accept connection content-length date host \
         sec-fetch-dest sec-fetch-mode sec-fetch-site x-forwarded-proto"
    );
    let put = TestRequest::put().uri("/headers").insert_header(("Host", "a.example"));
    let response = app.call(put.set_payload("tea").to_request()).await.unwrap();
    let body = read_body(response).await;
    assert_eq!(body, "PUT /headers http://a.example tea connection content-length date host");
    let post = |origin, host| {
        let request = TestRequest::post().uri("/order").set_payload("tea");
        request.insert_header(("Origin", origin)).insert_header(("Host", host)).to_request()
    };
    let status = async |request| app.call(request).await.unwrap().status().as_u16();
    assert_eq!(status(post("https://a.example", "a.example")).await, 200);
    assert_eq!(status(post("https://a.example", "b.example")).await, 403);
}

#[actix_web::test]
async fn cookies_of_an_application_with_the_same_key_are_valid_at_the_server() {
    let key = LocalKey::generate();
    let session = PasetoSession::builder(key.clone()).build().unwrap();
    let here = init_service(App::new().wrap(session).configure(routes)).await;
    let mut browser = Browser::new();
    browser.post_form(&here, "/login", &[("user", "ada")]).await;
    for (key, user) in [(key, "ada"), (LocalKey::generate(), "anonymous")] {
        let (_server, app) = start(key, routes);
        assert_eq!(browser.clone().get(&app, "/me").await.body, user);
    }
}

#[actix_web::test]
async fn response_arrives_without_changes() {
    let routes = |config: &mut ServiceConfig| {
        let large = || ready("x".repeat(3 * 1024 * 1024));
        let cookies = || {
            let mut response = HttpResponse::ImATeapot();
            response.append_header(("Set-Cookie", "a=1")).append_header(("Set-Cookie", "b=2"));
            ready(response.finish())
        };
        config
            .service(web::resource("/large").wrap(middleware::Compress::default()).get(large))
            .route("/cookies", web::get().to(cookies));
    };
    let (_server, app) = start(LocalKey::generate(), routes);
    let mut browser = Browser::new();
    let page = browser.get(&app, "/large").await;
    assert_eq!((page.body.len(), page.header(CONTENT_ENCODING)), (3 * 1024 * 1024, ""));
    assert_eq!(browser.get(&app, "/cookies").await.status, 418);
    assert_eq!((browser.cookie("a"), browser.cookie("b")), (Some("1"), Some("2")));
}

#[actix_web::test]
#[should_panic(expected = "expected a response from `http://127.0.0.1:1/me`: Failed to connect")]
async fn missing_server_panics() {
    Browser::new().get(&RemoteApp::new("http://127.0.0.1:1"), "/me").await;
}

#[test]
fn url_that_is_no_origin_with_http_panics() {
    for url in ["https://a.example", "a.example:80", "http://a.example/path", "http://a/?b", "/"] {
        let panic = std::panic::catch_unwind(|| RemoteApp::new(url)).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        let expected = "expected an `http` URL without a path, such as `http://127.0.0.1:8080`";
        assert_eq!(*message, format!("{expected}, found `{url}`"));
    }
    for url in ["http://localhost:8080", "http://[::1]:80/", "http://a.example"] {
        let _ = RemoteApp::new(url);
    }
}

#[actix_web::test]
#[should_panic(expected = "the routes are unknown: call this function with an application of")]
async fn guards_of_a_server_are_unknown() {
    let (_server, app) = start(LocalKey::generate(), routes);
    assert_guarded(&app, []).await;
}
