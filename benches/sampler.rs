//! Measures subjects in turn: each round has a moment of every one, so that what disturbs the machine hits them alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::arguments::Run;
use crate::depth::{DEPTHS, deeper};
use crate::group::{Group, Samples, Side};

/// How often all subjects of a group come up.
pub(crate) const ROUNDS: usize = 200;

/// One that is measured, within this process.
pub(crate) struct Subject<'a> {
    name: String,
    side: Side,
    /// How many calls are measured at a time: a millisecond or so.
    batch: usize,
    timed: Box<dyn FnMut(usize) -> Duration + 'a>,
    refuses: Option<Box<dyn Fn() -> bool + 'a>>,
}

impl<'a> Subject<'a> {
    /// A call that panics if the answer is wrong.
    pub(crate) fn new<T>(
        name: impl Into<String>,
        side: Side,
        batch: usize,
        mut call: impl FnMut() -> T + 'a,
    ) -> Self {
        Self::timed(name, side, batch, move |calls| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed()
        })
    }

    /// One that measures the time of so many calls itself.
    pub(crate) fn timed(
        name: impl Into<String>,
        side: Side,
        batch: usize,
        timed: impl FnMut(usize) -> Duration + 'a,
    ) -> Self {
        Self { name: name.into(), side, batch, timed: Box::new(timed), refuses: None }
    }

    /// Whether it refuses what it has to, after it has seen what it has not to.
    pub(crate) fn refuses(mut self, refuses: impl Fn() -> bool + 'a) -> Self {
        self.refuses = Some(Box::new(refuses));
        self
    }

    fn check(&mut self) {
        (self.timed)(1);
        let refuses = self.refuses.as_ref().is_none_or(|refuses| refuses());
        assert!(refuses, "{} takes what it should refuse", self.name);
    }
}

/// Checks the subjects that are needed for what is wanted, and measures them.
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
        // Nobody always comes after the same one, with whom it may share code and tables that are at hand then.
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
    group.samples = samples
        .map(|(subject, rounds)| Samples { name: subject.name.clone(), side: subject.side, rounds })
        .collect();
}

/// How many calls go before those that are measured, until it has its code and its data at hand.
pub(crate) const fn warm_up(calls: usize) -> usize {
    calls.div_ceil(8)
}

/// Numbers that follow no pattern to be learnt, the same ones in each run: Knuth's MMIX generator.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(1)
    }

    /// A number below another, which is not large.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Only the upper half is good enough.
        (self.0 >> 32) as usize % end
    }

    /// Fisher and Yates's.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}
