//! HTTP/1.1 over a connection that stays open.

use std::fmt::Write as _;
use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The time limit of a request.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// The server closes a connection without a request after 5 seconds. A request at this moment would
/// be lost.
const MAX_IDLE: Duration = Duration::from_secs(2);
/// The longest head of a response.
const MAX_HEAD: usize = 16 * 1024;

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
        let body = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        let body = body.collect::<Vec<_>>().join("&");
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
}

/// Encodes all bytes of a form value but letters and digits.
fn encode(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // A `String` accepts all text.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    /// Returns the first value of a header.
    pub(crate) fn header<'r>(&'r self, name: &str) -> Option<&'r str> {
        self.headers(name).next()
    }

    /// Returns all values of a header.
    pub(crate) fn headers<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Returns the part of the body between two strings.
    pub(crate) fn between(&self, start: &str, end: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(start)?;
        rest.split_once(end).map(|(text, _)| text)
    }
}

/// A client with at most one open connection.
pub(crate) struct Connection {
    address: SocketAddr,
    open: Option<TcpStream>,
    used: Instant,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, open: None, used: Instant::now(), buffer: Vec::new() }
    }

    /// Sends a request and reads the response.
    pub(crate) fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        let idle = self.open.take().filter(|_| self.used.elapsed() < MAX_IDLE);
        let mut stream = idle.map_or_else(|| self.connect(), Ok)?;
        self.used = Instant::now();
        let Request { line, headers, body } = request;
        let (address, length) = (self.address, body.len());
        let text = format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes())?;
        let response = self.read(&mut stream)?;
        self.used = Instant::now();
        let closes = response.header("connection").is_some_and(|value| value == "close");
        self.open = Some(stream).filter(|_| !closes);
        Ok(response)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(stream)
    }

    fn read(&mut self, stream: &mut TcpStream) -> io::Result<Response> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(io::Error::other("the head of the response is too long"));
            }
            self.receive(stream)?;
        };
        let malformed = || io::Error::other("the response is malformed");
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let mut response =
            Response { status: status.ok_or_else(malformed)?, head, body: String::new() };
        let length = match response.header("content-length") {
            Some(length) => length.parse().map_err(|_| malformed())?,
            None => 0,
        };
        let start = end + 4;
        while self.buffer.len() < start + length {
            self.receive(stream)?;
        }
        response.body = String::from_utf8_lossy(&self.buffer[start..start + length]).into_owned();
        Ok(response)
    }

    fn receive(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let mut bytes = [0; 4096];
        if self.used.elapsed() > LIMIT {
            return Err(ErrorKind::TimedOut.into());
        }
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&bytes[..length]);
        Ok(())
    }
}
