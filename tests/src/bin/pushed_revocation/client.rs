//! Clients that send requests without a pause.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use paseto_actix_tests::random::Random;

use crate::BOUND;
use crate::tokens::Tokens;

/// Longer than a response takes while Redis hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) rejected: u64,
    pub(crate) unavailable: u64,
    /// Requests without a response.
    pub(crate) lost: u64,
    /// Accepted requests that began after the confirmation of the revocation.
    pub(crate) late: u64,
    /// The longest time from a confirmation to the beginning of an accepted request.
    pub(crate) latest: Duration,
    /// Accepted requests that began later than the bound after the confirmation.
    pub(crate) violations: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.rejected += other.rejected;
        self.unavailable += other.unavailable;
        self.lost += other.lost;
        self.late += other.late;
        self.latest = self.latest.max(other.latest);
        self.violations += other.violations;
    }
}

pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    pub(crate) counts: Counts,
}

/// Sends requests with the newest tokens until the end of the phase.
pub(crate) fn load(
    address: SocketAddr,
    tokens: &Tokens,
    is_over: &AtomicBool,
    seed: usize,
) -> Counts {
    let (mut client, mut random) = (Client::new(address), Random::new(seed as u64));
    while !is_over.load(Ordering::Relaxed) {
        client.send(tokens, tokens.pick(&mut random));
    }
    client.counts
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, counts: Counts::default() }
    }

    /// Sends a request with a token, and returns the status of the response.
    pub(crate) fn send(&mut self, tokens: &Tokens, index: usize) -> Option<u16> {
        let start = Instant::now();
        // The time of the confirmation is read before the request.
        let revoked_for = tokens.revoked_for(index, start);
        let status = self.exchange(tokens.text(index));
        self.counts.requests += 1;
        tokens.count_request();
        match status {
            Ok(200) => {
                if let Some(age) = revoked_for {
                    self.counts.late += 1;
                    self.counts.latest = self.counts.latest.max(age);
                    self.counts.violations += u64::from(age > BOUND);
                }
            }
            Ok(401) => self.counts.rejected += 1,
            Ok(503) => self.counts.unavailable += 1,
            _ => {
                self.counts.lost += 1;
                self.stream = None;
            }
        }
        status.ok()
    }

    fn exchange(&mut self, token: &str) -> io::Result<u16> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                none.insert(stream)
            }
        };
        let request =
            format!("GET /me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let (mut buffer, mut length) = ([0; 4096], 0);
        loop {
            let received = stream.read(&mut buffer[length..])?;
            if received == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            length += received;
            let text = str::from_utf8(&buffer[..length]).map_err(io::Error::other)?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let expected = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= expected.unwrap_or(0) {
                let status = head.get(9..12).and_then(|status| status.parse().ok());
                return status.ok_or_else(|| io::Error::other("no status"));
            }
        }
    }
}
