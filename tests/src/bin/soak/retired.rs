//! The credentials of revoked logins, which the server must reject.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::browser::{remember_cookie, session_cookie};
use crate::client::Client;
use crate::counts::Kind;
use crate::requests::Request;
use crate::rules::Expected;

/// The number of credentials that a client keeps.
const CAPACITY: usize = 60;
/// An access token is valid for 15 minutes. An expired token would not show a lost revocation.
const MAX_AGE: Duration = Duration::from_secs(13 * 60);

pub(crate) enum Credential {
    Session(String),
    Remember(String),
    Access(String),
    Refresh(String),
}

#[derive(Default)]
pub(crate) struct Retired(VecDeque<(Credential, Instant)>);

impl Retired {
    /// Adds a credential whose revocation the server has confirmed.
    pub(crate) fn add(&mut self, credential: Credential) {
        self.0.push_front((credential, Instant::now()));
        self.0.truncate(CAPACITY);
    }

    /// Sends one of the credentials.
    pub(crate) fn send_one(&mut self, client: &mut Client<'_>) {
        self.0.retain(|(_, since)| since.elapsed() < MAX_AGE);
        if self.0.is_empty() {
            return;
        }
        let index = client.random.below(self.0.len() as u64) as usize;
        send(client, &self.0[index].0);
    }

    /// Sends the newest credentials.
    pub(crate) fn send_newest(&mut self, client: &mut Client<'_>, count: usize) {
        self.0.iter().take(count).for_each(|(credential, _)| send(client, credential));
    }
}

fn send(client: &mut Client<'_>, credential: &Credential) {
    let (kind, request) = match credential {
        Credential::Session(value) => {
            let request = Request::get("/account").in_browser(&session_cookie(value));
            (Kind::LoggedOutSession, request)
        }
        Credential::Remember(value) => {
            let request = Request::get("/").in_browser(&remember_cookie(value));
            (Kind::LoggedOutRemember, request)
        }
        Credential::Access(token) => {
            (Kind::RevokedToken, Request::get("/api/notices").token(token))
        }
        Credential::Refresh(token) => {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            (Kind::RevokedRefresh, Request::form("/auth/token", &form))
        }
    };
    client.send(kind, &request, Expected::Revoked);
}
