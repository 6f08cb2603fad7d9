//! The machine and the date of a measurement.

use std::fs;

use time::OffsetDateTime;

/// Returns one line for readers of the figures.
pub(crate) fn description() -> String {
    // Not `available_parallelism`, because this process is pinned to one core.
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models =
        text.lines().filter_map(|line| Some(line.strip_prefix("model name")?.split_once(": ")?.1));
    let processor = models.clone().next().unwrap_or(std::env::consts::ARCH);
    let date = OffsetDateTime::now_utc().date();
    format!("Measured on {date}: {processor}, {} cores, {}.", models.count(), std::env::consts::OS)
}
