//! The counts of all responses.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of faults that are printed.
const MAX_PRINTED: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Accepted,
    Revoked,
    TokenRevoked,
    Refreshed,
    LoggedIn,
    LoggedOut,
    AllLoggedOut,
    ReuseDetected,
    Unavailable,
    RevocationLost,
    RotationLost,
    LogoutLost,
    HonestReused,
    HonestUnknown,
    HonestRejected,
    GivenUp,
    OtherStatus,
}

/// The value that a correct run has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Any,
    Positive,
    /// A lost write. Zero if replicas confirm each write.
    Lost,
    Zero,
}

const ROWS: [(Count, Expected, &str); 17] = [
    (Count::Accepted, Expected::Positive, "valid access token: 200"),
    (Count::Revoked, Expected::Positive, "revoked access token or refresh token: 401 or 400"),
    (Count::TokenRevoked, Expected::Positive, "revocation of an access token: 204"),
    (Count::Refreshed, Expected::Positive, "refresh: 200"),
    (Count::LoggedIn, Expected::Positive, "login: 200"),
    (Count::LoggedOut, Expected::Positive, "logout: 204"),
    (Count::AllLoggedOut, Expected::Positive, "logout of all logins of a user: 204"),
    (Count::ReuseDetected, Expected::Positive, "refresh token that was used before: 400"),
    (Count::Unavailable, Expected::Any, "any request: 503"),
    (Count::RevocationLost, Expected::Lost, "access token accepted after its revocation"),
    (Count::RotationLost, Expected::Lost, "refresh token accepted after a later one was used"),
    (Count::LogoutLost, Expected::Lost, "refresh token accepted after its logout"),
    (Count::HonestReused, Expected::Lost, "honest client reported as a thief"),
    (Count::HonestUnknown, Expected::Lost, "refresh token of a login that the store has lost: 400"),
    (Count::HonestRejected, Expected::Lost, "valid access token: 401"),
    (Count::GivenUp, Expected::Zero, "request that was repeated until its time limit"),
    (Count::OtherStatus, Expected::Zero, "any other response"),
];

pub(crate) struct Counts {
    values: [AtomicU64; ROWS.len()],
    requests: AtomicU64,
    faults: AtomicU64,
    may_lose: bool,
}

impl Counts {
    pub(crate) fn new(min_replicas: usize) -> Self {
        Self {
            values: Default::default(),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            may_lose: min_replicas == 0,
        }
    }

    pub(crate) fn add_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: Count) {
        self.values[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault and prints its description.
    pub(crate) fn fault(&self, count: Count, description: &str) {
        self.add(count);
        if self.faults.fetch_add(1, Ordering::Relaxed) < MAX_PRINTED {
            println!("  {count:?}: {description}");
        }
    }

    pub(crate) fn value(&self, count: Count) -> u64 {
        self.values[count as usize].load(Ordering::Relaxed)
    }

    /// Returns the number of lost writes that a client noticed.
    pub(crate) fn lost(&self) -> u64 {
        let lost = ROWS.iter().filter(|(_, expected, _)| *expected == Expected::Lost);
        lost.map(|(count, ..)| self.value(*count)).sum()
    }

    /// Prints the table. Returns whether all values are as expected.
    pub(crate) fn print(&self) -> bool {
        println!("\n| response | count | expected |\n| --- | ---: | ---: |");
        let mut is_correct = true;
        for (count, expected, name) in ROWS {
            let value = self.value(count);
            let (is_met, text) = match expected {
                Expected::Positive => (value > 0, "> 0"),
                Expected::Lost if !self.may_lose => (value == 0, "0"),
                Expected::Zero => (value == 0, "0"),
                Expected::Any | Expected::Lost => (true, "any"),
            };
            is_correct &= is_met;
            println!("| {name} | {value} | {text}{} |", if is_met { "" } else { " **FAULT**" });
        }
        if self.may_lose {
            let is_met = self.lost() > 0;
            is_correct &= is_met;
            let mark = if is_met { "" } else { " **FAULT**" };
            println!("| lost writes that a client noticed | {} | > 0{mark} |", self.lost());
        }
        is_correct
    }
}
