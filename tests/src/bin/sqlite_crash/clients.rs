//! Clients that log in and out until the server ends.

use std::fmt;
use std::io;
use std::mem;

use paseto_actix_tests::http::{Response, try_send};
use paseto_actix_tests::random::Random;
use paseto_actix_tests::remember::{REMEMBER, SESSION};
use serde_json::Value;

/// The maximum number of logins of an app or a browser that a client keeps.
const KEPT: u64 = 6;

/// What the clients did and found.
#[derive(Default)]
pub(crate) struct Counts {
    logins: u64,
    refreshes: u64,
    reads: u64,
    logouts: u64,
    revocations: u64,
    without_response: u64,
    checked: u64,
    lost_revocations: u64,
    rejected_logins: u64,
    other_responses: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.logins += other.logins;
        self.refreshes += other.refreshes;
        self.reads += other.reads;
        self.logouts += other.logouts;
        self.revocations += other.revocations;
        self.without_response += other.without_response;
        self.checked += other.checked;
        self.lost_revocations += other.lost_revocations;
        self.rejected_logins += other.rejected_logins;
        self.other_responses += other.other_responses;
    }

    /// Returns whether all checks succeeded, and the load contained each kind of request.
    pub(crate) fn is_correct(&self) -> bool {
        let done = [self.logins, self.refreshes, self.reads, self.logouts, self.revocations];
        self.lost_revocations + self.rejected_logins + self.other_responses == 0
            && self.checked > 0
            && done.iter().all(|count| *count > 0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} logins, {} refreshes, {} reads, {} logouts, {} revocations, {} without a response, \
             {} checks, {} lost revocations, {} rejected honest clients, {} other responses",
            self.logins,
            self.refreshes,
            self.reads,
            self.logouts,
            self.revocations,
            self.without_response,
            self.checked,
            self.lost_revocations,
            self.rejected_logins,
            self.other_responses
        )
    }
}

#[derive(Clone)]
enum Login {
    App { access: String, refresh: String },
    Browser { session: String, remember: String },
}

pub(crate) struct Client {
    user: String,
    random: Random,
    active: Vec<Login>,
    /// The logins whose logout the server has confirmed in this round.
    ended: Vec<Login>,
    /// The logins whose logout the server has confirmed in earlier rounds.
    past: Vec<Login>,
    pub(crate) counts: Counts,
}

/// The server has ended, or has sent an unexpected response.
enum Stop {
    Ended,
    Unexpected,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

fn tokens(response: &Response) -> Option<Login> {
    let pair: Value = serde_json::from_str(&response.body).ok()?;
    let token = |name: &str| Some(pair[name].as_str()?.to_owned());
    Some(Login::App { access: token("access_token")?, refresh: token("refresh_token")? })
}

impl Login {
    /// Sends a request that the login authenticates, and returns whether it was accepted.
    fn read(&self, url: &str) -> io::Result<Response> {
        match self {
            Self::App { access, .. } => {
                let bearer = format!("Bearer {access}");
                try_send(url, "GET", "/api/me", &[("authorization", &bearer)], "")
            }
            Self::Browser { session, .. } => {
                try_send(url, "GET", "/me", &[("cookie", &format!("{SESSION}={session}"))], "")
            }
        }
    }

    fn log_out(&self, url: &str) -> io::Result<Response> {
        match self {
            Self::App { refresh, .. } => {
                try_send(url, "POST", "/end", &[("refresh-token", refresh)], "")
            }
            Self::Browser { session, remember } => {
                let cookies = format!("{SESSION}={session}; {REMEMBER}={remember}");
                try_send(url, "POST", "/logout", &[("cookie", &cookies)], "")
            }
        }
    }

    /// Uses the single-use token: the refresh token, or the remember-me cookie without a session.
    fn renew(&self, url: &str) -> io::Result<Response> {
        match self {
            Self::App { refresh, .. } => {
                try_send(url, "POST", "/refresh", &[("refresh-token", refresh)], "")
            }
            Self::Browser { remember, .. } => {
                try_send(url, "GET", "/me", &[("cookie", &format!("{REMEMBER}={remember}"))], "")
            }
        }
    }

    /// Returns the login with the new tokens of a response.
    fn renewed(&self, response: &Response) -> Option<Self> {
        match self {
            Self::App { .. } => tokens(response),
            Self::Browser { session, remember } => {
                let cookie = |name, old: &String| {
                    response.set_cookie(name).map_or_else(|| old.clone(), |(new, _)| new.to_owned())
                };
                Some(Self::Browser {
                    session: cookie(SESSION, session),
                    remember: cookie(REMEMBER, remember),
                })
            }
        }
    }
}

impl Client {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            user: format!("user-{number}"),
            random: Random::new(number),
            active: Vec::new(),
            ended: Vec::new(),
            past: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Sends requests until the server ends.
    pub(crate) fn load(&mut self, url: &str) {
        loop {
            match self.step(url) {
                Ok(()) => {}
                Err(Stop::Unexpected) => self.counts.other_responses += 1,
                Err(Stop::Ended) => {
                    self.counts.without_response += 1;
                    return;
                }
            }
        }
    }

    fn step(&mut self, url: &str) -> Result<(), Stop> {
        let count = self.active.len() as u64;
        if count == 0 || (count < KEPT && self.random.below(4) == 0) {
            let login = self.log_in(url)?;
            self.active.push(login);
            self.counts.logins += 1;
            return Ok(());
        }
        let at = usize::try_from(self.random.below(count)).unwrap_or_default();
        match self.random.below(8) {
            0 => {
                // Without a response, the result is unknown, so the client forgets the login.
                let login = self.active.swap_remove(at);
                ok(&login.log_out(url)?)?;
                self.counts.logouts += 1;
                self.ended.push(login);
            }
            1 if matches!(self.active[at], Login::App { .. }) => {
                let login = self.active.swap_remove(at);
                let Login::App { access, .. } = &login else { return Ok(()) };
                let bearer = format!("Bearer {access}");
                let headers = [("authorization", bearer.as_str())];
                ok(&try_send(url, "POST", "/api/end-login", &headers, "")?)?;
                self.counts.revocations += 1;
                self.ended.push(login);
            }
            2 | 3 => {
                ok(&self.active[at].read(url)?)?;
                self.counts.reads += 1;
            }
            _ => {
                self.renew(url, at)?;
                self.counts.refreshes += 1;
            }
        }
        Ok(())
    }

    fn log_in(&mut self, url: &str) -> Result<Login, Stop> {
        let is_app = self.random.below(2) == 0;
        let path = if is_app { "/token" } else { "/login" };
        let response = try_send(url, "POST", &format!("{path}?user={}", self.user), &[], "")?;
        ok(&response)?;
        let login = if is_app {
            tokens(&response)
        } else {
            Login::Browser { session: String::new(), remember: String::new() }.renewed(&response)
        };
        login.ok_or(Stop::Unexpected)
    }

    /// Renews a login. The client keeps the old tokens if it gets no response.
    fn renew(&mut self, url: &str, at: usize) -> Result<(), Stop> {
        let response = self.active[at].renew(url)?;
        if matches!(response.status, 400 | 401) {
            self.counts.rejected_logins += 1;
            self.active.swap_remove(at);
            return Ok(());
        }
        ok(&response)?;
        self.active[at] = self.active[at].renewed(&response).ok_or(Stop::Unexpected)?;
        Ok(())
    }

    /// Checks that a later crash did not lose the logouts of earlier rounds.
    pub(crate) fn check_past(&mut self, url: &str) {
        let past = mem::take(&mut self.past);
        self.check_ended(url, &past);
    }

    fn check_ended(&mut self, url: &str, ended: &[Login]) {
        for login in ended {
            for response in [login.read(url), login.renew(url)] {
                self.counts.checked += 1;
                match response.map(|response| response.status) {
                    Ok(400 | 401) => {}
                    Ok(200) => self.counts.lost_revocations += 1,
                    _ => self.counts.other_responses += 1,
                }
            }
        }
    }

    /// Checks all logins after a restart. The server must respond to each request.
    pub(crate) fn check(&mut self, url: &str) {
        let ended = mem::take(&mut self.ended);
        self.check_ended(url, &ended);
        self.past.extend(ended);
        for at in (0..self.active.len()).rev() {
            self.counts.checked += 2;
            match self.active[at].read(url).map(|response| response.status) {
                Ok(200) => {}
                Ok(401) => self.counts.rejected_logins += 1,
                _ => self.counts.other_responses += 1,
            }
            if self.renew(url, at).is_err() {
                self.counts.other_responses += 1;
            }
        }
    }
}

fn ok(response: &Response) -> Result<(), Stop> {
    if response.status == 200 { Ok(()) } else { Err(Stop::Unexpected) }
}
