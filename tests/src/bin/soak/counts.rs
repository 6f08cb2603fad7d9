//! The counts of all responses, by kind of request and status.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rules::Verdict;

/// The number of false answers that are printed.
const MAX_PRINTED: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    KnownToken,
    NewToken,
    MissingScope,
    ChangedToken,
    ExpiredToken,
    OtherAudience,
    OtherIssuer,
    UnknownKey,
    Garbage,
    TooLongToken,
    MissingToken,
    RevokedToken,
    Page,
    Notice,
    WithoutCsrf,
    ChangedCookie,
    GarbageCookie,
    Login,
    WrongPassword,
    Restored,
    Logout,
    LoggedOutSession,
    LoggedOutRemember,
    LogoutOthers,
    NewProgram,
    Refresh,
    RepeatedRefresh,
    ReusedToken,
    RevokedRefresh,
    Revoke,
    /// The last kind. A run needs an interrupted change to send it.
    Unknown,
}

/// The name of each kind, in the order of the kinds.
const NAMES: [(Kind, &str); Kind::Unknown as usize + 1] = [
    (Kind::KnownToken, "API, known access token"),
    (Kind::NewToken, "API, access token of the last refresh"),
    (Kind::MissingScope, "API, token without the scope"),
    (Kind::ChangedToken, "API, token with a changed signature"),
    (Kind::ExpiredToken, "API, expired token"),
    (Kind::OtherAudience, "API, token for another audience"),
    (Kind::OtherIssuer, "API, token of another issuer"),
    (Kind::UnknownKey, "API, token of an unknown key"),
    (Kind::Garbage, "API, no token but garbage"),
    (Kind::TooLongToken, "API, token that is too long"),
    (Kind::MissingToken, "API, no token"),
    (Kind::RevokedToken, "API, token of a revoked login"),
    (Kind::Page, "page with the session"),
    (Kind::Notice, "notice posted with the session"),
    (Kind::WithoutCsrf, "form without a CSRF token"),
    (Kind::ChangedCookie, "page with a changed session"),
    (Kind::GarbageCookie, "page with garbage as session"),
    (Kind::Login, "login, right password"),
    (Kind::WrongPassword, "login, wrong password"),
    (Kind::Restored, "page, login restored without session"),
    (Kind::Logout, "logout"),
    (Kind::LoggedOutSession, "page with a session after its logout"),
    (Kind::LoggedOutRemember, "page with a remembered login after its logout"),
    (Kind::LogoutOthers, "logout of all other browsers and programs"),
    (Kind::NewProgram, "refresh token created by the user"),
    (Kind::Refresh, "refresh"),
    (Kind::RepeatedRefresh, "refresh, repeated in the grace period"),
    (Kind::ReusedToken, "refresh with an old token, as a thief"),
    (Kind::RevokedRefresh, "refresh token of a revoked login"),
    (Kind::Revoke, "revocation of a refresh token or access token"),
    (Kind::Unknown, "login after an interrupted change"),
];

impl Kind {
    fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Returns whether a request computes Argon2, which takes longer than all other work.
    pub(crate) fn has_password(self) -> bool {
        matches!(self, Self::Login | Self::WrongPassword)
    }
}

#[derive(Clone, Copy, Default)]
struct Row {
    right: u64,
    unavailable: u64,
    late: u64,
    wrong: u64,
    other_user: u64,
}

impl Row {
    fn total(self) -> u64 {
        self.right + self.unavailable + self.late + self.wrong + self.other_user
    }
}

#[derive(Default)]
struct Values {
    rows: BTreeMap<(Kind, u16), Row>,
    wrong: usize,
    /// Logins that an interrupted change has revoked.
    lost: u64,
    key_ids: BTreeSet<String>,
}

#[derive(Default)]
pub(crate) struct Counts(Mutex<Values>);

impl Counts {
    /// Counts a response. Its status is 0 if there was none. Prints the first false answers.
    pub(crate) fn add(
        &self,
        kind: Kind,
        status: u16,
        verdict: Verdict,
        describe: impl FnOnce() -> String,
    ) {
        let mut values = self.lock();
        let row = values.rows.entry((kind, status)).or_default();
        match verdict {
            Verdict::Right => row.right += 1,
            Verdict::Unavailable => row.unavailable += 1,
            Verdict::Late => row.late += 1,
            Verdict::Wrong => row.wrong += 1,
            Verdict::OtherUser => row.other_user += 1,
        }
        if verdict.is_false() {
            values.wrong += 1;
            if values.wrong <= MAX_PRINTED {
                let cause = if verdict == Verdict::OtherUser { " (another user)" } else { "" };
                eprintln!("false answer{cause}: {}: {}", kind.name(), describe());
            }
        }
    }

    /// Returns the names of the kinds without a right answer. `Unknown` may have none.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let values = self.lock();
        let has_right = |kind: Kind| {
            let mut rows = values.rows.iter().filter(|((other, _), _)| *other == kind);
            rows.any(|(_, row)| row.right > 0)
        };
        let missing = NAMES.iter().filter(|(kind, _)| *kind != Kind::Unknown && !has_right(*kind));
        missing.map(|(_, name)| *name).collect()
    }

    pub(crate) fn add_lost(&self) {
        self.lock().lost += 1;
    }

    /// Notes the key that has signed an access token.
    pub(crate) fn add_key_id(&self, key_id: String) {
        self.lock().key_ids.insert(key_id);
    }

    pub(crate) fn key_ids(&self) -> usize {
        self.lock().key_ids.len()
    }

    pub(crate) fn total(&self) -> u64 {
        self.lock().rows.values().map(|row| row.total()).sum()
    }

    pub(crate) fn wrong(&self) -> usize {
        self.lock().wrong
    }

    /// Returns the number of `503` because the store was late.
    pub(crate) fn late(&self) -> u64 {
        self.lock().rows.values().map(|row| row.late).sum()
    }

    pub(crate) fn print(&self) {
        let values = self.lock();
        println!(
            "\n| request | status | right | 503 in an outage | 503, store late | false | \
             another user |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        for ((kind, status), row) in &values.rows {
            let Row { right, unavailable, late, wrong, other_user } = row;
            let status = if *status == 0 { "none".to_owned() } else { status.to_string() };
            println!(
                "| {} | {status} | {right} | {unavailable} | {late} | {wrong} | {other_user} |",
                kind.name()
            );
        }
        println!("\nlogins lost by a change that an outage interrupted: {}", values.lost);
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_order_of_the_kinds() {
        for (index, (kind, _)) in NAMES.iter().enumerate() {
            assert_eq!(*kind as usize, index, "{kind:?}");
        }
    }

    #[test]
    fn kind_without_a_right_answer_is_missing() {
        let counts = Counts::default();
        let add = |kind, verdict| counts.add(kind, 200, verdict, String::new);
        for (kind, _) in NAMES.iter().filter(|(kind, _)| *kind != Kind::Unknown) {
            let is_logout = *kind == Kind::Logout;
            add(*kind, if is_logout { Verdict::Unavailable } else { Verdict::Right });
        }
        add(Kind::Logout, Verdict::Wrong);
        assert_eq!(counts.missing(), ["logout"]);
        add(Kind::Logout, Verdict::Right);
        assert!(counts.missing().is_empty());
    }

    #[test]
    fn login_of_another_user_counts_as_a_false_answer() {
        let counts = Counts::default();
        for verdict in [Verdict::Right, Verdict::OtherUser, Verdict::Wrong, Verdict::Late] {
            counts.add(Kind::Page, 200, verdict, String::new);
        }
        assert_eq!((counts.total(), counts.wrong(), counts.late()), (4, 2, 1));
    }
}
