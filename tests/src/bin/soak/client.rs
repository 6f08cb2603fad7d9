//! A client that sends requests at a steady rate, and compares each response with the expected one.

use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::connection::Response;
use paseto_actix_tests::random::Random;

use crate::World;
use crate::counts::Kind;
use crate::requests::{Reconnecting, Request};
use crate::rules::{Answer, Expected, verdict};

/// A client that is late by more than this time does not send the missed requests.
const MAX_LATE: Duration = Duration::from_secs(1);

pub(crate) struct Client<'w> {
    pub(crate) world: &'w World,
    pub(crate) random: Random,
    /// The user whose logins this client owns.
    pub(crate) user: &'static str,
    number: u64,
    connection: Reconnecting,
    interval: Duration,
    next: Instant,
}

impl<'w> Client<'w> {
    pub(crate) fn new(
        world: &'w World,
        number: u64,
        user: &'static str,
        interval: Duration,
    ) -> Self {
        // The clients do not send at the same moment.
        let offset = interval.mul_f64(number as f64 / crate::CLIENTS as f64);
        Self {
            world,
            random: Random::new(number + 1),
            user,
            number,
            connection: Reconnecting::to(world.server.address()),
            interval,
            next: Instant::now() + offset,
        }
    }

    /// Sends a request at its time. Returns the response if it is right and not `503`.
    pub(crate) fn send(
        &mut self,
        kind: Kind,
        request: &Request,
        expected: Expected,
    ) -> Option<Response> {
        self.exchange(kind, request, expected).filter(|response| response.status != 503)
    }

    /// Sends a request at its time. Returns the response if it is right or an excused `503`.
    pub(crate) fn exchange(
        &mut self,
        kind: Kind,
        request: &Request,
        expected: Expected,
    ) -> Option<Response> {
        self.wait();
        let start = Instant::now();
        let result = self.connection.exchange(request);
        let end = Instant::now();
        let is_outage = self.world.outages.overlaps(start, end);
        let answer = result.as_ref().ok().map(|response| Answer::of(response, request, self.user));
        let verdict = verdict(expected, answer, is_outage, end - start);
        let status = answer.map_or(0, |answer| answer.status);
        self.world.counts.add(kind, status, verdict, || {
            let time = (start - self.world.start).as_secs_f64();
            let error = result.as_ref().err();
            let (number, line) = (self.number, request.line());
            format!(
                "{line} at {time:.3} s, after {:?}, client {number} ({}): expected {expected:?}, \
                 found {answer:?} {error:?}, outage: {is_outage}",
                end - start,
                self.user
            )
        });
        if !kind.has_password() && !is_outage && answer.is_some() {
            self.world.latencies.record(start - self.world.start, end - start);
        }
        result.ok().filter(|_| !verdict.is_false())
    }

    /// Repeats a request after `503` until another response. Returns `None` after a false answer or
    /// at the end of the program.
    pub(crate) fn repeat(
        &mut self,
        kind: Kind,
        request: &Request,
        expected: Expected,
        limit: Duration,
    ) -> Option<Response> {
        let start = Instant::now();
        loop {
            let response = self.exchange(kind, request, expected)?;
            if response.status != 503 {
                return Some(response);
            }
            if self.world.is_over() || start.elapsed() > limit {
                return None;
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn wait(&mut self) {
        let now = Instant::now();
        if self.next > now {
            thread::sleep(self.next - now);
        } else if now - self.next > MAX_LATE {
            self.next = now;
        }
        self.next += self.interval;
    }
}
