//! Schedules of keys: states, limits and the JSON form.

use std::time::Duration as StdDuration;

use paseto_actix::keys::{KeyRing, KeySchedule, KeyState, KeyStatus};
use paseto_actix::{ConfigError, LocalKey, SecretKey};
use paseto_actix_tests::clock::START;
use paseto_actix_tests::keys;
use paseto_actix_tests::keys::{LOCAL_PASERK, PUBLIC_PASERK, SECRET_PASERK};
use time::{Duration, OffsetDateTime, UtcOffset};

const TTL: StdDuration = StdDuration::from_secs(3600);
const HOUR: Duration = Duration::HOUR;
const SECOND: Duration = Duration::SECOND;

fn states(schedule: &KeySchedule<SecretKey>, now: OffsetDateTime) -> Vec<KeyState> {
    schedule.statuses(now).into_iter().map(|key| key.state).collect()
}

#[test]
fn newest_key_whose_time_has_come_is_active() {
    use KeyState::{Active, Announced, Retired};

    let [first, second, third] = [(); 3].map(|()| SecretKey::generate());
    let mut schedule = KeySchedule::new(first.clone());
    // The order of the calls has no effect.
    schedule.announce(third.clone(), Some(START + 2 * HOUR)).unwrap();
    schedule.announce(second.clone(), Some(START + HOUR)).unwrap();
    schedule.announce(SecretKey::generate(), None).unwrap();
    for (now, active, expected) in [
        (START, &first, [Active, Announced, Announced, Announced]),
        (START + HOUR - Duration::NANOSECOND, &first, [Active, Announced, Announced, Announced]),
        (START + HOUR, &second, [Retired, Active, Announced, Announced]),
        (START + 2 * HOUR, &third, [Retired, Retired, Active, Announced]),
        (START + 2000 * HOUR, &third, [Retired, Retired, Active, Announced]),
    ] {
        assert_eq!(schedule.active(now).kid(), active.kid(), "{now}");
        assert_eq!(states(&schedule, now), expected, "{now}");
    }
}

#[test]
fn of_two_keys_with_the_same_time_the_later_one_is_active() {
    let [first, second] = [(); 2].map(|()| SecretKey::generate());
    let mut schedule = KeySchedule::new(SecretKey::generate());
    schedule.announce(first, Some(START)).unwrap();
    schedule.announce(second.clone(), Some(START)).unwrap();
    assert_eq!(schedule.active(START).kid(), second.kid());
}

#[test]
fn retired_key_expires_after_the_ttl_the_leeway_and_five_seconds() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(old.clone());
    schedule.announce(new, Some(START)).unwrap();
    let end = START + HOUR + Duration::seconds(305);
    assert!(schedule.remove_expired(end - SECOND, TTL).is_empty());
    assert_eq!(schedule.remove_expired(end, TTL), [old.kid()]);
    assert_eq!(states(&schedule, end), [KeyState::Active]);
}

#[test]
fn active_key_cannot_be_retired_or_removed() {
    let (active, announced) = (SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(active.clone());
    schedule.announce(announced.clone(), None).unwrap();
    let expected = format!("`kid`: the key {} is active: activate another key first", active.kid());
    assert_eq!(schedule.retire(active.kid(), START).unwrap_err().to_string(), expected);
    assert_eq!(schedule.remove(active.kid(), START).unwrap_err().to_string(), expected);
    schedule.retire(announced.kid(), START).unwrap();
    assert_eq!(states(&schedule, START), [KeyState::Active]);
}

#[test]
fn retired_key_can_become_active_again() {
    let (old, new) = (SecretKey::generate(), SecretKey::generate());
    let mut schedule = KeySchedule::new(old.clone());
    schedule.announce(new.clone(), None).unwrap();
    schedule.activate(new.kid(), START).unwrap();
    schedule.activate(old.kid(), START + HOUR).unwrap();
    assert_eq!(schedule.active(START + HOUR).kid(), old.kid());
    let keys = schedule.statuses(START + HOUR);
    assert_eq!((keys[0].kid.as_str(), keys[0].state), (new.kid(), KeyState::Retired));
    assert_eq!(keys[0].retired_at, Some(START + HOUR));
}

#[test]
fn statuses_contain_the_known_times() {
    let key = SecretKey::generate();
    let mut schedule = KeySchedule::new(key);
    schedule.announce(SecretKey::generate(), Some(START)).unwrap();
    schedule.announce(SecretKey::generate(), Some(START + HOUR)).unwrap();
    let times = |now| {
        let times = |key: KeyStatus| (key.activates_at, key.retired_at);
        schedule.statuses(now).into_iter().map(times).collect::<Vec<_>>()
    };
    let (start, later) = (Some(START), Some(START + HOUR));
    assert_eq!(times(START), [(None, start), (start, None), (later, None)]);
    assert_eq!(times(START + HOUR), [(None, start), (start, later), (later, None)]);
}

#[test]
fn ring_without_a_user_keeps_each_retired_key() {
    let mut schedule = KeySchedule::new(SecretKey::generate());
    schedule.announce(SecretKey::generate(), Some(START)).unwrap();
    assert_eq!(KeyRing::from(schedule).statuses().len(), 2);
}

#[test]
fn error_of_an_unknown_key_contains_no_key() {
    let mut schedule = KeySchedule::new(SecretKey::generate());
    let error = |problem: ConfigError| problem.to_string();
    let unknown = SecretKey::generate();
    assert_eq!(
        error(schedule.activate(unknown.kid(), START).unwrap_err()),
        format!(
            "`kid`: there is no key {}: pass the ID of a key of this schedule or ring",
            unknown.kid()
        )
    );
    let secret = SECRET_PASERK;
    assert!(!error(schedule.activate(secret, START).unwrap_err()).contains(secret));
}

#[test]
fn schedule_has_a_maximum_number_of_keys() {
    let mut signing = KeySchedule::new(SecretKey::generate());
    let mut local = KeySchedule::new(LocalKey::generate());
    for _ in 1..64 {
        signing.announce(SecretKey::generate(), None).unwrap();
    }
    for _ in 1..8 {
        local.announce(LocalKey::generate(), None).unwrap();
    }
    let expected = |count: usize| {
        format!("`keys`: expected at most {count} keys: remove the keys whose tokens have expired")
    };
    let error = signing.announce(SecretKey::generate(), None).unwrap_err();
    assert_eq!(error.to_string(), expected(64));
    let error = local.announce(LocalKey::generate(), None).unwrap_err();
    assert_eq!(error.to_string(), expected(8));
}

#[test]
fn time_that_rfc_3339_cannot_represent_is_an_error() {
    let mut schedule = KeySchedule::new(SecretKey::generate());
    let with_seconds = UtcOffset::from_hms(0, 0, 1).unwrap();
    let error = schedule.announce(SecretKey::generate(), Some(START.to_offset(with_seconds)));
    let expected = "`activates_at`: expected a time of RFC 3339: at most the year 9999, and an offset in whole minutes";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn json_form_contains_the_whole_schedule() {
    let [first, second, third] = [(); 3].map(|()| SecretKey::generate());
    let mut schedule = KeySchedule::new(first);
    schedule.announce(second, Some(START + Duration::milliseconds(1))).unwrap();
    schedule.announce(third, None).unwrap();
    let json = schedule.to_json();
    let read = KeySchedule::<SecretKey>::from_json(&json).unwrap();
    assert_eq!(read.statuses(START + HOUR), schedule.statuses(START + HOUR));
    assert_eq!(*read.to_json(), *json);
    assert!(json.ends_with("  ]\n}\n"), "{}", *json);

    let local = KeySchedule::new(LOCAL_PASERK.parse::<LocalKey>().unwrap());
    let read = KeySchedule::<LocalKey>::from_json(&local.to_json()).unwrap();
    assert_eq!(read.active(START), local.active(START));
}

#[test]
fn json_form_is_strict() {
    const TIME: &str = r#""activates_at": "2026-01-01T00:00:00Z""#;
    let key = format!(r#""paserk": "{SECRET_PASERK}""#);
    let entry = format!("{{ {key}, {TIME} }}");
    let with = |entries: &str| format!(r#"{{ "version": 1, "keys": [{entries}] }}"#);
    let good = with(&entry);
    KeySchedule::<SecretKey>::from_json(&good).unwrap();
    KeySchedule::<SecretKey>::from_json(&format!("\n {good}\n")).unwrap();
    let kid = keys::secret().kid().to_owned();
    let named = with(&format!(r#"{{ "kid": "{kid}", {key}, {TIME} }}"#));
    KeySchedule::<SecretKey>::from_json(&named).unwrap();
    let longest = format!("{good}{}", " ".repeat(64 * 1024 - good.len()));
    KeySchedule::<SecretKey>::from_json(&longest).unwrap();

    let other_kid = SecretKey::generate().kid().to_owned();
    let cases = [
        (String::new(), "the content ends too early"),
        (good[..good.len() - 1].to_owned(), "the content ends too early"),
        (good[..good.len() / 2].to_owned(), "the content ends too early"),
        (format!("{good}{good}"), "the content is not JSON"),
        ("keys = []".to_owned(), "the content is not JSON"),
        (SECRET_PASERK.to_owned(), "the content is not JSON"),
        (good.replace("\"version\": 1", "\"version\": 2"), "expected `version` 1, found 2"),
        (good.replace("\"version\": 1, ", ""), "a field is unknown, missing"),
        (good.replace("version", "versions"), "a field is unknown, missing"),
        (
            good.replace("\"version\": 1", &format!("\"version\": \"{SECRET_PASERK}\"")),
            "has a wrong type",
        ),
        (good.replace("\"version\": 1", "\"version\": 1, \"version\": 1"), "given twice"),
        (
            good.replace("2026-01-01T00:00:00Z", "2026-01-01"),
            "`keys[0]`: `activates_at`: expected a time",
        ),
        (good.replace("\"2026-01-01T00:00:00Z\"", "1767225600"), "has a wrong type"),
        (with(""), "`keys` is an empty list"),
        (with(&format!("{{ {key} }}")), "no key is active"),
        (with(&format!("{entry}, {entry}")), "is given twice"),
        (
            with(&format!(r#"{{ "kid": "{other_kid}", {key}, {TIME} }}"#)),
            "`kid` is not the ID of the key",
        ),
        (with(&format!("{{ {key}, {TIME}, \"secret\": 1 }}")), "a field is unknown"),
        (good.replace(SECRET_PASERK, LOCAL_PASERK), "expected `k4.secret`, found `k4.local`"),
        (good.replace(SECRET_PASERK, PUBLIC_PASERK), "expected `k4.secret`, found `k4.public`"),
        (good.replace(SECRET_PASERK, &SECRET_PASERK[..60]), "a part is missing"),
        (good.replace(SECRET_PASERK, &SECRET_PASERK[..11]), "a part is missing"),
        (good.replace(SECRET_PASERK, &SECRET_PASERK.replace("k4", "k\\u0034")), "has a wrong type"),
        (format!("{good}{}", " ".repeat(64 * 1024 + 1 - good.len())), "longer than 64 KiB"),
    ];
    for (text, expected) in cases {
        let error = KeySchedule::<SecretKey>::from_json(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains("tMv7Q99M4hByfZU"), "{error}");
    }
}
