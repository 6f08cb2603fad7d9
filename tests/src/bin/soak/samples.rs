//! Samples of the server process, and the decision whether it grows.

use std::time::Duration;

/// The growth of the memory that is a fault, in percent.
const MAX_MEMORY_GROWTH: f64 = 5.0;
/// The growth of the 99th percentile that is a fault, in percent.
const MAX_LATENCY_GROWTH: f64 = 10.0;

/// The state of the server process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The time since the start of the load.
    pub(crate) time: Duration,
    pub(crate) rss_kib: u64,
    pub(crate) files: u64,
    pub(crate) threads: u64,
    /// The processor time of the server.
    pub(crate) cpu: Duration,
    /// The number of responses of the server.
    pub(crate) responses: u64,
    pub(crate) is_outage: bool,
}

/// The time windows that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// The time of the whole run.
    pub(crate) total: Duration,
    /// A minute, or less if the run is shorter than an hour.
    pub(crate) unit: Duration,
}

impl Windows {
    pub(crate) fn new(total: Duration) -> Self {
        Self { total, unit: (total / 60).min(Duration::from_secs(60)) }
    }

    /// The end of the warm-up of five minutes.
    pub(crate) fn warm_up(self) -> Duration {
        5 * self.unit
    }

    /// The five minutes after the warm-up, and the last five minutes.
    pub(crate) fn memory(self) -> [(Duration, Duration); 2] {
        let from = self.warm_up();
        [(from, from + 5 * self.unit), (self.total - 5 * self.unit, self.total)]
    }

    /// The ten minutes after the warm-up, and the last ten minutes.
    pub(crate) fn latency(self) -> [(Duration, Duration); 2] {
        let from = self.warm_up();
        [(from, from + 10 * self.unit), (self.total - 10 * self.unit, self.total)]
    }
}

/// Returns the median of a value in a window, or `None` without a sample. Samples in outages do not
/// count.
pub(crate) fn median(
    samples: &[Sample],
    (from, to): (Duration, Duration),
    value: impl Fn(&Sample) -> u64,
) -> Option<u64> {
    let in_window = |sample: &&Sample| !sample.is_outage && sample.time >= from && sample.time < to;
    let mut values: Vec<u64> = samples.iter().filter(in_window).map(value).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Returns the processor time of the server per response in a window, in microseconds.
pub(crate) fn cpu_micros(samples: &[Sample], (from, to): (Duration, Duration)) -> f64 {
    let mut inside = samples.iter().filter(|sample| sample.time >= from && sample.time < to);
    let Some(first) = inside.next() else { return 0.0 };
    let last = inside.next_back().unwrap_or(first);
    let responses = last.responses.saturating_sub(first.responses).max(1);
    (last.cpu.saturating_sub(first.cpu)).as_micros() as f64 / responses as f64
}

/// Returns the growth in percent.
pub(crate) fn growth(before: f64, after: f64) -> f64 {
    if before > 0.0 { (after / before - 1.0) * 100.0 } else { 0.0 }
}

pub(crate) fn memory_grows(before: u64, after: u64) -> bool {
    growth(before as f64, after as f64) >= MAX_MEMORY_GROWTH
}

pub(crate) fn files_grow(before: u64, after: u64) -> bool {
    after > before
}

pub(crate) fn latency_grows(before: Duration, after: Duration) -> bool {
    growth(before.as_secs_f64(), after.as_secs_f64()) > MAX_LATENCY_GROWTH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, rss_kib: u64, is_outage: bool) -> Sample {
        let time = Duration::from_secs(second);
        let cpu = Duration::from_millis(second);
        Sample { time, rss_kib, files: 20, threads: 8, cpu, responses: second * 10, is_outage }
    }

    #[test]
    fn growth_is_compared_between_the_medians_of_both_windows() {
        let windows = Windows::new(Duration::from_secs(3600));
        assert_eq!(windows.unit, Duration::from_secs(60));
        let rss = |second| match second {
            0..300 => 10,
            300..600 => 1000,
            // A peak between the windows is no growth.
            600..3300 => 5000,
            _ => 1049,
        };
        let samples: Vec<_> =
            (0..360).map(|number| sample(number * 10, rss(number * 10), false)).collect();
        let [before, after] =
            windows.memory().map(|window| median(&samples, window, |sample| sample.rss_kib));
        assert_eq!((before, after), (Some(1000), Some(1049)));
        assert!(!memory_grows(1000, 1049) && memory_grows(1000, 1050));
    }

    #[test]
    fn outages_do_not_count_in_the_median() {
        let window = (Duration::ZERO, Duration::from_secs(100));
        let values = [(9, false), (9000, true), (1, false), (9000, true), (7, false)];
        let samples: Vec<_> = (1..)
            .zip(values)
            .map(|(second, (rss, is_outage))| sample(second, rss, is_outage))
            .collect();
        assert_eq!(median(&samples, window, |sample| sample.rss_kib), Some(7));
    }

    #[test]
    fn window_without_a_sample_has_no_median() {
        let window = (Duration::from_secs(5), Duration::from_secs(10));
        let samples = [sample(4, 1, false), sample(7, 1, true), sample(10, 1, false)];
        assert_eq!(median(&samples, window, |sample| sample.rss_kib), None);
    }

    #[test]
    fn short_run_has_shorter_windows() {
        let windows = Windows::new(Duration::from_secs(180));
        assert_eq!(windows.unit, Duration::from_secs(3));
        let [first, last] = windows.latency();
        assert_eq!(first, (Duration::from_secs(15), Duration::from_secs(45)));
        assert_eq!(last, (Duration::from_secs(150), Duration::from_secs(180)));
    }

    #[test]
    fn one_more_open_file_is_growth_and_slower_responses_within_ten_percent_are_not() {
        assert!(files_grow(20, 21) && !files_grow(20, 20) && !files_grow(20, 19));
        let micros = Duration::from_micros;
        assert!(latency_grows(micros(10_000), micros(11_100)));
        assert!(!latency_grows(micros(10_000), micros(10_900)));
    }

    #[test]
    fn processor_time_is_divided_by_the_responses() {
        let samples = [sample(0, 1, false), sample(10, 1, false)];
        let window = (Duration::ZERO, Duration::from_secs(20));
        assert!((cpu_micros(&samples, window) - 100.0).abs() < 1e-9);
    }
}
