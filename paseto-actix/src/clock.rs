//! Sources of the current time.

use std::fmt;

use time::OffsetDateTime;

/// A source of the current time.
///
/// This crate reads the current time only from a `Clock`, so a test can set the time. Default:
/// [`SystemClock`]. Each closure that returns an `OffsetDateTime` implements `Clock`. See the
/// chapter [testing](crate::guide::testing).
///
/// ```
/// use paseto_actix::{Issuer, SecretKey};
/// use paseto_actix::time::OffsetDateTime;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://issuer.example")
///     .key(SecretKey::generate())
///     .clock(|| OffsetDateTime::UNIX_EPOCH)
///     .build()?;
/// # let _ = issuer;
/// # Ok(())
/// # }
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> OffsetDateTime;
}

/// The clock of the operating system.
///
/// ```
/// use paseto_actix::clock::{Clock, SystemClock};
/// use paseto_actix::time::OffsetDateTime;
///
/// assert!(SystemClock.now() > OffsetDateTime::UNIX_EPOCH);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

impl<F> Clock for F
where
    F: Fn() -> OffsetDateTime + Send + Sync + 'static,
{
    fn now(&self) -> OffsetDateTime {
        self()
    }
}

/// Returns the first full second, as a Unix time, at which this time has passed.
pub(crate) fn first_second_after(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() + i64::from(time.nanosecond() > 0)
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
