//! The figures of the subjects that are measured together, and the comparisons of these subjects.

use crate::selection::Run;

/// The name of the constant subject. Rows with an absolute target compare with it.
pub(crate) const LIMIT: &str = "the limit";

/// The unit of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    RequestsPerSecond,
    Bytes,
    Instructions,
}

/// The figures of one subject, one per round. Each round measures all subjects of a group.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    pub(crate) name: String,
    pub(crate) rounds: Vec<f64>,
}

/// The target of a ratio.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub(crate) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }
}

/// A row of the table: the names of two subjects, and the target of their ratio.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) subject: String,
    pub(crate) beside: String,
    pub(crate) target: Option<Target>,
}

impl Comparison {
    pub(crate) fn new(
        subject: impl Into<String>,
        beside: impl Into<String>,
        target: Option<Target>,
    ) -> Self {
        Self { subject: subject.into(), beside: beside.into(), target }
    }
}

/// Subjects that were measured together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) samples: Vec<Samples>,
    pub(crate) comparisons: Vec<Comparison>,
    /// Notes for readers of the figures, for example the reason of a missing figure.
    pub(crate) notes: Vec<String>,
}

impl Group {
    pub(crate) fn new(title: &'static str, unit: Unit) -> Self {
        Self { title, unit, samples: Vec::new(), comparisons: Vec::new(), notes: Vec::new() }
    }

    /// Returns whether the run measures this subject. It does so if this subject is selected, or if
    /// a row compares this subject with a selected subject.
    pub(crate) fn needs(&self, name: &str, run: &Run) -> bool {
        let wants = |name: &str| run.wants(self.title, name);
        let compared =
            |row: &Comparison| [&row.subject, &row.beside].into_iter().any(|name| wants(name));
        wants(name)
            || self
                .comparisons
                .iter()
                .any(|row| (row.subject == name || row.beside == name) && compared(row))
    }

    /// Returns whether a subject of the group is selected. If no subject is selected, callers do
    /// not create keys and tokens, because their creation takes time.
    pub(crate) fn is_needed(&self, run: &Run) -> bool {
        self.comparisons.iter().any(|row| self.needs(&row.subject, run))
    }

    /// Adds the constant subject, which has the same figure in each round.
    pub(crate) fn add_limit(&mut self, limit: f64) {
        if let Some(first) = self.samples.first() {
            let rounds = vec![limit; first.rounds.len()];
            self.samples.push(Samples { name: LIMIT.to_owned(), rounds });
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Samples> {
        self.samples.iter().find(|samples| samples.name == name)
    }
}

impl Samples {
    pub(crate) fn median(&self) -> f64 {
        quantile(&self.rounds, 0.5)
    }

    /// Returns the ratio to the other subject in each round.
    pub(crate) fn ratios(&self, beside: &Self) -> Vec<f64> {
        self.rounds.iter().zip(&beside.rounds).map(|(own, other)| own / other).collect()
    }
}

/// Returns a quantile. `part` is between 0 and 1.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = part * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}
