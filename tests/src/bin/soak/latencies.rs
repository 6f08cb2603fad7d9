//! The response times of each minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use paseto_actix_tests::histogram::Histogram;

use crate::samples::Windows;

/// Longer times count as this time, so a quantile of this time is a fault. The timeout of the store
/// is shorter. All minutes of an hour need 49 MB.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);

pub(crate) struct Latencies {
    unit: Duration,
    minutes: Mutex<Vec<Histogram>>,
}

impl Latencies {
    pub(crate) fn new(windows: Windows) -> Self {
        let minutes = windows.total.as_secs_f64() / windows.unit.as_secs_f64();
        let minutes = vec![Histogram::new(LIMIT); minutes.ceil() as usize + 1];
        Self { unit: windows.unit, minutes: Mutex::new(minutes) }
    }

    /// Adds the time of a request that started this long after the start of the load.
    pub(crate) fn record(&self, since_start: Duration, time: Duration) {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.index(since_start).min(minutes.len() - 1);
        minutes[index].record(time);
    }

    /// Returns the times of a window.
    pub(crate) fn of(&self, (from, to): (Duration, Duration)) -> Histogram {
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let range = self.index(from)..self.index(to).min(minutes.len());
        let mut sum = Histogram::new(LIMIT);
        minutes[range].iter().for_each(|minute| sum.add(minute));
        sum
    }

    fn index(&self, time: Duration) -> usize {
        (time.as_secs_f64() / self.unit.as_secs_f64() + 1e-6) as usize
    }
}
