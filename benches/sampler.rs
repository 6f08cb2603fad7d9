//! Measures calls within this process. Each round measures all subjects, so a disturbance of the
//! machine affects all of them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::depth::{DEPTHS, deeper};
use crate::group::{Group, Samples};
use crate::selection::Run;

/// The number of rounds.
pub(crate) const ROUNDS: usize = 200;

/// A call that is measured.
pub(crate) struct Subject<'a> {
    name: String,
    /// The calls per round, which take about a millisecond.
    batch: usize,
    timed: Box<dyn FnMut(usize) -> Duration + 'a>,
    rejects: Option<Box<dyn Fn() -> bool + 'a>>,
}

impl<'a> Subject<'a> {
    /// Creates a subject. The call panics if its result is wrong.
    pub(crate) fn new<T>(
        name: impl Into<String>,
        batch: usize,
        mut call: impl FnMut() -> T + 'a,
    ) -> Self {
        Self::timed(name, batch, move |calls| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed()
        })
    }

    /// Creates a subject from a closure that makes this number of calls and returns their time.
    pub(crate) fn timed(
        name: impl Into<String>,
        batch: usize,
        timed: impl FnMut(usize) -> Duration + 'a,
    ) -> Self {
        Self { name: name.into(), batch, timed: Box::new(timed), rejects: None }
    }

    /// Adds a check that the subject rejects a wrong token. The check runs after a call with a
    /// valid token, so a cache can contain the valid token.
    pub(crate) fn rejects(mut self, rejects: impl Fn() -> bool + 'a) -> Self {
        self.rejects = Some(Box::new(rejects));
        self
    }

    fn check(&mut self) {
        (self.timed)(1);
        let rejects = self.rejects.as_ref().is_none_or(|rejects| rejects());
        assert!(rejects, "{} accepts a wrong token", self.name);
    }
}

/// Checks and measures the selected subjects.
pub(crate) fn sample(group: &mut Group, run: &Run, mut subjects: Vec<Subject<'_>>) {
    subjects.retain(|subject| group.needs(&subject.name, run));
    let mut rounds = vec![Vec::new(); subjects.len()];
    for subject in &mut subjects {
        subject.check();
        if !run.brief {
            (subject.timed)(subject.batch);
        }
    }
    let (count, divisor) = if run.brief { (1, usize::MAX) } else { (ROUNDS, 1) };
    let mut order: Vec<_> = (0..subjects.len()).collect();
    let mut random = Random::new();
    for round in 0..count {
        // In a fixed order, a subject could profit from the code and the tables that its
        // predecessor has brought into the caches of the processor.
        random.shuffle(&mut order);
        for &index in &order {
            let subject = &mut subjects[index];
            let calls = (subject.batch / divisor).max(1);
            let time = deeper(round % DEPTHS, || {
                (subject.timed)(warm_up(calls));
                (subject.timed)(calls)
            });
            rounds[index].push(time.as_nanos() as f64 / calls as f64);
        }
    }
    let samples = subjects.iter().zip(rounds);
    group.samples =
        samples.map(|(subject, rounds)| Samples { name: subject.name.clone(), rounds }).collect();
}

/// Returns the number of calls before the measured calls. They bring the code and the data into
/// the caches of the processor.
pub(crate) const fn warm_up(calls: usize) -> usize {
    calls.div_ceil(8)
}

/// Pseudorandom numbers, the same in each run: Knuth's linear congruential generator for MMIX.
/// Branch predictors cannot learn them.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(1)
    }

    /// Returns a number below `end`, which must be small compared with 2^32.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The low bits of this generator have short periods.
        (self.0 >> 32) as usize % end
    }

    /// Shuffles the items (Fisher–Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}
