//! Key files, which several replicas read again when they change.

use std::fs;
use std::thread;
use std::time::{Duration as StdDuration, Instant};

use paseto_actix::issuer::IssuerConfig;
use paseto_actix::keys::{KeyFile, KeyRing, KeySchedule, KeyState};
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::{Issuer, LocalKey, SecretKey};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::keys::SECRET_PASERK;
use paseto_actix_tests::logs::Logs;
use serde_json::json;
use time::Duration;

use super::config_keys::TestFile;

fn two_keys() -> (SecretKey, SecretKey, KeySchedule<SecretKey>) {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(old.clone());
    schedule.announce(new.clone(), Some(START + Duration::HOUR)).unwrap();
    (old, new, schedule)
}

/// No thread reads this file during a test.
fn rarely_read(file: &TestFile) -> KeyFile {
    KeyFile::new(file.path()).poll_interval(StdDuration::from_secs(3600))
}

fn issuer(file: &TestFile, clock: &TestClock) -> Issuer {
    let keys = KeyRing::from_file(rarely_read(file)).unwrap();
    Issuer::builder(ISSUER).keys(keys).clock(clock.clone()).build().unwrap()
}

fn active(issuer: &Issuer) -> String {
    let keys = issuer.key_statuses();
    keys.into_iter().find(|key| key.state == KeyState::Active).unwrap().kid
}

#[test]
fn replicas_change_the_active_key_at_the_same_moment() {
    let (old, new, schedule) = two_keys();
    let (file, clock) = (TestFile::new(&**schedule.to_json()), TestClock::new());
    let replicas = [issuer(&file, &clock), issuer(&file, &clock)];
    for expected in [&old, &new] {
        for replica in &replicas {
            assert_eq!(active(replica), expected.kid());
            assert_eq!(replica.public_keys().count(), 2);
            replica.issue(&json!({})).unwrap();
        }
        clock.advance(Duration::HOUR);
    }
}

#[test]
fn invalid_file_changes_nothing_and_is_logged_once() {
    let (old, _, schedule) = two_keys();
    let good = schedule.to_json();
    let (file, clock) = (TestFile::new(&**good), TestClock::new());
    let issuer = issuer(&file, &clock);
    let logs = Logs::capture();
    let local = KeySchedule::new(LocalKey::generate()).to_json();
    let mut future = KeySchedule::new(SecretKey::generate()).to_json().to_string();
    future = future.replace("1970-01-01", "2026-01-02");
    let contents = [
        ("", "is empty"),
        ("{", "written only in part"),
        (&good[..good.len() / 2], "written only in part"),
        (&good[..good.len() - 3], "written only in part"),
        ("{ \"version\": 1, \"keys\": [] }", "an empty list"),
        (SECRET_PASERK, "not JSON"),
        (&**local, "expected `k4.secret`, found `k4.local`"),
        (&future, "no key is active"),
        (&" ".repeat(64 * 1024 + 1), "longer than 64 KiB"),
    ];
    for (index, (content, problem)) in contents.into_iter().enumerate() {
        fs::write(file.path(), content).unwrap();
        for _ in 0..60 {
            let error = issuer.reload_keys().unwrap_err().to_string();
            assert!(error.contains(problem), "{problem}: {error}");
            assert!(error.contains(file.path()), "{error}");
        }
        assert_eq!(logs.count("could not read the key file again"), index + 1, "{logs:?}");
        assert_eq!(active(&issuer), old.kid());
        issuer.issue(&json!({})).unwrap();
    }
    assert!(issuer.reload_keys().is_err());
    assert_eq!(logs.count("could not read the key file again"), 10, "an error is logged again");
    fs::write(file.path(), [0xff, 0xfe]).unwrap();
    assert!(issuer.reload_keys().unwrap_err().to_string().contains("is not UTF-8"));
    fs::remove_file(file.path()).unwrap();
    assert!(issuer.reload_keys().unwrap_err().to_string().contains("cannot read the file"));
    assert!(logs.lines().iter().all(|line| !line.contains("k4.secret.")), "{logs:?}");

    fs::write(file.path(), good.as_bytes()).unwrap();
    assert_eq!(issuer.reload_keys(), Ok(false), "the keys have not changed");
}

#[test]
fn changed_file_replaces_the_keys() {
    let (old, _, schedule) = two_keys();
    let (file, clock) = (TestFile::new(&**schedule.to_json()), TestClock::new());
    let issuer = issuer(&file, &clock);
    assert_eq!(issuer.reload_keys(), Ok(false));
    let (_, _, other) = two_keys();
    let logs = Logs::capture();
    fs::write(file.path(), other.to_json().as_bytes()).unwrap();
    assert_eq!(issuer.reload_keys(), Ok(true));
    assert_eq!(logs.count("read changed keys from the key file"), 1);
    assert_eq!(logs.count(old.kid()), 1, "the log names the removed key: {logs:?}");
    assert_eq!(active(&issuer), other.active(START).kid());
    assert_eq!(issuer.reload_keys(), Ok(false));
}

/// The record of issued tokens survives a change of the file.
#[test]
fn key_with_valid_tokens_stays_published_after_a_change() {
    let (old, new, mut schedule) = two_keys();
    let (file, clock) = (TestFile::new(&**schedule.to_json()), TestClock::new());
    let issuer = issuer(&file, &clock);
    let claims = json!({});
    issuer.token(&claims).ttl(StdDuration::from_secs(24 * 3600)).issue().unwrap();
    schedule.announce(SecretKey::generate(), None).unwrap();
    fs::write(file.path(), schedule.to_json().as_bytes()).unwrap();
    assert_eq!(issuer.reload_keys(), Ok(true));
    clock.advance(Duration::hours(24));
    let published: Vec<_> = issuer.public_keys().map(|key| key.kid().to_owned()).collect();
    assert_eq!((published[0].as_str(), published[2].as_str()), (new.kid(), old.kid()));
    clock.advance(Duration::seconds(305));
    assert_eq!(issuer.public_keys().count(), 2);
}

/// The old key signs until the file changes, although the new key has an earlier time.
#[test]
fn key_that_is_retired_in_the_past_is_published_for_its_last_token() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(old.clone());
    let (file, clock) = (TestFile::new(&**schedule.to_json()), TestClock::new());
    let issuer = issuer(&file, &clock);
    schedule.announce(new.clone(), Some(START - Duration::DAY)).unwrap();
    fs::write(file.path(), schedule.to_json().as_bytes()).unwrap();
    assert_eq!(issuer.reload_keys(), Ok(true));
    assert_eq!(active(&issuer), new.kid());
    fs::write(file.path(), "{").unwrap();
    assert!(issuer.reload_keys().is_err());
    fs::write(file.path(), schedule.to_json().as_bytes()).unwrap();
    assert_eq!(issuer.reload_keys(), Ok(false), "the keys have not changed");
    clock.advance(Duration::hours(1) + Duration::seconds(304));
    assert_eq!(issuer.public_keys().count(), 2);
    clock.advance(Duration::SECOND);
    assert_eq!(issuer.public_keys().count(), 1);
}

#[test]
fn file_without_a_key_whose_tokens_are_valid_is_logged() {
    let (old, _, schedule) = two_keys();
    let (file, clock) = (TestFile::new(&**schedule.to_json()), TestClock::new());
    let issuer = issuer(&file, &clock);
    issuer.issue(&json!({})).unwrap();
    let logs = Logs::capture();
    fs::write(file.path(), two_keys().2.to_json().as_bytes()).unwrap();
    assert_eq!(issuer.reload_keys(), Ok(true));
    assert_eq!(logs.count("lost a key whose tokens are still valid"), 1, "{logs:?}");
    assert!(logs.count(old.kid()) > 1);
}

#[test]
fn key_in_place_of_a_path_is_not_shown() {
    let json = two_keys().2.to_json();
    for path in [SECRET_PASERK, json.as_str()] {
        let error = KeyRing::<SecretKey>::from_file(path).unwrap_err().to_string();
        assert!(error.starts_with("`key_file`: `…`: cannot read the file"), "{error}");
        assert!(!format!("{:?}", KeyFile::new(path)).contains("k4.secret"));
    }
}

#[test]
fn thread_reads_a_changed_file() {
    let (file, new) = (TestFile::new(&**two_keys().2.to_json()), two_keys());
    let often = KeyFile::new(file.path()).poll_interval(StdDuration::from_millis(10));
    let ring = KeyRing::<SecretKey>::from_file(often).unwrap();
    fs::write(file.path(), new.2.to_json().as_bytes()).unwrap();
    let start = Instant::now();
    while ring.active().kid() != new.1.kid() {
        assert!(start.elapsed() < StdDuration::from_secs(60), "the thread does not read the file");
        thread::yield_now();
    }
}

#[test]
fn keys_of_a_file_change_only_in_the_file() {
    let (old, new, schedule) = two_keys();
    let file = TestFile::new(&**schedule.to_json());
    let issuer = issuer(&file, &TestClock::new());
    for outcome in [
        issuer.announce(SecretKey::generate()),
        issuer.activate(new.kid()),
        issuer.retire(old.kid()),
        issuer.remove_key(new.kid()),
    ] {
        let expected =
            format!("the keys come from the key file `{}`: change the file", file.path());
        assert!(outcome.unwrap_err().to_string().contains(&expected));
    }
}

#[test]
fn missing_or_irregular_file_is_an_error_at_the_start() {
    for (path, problem) in [
        ("/no/such/keys.json", "cannot read the file"),
        ("/", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
    ] {
        let error = KeyRing::<LocalKey>::from_file(path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`key_file`: `{path}`: {problem}")), "{error}");
    }
    let file = TestFile::new(&**two_keys().2.to_json());
    let invalid = KeyFile::new(file.path()).poll_interval(StdDuration::ZERO);
    let error = KeyRing::<SecretKey>::from_file(invalid).unwrap_err().to_string();
    assert!(error.contains("expected 10 milliseconds to 1 hour"), "{error}");
}

#[cfg(unix)]
#[test]
fn file_that_other_users_can_read_or_change_is_logged() {
    use std::os::unix::fs::PermissionsExt;

    let file = TestFile::new(&**two_keys().2.to_json());
    for (mode, warnings) in
        [(0o600, 0), (0o400, 0), (0o440, 0), (0o640, 0), (0o604, 1), (0o660, 1), (0o602, 1)]
    {
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let logs = Logs::capture();
        KeyRing::<SecretKey>::from_file(file.path()).unwrap();
        assert_eq!(logs.count("run `chmod 600` on it"), warnings, "{mode:03o}: {logs:?}");
    }
}

#[test]
fn settings_read_key_files_and_their_json_form() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(old.clone());
    schedule.announce(new.clone(), None).unwrap();
    let (json, file) = (schedule.to_json(), TestFile::new(&**schedule.to_json()));
    for keys in [json!({ "file": file.path() }), json!(**json)] {
        let config: IssuerConfig =
            serde_json::from_value(json!({ "iss": ISSUER, "private_keys": keys })).unwrap();
        let issuer = config.build().unwrap();
        let kids: Vec<_> = issuer.key_statuses().into_iter().map(|key| key.kid).collect();
        assert_eq!(kids, [old.kid(), new.kid()]);
        assert_eq!(issuer.announce(SecretKey::generate()).is_err(), keys.is_object());
    }
    let local = KeySchedule::new(LocalKey::generate());
    let file = TestFile::new(&**local.to_json());
    for keys in [json!({ "file": file.path() }), json!(**local.to_json())] {
        let config: PasetoSessionConfig = serde_json::from_value(json!({ "keys": keys })).unwrap();
        assert_eq!(&config.keys.active(), local.active(START));
    }
}
