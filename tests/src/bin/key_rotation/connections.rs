//! HTTP/1.1 over connections that stay open.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::World;
use crate::counts::Count;
use crate::services::Service;

/// The time limit of a request: 2 seconds for the service, and 3 seconds because all processes
/// share the cores of one machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// A connection without a request for this time is not used again. The services close it after 5
/// seconds, and a request at this moment would be lost.
const MAX_IDLE: Duration = Duration::from_secs(2);
/// The time without requests to a service that does not accept connections.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest head of a response.
const MAX_HEAD: usize = 16 * 1024;

pub(crate) struct Response {
    pub(crate) status: u16,
    /// The status line and the headers, as they were received.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// Returns the value of a header. `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields
            .into_iter()
            .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then(|| value.trim()))
    }
}

pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into()
}

pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    generation: u64,
    used: Instant,
}

impl Connection {
    pub(crate) fn open(service: &Service) -> io::Result<Self> {
        let generation = service.generation();
        let stream = TcpStream::connect_timeout(&service.address(), LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self { stream, buffer: Vec::new(), generation, used: Instant::now() })
    }

    /// Sends a request and reads the response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Response> {
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
        Ok(response)
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        if self.used.elapsed() > LIMIT {
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

/// The connections of one client, at most one per service.
#[derive(Default)]
pub(crate) struct Connections {
    open: [Option<Connection>; 4],
    paused_until: [Option<Instant>; 4],
}

impl Connections {
    /// Sends a request to a service. Returns `None` and counts the failure if there is no response.
    pub(crate) fn send(
        &mut self,
        world: &World,
        index: usize,
        request: &[u8],
    ) -> Option<(Response, Duration)> {
        let now = Instant::now();
        if self.paused_until[index].is_some_and(|until| now < until) {
            return None;
        }
        let service = world.services.get(index);
        let before = service.generation();
        let idle = self.open[index].take().filter(|idle| idle.used.elapsed() < MAX_IDLE);
        let mut generation = before;
        let exchanged = idle.map_or_else(|| Connection::open(service), Ok).and_then(|mut open| {
            generation = open.generation;
            open.exchange(request).map(|response| (open, response))
        });
        let (time, after) = (now.elapsed(), service.generation());
        match exchanged {
            Ok((open, response)) if time <= LIMIT => {
                // A connection of another generation cannot show whether its loss is a fault.
                self.open[index] = Some(open).filter(|open| open.generation == after);
                return Some((response, time));
            }
            // An odd generation means that the service is stopped.
            Err(_) if generation != after || after % 2 == 1 => {
                self.paused_until[index] = Some(Instant::now() + PAUSE);
                world.counts.add(Count::LostAtStop);
            }
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let description = format!("{}: {error}", service.name());
                world.counts.fault(Count::ConnectionError, &description);
            }
            _ => {
                let description = format!("{}: no response in {time:?}", service.name());
                world.counts.fault(Count::Timeout, &description);
            }
        }
        None
    }
}
