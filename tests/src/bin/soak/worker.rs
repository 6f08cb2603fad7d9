//! The actions of a client with several browsers and programs.

use std::time::{Duration, Instant};

use crate::World;
use crate::browser::{Browser, session_cookie};
use crate::client::Client;
use crate::counts::Kind;
use crate::program::{Outcome, Program};
use crate::requests::Request;
use crate::retired::Retired;
use crate::rules::Expected;

/// Browsers and programs per client. A logout precedes each further login, so the number of live
/// logins is constant.
const BROWSERS: usize = 3;
const PROGRAMS: usize = 3;
/// The time between two computations of Argon2 by one client.
const LOGIN_PAUSE: Duration = Duration::from_secs(4);
/// The time between two refreshes by one client after the warm-up.
const REFRESH_PAUSE: Duration = Duration::from_secs(4);

/// Lets an action happen at most once in a time.
struct Pause {
    pause: Duration,
    next: Instant,
}

impl Pause {
    fn new(pause: Duration) -> Self {
        Self { pause, next: Instant::now() }
    }

    fn may_act(&mut self) -> bool {
        let may_act = Instant::now() >= self.next;
        if may_act {
            self.next = Instant::now() + self.pause;
        }
        may_act
    }
}

pub(crate) struct Worker<'w> {
    client: Client<'w>,
    browsers: [Option<Browser>; BROWSERS],
    programs: [Option<Program>; PROGRAMS],
    retired: Retired,
    logins: Pause,
    refreshes: Pause,
    /// Whether this is the only client of its user, which may log out all others.
    is_only_client: bool,
    /// Whether the logout of all others has begun and is not confirmed.
    logs_out_others: bool,
}

impl<'w> Worker<'w> {
    pub(crate) fn new(client: Client<'w>, is_only_client: bool) -> Self {
        Self {
            client,
            browsers: Default::default(),
            programs: Default::default(),
            retired: Retired::default(),
            logins: Pause::new(LOGIN_PAUSE),
            refreshes: Pause::new(REFRESH_PAUSE),
            is_only_client,
            logs_out_others: false,
        }
    }

    /// Sends requests until the end of the program.
    pub(crate) fn run(&mut self, world: &World) {
        while !world.is_over() {
            if self.logs_out_others {
                self.log_out_others();
            } else {
                self.act();
            }
        }
    }

    fn act(&mut self) {
        let index = self.client.random.below(BROWSERS as u64) as usize;
        match self.client.random.below(100) {
            0..50 => self.use_program(index),
            50..82 => self.use_browser(index),
            82..94 => self.retired.send_one(&mut self.client),
            94..97 => self.send_bad_cookie(index),
            97 if self.client.random.below(2) == 0 => self.log_out(index),
            98 if self.client.random.below(3) == 0 => self.revoke_program(index),
            99 if self.is_only_client => self.logs_out_others = self.client.random.below(8) == 0,
            _ => {}
        }
    }

    /// Returns a browser whose login is valid. Logs in if its time has come.
    fn browser(&mut self, index: usize) -> Option<&mut Browser> {
        let known = &mut self.browsers[index];
        if known.as_ref().is_some_and(Browser::is_unknown) {
            // Frees the slot if the login is gone.
            known.take_if(|browser| !browser.settle(&mut self.client, &mut self.retired));
            return None;
        }
        if known.is_none() && self.logins.may_act() {
            if self.client.random.below(6) == 0 {
                Browser::fail_to_log_in(&mut self.client);
                return None;
            }
            let is_remembered = self.client.random.below(4) > 0;
            *known = Browser::log_in(&mut self.client, is_remembered);
        }
        known.as_mut()
    }

    fn use_browser(&mut self, index: usize) {
        let is_reader = self.is_reader();
        if self.browser(index).is_none() {
            return;
        }
        let (Some(browser), client) = (&mut self.browsers[index], &mut self.client) else { return };
        match client.random.below(100) {
            0..35 => browser.call_api(client),
            35..60 => drop(browser.load(client, "/")),
            60..75 => drop(browser.load(client, "/account")),
            75..88 if !is_reader => browser.post_notice(client),
            88..92 => browser.post_without_csrf(client),
            92..96 if browser.is_remembered() => browser.restore(client),
            _ => {}
        }
    }

    fn is_reader(&self) -> bool {
        self.client.user.starts_with("guest")
    }

    fn use_program(&mut self, index: usize) {
        let is_reader = self.is_reader();
        // Each refresh adds a token to the token cache of the server. The warm-up fills the cache,
        // so that the memory then shows only the growth of everything else.
        let may_refresh = self.client.world.is_warming_up() || self.refreshes.may_act();
        let Some(program) = &mut self.programs[index] else {
            if may_refresh {
                self.connect_program(index);
            }
            return;
        };
        let client = &mut self.client;
        if may_refresh {
            let repeats = client.random.below(4) == 0;
            let outcome =
                if repeats { program.refresh_twice(client) } else { program.refresh(client) };
            self.abandon_if_lost(index, outcome);
            return;
        }
        match client.random.below(100) {
            0..92 => program.call_api(client),
            _ => program.post_notice(client, is_reader),
        }
    }

    fn connect_program(&mut self, index: usize) {
        // Only a user who has entered the password creates a refresh token.
        let is_fresh = |browser: &Option<Browser>| {
            browser.as_ref().is_some_and(|browser| browser.is_fresh() && !browser.is_unknown())
        };
        let Some(Some(browser)) = self.browsers.iter_mut().find(|browser| is_fresh(browser)) else {
            return;
        };
        if let Some(token) = browser.connect_program(&mut self.client) {
            let outcome =
                self.programs[index].insert(Program::new(token)).refresh(&mut self.client);
            self.abandon_if_lost(index, outcome);
        }
    }

    /// Revokes the login of a program that does not know whether it is valid.
    fn abandon_if_lost(&mut self, index: usize, outcome: Outcome) {
        if outcome == Outcome::Lost
            && let Some(program) = self.programs[index].take()
        {
            program.abandon(&mut self.client, &mut self.retired);
            self.client.world.counts.add_lost();
        }
    }

    fn revoke_program(&mut self, index: usize) {
        let Some(program) = &mut self.programs[index] else { return };
        let (client, retired) = (&mut self.client, &mut self.retired);
        let outcome = if client.random.below(3) > 0 {
            program.revoke(client, retired)
        } else if self.refreshes.may_act() {
            program.reuse(client, retired)
        } else {
            return;
        };
        self.abandon_if_lost(index, outcome);
        if outcome == Outcome::Done {
            self.programs[index] = None;
            self.retired.send_newest(&mut self.client, 2);
        }
    }

    fn log_out(&mut self, index: usize) {
        // The next login must wait for its time, so this logout waits too.
        if Instant::now() < self.logins.next {
            return;
        }
        let Some(browser) = &mut self.browsers[index] else { return };
        if !browser.is_unknown() && browser.log_out(&mut self.client, &mut self.retired) {
            self.browsers[index] = None;
            self.retired.send_newest(&mut self.client, 3);
        }
    }

    fn log_out_others(&mut self) {
        if self.browser(0).is_none() {
            // Waits for the next login of the browser.
            self.send_bad_cookie(0);
            return;
        }
        let (client, retired) = (&mut self.client, &mut self.retired);
        let Some(browser) = &mut self.browsers[0] else { return };
        if !browser.log_out_others(client, retired) {
            return;
        }
        self.logs_out_others = false;
        for other in self.browsers.iter_mut().skip(1).filter_map(Option::take) {
            let mut other = other;
            other.retire(retired);
        }
        for program in self.programs.iter_mut().filter_map(Option::take) {
            program.retire(retired);
        }
        self.retired.send_newest(&mut self.client, 8);
    }

    fn send_bad_cookie(&mut self, index: usize) {
        let (client, browser) = (&mut self.client, &self.browsers[index]);
        let session = browser.as_ref().and_then(Browser::session);
        let (kind, value) = match session.filter(|_| client.random.below(2) == 0) {
            Some(session) => (Kind::ChangedCookie, changed(session, client.random.below(40))),
            None => (Kind::GarbageCookie, "v4.local.garbage".to_owned()),
        };
        let request = Request::get("/account").in_browser(&session_cookie(&value));
        client.send(kind, &request, Expected::InvalidPage);
    }
}

/// Replaces one character of a token, at this distance from its middle.
pub(crate) fn changed(token: &str, distance: u64) -> String {
    let index = token.len() / 2 + usize::try_from(distance).unwrap_or_default();
    let replaced = if token.as_bytes().get(index) == Some(&b'A') { "B" } else { "A" };
    let mut token = token.to_owned();
    token.replace_range(index..=index, replaced);
    token
}
