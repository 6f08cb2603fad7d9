//! Requests over a TCP connection: missing bodies, error handlers that panic, and the next request
//! on the same connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::rt::System;
use actix_web::rt::task::yield_now;
use actix_web::web::{Json, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, web};
use paseto_actix::error::{Rejection, VerifyErrorKind};
use paseto_actix::{Paseto, PasetoRequired, VerifiedToken, Verifier, paseto_required};
use paseto_actix_tests::app::{Runs, TestResponse, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde_json::{Value, json};

/// Much longer than a response takes. A test without a response fails after this time instead of
/// hanging.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

#[paseto_required(scopes("write"))]
async fn attribute(Json(body): Json<Value>, runs: web::Data<Runs>) -> String {
    runs.count_one();
    body.to_string()
}

async fn unguarded(Json(body): Json<Value>, runs: web::Data<Runs>) -> String {
    runs.count_one();
    body.to_string()
}

async fn extractor(_: Paseto<Value>, runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

fn services(app: &mut ServiceConfig) {
    let required = PasetoRequired::new().scopes(["write"]);
    app.route("/attribute", web::to(attribute))
        .route("/extractor", web::to(extractor))
        .service(web::scope("/middleware").wrap(required).default_service(web::to(unguarded)));
}

/// A server with one worker on its own port. `Drop` stops it.
struct Server {
    address: SocketAddr,
    runs: Runs,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(verifier: Verifier) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runs = Runs::default();
        let data = web::Data::new(runs.clone());
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    App::new().app_data(verifier.clone()).app_data(data.clone()).configure(services)
                };
                let server = HttpServer::new(app)
                    .workers(1)
                    .disable_signals()
                    .listen(listener)
                    .unwrap()
                    .run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { address, runs, handle: receiver.recv().unwrap(), thread: Some(thread) }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        Connection(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `stop` sends the command immediately. Its future only waits for the server to stop, and
        // so does the thread.
        drop(self.handle.stop(false));
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(
            thread::panicking() || matches!(ended, Some(Ok(()))),
            "the server thread ends without a panic"
        );
    }
}

struct Connection(TcpStream);

impl Connection {
    /// Sends the head of a request with this `Content-Length`, and then `body`, which may be
    /// shorter.
    fn send(&mut self, path: &str, token: Option<&str>, length: usize, body: &str) {
        let authorization =
            token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        write!(
            self.0,
            "POST {path} HTTP/1.1\r\nhost: api.example\r\n{authorization}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    }

    fn send_all(&mut self, path: &str, token: Option<&str>, body: &str) {
        self.send(path, token, body.len(), body);
    }

    /// Reads one response. Returns `None` if the server closes the connection first.
    fn read_response(&mut self) -> Option<TestResponse> {
        let head = self.read_until(|text| text.ends_with(b"\r\n\r\n"))?;
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers
                .append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        let length: usize =
            headers.get("content-length").unwrap().to_str().unwrap().parse().unwrap();
        let body = String::from_utf8(self.read_until(|text| text.len() == length)?).unwrap();
        Some(TestResponse { status, headers, body })
    }

    fn read_until(&mut self, done: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        while !done(&text) {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) => text.push(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no response: {error}"),
            }
        }
        Some(text)
    }
}

fn token_of(subject: &str, scopes: &[&str]) -> String {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    issuer.token(&json!({})).subject(subject).scopes(scopes.iter().copied()).issue().unwrap()
}

fn check(token: &VerifiedToken) -> Result<(), Rejection> {
    match token.subject() {
        Some("ivan") => Err(Rejection::invalid("suspended")),
        Some("uma") => Err(Rejection::unavailable("the database is away")),
        _ => Ok(()),
    }
}

async fn slow_check(token: VerifiedToken) -> Result<(), Rejection> {
    yield_now().await;
    check(&token)
}

/// The client sends only the head of the request. The response arrives before the body.
#[test]
fn rejection_does_not_wait_for_the_body() {
    let builder = || verifier_builder(&TestClock::new());
    for verifier in [
        builder().check(check).build().unwrap(),
        builder().check_async(slow_check).build().unwrap(),
    ] {
        let server = Server::start(verifier);
        for path in ["/attribute", "/middleware"] {
            let rejection = |token: Option<&str>| {
                let mut connection = server.connect();
                connection.send(path, token, 100, "");
                connection.read_response().unwrap()
            };
            rejection(None).assert_no_token();
            rejection(Some("")).assert_invalid_request();
            rejection(Some("v4.public.x")).assert_invalid_token();
            rejection(Some(&token_of("ivan", &["write"]))).assert_invalid_token();
            assert_eq!(rejection(Some(&token_of("ada", &["read"]))).status.as_u16(), 403);
            assert_eq!(rejection(Some(&token_of("uma", &["write"]))).status.as_u16(), 503);
        }
        assert_eq!(server.runs.count(), 0);
    }
}

#[test]
fn invalid_json_body_is_400_only_with_a_valid_token() {
    let server = Server::start(verifier_builder(&TestClock::new()).build().unwrap());
    let token = token_of("ada", &["write"]);
    for (number, path) in ["/attribute", "/middleware"].into_iter().enumerate() {
        for body in ["{nope", "", "[1, 2"] {
            let send = |token| {
                let mut connection = server.connect();
                connection.send_all(path, token, body);
                connection.read_response().unwrap()
            };
            send(None).assert_no_token();
            send(Some("v4.public.x")).assert_invalid_token();
            assert_eq!(
                send(Some(&token)).status.as_u16(),
                400,
                "the response of the `Json` extractor to {body:?}"
            );
        }
        assert_eq!(server.runs.count(), number);

        // With a valid token, the handler waits for the body.
        let mut connection = server.connect();
        connection.send(path, Some(&token), 7, "");
        connection.0.write_all(br#"{"x":1}"#).unwrap();
        assert_eq!(connection.read_response().unwrap().body, r#"{"x":1}"#);
        assert_eq!(server.runs.count(), number + 1);
    }
}

#[test]
fn error_handler_that_returns_200_does_not_run_the_handler() {
    let ok = |_: &_, _: &_| HttpResponse::Ok().body("all is well");
    let server =
        Server::start(verifier_builder(&TestClock::new()).error_handler(ok).build().unwrap());
    let token = token_of("ada", &["write"]);
    for (number, path) in ["/attribute", "/middleware", "/extractor"].into_iter().enumerate() {
        let mut connection = server.connect();
        for token in [None, Some("v4.public.x"), Some("")] {
            // actix-web closes a connection if a request body is not read, so the request has no body.
            connection.send_all(path, token, "");
            let response = connection.read_response().unwrap();
            assert_eq!(
                (response.status.as_u16(), response.body.as_str()),
                (200, "all is well"),
                "{path}"
            );
            assert_eq!(server.runs.count(), number, "{path}");
        }
        connection.send_all(path, Some(&token), "{}");
        assert_eq!(connection.read_response().unwrap().status.as_u16(), 200, "{path}");
        assert_eq!(
            server.runs.count(),
            number + 1,
            "{path}: the handler runs for the next request on the same connection"
        );
    }
}

#[test]
fn panic_of_an_error_handler_affects_only_its_request() {
    let verifier = verifier_builder(&TestClock::new())
        // `resume_unwind` panics without a message on standard error.
        .error_handler(|_, error| match error.kind() {
            VerifyErrorKind::MissingToken => HttpResponse::Unauthorized().finish(),
            _ => std::panic::resume_unwind(Box::new("an error handler that panics")),
        })
        .build()
        .unwrap();
    let server = Server::start(verifier);
    let token = token_of("ada", &["write"]);
    for (number, path) in ["/attribute", "/middleware", "/extractor"].into_iter().enumerate() {
        let mut other = server.connect();
        for token in ["v4.public.x", ""] {
            let mut connection = server.connect();
            connection.send_all(path, Some(token), "{}");
            assert!(
                connection.read_response().is_none_or(|response| response.status.is_server_error()),
                "{path}"
            );
            assert_eq!(server.runs.count(), number, "{path}");
        }
        other.send_all(path, None, "{}");
        assert_eq!(
            other.read_response().unwrap().status.as_u16(),
            401,
            "{path}: another connection still works"
        );

        let mut next = server.connect();
        next.send_all(path, Some(&token), "{}");
        assert_eq!(
            next.read_response().unwrap().status.as_u16(),
            200,
            "{path}: the handler runs for the next request"
        );
        assert_eq!(server.runs.count(), number + 1, "{path}");
    }
}

/// actix-web reuses request objects. A verified token must not remain in the next request.
#[test]
fn verified_token_does_not_remain_on_the_connection() {
    let server = Server::start(verifier_builder(&TestClock::new()).build().unwrap());
    let token = token_of("ada", &["write"]);
    let mut connection = server.connect();
    for round in 1..=20 {
        connection.send_all("/attribute", Some(&token), "{}");
        assert_eq!(connection.read_response().unwrap().status.as_u16(), 200);
        // actix-web closes a connection if a request body is not read, so the request has no body.
        connection.send_all("/attribute", None, "");
        connection.read_response().unwrap().assert_no_token();
        assert_eq!(server.runs.count(), round);
    }
}
