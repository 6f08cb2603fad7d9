//! Requests per second over loopback. One client measures the server processes of all subjects in
//! turn. Each round starts new processes, at another place on the stack (see `depth.rs`).

use std::iter;
use std::time::Duration;

use crate::apps::Setting;
use crate::arguments::Run;
use crate::depth::DEPTHS;
use crate::group::{Group, Samples, Unit};
use crate::keys::{Claims, Keys, altered};
use crate::load::{Load, request};
use crate::process::{CLIENT_CORE, can_pin, pin_this_to};
use crate::redis::Redis;
use crate::sampler::Random;
use crate::server::Server;
use crate::subjects::{App, SUBJECTS, Sends, Subject, comparisons};

const ROUNDS: usize = 16;
const ROUND: Duration = Duration::from_millis(250);
/// Requests that warm up a server. The first time, they show how many requests fill a round.
const WARM_UP: usize = 2000;

pub(crate) fn measure(run: &Run) -> Group {
    let mut group = Group::new("over loopback", Unit::RequestsPerSecond);
    group.comparisons = comparisons();
    let mut subjects: Vec<_> =
        SUBJECTS.iter().filter(|subject| group.needs(subject.name, run)).collect();
    let needs_redis = subjects.iter().any(|subject| subject.app.needs_redis());
    let redis = needs_redis.then(Redis::start).flatten();
    if needs_redis && redis.is_none() {
        subjects.retain(|subject| !subject.app.needs_redis());
        group.notes.push("skipped, as there is no redis-server: revocations on Redis".to_owned());
    }
    if subjects.is_empty() {
        return group;
    }
    let is_pinned = can_pin();
    if is_pinned {
        pin_this_to(CLIENT_CORE);
    } else {
        group.notes.push("over loopback: servers and client were not given a core each".to_owned());
    }
    let setting = Setting { keys: Keys::generate(), redis: redis.as_ref().map(Redis::url) };
    let mut asked: Vec<_> =
        subjects.iter().map(|subject| Asked::new(subject, &setting, is_pinned)).collect();
    if !run.brief {
        asked.iter_mut().for_each(Asked::prepare);
        let mut random = Random::new();
        for round in 0..ROUNDS {
            random.shuffle(&mut asked);
            asked.iter_mut().for_each(|asked| asked.round(round % DEPTHS));
        }
        asked.sort_by_key(|asked| {
            SUBJECTS.iter().position(|subject| subject.name == asked.subject.name)
        });
        if asked.iter().all(|asked| asked.is_busy_known) {
            let note = "over loopback: a second is one of the server's processor; what others take of it does not count";
            group.notes.push(note.to_owned());
        }
    } else {
        for asked in &asked {
            asked.start(0);
        }
    }
    let samples = asked.into_iter().map(|asked| Samples {
        name: asked.subject.name.to_owned(),
        side: asked.subject.side,
        rounds: asked.speeds,
    });
    group.samples = samples.collect();
    group
}

/// A subject and its requests.
struct Asked<'a> {
    subject: &'static Subject,
    setting: &'a Setting,
    is_pinned: bool,
    /// Requests that are sent once each. Empty if all requests are the same.
    new: Vec<Vec<u8>>,
    per_round: usize,
    is_busy_known: bool,
    speeds: Vec<f64>,
}

/// A checked server, with its client.
struct Running {
    server: Server,
    load: Load,
    /// A request that the server has answered.
    request: Vec<u8>,
}

impl<'a> Asked<'a> {
    fn new(subject: &'static Subject, setting: &'a Setting, is_pinned: bool) -> Self {
        Self {
            subject,
            setting,
            is_pinned,
            new: Vec::new(),
            per_round: 0,
            is_busy_known: true,
            speeds: Vec::new(),
        }
    }

    /// Starts a server and checks its answers.
    fn start(&self, depth: usize) -> Running {
        let Self { subject, setting, .. } = self;
        let server = Server::start(subject, setting, self.is_pinned, depth);
        // Redis answers each request of this subject, and in production it has its own core. So the
        // client yields its core to Redis. Behind the cache, Redis answers once in two seconds.
        let mut load = Load::connect(server.port, subject.app == App::RevocationsOnRedis);
        let credential = credential(subject, &setting.keys, &mut load);
        let right = request(subject.path, &headers(credential.as_ref()));
        let answer = load.ask(&right);
        assert!(answer.has_status(200), "{}: {}", subject.name, answer.head);
        let expected = serde_json::to_string(&Claims::of(0)).expect("JSON");
        assert_eq!(answer.body, expected, "{}", subject.name);
        assert_eq!(answer.cookie().is_some(), subject.path == "/change", "{}", subject.name);
        let is_looked_at = !matches!(subject.sends, Sends::IgnoredToken(_));
        if let Some((name, value)) = credential.filter(|_| is_looked_at) {
            let wrong = match value.split_once('=') {
                Some((cookie, session)) if name == "Cookie" => {
                    format!("{cookie}={}", session.to_lowercase())
                }
                _ => altered(&value),
            };
            let answer = load.ask(&request(subject.path, &[(name, &wrong)]));
            assert!(answer.has_status(401), "{}: {}", subject.name, answer.head);
        }
        Running { server, load, request: right }
    }

    /// Determines how many requests fill a round, and makes the new tokens.
    fn prepare(&mut self) {
        self.make(WARM_UP);
        let time = self.send(&mut self.start(0), 0, WARM_UP);
        self.per_round = (WARM_UP as f64 * ROUND.as_secs_f64() / time.as_secs_f64()) as usize;
        self.make(WARM_UP + self.per_round);
    }

    /// Makes requests with tokens of this number of users, if the subject gets new tokens. The
    /// check of the server uses the token of user 0.
    fn make(&mut self, count: usize) {
        if let Sends::NewTokens(form) = self.subject.sends {
            let tokens = self.setting.keys.tokens(form, 1..1 + count);
            self.new = tokens
                .into_iter()
                .map(|token| request(self.subject.path, &headers(Some(&bearer(token)))))
                .collect();
        }
    }

    fn round(&mut self, depth: usize) {
        let mut running = self.start(depth);
        self.send(&mut running, 0, WARM_UP);
        let time = self.send(&mut running, WARM_UP, self.per_round);
        self.is_busy_known &= running.server.busy().is_some();
        self.speeds.push(self.per_round as f64 / time.as_secs_f64());
    }

    /// Sends this number of requests, and returns the server's processor time, which other
    /// processes do not change. Systems that do not report it get the elapsed time.
    fn send(&self, running: &mut Running, first: usize, count: usize) -> Duration {
        let Running { server, load, request } = running;
        let before = server.busy();
        let passed = match self.new.get(first..first + count) {
            Some(new) => load.run(new.iter().map(Vec::as_slice)),
            None => load.run(iter::repeat_n(request.as_slice(), count)),
        };
        server.busy().zip(before).map_or(passed, |(after, before)| after - before)
    }
}

type Credential = (&'static str, String);

/// The credential of the first request. Subjects with equal requests send it in each of them.
fn credential(subject: &Subject, keys: &Keys, load: &mut Load) -> Option<Credential> {
    match subject.sends {
        Sends::Nothing => None,
        Sends::IgnoredToken(form) | Sends::OneToken(form) | Sends::NewTokens(form) => {
            Some(bearer(keys.tokens(form, 0..1).remove(0)))
        }
        Sends::Cookie => {
            Some(("Cookie", load.ask(&request("/fill", &[])).cookie().expect("a cookie")))
        }
    }
}

fn bearer(token: String) -> Credential {
    ("Authorization", format!("Bearer {token}"))
}

fn headers(credential: Option<&Credential>) -> Vec<(&str, &str)> {
    credential.map(|(name, value)| (*name, value.as_str())).into_iter().collect()
}
