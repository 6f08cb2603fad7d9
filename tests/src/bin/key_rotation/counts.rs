//! The counts of all responses and errors.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::keys::Keys;

/// The number of faults that are printed.
const MAX_PRINTED: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Accepted,
    Rejected,
    UnavailableWithoutKeys,
    Unavailable,
    Issued,
    LoggedOut,
    NotIssued,
    WrongKey,
    OtherStatus,
    Timeout,
    LostAtStop,
    ConnectionError,
}

/// The value that a correct run has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Any,
    Positive,
    Zero,
}

impl Expected {
    fn is_met(self, value: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Positive => value > 0,
            Self::Zero => value == 0,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Positive => "> 0",
            Self::Zero => "0",
        }
    }
}

const ROWS: [(Count, Expected, &str); 12] = [
    (Count::Accepted, Expected::Positive, "`GET /orders`: 200"),
    (Count::Rejected, Expected::Zero, "`GET /orders`: 401 for a valid token"),
    (
        Count::UnavailableWithoutKeys,
        Expected::Any,
        "`GET /orders`: 503 between a start and the first key set",
    ),
    (Count::Unavailable, Expected::Zero, "`GET /orders`: other 503"),
    (Count::Issued, Expected::Positive, "login and refresh: 200"),
    (Count::LoggedOut, Expected::Positive, "logout: 204"),
    (Count::NotIssued, Expected::Zero, "login, refresh and logout: other status"),
    (Count::WrongKey, Expected::Zero, "access token of a key that was not active"),
    (Count::OtherStatus, Expected::Zero, "any other response"),
    (Count::Timeout, Expected::Zero, "no response within the time limit"),
    (
        Count::LostAtStop,
        Expected::Any,
        "connection refused or closed by a stop, request sent to the other service",
    ),
    (Count::ConnectionError, Expected::Zero, "other connection error"),
];

/// The counts of one key.
#[derive(Default)]
pub(crate) struct KeyCounts {
    issued: AtomicU64,
    /// The tokens that the retirement check sent before the key left the published set.
    pub(crate) accepted: AtomicU64,
    /// Rejected tokens after each resource service had to know that the key is gone, per service.
    pub(crate) rejected: [AtomicU64; 2],
    /// Accepted tokens after that time.
    pub(crate) wrongly_accepted: AtomicU64,
    /// The longest time for which a resource service accepted a token after the key had left the
    /// published set, in milliseconds.
    pub(crate) last_accepted_millis: AtomicU64,
}

pub(crate) struct Counts {
    values: [AtomicU64; ROWS.len()],
    keys: Vec<KeyCounts>,
    faults: AtomicUsize,
}

impl Counts {
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            values: Default::default(),
            keys: (0..keys).map(|_| KeyCounts::default()).collect(),
            faults: AtomicUsize::new(0),
        }
    }

    pub(crate) fn add(&self, count: Count) {
        self.values[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn issued_by(&self, key: usize) {
        self.keys[key].issued.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault and prints its description.
    pub(crate) fn fault(&self, count: Count, description: &str) {
        self.add(count);
        self.describe(description);
    }

    /// Prints the description of a fault.
    pub(crate) fn describe(&self, description: &str) {
        if self.faults.fetch_add(1, Ordering::Relaxed) < MAX_PRINTED {
            eprintln!("fault: {description}");
        }
    }

    pub(crate) fn key(&self, key: usize) -> &KeyCounts {
        &self.keys[key]
    }

    fn value(&self, count: Count) -> u64 {
        self.values[count as usize].load(Ordering::Relaxed)
    }

    /// Returns the number of all responses of the services to the clients.
    pub(crate) fn responses(&self) -> u64 {
        let others = [Count::WrongKey, Count::Timeout, Count::LostAtStop, Count::ConnectionError];
        let counts = ROWS.iter().map(|(count, ..)| *count);
        counts.filter(|count| !others.contains(count)).map(|count| self.value(count)).sum()
    }

    /// Prints the tables. Returns whether all values are as expected.
    pub(crate) fn print(&self, keys: &Keys, resources: &[&str; 2]) -> bool {
        println!("\n| response | count | expected |\n| --- | ---: | ---: |");
        let mut is_correct = true;
        for (count, expected, name) in ROWS {
            let value = self.value(count);
            is_correct &= expected.is_met(value);
            let mark = if expected.is_met(value) { "" } else { " **FAULT**" };
            println!("| {name} | {value} | {}{mark} |", expected.text());
        }

        let [one, other] = resources;
        println!(
            "\n| key | access tokens | accepted while published | last accepted after removal | \
             then rejected by {one} | by {other} | then accepted |"
        );
        println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (index, counts) in self.keys.iter().enumerate() {
            let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
            let (issued, accepted) = (load(&counts.issued), load(&counts.accepted));
            let [by_one, by_other] = counts.rejected.each_ref().map(load);
            let (wrongly, millis) =
                (load(&counts.wrongly_accepted), load(&counts.last_accepted_millis));
            let is_retired = keys.removal(index).is_some();
            let rejects = !is_retired || (by_one > 0 && by_other > 0);
            let key_is_correct = issued > 0 && accepted > 0 && rejects && wrongly == 0;
            is_correct &= key_is_correct;
            let mark = if key_is_correct { "" } else { " **FAULT**" };
            let delay = Duration::from_millis(millis).as_secs_f64();
            println!(
                "| {index} | {issued} | {accepted} | {delay:.1} s | {by_one} | {by_other} | {wrongly}{mark} |"
            );
        }
        println!("\n{}", if is_correct { "correct" } else { "**not correct**" });
        is_correct
    }
}
