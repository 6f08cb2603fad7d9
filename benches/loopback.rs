//! Requests a second over loopback: each subject a server process of its own, asked in turn by the same client.
//!
//! Each round has new processes, which work at another place of the stack: see `depth.rs`.

use std::{iter, time::Duration};

use crate::{
    apps::Setting,
    arguments::Run,
    depth::DEPTHS,
    group::{Group, Samples, Unit},
    keys::{Claims, Keys, altered},
    load::{Load, request},
    process::{CLIENT_CORE, can_pin, pin_this_to},
    redis::Redis,
    sampler::Random,
    server::Server,
    subjects::{App, SUBJECTS, Sends, Subject, comparisons},
};

const ROUNDS: usize = 16;
const ROUND: Duration = Duration::from_millis(250);
/// Requests to warm up with, and at first to learn how many fill a round.
const WARM_UP: usize = 2000;

pub(crate) fn measure(run: &Run) -> Group {
    let mut group = Group::new("over loopback", Unit::RequestsPerSecond);
    group.comparisons = comparisons();
    let mut subjects: Vec<_> = SUBJECTS.iter().filter(|subject| group.needs(subject.name, run)).collect();
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
    let mut asked: Vec<_> = subjects.iter().map(|subject| Asked::new(subject, &setting, is_pinned)).collect();
    if !run.brief {
        asked.iter_mut().for_each(Asked::prepare);
        let mut random = Random::new();
        for round in 0..ROUNDS {
            random.shuffle(&mut asked);
            asked.iter_mut().for_each(|asked| asked.round(round % DEPTHS));
        }
        asked.sort_by_key(|asked| SUBJECTS.iter().position(|subject| subject.name == asked.subject.name));
        if asked.iter().all(|asked| asked.is_busy_known) {
            let note =
                "over loopback: a second is one of the server's processor; what others take of it does not count";
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

/// A subject, and what it is sent.
struct Asked<'a> {
    subject: &'static Subject,
    setting: &'a Setting,
    is_pinned: bool,
    /// What is sent once each, to a server that has seen none of it; empty where all requests are alike.
    new: Vec<Vec<u8>>,
    per_round: usize,
    is_busy_known: bool,
    speeds: Vec<f64>,
}

/// A server that answers as it should, with who asks it.
struct Running {
    server: Server,
    load: Load,
    /// One that it has answered.
    request: Vec<u8>,
}

impl<'a> Asked<'a> {
    fn new(subject: &'static Subject, setting: &'a Setting, is_pinned: bool) -> Self {
        Self { subject, setting, is_pinned, new: Vec::new(), per_round: 0, is_busy_known: true, speeds: Vec::new() }
    }

    /// Starts a server, and checks that it answers as it should.
    fn start(&self, depth: usize) -> Running {
        let Self { subject, setting, .. } = self;
        let server = Server::start(subject, setting, self.is_pinned, depth);
        // Redis has to answer each request, and in production it has a core of its own. So the
        // client yields its core to it. Behind the cache, Redis answers once in two seconds.
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
                Some((cookie, session)) if name == "Cookie" => format!("{cookie}={}", session.to_lowercase()),
                _ => altered(&value),
            };
            let answer = load.ask(&request(subject.path, &[(name, &wrong)]));
            assert!(answer.has_status(401), "{}: {}", subject.name, answer.head);
        }
        Running { server, load, request: right }
    }

    /// Learns how many requests fill a round, and makes those that are to be new.
    fn prepare(&mut self) {
        self.make(WARM_UP);
        let time = self.send(&mut self.start(0), 0, WARM_UP);
        self.per_round = (WARM_UP as f64 * ROUND.as_secs_f64() / time.as_secs_f64()) as usize;
        self.make(WARM_UP + self.per_round);
    }

    /// Makes requests with tokens of so many users, if this is a subject that gets new ones. The first user's is used to check.
    fn make(&mut self, count: usize) {
        if let Sends::NewTokens(form) = self.subject.sends {
            let tokens = self.setting.keys.tokens(form, 1..1 + count);
            self.new =
                tokens.into_iter().map(|token| request(self.subject.path, &headers(Some(&bearer(token))))).collect();
        }
    }

    fn round(&mut self, depth: usize) {
        let mut running = self.start(depth);
        self.send(&mut running, 0, WARM_UP);
        let time = self.send(&mut running, WARM_UP, self.per_round);
        self.is_busy_known &= running.server.busy().is_some();
        self.speeds.push(self.per_round as f64 / time.as_secs_f64());
    }

    /// Sends so many requests, and returns how long the server has worked for it: the time that the processor gave it, so that
    /// others on the machine do not count, or where the system does not tell that, the time that has passed.
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

/// What the first request brings along, and each where all are alike.
fn credential(subject: &Subject, keys: &Keys, load: &mut Load) -> Option<Credential> {
    match subject.sends {
        Sends::Nothing => None,
        Sends::IgnoredToken(form) | Sends::OneToken(form) | Sends::NewTokens(form) => {
            Some(bearer(keys.tokens(form, 0..1).remove(0)))
        }
        Sends::Cookie => Some(("Cookie", load.ask(&request("/fill", &[])).cookie().expect("a cookie"))),
    }
}

fn bearer(token: String) -> Credential {
    ("Authorization", format!("Bearer {token}"))
}

fn headers(credential: Option<&Credential>) -> Vec<(&str, &str)> {
    credential.map(|(name, value)| (*name, value.as_str())).into_iter().collect()
}
