//! Limits of settings.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::ConfigError;

/// The maximum lifetime of a token, 100 years. The current time plus this lifetime stays below the
/// year 9999, the last year of RFC 3339.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// The maximum leeway, 5 minutes. A verifier accepts a token until `exp` plus the leeway.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);
/// The time that a store keeps a revocation record after the revoked token or login expires. It is
/// the maximum leeway of a verifier plus 5 seconds for clock differences.
pub(crate) const RECORD_SLACK: time::Duration =
    time::Duration::seconds(MAX_LEEWAY.as_secs() as i64 + 5);
/// The minimum lifetime of a token, 1 second. Time claims have a resolution of 1 second.
const MIN_TTL: Duration = Duration::from_secs(1);

/// Checks the lifetime of a token: 1 second to 100 years.
pub(crate) fn check_ttl(
    setting: &'static str,
    ttl: Duration,
) -> Result<time::Duration, ConfigError> {
    check_range(setting, ttl, MIN_TTL..=MAX_TTL, "1 second to 100 years")
}

/// Checks a leeway or a grace period: at most 5 minutes.
pub(crate) fn check_leeway(
    setting: &'static str,
    leeway: Duration,
) -> Result<time::Duration, ConfigError> {
    check_range(setting, leeway, Duration::ZERO..=MAX_LEEWAY, "at most 5 minutes")
}

/// Checks that the duration of a setting is in a range, which the error describes as `expected`.
pub(crate) fn check_range(
    setting: &'static str,
    found: Duration,
    range: RangeInclusive<Duration>,
    expected: &'static str,
) -> Result<time::Duration, ConfigError> {
    let error = ConfigError::DurationOutOfRange { setting, found, expected };
    if range.contains(&found) { found.try_into().map_err(|_| error) } else { Err(error) }
}

/// A store reads all token families of a user, so their number is limited.
#[cfg(all(feature = "session", any(feature = "redis", feature = "sqlite")))]
const ALLOWED_PER_USER: RangeInclusive<usize> = 1..=1000;

/// Checks a maximum number of token families per owner.
#[cfg(all(feature = "session", any(feature = "redis", feature = "sqlite")))]
pub(crate) fn check_per_user(logins: Option<usize>) -> Result<(), ConfigError> {
    match logins.filter(|logins| !ALLOWED_PER_USER.contains(logins)) {
        Some(logins) => {
            let problem = format!("expected 1 to 1000 logins, found {logins}");
            Err(ConfigError::setting("max_per_user", problem))
        }
        None => Ok(()),
    }
}
