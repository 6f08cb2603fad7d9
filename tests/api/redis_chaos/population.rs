//! The requests of one kind, and the rules for their answers.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::{join, join_all};
use paseto_actix_tests::patience::{ANSWERED, RECOVERED, passed_over};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Rejected,
    Unavailable,
}

/// The requests of one kind: those to accept, and those to reject.
#[derive(Debug)]
pub(super) struct Population<T> {
    pub(super) good: Vec<T>,
    pub(super) ended: Vec<T>,
    pub(super) asked: usize,
    pub(super) slowest: Duration,
}

impl<T: Clone + Debug> Population<T> {
    pub(super) fn new() -> Self {
        Self { good: Vec::new(), ended: Vec::new(), asked: 0, slowest: Duration::ZERO }
    }

    /// Sends 16 good requests and 16 ended ones at once. Returns the number of good ones that were
    /// accepted, and of ended ones that were rejected.
    pub(super) async fn batch(&mut self, send: impl AsyncFn(&mut T) -> Outcome) -> [usize; 2] {
        let first = self.asked / 2;
        let mut ended: Vec<T> =
            self.ended.iter().cycle().skip(first % self.ended.len()).take(16).cloned().collect();
        let count = self.good.len();
        self.good.rotate_left(first % count);
        let timed = async |one| {
            let start = Instant::now();
            (send(one).await, start.elapsed())
        };
        let passed = passed_over();
        let good = join_all(self.good[..16].iter_mut().map(&timed));
        let (good, ended) = join(good, join_all(ended.iter_mut().map(&timed))).await;
        let allowed = 2 * ANSWERED + (passed_over() - passed);
        let mut counts = [0; 2];
        for (is_ended, (outcome, elapsed)) in good
            .into_iter()
            .map(|answer| (false, answer))
            .chain(ended.into_iter().map(|answer| (true, answer)))
        {
            self.asked += 1;
            self.slowest = self.slowest.max(elapsed);
            assert!(elapsed <= allowed, "an answer took {elapsed:?} of {allowed:?}");
            match (is_ended, outcome) {
                (_, Outcome::Unavailable) => (),
                (false, Outcome::Accepted) => counts[0] += 1,
                (true, Outcome::Rejected) => counts[1] += 1,
                other => panic!("(ended, outcome): {other:?}"),
            }
        }
        counts
    }

    /// Sends batches to servers of which one that is needed does not answer.
    pub(super) async fn assert_down(
        &mut self,
        batches: usize,
        send: impl AsyncFn(&mut T) -> Outcome,
    ) {
        for _ in 0..batches {
            assert_eq!(
                self.batch(&send).await[0],
                0,
                "good ones were accepted without an answer of the store"
            );
        }
    }

    /// Sends batches to servers that answer: at first until all are answered rightly, then nine of
    /// ten, because on a busy machine a server answers too late now and then.
    pub(super) async fn assert_up(
        &mut self,
        batches: usize,
        send: impl AsyncFn(&mut T) -> Outcome,
    ) {
        let start = Instant::now();
        while self.batch(&send).await != [16, 16] {
            assert!(start.elapsed() < RECOVERED, "the store does not recover");
            sleep(Duration::from_millis(5)).await;
        }
        let mut right = 0;
        for _ in 0..batches {
            right += self.batch(&send).await.into_iter().sum::<usize>();
        }
        assert!(right * 10 >= batches * 32 * 9, "{right} right answers in {batches} batches");
    }

    pub(super) fn accept(&mut self, one: T) {
        self.good.push(one);
        if self.good.len() > 64 {
            self.good.remove(0);
        }
    }
}
