//! On what was measured, and when.

use std::{fs, thread};

use time::OffsetDateTime;

/// One line for a reader of the figures.
pub(crate) fn described() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let date = OffsetDateTime::now_utc().date();
    format!("Measured on {date}: {}, {cores} cores, {}.", processor(), std::env::consts::OS)
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}
