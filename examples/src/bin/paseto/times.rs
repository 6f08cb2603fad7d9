//! Durations in arguments, and times in output.

use std::time::Duration;

use paseto_actix::time;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::time::format_description::well_known::Rfc3339;

use crate::failure::Failure;
use crate::options::Options;

/// A hundred years, the limit of the library.
const MAX: Duration = Duration::from_secs(36_500 * 86_400);

/// Reads the duration of an option: a number with the unit `s`, `m`, `h` or `d`.
pub(crate) fn duration(options: &Options, name: &str) -> Result<Option<Duration>, Failure> {
    let Some(text) = options.text(name)? else { return Ok(None) };
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let read = || {
        let (unit, seconds) = units.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number = text.strip_suffix(unit)?;
        // `parse` also accepts a sign.
        let number: u64 =
            number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
        Some(Duration::from_secs(number.checked_mul(seconds)?)).filter(|duration| *duration <= MAX)
    };
    let problem = || {
        Failure::Usage(format!(
            "`--{name}`: expected a number with the unit `s`, `m`, `h` or `d`, such as `15m`, \
             at most 100 years"
        ))
    };
    read().map(Some).ok_or_else(problem)
}

/// Returns the time after this duration, or the last time that the type can represent.
pub(crate) fn after(time: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    time.saturating_add(time::Duration::try_from(duration).unwrap_or(time::Duration::MAX))
}

/// Returns the time in RFC 3339, in whole seconds.
pub(crate) fn text(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
