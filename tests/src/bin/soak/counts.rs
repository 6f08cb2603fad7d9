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
    Unknown,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::KnownToken => "API, known access token",
            Self::NewToken => "API, access token of the last refresh",
            Self::MissingScope => "API, token without the scope",
            Self::ChangedToken => "API, token with a changed signature",
            Self::ExpiredToken => "API, expired token",
            Self::OtherAudience => "API, token for another audience",
            Self::OtherIssuer => "API, token of another issuer",
            Self::UnknownKey => "API, token of an unknown key",
            Self::Garbage => "API, no token but garbage",
            Self::TooLongToken => "API, token that is too long",
            Self::MissingToken => "API, no token",
            Self::RevokedToken => "API, token of a revoked login",
            Self::Page => "page with the session",
            Self::Notice => "notice posted with the session",
            Self::WithoutCsrf => "form without a CSRF token",
            Self::ChangedCookie => "page with a changed session",
            Self::GarbageCookie => "page with garbage as session",
            Self::Login => "login, right password",
            Self::WrongPassword => "login, wrong password",
            Self::Restored => "page, login restored without session",
            Self::Logout => "logout",
            Self::LoggedOutSession => "page with a session after its logout",
            Self::LoggedOutRemember => "page with a remembered login after its logout",
            Self::LogoutOthers => "logout of all other browsers and programs",
            Self::NewProgram => "refresh token created by the user",
            Self::Refresh => "refresh",
            Self::RepeatedRefresh => "refresh, repeated in the grace period",
            Self::ReusedToken => "refresh with an old token, as a thief",
            Self::RevokedRefresh => "refresh token of a revoked login",
            Self::Revoke => "revocation of a refresh token or access token",
            Self::Unknown => "login after an interrupted change",
        }
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
}

impl Row {
    fn total(self) -> u64 {
        self.right + self.unavailable + self.late + self.wrong
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
            Verdict::Wrong => {
                row.wrong += 1;
                values.wrong += 1;
                if values.wrong <= MAX_PRINTED {
                    eprintln!("false answer: {}: {}", kind.name(), describe());
                }
            }
        }
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
        println!("\n| request | status | right | 503 in an outage | 503, store late | false |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: |");
        for ((kind, status), Row { right, unavailable, late, wrong }) in &values.rows {
            let status = if *status == 0 { "none".to_owned() } else { status.to_string() };
            println!("| {} | {status} | {right} | {unavailable} | {late} | {wrong} |", kind.name());
        }
        println!("\nlogins lost by a change that an outage interrupted: {}", values.lost);
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
