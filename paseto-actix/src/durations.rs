//! How long a duration may be.

use std::time::Duration;

use crate::error::ConfigError;

/// Longer than any token should live, short of where calendars end.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// Verifiers accept a token that much longer at most.
pub(crate) const LONGEST_LEEWAY: Duration = Duration::from_secs(5 * 60);
/// How long a revocation record lives after the end of what it revokes: the longest leeway of a verifier,
/// and 5 seconds for clocks that differ.
pub(crate) const RECORD_SLACK: time::Duration =
    time::Duration::seconds(LONGEST_LEEWAY.as_secs() as i64 + 5);
/// Every claim of time is in whole seconds.
const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// A lifetime as the type to reckon with, if it is one that a token may have.
pub(crate) fn token_ttl(ttl: Duration) -> Option<time::Duration> {
    if (SHORTEST_TTL..=LONGEST_TTL).contains(&ttl) {
        time::Duration::try_from(ttl).ok()
    } else {
        None
    }
}

pub(crate) fn check_ttl(
    setting: &'static str,
    ttl: Duration,
) -> Result<time::Duration, ConfigError> {
    let error =
        ConfigError::DurationOutOfRange { setting, found: ttl, expected: "1 second to 100 years" };
    token_ttl(ttl).ok_or(error)
}

pub(crate) fn check_leeway(
    setting: &'static str,
    leeway: Duration,
) -> Result<time::Duration, ConfigError> {
    let error =
        ConfigError::DurationOutOfRange { setting, found: leeway, expected: "at most 5 minutes" };
    if leeway > LONGEST_LEEWAY {
        Err(error)
    } else {
        time::Duration::try_from(leeway).map_err(|_| error)
    }
}
