//! The requests of one kind and the rules for their responses.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::{join, join_all};
use paseto_actix_tests::patience::{MAX_RECOVERY_TIME, MAX_RESPONSE_TIME, time_waited_for_cpu};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Rejected,
    Unavailable,
}

/// The tokens or browsers of one kind, and statistics about their requests.
#[derive(Debug)]
pub(super) struct Population<T> {
    /// The application must accept these.
    pub(super) good: Vec<T>,
    /// The application must reject these.
    pub(super) revoked: Vec<T>,
    pub(super) sent: usize,
    pub(super) slowest: Duration,
}

impl<T: Clone + Debug> Population<T> {
    pub(super) fn new() -> Self {
        Self { good: Vec::new(), revoked: Vec::new(), sent: 0, slowest: Duration::ZERO }
    }

    /// Sends 16 good and 16 revoked requests at once. Returns the number of accepted good requests
    /// and the number of rejected revoked requests.
    pub(super) async fn batch(&mut self, send: impl AsyncFn(&mut T) -> Outcome) -> [usize; 2] {
        let first = self.sent / 2;
        let start = first % self.revoked.len();
        let mut revoked: Vec<T> =
            self.revoked.iter().cycle().skip(start).take(16).cloned().collect();
        let count = self.good.len();
        self.good.rotate_left(first % count);
        let timed = async |one| {
            let start = Instant::now();
            (send(one).await, start.elapsed())
        };
        let passed = time_waited_for_cpu();
        let good = join_all(self.good[..16].iter_mut().map(&timed));
        let (good, revoked) = join(good, join_all(revoked.iter_mut().map(&timed))).await;
        let allowed = 2 * MAX_RESPONSE_TIME + (time_waited_for_cpu() - passed);
        let mut counts = [0; 2];
        for (is_revoked, (outcome, elapsed)) in good
            .into_iter()
            .map(|response| (false, response))
            .chain(revoked.into_iter().map(|response| (true, response)))
        {
            self.sent += 1;
            self.slowest = self.slowest.max(elapsed);
            assert!(elapsed <= allowed, "a response took {elapsed:?} of {allowed:?}");
            match (is_revoked, outcome) {
                (_, Outcome::Unavailable) => (),
                (false, Outcome::Accepted) => counts[0] += 1,
                (true, Outcome::Rejected) => counts[1] += 1,
                other => panic!("(is_revoked, outcome): {other:?}"),
            }
        }
        counts
    }

    /// Sends batches while a required server does not respond. Asserts that no request is accepted.
    pub(super) async fn assert_down(
        &mut self,
        batches: usize,
        send: impl AsyncFn(&mut T) -> Outcome,
    ) {
        for _ in 0..batches {
            assert_eq!(
                self.batch(&send).await[0],
                0,
                "requests were accepted although the store did not respond"
            );
        }
    }

    /// Sends batches to servers that respond. Waits until all responses of one batch are correct.
    /// Then nine of ten responses must be correct, because a server on a busy machine sometimes
    /// responds too late.
    pub(super) async fn assert_up(
        &mut self,
        batches: usize,
        send: impl AsyncFn(&mut T) -> Outcome,
    ) {
        let start = Instant::now();
        while self.batch(&send).await != [16, 16] {
            assert!(start.elapsed() < MAX_RECOVERY_TIME, "the store does not recover");
            sleep(Duration::from_millis(5)).await;
        }
        let mut correct = 0;
        for _ in 0..batches {
            correct += self.batch(&send).await.into_iter().sum::<usize>();
        }
        let sent = batches * 32;
        assert!(correct * 10 >= sent * 9, "{correct} correct responses to {sent} requests");
    }

    pub(super) fn accept(&mut self, one: T) {
        self.good.push(one);
        if self.good.len() > 64 {
            self.good.remove(0);
        }
    }
}
