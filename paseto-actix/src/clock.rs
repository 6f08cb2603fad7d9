//! Where the time comes from.

use std::fmt;

use time::OffsetDateTime;

/// A source of the current time.
///
/// Everything in this crate that depends on the time asks a `Clock`, so a test can set the time instead of
/// waiting for it. The default everywhere is [`SystemClock`]. Any closure that returns a time is a clock too.
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
    /// The time now.
    fn now(&self) -> OffsetDateTime;
}

/// The operating system's clock.
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

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
