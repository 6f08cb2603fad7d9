//! HTTP/1.1 over one connection that stays open, for load tests.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The examples close a connection without a request after 5 seconds. A request at this moment
/// would be lost.
const MAX_IDLE: Duration = Duration::from_secs(2);
/// The longest head of a response.
const MAX_HEAD: usize = 16 * 1024;

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The status line and the headers, as they were received.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Response {
    /// Returns the first value of a header.
    pub fn header<'r>(&'r self, name: &str) -> Option<&'r str> {
        self.headers(name).next()
    }

    /// Returns all values of a header.
    pub fn headers<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Returns the part of the body between two strings.
    pub fn between(&self, start: &str, end: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(start)?;
        rest.split_once(end).map(|(text, _)| text)
    }
}

/// An open connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    limit: Duration,
    buffer: Vec<u8>,
    used: Instant,
}

impl Connection {
    /// Opens a connection. `limit` is the time limit of each request.
    ///
    /// # Errors
    ///
    /// The error of the connection.
    pub fn open(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        Ok(Self { stream, limit, buffer: Vec::new(), used: Instant::now() })
    }

    /// Returns whether the server may close the connection soon. Open another one for the next
    /// request.
    pub fn is_stale(&self) -> bool {
        self.used.elapsed() >= MAX_IDLE
    }

    /// Sends a request and reads the response. After an error, the connection is of no use.
    ///
    /// # Errors
    ///
    /// The error of the connection, or an error if the response is malformed.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Response> {
        self.used = Instant::now();
        self.buffer.clear();
        self.stream.write_all(request)?;
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(io::Error::other("the head of the response is too long"));
            }
            self.receive()?;
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
            self.receive()?;
        }
        response.body = String::from_utf8_lossy(&self.buffer[start..start + length]).into_owned();
        self.used = Instant::now();
        Ok(response)
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        if self.used.elapsed() > self.limit {
            return Err(ErrorKind::TimedOut.into());
        }
        let length = self.stream.read(&mut bytes)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&bytes[..length]);
        Ok(())
    }
}
