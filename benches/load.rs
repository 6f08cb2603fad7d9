//! The load: keep-alive connections, one request at a time on each, from one thread.
//!
//! The thread does not sleep. It looks at one connection after the other, and sends the next request on it as soon as it has the
//! response: so that no figure depends on how fast the system wakes a client up.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};
use std::{iter, thread};

use memchr::memmem;

pub(crate) const CONNECTIONS: usize = 16;
/// Longer than any round.
const PATIENCE: Duration = Duration::from_secs(60);
const LARGEST_RESPONSE: usize = 16 * 1024;

pub(crate) struct Load {
    connections: Vec<Connection>,
    gives_way: bool,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// A whole response.
pub(crate) struct Response {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn has_status(&self, status: u16) -> bool {
        self.head.starts_with(&format!("HTTP/1.1 {status} "))
    }

    /// The name and the value of the cookie that it sets.
    pub(crate) fn cookie(&self) -> Option<String> {
        let header = self.head.lines().find_map(|line| line.strip_prefix("set-cookie: "))?;
        header.split(';').next().map(str::to_owned)
    }
}

impl Load {
    /// Whether it gives way to others on its core while there is nothing to read.
    pub(crate) fn connect(port: u16, gives_way: bool) -> Self {
        let connect = |_| {
            let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
            connection.set_nodelay(true).expect("a connection without delay");
            connection.set_nonblocking(true).expect("a connection that does not wait");
            Connection { stream: connection, buffer: vec![0; LARGEST_RESPONSE], filled: 0 }
        };
        Self { connections: (0..CONNECTIONS).map(connect).collect(), gives_way }
    }

    /// Sends requests, as many as there are, and waits until all have been answered with `200`.
    pub(crate) fn run<'a>(&mut self, mut requests: impl Iterator<Item = &'a [u8]>) -> Duration {
        let start = Instant::now();
        let mut waiting: Vec<_> = self.connections.iter_mut().collect();
        waiting.retain_mut(|connection| connection.send_next(&mut requests));
        while !waiting.is_empty() {
            if self.gives_way {
                thread::yield_now();
            }
            waiting.retain_mut(|connection| {
                let Some((head, _)) = connection.receive() else { return true };
                let head = &connection.buffer[..head];
                assert!(
                    head.starts_with(b"HTTP/1.1 200 "),
                    "not let through: {}",
                    String::from_utf8_lossy(head)
                );
                connection.send_next(&mut requests)
            });
            assert!(start.elapsed() < PATIENCE, "the server does not answer");
        }
        start.elapsed()
    }

    /// Sends one request.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Response {
        let (start, connection) = (Instant::now(), &mut self.connections[0]);
        connection.send_next(&mut iter::once(request));
        let (head, whole) = loop {
            if let Some(response) = connection.receive() {
                break response;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not answer");
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a text");
        Response {
            head: text(&connection.buffer[..head]),
            body: text(&connection.buffer[head..whole]),
        }
    }
}

impl Connection {
    /// Sends a request, if there is one.
    fn send_next<'a>(&mut self, requests: &mut impl Iterator<Item = &'a [u8]>) -> bool {
        let Some(request) = requests.next() else { return false };
        // What the system holds for a connection is more than a request.
        let sent = self.stream.write(request).expect("a server that reads");
        assert_eq!(sent, request.len(), "the whole request");
        self.filled = 0;
        true
    }

    /// Where the response's head ends and where it ends itself, once it is there.
    fn receive(&mut self) -> Option<(usize, usize)> {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => panic!("the server has closed the connection, or its response is too long"),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("no response: {error}"),
        }
        let head = memmem::find(&self.buffer[..self.filled], b"\r\n\r\n")? + 4;
        let whole = head + content_length(&self.buffer[..head]);
        assert!(self.filled <= whole, "more than the response that was asked for");
        (self.filled == whole).then_some((head, whole))
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let start = memmem::find(head, NAME).expect("a length") + NAME.len();
    let digits = head[start..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

/// A request, with these headers.
pub(crate) fn request(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.into_bytes()
}
