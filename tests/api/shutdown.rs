//! A server that gets SIGTERM completes the requests that have begun.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use paseto_actix_tests::http::send;
use paseto_actix_tests::patience::until;
use paseto_actix_tests::process::Process;
use serde_json::Value;

/// The maximum time until the server responds. After that, the test fails.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A request whose head the server has read. Its body is missing.
struct Begun(TcpStream);

impl Begun {
    /// Sends the head, and waits until the handler wants the body.
    fn post(url: &str, path: &str, content_type: &str, length: usize) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT)).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = [0; 25];
        stream.read_exact(&mut response).unwrap();
        assert_eq!(&response, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self(stream)
    }

    fn send(&mut self, body: &str) {
        self.0.write_all(body.as_bytes()).unwrap();
    }

    /// Reads up to the end of the connection. Returns the status line and the body.
    fn response(mut self) -> (String, String) {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        assert_eq!(body.len(), length, "the response is complete: {text}");
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

async fn wait_until_closed(url: &str) {
    let address = url.strip_prefix("http://").unwrap();
    until("the server accepts no connection", async || TcpStream::connect(address).is_err()).await;
}

const LOGIN: &str = r#"{"user":"ada","password":"mysecret"}"#;

#[actix_web::test]
async fn requests_whose_bodies_arrive_after_sigterm_are_served() {
    let mut process = Process::example("auth_service");
    let url = process.line_after("listening on ");
    assert_eq!(send(&url, "GET", "/health", &[], "").status, 200);
    let mut begun: Vec<_> =
        (0..8).map(|_| Begun::post(&url, "/login", "application/json", LOGIN.len())).collect();
    let (first, rest) = LOGIN.split_at(10);
    begun.iter_mut().for_each(|request| request.send(first));
    process.terminate();
    wait_until_closed(&url).await;
    for mut request in begun {
        request.send(rest);
        let (status, body) = request.response();
        assert_eq!(status, "HTTP/1.1 200 OK");
        let pair: Value = serde_json::from_str(&body).unwrap();
        assert!(pair["refresh_token"].as_str().unwrap().starts_with("v4.local."), "a whole pair");
    }
    let status = process.wait();
    assert!(status.success(), "{status:?}");
}

#[actix_web::test]
async fn password_checks_that_run_at_sigterm_are_completed() {
    let mut process = Process::example("noticeboard");
    let url = process.line_after("listening on ");
    let form = "email=foo%40bar.example&password=mysecret";
    let media_type = "application/x-www-form-urlencoded";
    let mut begun: Vec<_> =
        (0..8).map(|_| Begun::post(&url, "/login", media_type, form.len())).collect();
    begun.iter_mut().for_each(|request| request.send(form));
    process.terminate();
    for request in begun {
        assert_eq!(request.response().0, "HTTP/1.1 303 See Other");
    }
    let status = process.wait();
    assert!(status.success(), "{status:?}");
}
