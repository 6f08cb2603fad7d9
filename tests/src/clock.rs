//! A clock that stands still until it is told to move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use paseto_actix::clock::Clock;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// A clock that starts at [`START`] and moves only by [`advance`](Self::advance). Clones share the time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

/// Where every [`TestClock`] starts.
pub const START: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

impl TestClock {
    /// A clock at [`START`].
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(0)))
    }

    /// Moves the clock, backwards if the duration is negative.
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
