//! A clock that moves only when a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use paseto_actix::clock::Clock;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// A clock that starts at [`START`] and moves only by [`advance`](Self::advance). Clones share one
/// time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

/// The start time of each [`TestClock`].
pub const START: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

impl TestClock {
    /// Returns a clock at [`START`].
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(0)))
    }

    /// Moves the clock. A negative duration moves it back.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = i64::try_from(by.whole_nanoseconds()).expect("less than 292 years");
        self.0.fetch_add(nanoseconds, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        START + Duration::nanoseconds(self.0.load(Ordering::SeqCst))
    }
}
