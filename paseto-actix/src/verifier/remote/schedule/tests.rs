use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: time::Duration = time::Duration::DAY;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the schedule after a successful fetch at `NOW`.
fn fetched(max_age: Duration, max_staleness: time::Duration) -> Schedule {
    let mut schedule = Schedule::new(NOW);
    assert_eq!(schedule.start(NOW), Some(FetchReason::Due));
    assert_eq!(schedule.start(NOW), None);
    schedule.succeed(NOW, max_age, max_staleness);
    schedule
}

#[test]
fn keys_are_refreshed_up_to_10_percent_before_their_max_age() {
    for (max_age, max_staleness, refresh) in [
        (seconds(0), DAY, 60),
        (seconds(60), DAY, 60),
        (seconds(300), DAY, 300),
        (seconds(u64::MAX), time::Duration::days(30), 24 * 60 * 60),
        // Half of the time for which the keys are used.
        (24 * HOUR, DAY, 12 * 60 * 60),
        (24 * HOUR, time::Duration::minutes(2), 60),
    ] {
        for _ in 0..50 {
            let next = fetched(max_age, max_staleness).until_next(NOW);
            let range = seconds(refresh).mul_f64(0.9)..=seconds(refresh);
            assert!(range.contains(&next), "{next:?} is not in {range:?}");
        }
    }
}

#[test]
fn failures_are_retried_after_1_to_30_seconds_minus_up_to_50_percent() {
    let mut schedule = Schedule::new(NOW);
    let mut delays = Vec::new();
    for backoff in [1, 2, 4, 8, 16].into_iter().chain([30; 40]) {
        let delay = schedule.fail(NOW, String::new());
        let range = seconds(backoff) / 2..=seconds(backoff);
        assert!(range.contains(&delay), "{delay:?} is not in {range:?}");
        assert_eq!(schedule.until_next(NOW), delay);
        delays.push(delay);
    }
    assert!(delays[5..].iter().any(|delay| *delay != delays[5]), "the delays must differ");
    assert!(!schedule.is_usable());
    schedule.succeed(NOW, HOUR, DAY);
    let delay = schedule.fail(NOW, String::new());
    assert!(delay <= seconds(1), "a success must reset the backoff: {delay:?}");
    assert!(schedule.is_usable());
}

#[test]
fn a_fetch_is_requested_once() {
    let mut schedule = fetched(HOUR, DAY);
    let due = schedule.deadline().unwrap();
    assert!(!schedule.request_if_due(due - seconds(1)));
    assert!(schedule.request_if_due(due) && !schedule.request_if_due(due));
    assert_eq!(schedule.deadline(), Some(NOW + DAY), "a requested fetch has no deadline");
    assert_eq!(schedule.start(due), Some(FetchReason::Due));
    assert!(!schedule.request_if_due(due + HOUR));
}

#[test]
fn unknown_keys_start_a_fetch_every_30_seconds() {
    let timeout = seconds(5);
    let mut schedule = fetched(HOUR, DAY);
    assert!(!schedule.request_for_unknown_key(NOW + seconds(29), timeout));
    assert!(schedule.request_for_unknown_key(NOW + seconds(30), timeout));
    assert_eq!(schedule.start(NOW + seconds(30)), Some(FetchReason::UnknownKey));
    assert!(schedule.request_for_unknown_key(NOW + seconds(31), timeout), "wait for the fetch");
    assert!(!schedule.request_for_unknown_key(NOW + seconds(36), timeout), "the source blocks");
    schedule.succeed(NOW + seconds(36), HOUR, DAY);
    assert!(!schedule.request_for_unknown_key(NOW + seconds(59), timeout));
    assert!(schedule.request_for_unknown_key(NOW + seconds(60), timeout));
}

#[test]
fn a_clock_that_was_set_back_does_not_delay_a_fetch_or_extend_the_use_of_keys() {
    let mut schedule = fetched(HOUR, DAY);
    assert!(!schedule.request_if_due(NOW + HOUR / 2));
    // Half an hour of the day has passed.
    let before = NOW - 3 * HOUR;
    assert!(schedule.request_if_due(before) && schedule.start(before).is_some());
    schedule.fail(before, String::new());
    let end = before + DAY - HOUR / 2;
    assert!(!schedule.expire_if_stale(end - seconds(1)));
    assert!(schedule.expire_if_stale(end) && !schedule.is_usable());

    let mut schedule = fetched(HOUR, DAY);
    assert!(schedule.request_for_unknown_key(before, seconds(5)));
}

/// Threads read the clock at almost the same time, and the clock of a machine is adjusted.
#[test]
fn a_small_step_back_is_no_jump() {
    let (mut schedule, before) = (fetched(HOUR, DAY), NOW - seconds(1));
    assert!(!schedule.request_if_due(before));
    assert!(!schedule.request_for_unknown_key(before, seconds(5)));
    assert_eq!(schedule.seen(), NOW, "small steps must not add up");
    assert!(schedule.request_for_unknown_key(before - Duration::from_nanos(1), seconds(5)));
}

#[test]
fn the_time_until_the_next_fetch_is_rounded_up_to_1_to_30_seconds() {
    let mut schedule = Schedule::new(NOW);
    assert_eq!(schedule.retry_after(NOW), 1, "a fetch runs");
    schedule.fail(NOW, String::new());
    let next = schedule.next;
    for (milliseconds, retry_after) in
        [(40_000, 30), (30_000, 30), (4_000, 4), (3_999, 4), (1_001, 2), (1_000, 1), (0, 1)]
    {
        let now = next - Duration::from_millis(milliseconds);
        assert_eq!(schedule.retry_after(now), retry_after, "{milliseconds} ms");
    }
    assert_eq!(schedule.retry_after(next + HOUR), 1);
}

#[test]
fn an_interrupted_fetch_is_repeated() {
    let mut schedule = fetched(HOUR, DAY);
    schedule.fail_if_fetching("a test");
    assert_eq!(schedule.last_error(), None, "no fetch runs");
    assert!(schedule.request_if_due(NOW + HOUR) && schedule.start(NOW + HOUR).is_some());
    schedule.fail_if_fetching("a test");
    assert_eq!(schedule.last_error(), Some("a test"));
    assert!(schedule.request_if_due(NOW + HOUR + seconds(1)));
}

#[test]
fn a_closed_schedule_starts_no_fetch() {
    let mut schedule = fetched(HOUR, DAY);
    schedule.close();
    let later = NOW + 2 * HOUR;
    assert!(!schedule.request_if_due(later) && schedule.start(later).is_none());
    assert!(!schedule.request_for_unknown_key(later, seconds(5)));
    assert!(!schedule.is_usable() && schedule.deadline().is_none());
}
