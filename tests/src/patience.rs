//! How long an answer may take on a machine that is busy with other things too.

use std::fs;
use std::time::{Duration, Instant};

/// The timeout of stores on a server that is the default, and a little.
pub const ANSWERED: Duration = Duration::from_millis(250 + 50);
/// How soon a store answers again after its server does.
pub const RECOVERED: Duration = Duration::from_secs(1);

/// For how long this thread could have run so far, and the machine ran others: what it would be unfair to count. It is no time
/// that anything here takes, be it by computing or by waiting. Zero where the system does not tell.
pub fn passed_over() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(
        told.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or_default(),
    )
}

/// The time that answers take, without that in which the machine ran others.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    passed: Duration,
}

impl Watch {
    /// Begins to count.
    pub fn start() -> Self {
        Self { start: Instant::now(), passed: passed_over() }
    }

    /// That so many answers, one after the other, came in time.
    #[track_caller]
    pub fn assert_answered(&self, answers: u32) {
        let (elapsed, unfair) = (self.start.elapsed(), passed_over() - self.passed);
        assert!(elapsed <= answers * ANSWERED + unfair, "{elapsed:?}, and {unfair:?} of others");
    }
}
