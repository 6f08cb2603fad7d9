//! Requests a second over loopback: each subject a server process of its own, asked in turn by the same client.

use std::{iter, time::Duration};

use crate::{
    apps::Setting,
    arguments::Run,
    group::{Group, Samples, Unit},
    keys::{Claims, Keys, altered},
    load::{Load, request},
    process::{CLIENT_CORE, can_pin, pin_this_to},
    redis::Redis,
    sampler::Random,
    server::Server,
    subjects::{App, SUBJECTS, Sends, Subject, comparisons},
};

const ROUNDS: usize = 10;
const ROUND: Duration = Duration::from_millis(400);
/// Requests to warm up with, and to learn how many fill a round.
const WARM_UP: usize = 4000;

pub(crate) fn measure(run: &Run) -> Group {
    let mut group = Group::new("over loopback", Unit::RequestsPerSecond);
    group.comparisons = comparisons();
    let mut subjects: Vec<_> = SUBJECTS.iter().filter(|subject| group.needs(subject.name, run)).collect();
    let needs_redis = subjects.iter().any(|subject| subject.app == App::RevocationsOnRedis);
    let redis = needs_redis.then(Redis::start).flatten();
    if needs_redis && redis.is_none() {
        subjects.retain(|subject| subject.app != App::RevocationsOnRedis);
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
    let mut running: Vec<_> = subjects.iter().map(|subject| Running::start(subject, &setting, is_pinned)).collect();
    if !run.brief {
        for running in &mut running {
            running.prepare(&setting.keys);
        }
        let mut random = Random::new();
        for _ in 0..ROUNDS {
            random.shuffle(&mut running);
            for running in &mut running {
                running.round();
            }
        }
        running.sort_by_key(|running| SUBJECTS.iter().position(|subject| subject.name == running.subject.name));
        if running.iter().all(|running| running.server.busy().is_some()) {
            let note =
                "over loopback: a second is one of the server's processor; what others take of it does not count";
            group.notes.push(note.to_owned());
        }
    }
    let samples = running.into_iter().map(|running| Samples {
        name: running.subject.name.to_owned(),
        side: running.subject.side,
        rounds: running.speeds,
    });
    group.samples = samples.collect();
    group
}

/// A subject whose server runs.
struct Running {
    subject: &'static Subject,
    server: Server,
    load: Load,
    /// All that will be sent, where each is sent once; or the one that is sent each time.
    requests: Vec<Vec<u8>>,
    sent: usize,
    per_round: usize,
    speeds: Vec<f64>,
}

impl Running {
    /// Starts the server, and checks that it answers as it should.
    fn start(subject: &'static Subject, setting: &Setting, is_pinned: bool) -> Self {
        let server = Server::start(subject, setting, is_pinned);
        // A core is left for Redis, which in earnest has others.
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
        Self { subject, server, load, requests: vec![right], sent: 0, per_round: 0, speeds: Vec::new() }
    }

    /// Warms up, and makes the requests of all rounds.
    fn prepare(&mut self, keys: &Keys) {
        // The first was used to check.
        self.make(keys, 1, WARM_UP);
        let time = self.send(WARM_UP);
        self.per_round = (WARM_UP as f64 * ROUND.as_secs_f64() / time.as_secs_f64()) as usize;
        self.make(keys, 1 + WARM_UP, self.per_round * ROUNDS);
    }

    /// Makes requests with tokens of so many users, if this is a subject that gets new ones.
    fn make(&mut self, keys: &Keys, first: usize, count: usize) {
        if let Sends::NewTokens(form) = self.subject.sends {
            let tokens = keys.tokens(form, first..first + count);
            let request = |token| request(self.subject.path, &headers(Some(&bearer(token))));
            self.requests = tokens.into_iter().map(request).collect();
            self.sent = 0;
        }
    }

    fn round(&mut self) {
        let time = self.send(self.per_round);
        self.speeds.push(self.per_round as f64 / time.as_secs_f64());
    }

    /// Sends so many requests, and returns how long the server has worked for it: the time that the processor gave it, so that
    /// others on the machine do not count, or where the system does not tell that, the time that has passed.
    fn send(&mut self, count: usize) -> Duration {
        let (sent, requests) = (self.sent, &self.requests);
        self.sent += count;
        let before = self.server.busy();
        let passed = match &requests[..] {
            [one] => self.load.run(iter::repeat_n(one.as_slice(), count)),
            many => self.load.run(many[sent..sent + count].iter().map(Vec::as_slice)),
        };
        self.server.busy().zip(before).map_or(passed, |(after, before)| after - before)
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
