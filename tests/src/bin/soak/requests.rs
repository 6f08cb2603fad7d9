//! Requests of a client.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use form_urlencoded::Serializer;
use paseto_actix_tests::connection::{Connection, Response};

/// The time limit of a request.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// A request, whose connection adds `Host` and the length of the body.
#[derive(Clone)]
pub(crate) struct Request {
    line: String,
    headers: String,
    body: String,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self { line: format!("GET {path}"), headers: String::new(), body: String::new() }
    }

    pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Self {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        Self { line: format!("POST {path}"), headers: String::new(), body }
            .header("Content-Type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn json(path: &str, body: &str) -> Self {
        Self { line: format!("POST {path}"), headers: String::new(), body: body.to_owned() }
            .header("Content-Type", "application/json")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds the headers that a browser sends with the page of a user.
    pub(crate) fn in_browser(self, cookies: &str) -> Self {
        let request = self
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
            .header("Accept", "text/html");
        if cookies.is_empty() { request } else { request.header("Cookie", cookies) }
    }

    /// Returns the method and the path, which contain no secret.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let Self { line, headers, body } = self;
        let length = body.len();
        format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .into()
    }
}

/// A connection that is opened again after it was closed.
pub(crate) struct Reconnecting {
    address: SocketAddr,
    open: Option<Connection>,
}

impl Reconnecting {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// Sends a request and reads the response.
    pub(crate) fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        let idle = self.open.take().filter(|open| !open.is_stale());
        let mut open = idle.map_or_else(|| Connection::open(self.address, LIMIT), Ok)?;
        let response = open.exchange(&request.bytes(self.address))?;
        let closes = response.header("connection").is_some_and(|value| value == "close");
        self.open = Some(open).filter(|_| !closes);
        Ok(response)
    }
}
