//! On what was measured, and when.

use std::fs;

use time::OffsetDateTime;

/// One line for a reader of the figures.
pub(crate) fn described() -> String {
    // Not what this process may use: it has kept itself to one core.
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models =
        text.lines().filter_map(|line| Some(line.strip_prefix("model name")?.split_once(": ")?.1));
    let processor = models.clone().next().unwrap_or(std::env::consts::ARCH);
    let date = OffsetDateTime::now_utc().date();
    format!("Measured on {date}: {processor}, {} cores, {}.", models.count(), std::env::consts::OS)
}
