//! The client: keep-alive connections, with one request at a time on each, from one thread.
//!
//! The thread polls the connections in turn and does not sleep. It sends the next request as soon
//! as it has received the response. So the figures do not depend on the time that the system needs
//! to wake a thread up.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};
use std::{iter, thread};

use memchr::memmem;

pub(crate) const CONNECTIONS: usize = 16;
/// The timeout of the client, longer than each round.
const TIMEOUT: Duration = Duration::from_secs(60);
const LARGEST_RESPONSE: usize = 16 * 1024;

pub(crate) struct Load {
    connections: Vec<Connection>,
    yields: bool,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// A complete response.
pub(crate) struct Response {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn has_status(&self, status: u16) -> bool {
        self.head.starts_with(&format!("HTTP/1.1 {status} "))
    }

    /// Returns the cookie of the `Set-Cookie` header as `name=value`.
    pub(crate) fn cookie(&self) -> Option<String> {
        let header = self.head.lines().find_map(|line| line.strip_prefix("set-cookie: "))?;
        header.split(';').next().map(str::to_owned)
    }
}

impl Load {
    /// Opens the connections. If `yields` is set, the client yields its core to other processes
    /// after each pass over the connections.
    pub(crate) fn connect(port: u16, yields: bool) -> Self {
        let connect = |_| {
            let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
            connection.set_nodelay(true).expect("a connection without delay");
            connection.set_nonblocking(true).expect("a non-blocking connection");
            Connection { stream: connection, buffer: vec![0; LARGEST_RESPONSE], filled: 0 }
        };
        Self { connections: (0..CONNECTIONS).map(connect).collect(), yields }
    }

    /// Sends the requests, and waits for their responses. Panics if a status is not `200`.
    pub(crate) fn run<'a>(&mut self, mut requests: impl Iterator<Item = &'a [u8]>) -> Duration {
        let start = Instant::now();
        let mut waiting: Vec<_> = self.connections.iter_mut().collect();
        waiting.retain_mut(|connection| connection.send_next(&mut requests));
        while !waiting.is_empty() {
            if self.yields {
                thread::yield_now();
            }
            waiting.retain_mut(|connection| {
                let Some((head, _)) = connection.receive() else { return true };
                let head = &connection.buffer[..head];
                assert!(
                    head.starts_with(b"HTTP/1.1 200 "),
                    "expected status 200: {}",
                    String::from_utf8_lossy(head)
                );
                connection.send_next(&mut requests)
            });
            assert!(start.elapsed() < TIMEOUT, "the server does not respond");
        }
        start.elapsed()
    }

    /// Sends one request and returns its response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Response {
        let (start, connection) = (Instant::now(), &mut self.connections[0]);
        connection.send_next(&mut iter::once(request));
        let (head, total) = loop {
            if let Some(response) = connection.receive() {
                break response;
            }
            assert!(start.elapsed() < TIMEOUT, "the server does not respond");
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Response {
            head: text(&connection.buffer[..head]),
            body: text(&connection.buffer[head..total]),
        }
    }
}

impl Connection {
    /// Sends a request, if there is one.
    fn send_next<'a>(&mut self, requests: &mut impl Iterator<Item = &'a [u8]>) -> bool {
        let Some(request) = requests.next() else { return false };
        // The send buffer of a connection is larger than a request.
        let sent = self.stream.write(request).expect("a server that receives");
        assert_eq!(sent, request.len(), "the whole request");
        self.filled = 0;
        true
    }

    /// Reads from the connection. Returns the length of the response's head and of the response,
    /// once it is complete.
    fn receive(&mut self) -> Option<(usize, usize)> {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => panic!("the server has closed the connection, or its response is too long"),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("no response: {error}"),
        }
        let head = memmem::find(&self.buffer[..self.filled], b"\r\n\r\n")? + 4;
        let total = head + content_length(&self.buffer[..head]);
        assert!(self.filled <= total, "the server sent more than the response");
        (self.filled == total).then_some((head, total))
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let start = memmem::find(head, NAME).expect("Content-Length") + NAME.len();
    let digits = head[start..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

/// Returns a `GET` request with these headers.
pub(crate) fn request(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.into_bytes()
}
