//! Requests per second over loopback. One client measures the server processes of all subjects in
//! turn. Each round starts new processes with another stack depth (see `depth.rs`).

use std::iter;
use std::time::Duration;

use crate::apps::Setting;
use crate::depth::DEPTHS;
use crate::folder::Folder;
use crate::group::{Group, Samples, Unit};
use crate::keys::{Claims, KeySet};
use crate::load::{Load, request};
use crate::process::{CLIENT_CORE, can_pin, pin_to};
use crate::redis::Redis;
use crate::sampler::Random;
use crate::selection::Run;
use crate::server::Server;
use crate::subjects::{SUBJECTS, Sends, Subject, comparisons};
use crate::tokens::{altered, issue_tokens};

const ROUNDS: usize = 16;
const ROUND: Duration = Duration::from_millis(250);
/// The requests that warm up a server. The first warm-up also determines the requests per round.
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
        group.notes.push(
            "revocations on Redis: skipped, because redis-server is not installed".to_owned(),
        );
    }
    if subjects.is_empty() {
        return group;
    }
    let is_pinned = can_pin();
    if is_pinned {
        pin_to(CLIENT_CORE);
    } else {
        group.notes.push("over loopback: the servers and the client shared cores".to_owned());
    }
    let folder = Folder::create();
    let setting = Setting {
        keys: KeySet::generate(),
        redis: redis.as_ref().map(Redis::url),
        folder: folder.path().to_owned(),
    };
    let mut measured: Vec<_> =
        subjects.iter().map(|subject| MeasuredSubject::new(subject, &setting, is_pinned)).collect();
    if !run.brief {
        measured.iter_mut().for_each(MeasuredSubject::prepare);
        let mut random = Random::new();
        for round in 0..ROUNDS {
            random.shuffle(&mut measured);
            measured.iter_mut().for_each(|measured| measured.round(round % DEPTHS));
        }
        measured.sort_by_key(|measured| {
            SUBJECTS.iter().position(|subject| subject.name == measured.subject.name)
        });
        if measured.iter().all(|measured| measured.is_busy_known) {
            let note = "over loopback: a second is a second of the server's processor time";
            group.notes.push(note.to_owned());
        }
    } else {
        for measured in &measured {
            measured.start(0);
        }
    }
    let samples = measured.into_iter().map(|measured| Samples {
        name: measured.subject.name.to_owned(),
        rounds: measured.speeds,
    });
    group.samples = samples.collect();
    group
}

/// A subject with its requests and figures.
struct MeasuredSubject<'a> {
    subject: &'static Subject,
    setting: &'a Setting,
    is_pinned: bool,
    /// The requests with new tokens. Empty if the subject gets the same request each time.
    new: Vec<Vec<u8>>,
    requests_per_round: usize,
    is_busy_known: bool,
    speeds: Vec<f64>,
}

/// A server process that was checked, with its client.
struct Running {
    server: Server,
    load: Load,
    /// The request of the check, which the server accepts.
    request: Vec<u8>,
}

impl<'a> MeasuredSubject<'a> {
    fn new(subject: &'static Subject, setting: &'a Setting, is_pinned: bool) -> Self {
        Self {
            subject,
            setting,
            is_pinned,
            new: Vec::new(),
            requests_per_round: 0,
            is_busy_known: true,
            speeds: Vec::new(),
        }
    }

    /// Starts a server. Checks that it accepts the credential, and rejects a wrong credential.
    fn start(&self, depth: usize) -> Running {
        let Self { subject, setting, .. } = self;
        let server = Server::start(subject, setting, self.is_pinned, depth);
        // Redis has its own core in production. So the client yields its core to Redis if each
        // request needs a reply of Redis.
        let mut load = Load::connect(server.port, subject.app.waits_for_redis());
        let credential = credential(subject, &setting.keys, &mut load);
        let accepted = request(subject.path, &headers(credential.as_ref()));
        let response = load.exchange(&accepted);
        assert!(response.has_status(200), "{}: {}", subject.name, response.head);
        let expected = serde_json::to_string(&Claims::of_user(0)).expect("JSON");
        assert_eq!(response.body, expected, "{}", subject.name);
        assert_eq!(response.cookie().is_some(), subject.path == "/change", "{}", subject.name);
        let is_verified = !matches!(subject.sends, Sends::IgnoredToken(_));
        if let Some((name, value)) = credential.filter(|_| is_verified) {
            let wrong = match value.split_once('=') {
                Some((cookie, session)) if name == "Cookie" => {
                    format!("{cookie}={}", session.to_lowercase())
                }
                _ => altered(&value),
            };
            let response = load.exchange(&request(subject.path, &[(name, &wrong)]));
            assert!(response.has_status(401), "{}: {}", subject.name, response.head);
        }
        Running { server, load, request: accepted }
    }

    /// Determines the requests per round, and creates the requests with new tokens.
    fn prepare(&mut self) {
        self.create_requests(WARM_UP);
        let time = self.send(&mut self.start(0), 0, WARM_UP);
        self.requests_per_round =
            (WARM_UP as f64 * ROUND.as_secs_f64() / time.as_secs_f64()) as usize;
        self.create_requests(WARM_UP + self.requests_per_round);
    }

    /// Creates this number of requests with different tokens, if the subject gets new tokens. The
    /// check of the server uses the token of user 0.
    fn create_requests(&mut self, count: usize) {
        if let Sends::NewTokens(format) = self.subject.sends {
            let tokens = issue_tokens(&self.setting.keys, format, 1..1 + count);
            self.new = tokens
                .into_iter()
                .map(|token| request(self.subject.path, &headers(Some(&bearer(token)))))
                .collect();
        }
    }

    fn round(&mut self, depth: usize) {
        let mut running = self.start(depth);
        self.send(&mut running, 0, WARM_UP);
        let time = self.send(&mut running, WARM_UP, self.requests_per_round);
        self.is_busy_known &= running.server.busy().is_some();
        self.speeds.push(self.requests_per_round as f64 / time.as_secs_f64());
    }

    /// Sends this number of requests. Returns the processor time of the server, which does not
    /// depend on other processes, or the elapsed time if the system does not report it.
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

/// Returns the header with the credential of the first request.
fn credential(subject: &Subject, keys: &KeySet, load: &mut Load) -> Option<Credential> {
    match subject.sends {
        Sends::Nothing => None,
        Sends::IgnoredToken(format) | Sends::OneToken(format) | Sends::NewTokens(format) => {
            Some(bearer(issue_tokens(keys, format, 0..1).remove(0)))
        }
        Sends::Cookie => {
            Some(("Cookie", load.exchange(&request("/fill", &[])).cookie().expect("a cookie")))
        }
    }
}

fn bearer(token: String) -> Credential {
    ("Authorization", format!("Bearer {token}"))
}

fn headers(credential: Option<&Credential>) -> Vec<(&str, &str)> {
    credential.map(|(name, value)| (*name, value.as_str())).into_iter().collect()
}
