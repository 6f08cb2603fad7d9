//! The times at which the store was unavailable.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time after the start of Redis in which a `503` is still right: the server connects again.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The outages of the store in their order.
#[derive(Default)]
pub(crate) struct Outages(Mutex<Vec<Outage>>);

#[derive(Clone, Copy)]
struct Outage {
    start: Instant,
    /// `None` while the store is unavailable.
    end: Option<Instant>,
}

impl Outages {
    /// Starts an outage. Call it before the end of Redis.
    pub(crate) fn start(&self) {
        self.lock().push(Outage { start: Instant::now(), end: None });
    }

    /// Stops the outage. Call it after the store replies again.
    pub(crate) fn stop(&self) {
        if let Some(last) = self.lock().last_mut() {
            last.end = Some(Instant::now());
        }
    }

    /// Returns whether an outage or the tolerance after it overlaps this time.
    pub(crate) fn overlaps(&self, from: Instant, to: Instant) -> bool {
        self.lock().iter().any(|outage| {
            let is_over = outage.end.is_some_and(|end| end + TOLERANCE < from);
            outage.start <= to && !is_over
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_lasts_from_its_start_to_the_end_of_the_tolerance() {
        let second = Duration::from_secs(1);
        let outages = Outages::default();
        let before = Instant::now();
        outages.start();
        outages.stop();
        let after = Instant::now();
        assert!(!outages.overlaps(before - second, before - second));
        assert!(outages.overlaps(before - second, after));
        assert!(outages.overlaps(after + second, after + second));
        assert!(!outages.overlaps(after + 3 * second, after + 4 * second));
        outages.start();
        assert!(outages.overlaps(after + 3 * second, after + 4 * second));
    }
}
