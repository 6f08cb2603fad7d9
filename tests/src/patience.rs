//! Maximum response times on a machine that runs other programs too.

use std::fs;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;

/// The default timeout of the stores, plus a tolerance.
pub const MAX_RESPONSE_TIME: Duration = Duration::from_millis(250 + 50);
/// The maximum time until a store responds again after its server does. It is long, because other
/// tests slow down the servers and the clients. `redis_cluster_load` measures the time.
pub const MAX_RECOVERY_TIME: Duration = Duration::from_secs(20);

/// Returns the time that this thread has waited for a CPU. Response times do not include it.
/// Returns zero if the system does not provide the time.
pub fn time_waited_for_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(
        stat.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or_default(),
    )
}

/// Measures response times without the time of other programs.
#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    waited_before: Duration,
}

impl Stopwatch {
    /// Starts the measurement.
    pub fn start() -> Self {
        Self { start: Instant::now(), waited_before: time_waited_for_cpu() }
    }

    /// Asserts that this number of sequential responses arrived in time.
    #[track_caller]
    pub fn assert_in_time(&self, responses: u32) {
        let (elapsed, waited) = (self.start.elapsed(), time_waited_for_cpu() - self.waited_before);
        assert!(
            elapsed <= responses * MAX_RESPONSE_TIME + waited,
            "{elapsed:?}, of which {waited:?} waiting for a CPU"
        );
    }
}

/// The limit of the wait for an event. It ends a test that would never end.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the condition is true.
///
/// # Panics
///
/// Panics after a minute.
pub async fn until(event: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_true().await {
        assert!(start.elapsed() < LIMIT, "after a minute, not yet: {event}");
        sleep(Duration::from_millis(2)).await;
    }
}
