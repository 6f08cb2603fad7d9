//! Requests to services that stop and start.

use std::io;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use paseto_actix_tests::connection::{Connection, Response};

use crate::World;
use crate::counts::Count;
use crate::services::Service;

/// The time limit of a request: 2 seconds for the service, and 3 seconds because all processes
/// share the cores of one machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// The time without requests to a service that does not accept connections.
const PAUSE: Duration = Duration::from_millis(100);
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

/// A connection to one generation of a service.
struct Open {
    connection: Connection,
    generation: u64,
}

impl Open {
    fn to(service: &Service) -> io::Result<Self> {
        let generation = service.generation();
        let connection = Connection::open(service.address(), LIMIT)?;
        Ok(Self { connection, generation })
    }
}

/// The connections of one client, at most one per service.
#[derive(Default)]
pub(crate) struct Connections {
    open: [Option<Open>; 4],
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
        let idle = self.open[index].take().filter(|idle| !idle.connection.is_stale());
        let mut generation = before;
        let exchanged = idle.map_or_else(|| Open::to(service), Ok).and_then(|mut open| {
            generation = open.generation;
            open.connection.exchange(request).map(|response| (open, response))
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
