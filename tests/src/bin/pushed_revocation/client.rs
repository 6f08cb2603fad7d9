//! Clients that send requests without a pause.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use paseto_actix_tests::connection::Connection;
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
    connection: Option<Connection>,
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
        Self { address, connection: None, counts: Counts::default() }
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
                self.connection = None;
            }
        }
        status.ok()
    }

    fn exchange(&mut self, token: &str) -> io::Result<u16> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(self.address, TIMEOUT)?),
        };
        let request =
            format!("GET /me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        Ok(connection.exchange(request.as_bytes())?.status)
    }
}
