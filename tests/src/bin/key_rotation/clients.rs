//! Clients that log in, refresh their tokens, and send requests without a pause.

use std::time::{Duration, Instant};

use paseto_actix::time::OffsetDateTime;
use paseto_actix_tests::connection::Response;
use paseto_actix_tests::histogram::Histogram;
use paseto_actix_tests::random::Random;
use serde_json::{Value, json};

use crate::World;
use crate::connections::{Connections, LIMIT, get, post};
use crate::counts::Count;
use crate::services::{Auths, Pair, Resources};

/// Logins per client.
const LOGINS: usize = 8;
/// A token is used for at most this time. The rest of its lifetime of 30 seconds is the time limit
/// of a request.
const MAX_USE: Duration = Duration::from_secs(24);
/// Three of four tokens are used for at most this time.
const SHORT_USE: Duration = Duration::from_secs(1);
/// One of this number of renewals is a logout and a login, and the others are refreshes.
const REFRESHES: u64 = 20;

pub(crate) struct Times {
    pub(crate) orders: Histogram,
    pub(crate) tokens: Histogram,
}

/// Sends requests until the end of the program.
pub(crate) fn run(world: &World, seed: u64) -> Times {
    let mut client = Client {
        world,
        connections: Connections::default(),
        random: Random::new(seed),
        logins: [const { Login::None }; LOGINS],
        times: Times { orders: Histogram::new(LIMIT), tokens: Histogram::new(LIMIT) },
    };
    while !world.is_over() {
        for login in 0..LOGINS {
            client.renew(login);
            client.read_orders(login);
        }
    }
    client.times
}

enum Login {
    None,
    Active { key: Option<usize>, request: Vec<u8>, refresh_token: String, renew_at: Instant },
}

struct Client<'w> {
    world: &'w World,
    connections: Connections,
    random: Random,
    logins: [Login; LOGINS],
    times: Times,
}

impl Client<'_> {
    /// Gets new tokens if there are none, or if their time is over.
    fn renew(&mut self, login: usize) {
        let refresh = match &self.logins[login] {
            Login::Active { renew_at, .. } if Instant::now() < *renew_at => return,
            Login::Active { refresh_token, .. } => {
                Some(json!({ "refresh_token": refresh_token }).to_string())
            }
            Login::None => None,
        };
        match refresh {
            Some(body) if self.random.below(REFRESHES) > 0 => {
                self.get_tokens(login, "/refresh", &body)
            }
            Some(body) => {
                let Some((response, is_first)) = self.send_to_auth("/logout", &body) else {
                    return;
                };
                // A repeated logout may find that the login is revoked.
                if response.status == 204 || !is_first && response.status == 401 {
                    self.world.counts.add(Count::LoggedOut);
                } else {
                    self.not_issued("/logout", &response);
                }
                self.logins[login] = Login::None;
            }
            None => {
                let body = json!({ "user": "ada", "password": "mysecret" }).to_string();
                self.get_tokens(login, "/login", &body);
            }
        }
    }

    fn get_tokens(&mut self, login: usize, path: &str, body: &str) {
        let (start, before) = (Instant::now(), OffsetDateTime::now_utc());
        let Some((response, _)) = self.send_to_auth(path, body) else { return };
        let after = OffsetDateTime::now_utc();
        let tokens: Value = serde_json::from_str(&response.body).unwrap_or_default();
        let (Some(access), Some(refresh)) =
            (tokens["access_token"].as_str(), tokens["refresh_token"].as_str())
        else {
            self.not_issued(path, &response);
            self.logins[login] = Login::None;
            return;
        };
        let (counts, keys) = (&self.world.counts, &self.world.keys);
        counts.add(Count::Issued);
        let key = keys.of_token(access);
        match key {
            Some(key) if (keys.active(before)..=keys.active(after)).contains(&key) => {
                counts.issued_by(key);
            }
            _ => counts.fault(Count::WrongKey, &format!("{path}: token of key {key:?}")),
        }
        let limit = if self.random.below(4) == 0 { MAX_USE } else { SHORT_USE };
        let used_for = Duration::from_millis(self.random.below(limit.as_millis() as u64));
        self.logins[login] = Login::Active {
            key,
            request: get("/orders", access),
            refresh_token: refresh.to_owned(),
            renew_at: start + used_for,
        };
    }

    fn not_issued(&self, path: &str, response: &Response) {
        let description = format!("{path}: {} {}", response.head, response.body);
        self.world.counts.fault(Count::NotIssued, &description);
    }

    /// Sends a request to one of the auth services, and to the other one if there is no response.
    /// Also returns whether this was the first attempt.
    fn send_to_auth(&mut self, path: &str, body: &str) -> Option<(Response, bool)> {
        let request = post(path, body);
        for (attempt, service) in order(&mut self.random, Auths::all()).into_iter().enumerate() {
            if let Some((response, time)) = self.connections.send(self.world, service, &request) {
                self.times.tokens.record(time);
                return Some((response, attempt == 0));
            }
        }
        None
    }

    /// Sends a request to one of the resource services, and to the other one if the first is
    /// stopped or has no keys.
    fn read_orders(&mut self, login: usize) {
        let Login::Active { key, request, renew_at, .. } = &self.logins[login] else { return };
        let counts = &self.world.counts;
        for index in order(&mut self.random, Resources::all()) {
            let service = self.world.services.get(index);
            let had_keys_before = service.has_keys();
            let Some((response, time)) = self.connections.send(self.world, index, request) else {
                continue;
            };
            let had_keys = had_keys_before && service.has_keys();
            self.times.orders.record(time);
            let describe = || {
                let left = renew_at.saturating_duration_since(Instant::now());
                let (name, head) = (service.name(), &response.head);
                format!("{name}: token of key {key:?}, {left:?} before its renewal: {head}")
            };
            match response.status {
                200 if response.body == "orders of ada\n" => counts.add(Count::Accepted),
                401 => counts.fault(Count::Rejected, &describe()),
                503 if !had_keys && response.header("retry-after").is_some() => {
                    counts.add(Count::UnavailableWithoutKeys);
                    continue;
                }
                503 => counts.fault(Count::Unavailable, &describe()),
                _ => counts.fault(Count::OtherStatus, &describe()),
            }
            return;
        }
    }
}

/// Returns the services of a pair in a random order.
fn order(random: &mut Random, [one, other]: Pair) -> Pair {
    if random.below(2) == 0 { [one, other] } else { [other, one] }
}
