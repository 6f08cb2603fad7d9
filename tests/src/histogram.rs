//! Response times in steps of 10 microseconds.

use std::time::Duration;

const STEP_MICROS: u128 = 10;

/// Counts response times up to a limit.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    maximum: Duration,
}

impl Histogram {
    /// Returns an empty histogram. Longer times than the limit count as the limit, except in
    /// [`maximum`](Self::maximum).
    pub fn new(limit: Duration) -> Self {
        Self { counts: vec![0; index_of(limit) + 1], maximum: Duration::ZERO }
    }

    /// Adds a time.
    pub fn record(&mut self, time: Duration) {
        let last = self.counts.len() - 1;
        self.counts[index_of(time).min(last)] += 1;
        self.maximum = self.maximum.max(time);
    }

    /// Adds the times of a histogram with the same limit.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.maximum = self.maximum.max(other.maximum);
    }

    /// Returns whether the histogram has no time.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Returns this quantile in milliseconds.
    pub fn quantile(&self, quantile: f64) -> String {
        milliseconds(self.quantile_time(quantile).as_secs_f64())
    }

    /// Returns this quantile.
    pub fn quantile_time(&self, quantile: f64) -> Duration {
        let total: u64 = self.counts.iter().sum();
        let rank = (total as f64 * quantile).ceil() as u64;
        let mut sum = 0;
        let index = self.counts.iter().position(|count| {
            sum += count;
            sum >= rank
        });
        Duration::from_micros((index.unwrap_or_default() as u128 * STEP_MICROS) as u64)
    }

    /// Returns the longest time in milliseconds.
    pub fn maximum(&self) -> String {
        milliseconds(self.maximum.as_secs_f64())
    }
}

fn index_of(time: Duration) -> usize {
    usize::try_from(time.as_micros() / STEP_MICROS).unwrap_or(usize::MAX)
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2}", seconds * 1e3)
}
