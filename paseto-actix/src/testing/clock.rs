use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::clock::Clock;

/// A clock that starts at [`START`] and moves only by [`advance`](Self::advance). Clones share one
/// time.
///
/// Give clones to all parts that read the time: `Issuer`, `Verifier`, `RefreshTokens`,
/// `PasetoSession`, `RememberMe`, and the stores in memory and on SQLite.
///
/// ```
/// use paseto_actix::clock::Clock;
/// use paseto_actix::testing::{START, TestClock};
/// use paseto_actix::time::Duration;
///
/// let clock = TestClock::new();
/// let shared = clock.clone();
/// clock.advance(Duration::minutes(5));
/// assert_eq!(shared.now(), START + Duration::minutes(5));
/// ```
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

/// The start time of each [`TestClock`]: 2026-01-01, 00:00 UTC.
pub const START: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

impl TestClock {
    /// Returns a clock at [`START`].
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(0)))
    }

    /// Moves the clock. A negative duration moves it back.
    ///
    /// # Panics
    ///
    /// Panics if the duration is longer than 292 years.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = i64::try_from(by.whole_nanoseconds())
            .unwrap_or_else(|_| panic!("expected a duration below 292 years, found {by}"));
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
