//! HTTP requests over a plain socket, with one connection per request, and a server in this
//! process.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer, rt};

/// The maximum time until a local server responds. After that, the test fails.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The response of a server.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in their order. Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// Returns all values of a header. `name` is in lower case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the value and the attributes of a cookie from the `Set-Cookie` headers.
    pub fn set_cookie(&self, name: &str) -> Option<(&str, &str)> {
        self.header_values("set-cookie").find_map(|header| {
            let value = header.strip_prefix(name)?.strip_prefix('=')?;
            Some(value.split_once(';').unwrap_or((value, "")))
        })
    }
}

/// Sends a request to a server at `http://host:port` and reads the whole response.
pub fn send(
    server: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    try_send(server, method, path, headers, body).expect("a server that responds")
}

/// Sends a request to a server that can end meanwhile.
///
/// # Errors
///
/// The error of the connection, or an error if the response is not complete.
pub fn try_send(
    server: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Response> {
    let address = server.strip_prefix("http://").expect("an address like http://127.0.0.1:8080");
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request += &format!("\r\n{body}");

    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    if !response.contains("\r\n\r\n") {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let response = parse(&response);
    let length = response.header_values("content-length").next().map(|length| length.parse());
    if method != "HEAD" && length.is_some_and(|length| length != Ok(response.body.len())) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(response)
}

fn parse(response: &str) -> Response {
    let (head, body) = response.split_once("\r\n\r\n").expect("an empty line after the headers");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers = lines
        .map(|line| line.split_once(':').expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let response = Response {
        status: status.parse().expect("a status code"),
        headers: headers.collect(),
        body: body.to_owned(),
    };
    assert_eq!(
        response.header_values("transfer-encoding").next(),
        None,
        "the body must not be chunked"
    );
    response
}

/// An application on a server in this process. The server stops when this value is dropped.
#[derive(Debug)]
pub struct LocalServer {
    /// `http://127.0.0.1:…`
    pub url: String,
    handle: ServerHandle,
}

impl LocalServer {
    /// Starts an application on a free port.
    pub fn start(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let server = HttpServer::new(move || App::new().configure(configure.clone()));
        let server = server.workers(2).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        Self { url, handle }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // The call stops the server. Only a test that waits for its end needs the future.
        drop(self.handle.stop(false));
    }
}
