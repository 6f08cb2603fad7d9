//! Tests the examples `auth_service` and `resource_service` over HTTP, each in its own process.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;

use paseto_actix::issuer::TokenBuilder;
use paseto_actix::keys::KeySchedule;
use paseto_actix::{Issuer, LocalKey, SecretKey};
use paseto_actix_tests::http::{Response, send};
use paseto_actix_tests::process::Process;
use paseto_actix_tests::redis::Redis;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::config_keys::TestFile;

/// The default issuer of both examples.
const ISSUER: &str = "https://auth.example";
/// The audience of both examples.
const AUDIENCE: &str = "https://api.example";
/// The log entry of a resource service that has fetched keys.
const FETCHED: &str = "the trusted keys changed";

struct Service {
    url: String,
    process: Process,
    /// Whether the log contains [`FETCHED`].
    has_keys: bool,
}

impl Service {
    fn auth(key_file: &TestFile, refresh_key: &LocalKey, variables: &[(&str, &str)]) -> Self {
        let keys = [("KEY_FILE", key_file.path()), ("REFRESH_KEYS", &refresh_key.to_paserk())];
        Self::start("auth_service", &[&keys, variables].concat())
    }

    fn resource(auth: &str, variables: &[(&str, &str)]) -> Self {
        let key_set = format!("{auth}/.well-known/paserk.json");
        Self::start("resource_service", &[&[("KEY_SET_URL", key_set.as_str())], variables].concat())
    }

    fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        let mut process = Process::example_with(name, variables);
        let mut has_keys = false;
        loop {
            let line = process.line();
            has_keys |= line.contains(FETCHED);
            if let Some(url) = line.strip_prefix("listening on ") {
                return Self { url: url.to_owned(), process, has_keys };
            }
        }
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        let headers = [("Content-Type", "application/json")];
        send(&self.url, "POST", path, &headers, &body.to_string())
    }

    fn log_in(&self) -> Pair {
        Pair::of(&self.post("/login", &json!({ "user": "ada", "password": "mysecret" })))
    }

    fn get_orders(&self, token: &str) -> Response {
        send(&self.url, "GET", "/orders", &[("Authorization", &format!("Bearer {token}"))], "")
    }

    fn status(&self, token: &str) -> u16 {
        self.get_orders(token).status
    }

    /// Reads the log until the service has fetched keys. Then it accepts the token.
    fn wait_for_keys(&mut self, token: &str) {
        while !self.has_keys {
            self.has_keys = self.process.line().contains(FETCHED);
        }
        let response = self.get_orders(token);
        assert_eq!((response.status, response.body.as_str()), (200, "orders of ada\n"));
    }
}

struct Pair {
    access: String,
    refresh: Value,
}

impl Pair {
    #[track_caller]
    fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{response:?}");
        let body: Value = serde_json::from_str(&response.body).unwrap();
        let access = body["access_token"].as_str().unwrap().to_owned();
        Self { access, refresh: json!({ "refresh_token": body["refresh_token"] }) }
    }
}

fn key_file(schedule: &KeySchedule<SecretKey>) -> TestFile {
    TestFile::new(&**schedule.to_json())
}

/// Returns a token for the resource service, with these changes.
fn token_with(
    key: &SecretKey,
    change: impl for<'i> FnOnce(TokenBuilder<'i, Value>) -> TokenBuilder<'i, Value>,
) -> String {
    let issuer = Issuer::builder(ISSUER).key(key.clone()).audience(AUDIENCE).build().unwrap();
    change(issuer.token(&json!({})).subject("ada").scopes(["orders:read"])).issue().unwrap()
}

/// An address that exists before its server. Until then, it closes all connections.
struct Gate {
    url: String,
    server: Arc<OnceLock<String>>,
}

impl Gate {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(OnceLock::<String>::new());
        let target = Arc::clone(&server);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Some(server) = target.get() else { continue };
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                let requests = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || copy(requests.0, requests.1));
                thread::spawn(move || copy(server, client));
            }
        });
        Self { url, server }
    }

    fn open(&self, to: &Service) {
        self.server.set(to.url.replace("http://", "")).unwrap();
    }
}

/// Copies until the end of the data, or until a connection is lost.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn resource_service_starts_before_the_auth_service() {
    let key = SecretKey::generate();
    let gate = Gate::new();
    let mut resource = Service::resource(&gate.url, &[]);
    let response = resource.get_orders(&token_with(&key, |token| token));
    assert_eq!(response.status, 503, "{response:?}");
    let retry_after = response.header_values("retry-after").next().unwrap();
    assert!((1..=30).contains(&retry_after.parse::<u64>().unwrap()), "{retry_after}");

    let file = key_file(&KeySchedule::new(key));
    let auth = Service::auth(&file, &LocalKey::generate(), &[]);
    gate.open(&auth);
    let pair = auth.log_in();
    resource.wait_for_keys(&pair.access);
    let next = Pair::of(&auth.post("/refresh", &pair.refresh));
    assert_eq!(resource.status(&next.access), 200);
    assert_eq!(auth.post("/logout", &next.refresh).status, 204);
    assert_eq!(auth.post("/refresh", &next.refresh).status, 400);
}

#[test]
fn tokens_for_other_services_and_changed_tokens_are_rejected() {
    let key = SecretKey::generate();
    let file = key_file(&KeySchedule::new(key.clone()));
    let auth = Service::auth(&file, &LocalKey::generate(), &[]);
    let mut resource = Service::resource(&auth.url, &[]);
    let good = auth.log_in().access;
    resource.wait_for_keys(&good);

    let for_another = token_with(&key, |token| token.audience("https://mail.example"));
    assert_eq!(resource.status(&for_another), 401);
    assert_eq!(resource.status(&token_with(&SecretKey::generate(), |token| token)), 401);
    let middle = good.len() / 2;
    let other = if good.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let changed = format!("{}{other}{}", &good[..middle], &good[middle + 1..]);
    assert_eq!(resource.status(&changed), 401);
    let no_scope = token_with(&key, |token| token.scopes(["orders:write"]));
    assert_eq!(resource.status(&no_scope), 403);
    assert_eq!(auth.post("/login", &json!({ "user": "ada", "password": "wrong" })).status, 401);
    assert_eq!(resource.status(&good), 200);
}

/// A replica reads the changed file at its start, so the test does not wait for a running one.
#[test]
fn announced_key_is_accepted_from_its_first_token() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let now = OffsetDateTime::now_utc();
    let mut schedule = KeySchedule::new(old);
    schedule.announce(new.clone(), Some(now + time::Duration::HOUR)).unwrap();
    let refresh_key = LocalKey::generate();
    let file = key_file(&schedule);
    let auth = Service::auth(&file, &refresh_key, &[]);
    let mut resource = Service::resource(&auth.url, &[]);
    let by_old = auth.log_in().access;
    resource.wait_for_keys(&by_old);

    schedule.activate(new.kid(), now).unwrap();
    fs::write(file.path(), schedule.to_json().as_bytes()).unwrap();
    let replica = Service::auth(&file, &refresh_key, &[]);
    let by_new = replica.log_in().access;
    assert_ne!(footer(&by_new), footer(&by_old), "the key IDs differ");
    assert_eq!((resource.status(&by_new), resource.status(&by_old)), (200, 200));
}

fn footer(token: &str) -> &str {
    token.rsplit('.').next().unwrap()
}

#[test]
fn logout_is_effective_at_the_resource_service() {
    let Some(redis) = Redis::start() else { return };
    let (url, refresh_key) = (redis.url(), LocalKey::generate());
    let file = key_file(&KeySchedule::new(SecretKey::generate()));
    let redis_url = [("REDIS_URL", url.as_str())];
    let [one, other] = [(); 2].map(|()| Service::auth(&file, &refresh_key, &redis_url));
    let mut resource = Service::resource(&one.url, &redis_url);
    let pair = one.log_in();
    resource.wait_for_keys(&pair.access);
    let next = Pair::of(&other.post("/refresh", &pair.refresh));
    assert_eq!(resource.status(&next.access), 200);
    assert_eq!(one.post("/logout", &next.refresh).status, 204);
    assert_eq!((resource.status(&pair.access), resource.status(&next.access)), (401, 401));
}
