//! A browser with the cookies of one login.

use std::time::Duration;

use paseto_actix_tests::connection::Response;

use crate::client::Client;
use crate::counts::Kind;
use crate::requests::Request;
use crate::retired::{Credential, Retired};
use crate::rules::Expected;

/// The password of all users of the example.
const PASSWORD: &str = "mysecret";
const SESSION: &str = "session";
const REMEMBER: &str = "remember_token";
/// The time limit of a repeated request. It is longer than each outage.
const LIMIT: Duration = Duration::from_secs(60);
/// The number of sessions that a browser has lost, and that the logout must revoke too.
const MAX_OLD: usize = 3;

#[derive(Default)]
pub(crate) struct Browser {
    session: Option<String>,
    remember: Option<String>,
    /// Sessions of the same login, which the browser does not send anymore.
    old_sessions: Vec<String>,
    /// Whether the user entered the password in this session.
    is_fresh: bool,
    /// Whether an outage has interrupted a change of the login.
    is_unknown: bool,
}

/// Returns the `Cookie` header of a session cookie.
pub(crate) fn session_cookie(value: &str) -> String {
    format!("{SESSION}={value}")
}

/// Returns the `Cookie` header of a remember-me cookie.
pub(crate) fn remember_cookie(value: &str) -> String {
    format!("{REMEMBER}={value}")
}

impl Browser {
    /// Logs in with the password.
    pub(crate) fn log_in(client: &mut Client<'_>, is_remembered: bool) -> Option<Self> {
        let mut fields = vec![("email", client.user), ("password", PASSWORD)];
        if is_remembered {
            fields.push(("remember", "on"));
        }
        let request = Request::form("/login", &fields).in_browser("");
        let response = client.send(Kind::Login, &request, Expected::Accepted(303))?;
        let mut browser = Self { is_fresh: true, ..Self::default() };
        browser.store(&response);
        Some(browser)
    }

    pub(crate) fn fail_to_log_in(client: &mut Client<'_>) {
        let fields = [("email", client.user), ("password", "not-the-secret")];
        let request = Request::form("/login", &fields).in_browser("");
        client.send(Kind::WrongPassword, &request, Expected::Accepted(401));
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.is_unknown
    }

    pub(crate) fn is_remembered(&self) -> bool {
        self.remember.is_some()
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    fn cookies(&self) -> String {
        let session = self.session.as_deref().map(session_cookie);
        let remember = self.remember.as_deref().map(remember_cookie);
        [session, remember].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Stores the cookies of a response.
    fn store(&mut self, response: &Response) {
        for header in response.headers("set-cookie") {
            let pair = header.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = (!value.is_empty()).then(|| value.to_owned());
            match name {
                SESSION => self.session = value,
                REMEMBER => self.remember = value,
                _ => (),
            }
        }
    }

    /// Sends a request with the cookies. Returns the response if it is not `503`.
    fn send(
        &mut self,
        client: &mut Client<'_>,
        kind: Kind,
        request: Request,
        expected: Expected,
    ) -> Option<Response> {
        let request = request.in_browser(&self.cookies());
        let response = client.exchange(kind, &request, expected)?;
        self.store(&response);
        Some(response).filter(|response| response.status != 503)
    }

    /// Sends a request that changes the login.
    fn change(
        &mut self,
        client: &mut Client<'_>,
        kind: Kind,
        request: Request,
    ) -> Option<Response> {
        self.is_unknown = true;
        let expected =
            if kind == Kind::Logout { Expected::LoggedOut } else { Expected::Accepted(303) };
        let response = self.send(client, kind, request, expected)?;
        self.is_unknown = false;
        Some(response)
    }

    /// Loads a page. Returns its CSRF token.
    pub(crate) fn load(&mut self, client: &mut Client<'_>, path: &str) -> Option<String> {
        let response =
            self.send(client, Kind::Page, Request::get(path), Expected::Accepted(200))?;
        response.between(r#"name="csrf_token" value=""#, "\"").map(str::to_owned)
    }

    /// Calls the API with the session, as the script of a page does.
    pub(crate) fn call_api(&mut self, client: &mut Client<'_>) {
        let path = if client.random.below(4) == 0 { "/api/notices" } else { "/api/me" };
        self.send(client, Kind::Page, Request::get(path), Expected::Accepted(200));
    }

    /// Posts a notice, and loads the page that shows the message of the session.
    pub(crate) fn post_notice(&mut self, client: &mut Client<'_>) {
        let Some(csrf) = self.load(client, "/") else { return };
        let form = [("csrf_token", csrf.as_str()), ("text", "All is well.")];
        let request = Request::form("/notices", &form);
        if self.send(client, Kind::Notice, request, Expected::Accepted(303)).is_some() {
            self.load(client, "/");
        }
    }

    pub(crate) fn post_without_csrf(&mut self, client: &mut Client<'_>) {
        let request = Request::form("/notices", &[("text", "All is well.")]);
        self.send(client, Kind::WithoutCsrf, request, Expected::Accepted(403));
    }

    /// Loads a page without the session, as after a restart of the browser.
    pub(crate) fn restore(&mut self, client: &mut Client<'_>) {
        if let Some(session) = self.session.take().filter(|_| self.old_sessions.len() < MAX_OLD) {
            self.old_sessions.push(session);
        }
        self.is_fresh = false;
        let request = Request::get("/").in_browser(&self.cookies());
        let response = client.repeat(Kind::Restored, &request, Expected::Accepted(200), LIMIT);
        match response {
            Some(response) => self.store(&response),
            None => self.is_unknown = true,
        }
    }

    /// Creates a refresh token for a program. Returns it.
    pub(crate) fn connect_program(&mut self, client: &mut Client<'_>) -> Option<String> {
        let csrf = self.load(client, "/account/program")?;
        let form = [("csrf_token", csrf.as_str()), ("name", "soak")];
        let request = Request::form("/account/program", &form).in_browser(&self.cookies());
        // A program whose token was lost in an outage stays in the list of the user.
        let expected = Expected::Accepted(200);
        let response = client.exchange(Kind::NewProgram, &request, expected)?;
        self.store(&response);
        response.between(r#"<pre id="refresh-token">"#, "</pre>").map(str::to_owned)
    }

    /// Logs out, and retires the cookies. Returns whether the login is revoked.
    pub(crate) fn log_out(&mut self, client: &mut Client<'_>, retired: &mut Retired) -> bool {
        let Some(csrf) = self.load(client, "/") else { return false };
        let before = (self.session.clone(), self.remember.clone());
        let request = Request::form("/logout", &[("csrf_token", csrf.as_str())]);
        if self.change(client, Kind::Logout, request).is_none() {
            return false;
        }
        (self.session, self.remember) = before;
        self.retire(retired);
        true
    }

    /// Makes all cookies of a revoked login retired credentials.
    pub(crate) fn retire(&mut self, retired: &mut Retired) {
        let sessions = self.old_sessions.drain(..).chain(self.session.take());
        sessions.for_each(|session| retired.add(Credential::Session(session)));
        if let Some(token) = self.remember.take() {
            retired.add(Credential::Remember(token));
        }
    }

    /// Revokes all other logins of the user. Returns whether they are revoked.
    pub(crate) fn log_out_others(
        &mut self,
        client: &mut Client<'_>,
        retired: &mut Retired,
    ) -> bool {
        let Some(csrf) = self.load(client, "/account") else { return false };
        let before = self.session.clone();
        let request = Request::form("/account/revoke-others", &[("csrf_token", csrf.as_str())]);
        if self.change(client, Kind::LogoutOthers, request).is_none() {
            return false;
        }
        // This browser has a new session, so its old cookie is invalid.
        before.into_iter().for_each(|session| retired.add(Credential::Session(session)));
        true
    }

    /// Finds out whether an interrupted change has revoked the login. If so, retires the cookies,
    /// and returns `false`.
    pub(crate) fn settle(&mut self, client: &mut Client<'_>, retired: &mut Retired) -> bool {
        let request = Request::get("/").in_browser(&self.cookies());
        let response = client.exchange(Kind::Unknown, &request, Expected::Unknown);
        let Some(response) = response else { return true };
        match response.status {
            503 => {
                self.store(&response);
                true
            }
            200 => {
                self.store(&response);
                self.is_unknown = false;
                // A remembered login can have started a new session.
                self.is_fresh = false;
                // The interrupted change can have revoked the older sessions.
                self.old_sessions.clear();
                true
            }
            _ => {
                // The response removes the cookies that the server has rejected.
                self.retire(retired);
                client.world.counts.add_lost();
                false
            }
        }
    }
}
