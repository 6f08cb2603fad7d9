//! Tests the example `api_service` over HTTP: one process alone, and two processes with one state
//! file or on one Redis.

use std::process::Command;

use paseto_actix_tests::app::issuer_builder;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::process::Process;
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::state_file::StateFile;
use serde_json::{Value, json};

struct Service {
    process: Process,
    url: String,
}

impl Service {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut process = Process::example_with("api_service", variables);
        let url = process.line_after("listening on ");
        Self { process, url }
    }

    /// Sends a request and returns the status and body of the response. A request with a JSON body
    /// is a `POST`. The token is optional.
    fn send_json(&self, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let token = token.map(|token| format!("Authorization: Bearer {token}"));
        let body = body.map(|body| body.to_string());
        let mut arguments = Vec::new();
        if let Some(token) = &token {
            arguments.extend(["--header", token]);
        }
        if let Some(body) = &body {
            arguments.extend(["--header", "Content-Type: application/json", "--data", body]);
        }
        self.send(path, &arguments)
    }

    /// Sends a request with these arguments of curl, and returns the status and body of the
    /// response.
    fn send(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--write-out", "\n%{http_code}"]).args(arguments);
        let output = curl.arg(format!("{}{path}", self.url)).output().expect("curl");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
    }

    fn get(&self, path: &str, token: &str) -> u16 {
        self.send_json(path, Some(token), None).0
    }

    fn post(&self, path: &str, token: &str) -> u16 {
        self.send_json(path, Some(token), Some(json!({}))).0
    }

    fn log_in(&self, email: &str) -> Pair {
        let (status, body) =
            self.send_json("/login", None, Some(json!({ "email": email, "password": "mysecret" })));
        assert_eq!(status, 200, "{body}");
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
        Pair::of(&body)
    }

    fn refresh(&self, pair: &Pair) -> Option<Pair> {
        let (status, body) =
            self.send_json("/refresh", None, Some(json!({ "refresh_token": pair.refresh })));
        assert!(status == 200 || status == 400, "{status} {body}");
        (status == 200).then(|| Pair::of(&body))
    }
}

struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    fn of(body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

const FOO: &str = "foo@bar.example";

/// Failed logins and expired tokens need no action of the operator, so the default level does
/// not log them.
#[test]
fn normal_traffic_logs_nothing_at_the_default_level() {
    let service = Service::start(&[]);
    let pair = service.log_in(FOO);
    assert_eq!(service.get("/me", &pair.access), 200);
    let next = service.refresh(&pair).expect("a new token pair");
    assert_eq!(service.send_json("/me", None, None).0, 401, "request without a token");
    assert_eq!(
        service.send_json("/login", None, Some(json!({ "email": FOO, "password": "typo" }))).0,
        401
    );
    assert_eq!(service.get("/admin", &next.access), 403);
    assert_eq!(service.get("/me", &expired()), 401);
    assert_eq!(service.post("/logout", &next.access), 204);
    assert_eq!(service.get("/me", &next.access), 401, "access token after the logout");
    assert!(service.refresh(&next).is_none());
    assert_eq!(service.send("/me", &["--header", "Authorization: Basic YWRhOnNlY3JldA=="]).0, 401);
    let preflight = ["--request", "OPTIONS", "--header", "Access-Control-Request-Method: GET"];
    assert!(service.send("/me", &preflight).0 >= 400);
    assert_eq!(service.process.kill(), "");

    let service = Service::start(&[]);
    assert_eq!(service.get("/me", "v4.public.AAAA"), 401);
    let log = service.process.kill();
    assert!(
        log.contains("WARN") && log.contains("malformed"),
        "a malformed token is logged, so the log of the first service was captured: {log}"
    );
}

/// Returns a token of the demo key and issuer. The token expired in January 2026.
fn expired() -> String {
    issuer_builder(&TestClock::new()).build().unwrap().issue(&json!({ "email": FOO })).unwrap()
}

#[test]
fn service_refreshes_and_revokes_logins() {
    let service = Service::start(&[]);
    assert_eq!(service.send_json("/me", None, None).0, 401);
    assert_eq!(
        service.send_json("/login", None, Some(json!({ "email": FOO, "password": "wrong" }))).0,
        401
    );
    let pair = service.log_in(FOO);
    assert_eq!(service.send_json("/me", Some(&pair.access), None), (200, json!({ "email": FOO })));
    assert_eq!(service.get("/admin", &pair.access), 403);
    assert_eq!(service.get("/me", &pair.refresh), 401);
    assert_eq!(service.get("/admin", &service.log_in("admin@bar.example").access), 200);

    let next = service.refresh(&pair).expect("a new token pair");
    assert_eq!(service.get("/me", &next.access), 200);
    assert_eq!(service.post("/logout", &next.access), 204);
    assert_eq!((service.get("/me", &next.access), service.get("/me", &pair.access)), (401, 401));
    assert!(service.refresh(&next).is_none());

    let (here, there) = (service.log_in(FOO), service.log_in(FOO));
    assert_eq!(service.post("/logout-everywhere", &here.access), 204);
    assert_eq!((service.get("/me", &here.access), service.get("/me", &there.access)), (401, 401));
    assert!(service.refresh(&there).is_none());
    assert_eq!(
        service.get("/me", &service.log_in(FOO).access),
        200,
        "login in the second of the logout"
    );
}

#[test]
fn killed_service_keeps_logins_and_logouts() {
    let file = StateFile::new();
    let path = file.path().into_os_string().into_string().unwrap();
    let mut service = Service::start(&[("STATE_FILE", &path)]);
    let (kept, ended) = (service.log_in(FOO), service.log_in(FOO));
    assert_eq!(service.post("/logout", &ended.access), 204);
    service.process.kill();
    let mut process = Process::example_with("api_service", &[("STATE_FILE", &path)]);
    assert_eq!(process.line(), format!("The state is in the file `{path}`."));
    let url = process.line_after("listening on ");
    service = Service { process, url };
    assert_eq!((service.get("/me", &kept.access), service.get("/me", &ended.access)), (200, 401));
    assert!(service.refresh(&kept).is_some() && service.refresh(&ended).is_none());
}

/// The old and the new process of a deployment overlap.
#[test]
fn services_with_one_state_file_share_logins_and_logouts() {
    let file = StateFile::new();
    let path = file.path().into_os_string().into_string().unwrap();
    share_logins_and_logouts(("STATE_FILE", &path));
}

#[test]
fn unusable_state_file_is_reported_with_its_variable() {
    let file = StateFile::new();
    for name in ["api_service", "login_manager"] {
        let mut command = Process::example_command(name);
        let output = command.env("STATE_FILE", file.folder()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{error}");
        assert!(error.contains("STATE_FILE: `path`: ") && error.contains("not a file"), "{error}");
        assert!(!String::from_utf8(output.stdout).unwrap().contains("listening"));
    }
}

#[test]
fn services_on_one_redis_share_logins_and_logouts() {
    let Some(redis) = Redis::start() else { return };
    share_logins_and_logouts(("REDIS_URL", &redis.url()));
}

fn share_logins_and_logouts(state: (&str, &str)) {
    let [one, other] = [(); 2].map(|()| Service::start(&[state]));
    let pair = one.log_in(FOO);
    assert_eq!((one.get("/me", &pair.access), other.get("/me", &pair.access)), (200, 200));
    let next = other.refresh(&pair).expect("the other process accepts the refresh token");
    assert_eq!(one.post("/logout", &next.access), 204);
    for access in [&pair.access, &next.access] {
        assert_eq!(
            (one.get("/me", access), other.get("/me", access)),
            (401, 401),
            "the next request after the logout"
        );
    }
    assert!(other.refresh(&next).is_none());

    let (here, there) = (one.log_in(FOO), other.log_in(FOO));
    assert_eq!(other.post("/logout-everywhere", &here.access), 204);
    assert_eq!((one.get("/me", &there.access), one.get("/me", &here.access)), (401, 401));
    assert!(one.refresh(&there).is_none());
}

#[test]
fn service_connects_to_redis_over_tls_with_a_trusted_certificate() {
    let Some((_redis, url, authority)) = Redis::tls() else { return };
    let trusting =
        Service::start(&[("REDIS_URL", &url), ("SSL_CERT_FILE", authority.to_str().unwrap())]);
    let pair = trusting.log_in(FOO);
    assert_eq!(trusting.get("/me", &pair.access), 200);
    let next = trusting.refresh(&pair).expect("a new token pair");
    assert_eq!(trusting.post("/logout", &next.access), 204);
    assert_eq!((trusting.get("/me", &pair.access), trusting.get("/me", &next.access)), (401, 401));
    assert!(trusting.refresh(&next).is_none());

    // Without the certificate of the authority, the service exits before it listens.
    let error = startup_error(&url);
    assert!(error.contains("certificate"), "{error}");
}

/// Starts a service that cannot use this Redis, and returns its standard error. The error is one
/// line. It names the variable and does not contain the password.
#[track_caller]
fn startup_error(url: &str) -> String {
    let started = Process::example_command("api_service").env("REDIS_URL", url).output().unwrap();
    // The first line warns that the signing key is public.
    let lines = String::from_utf8(started.stderr).unwrap();
    let error = lines.split_once('\n').unwrap().1.to_owned();
    assert!(!started.status.success() && error.starts_with("error: REDIS_URL: "), "{error}");
    assert!(error.lines().count() == 1 && !error.contains("secret"), "{error}");
    assert!(!String::from_utf8(started.stdout).unwrap().contains("listening"));
    error
}

#[test]
fn invalid_redis_url_is_reported_with_its_variable() {
    startup_error("http://:secret@127.0.0.1/");
}

#[test]
fn service_exits_if_redis_is_unreachable() {
    let Some(mut redis) = Redis::start() else { return };
    let url = redis.url().replace("//", "//:secret@");
    redis.kill();
    let error = startup_error(&url);
    assert!(error.contains("Redis: Connection refused"), "{error}");
}

#[test]
fn invalid_body_is_rejected_with_a_json_error() {
    let service = Service::start(&[]);
    for path in ["/login", "/refresh"] {
        for body in [json!({}), json!([]), json!({ "email": 1, "refresh_token": 1 })] {
            let (status, response) = service.send_json(path, None, Some(body));
            assert_eq!(status, 400, "{response}");
            assert!(
                response["error"].is_string() && response.as_object().unwrap().len() == 1,
                "{response}"
            );
        }
        // `--data` sets `Content-Type: application/x-www-form-urlencoded`.
        let (status, response) = service.send(path, &["--data", "email=foo"]);
        assert_eq!((status, response["error"].is_string()), (400, true), "{response}");
        let (status, response) = service
            .send(path, &["--header", "Content-Type: application/json", "--data", "{\"email"]);
        assert_eq!((status, response["error"].is_string()), (400, true), "{response}");
    }
}
