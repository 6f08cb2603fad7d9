//! A program that uses the API with access tokens.

use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use paseto_actix_tests::connection::Response;
use serde_json::Value;

use crate::client::Client;
use crate::counts::Kind;
use crate::requests::Request;
use crate::retired::{Credential, Retired};
use crate::rules::Expected;

/// The grace period of a used refresh token is 10 seconds. A refresh that an outage interrupts must
/// be repeated within this time.
const REFRESH_LIMIT: Duration = Duration::from_secs(8);
/// The time limit of other repeated requests. It is longer than each outage.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Program {
    access: String,
    refresh: String,
    /// The refresh tokens that were used before the last one.
    used: Vec<String>,
}

/// What a change has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The login is gone, or an outage has interrupted the change for too long.
    Lost,
}

fn refresh_request(token: &str) -> Request {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    Request::form("/auth/token", &form)
}

/// Returns the access token and the refresh token.
fn tokens(response: &Response) -> Option<(String, String)> {
    let body: Value = serde_json::from_str(&response.body).ok()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Some((text("access_token")?, text("refresh_token")?))
}

/// Returns the ID of the key that has signed an access token.
fn key_id(token: &str) -> Option<String> {
    let footer = Base64UrlUnpadded::decode_vec(token.split('.').nth(3)?).ok()?;
    let footer: Value = serde_json::from_slice(&footer).ok()?;
    footer["kid"].as_str().map(str::to_owned)
}

impl Program {
    /// Returns a program with the refresh token that the user has created.
    pub(crate) fn new(refresh: String) -> Self {
        Self { access: String::new(), refresh, used: Vec::new() }
    }

    /// Calls the API with the access token.
    pub(crate) fn call_api(&self, client: &mut Client<'_>) {
        let path = if client.random.below(4) == 0 { "/api/notices" } else { "/api/me" };
        let request = Request::get(path).token(&self.access);
        client.send(Kind::KnownToken, &request, Expected::Accepted(200));
    }

    /// Posts a notice. A reader lacks the scope.
    pub(crate) fn post_notice(&self, client: &mut Client<'_>, is_reader: bool) {
        let request = Request::json("/api/notices", r#"{"text": "Built."}"#).token(&self.access);
        let (kind, status) =
            if is_reader { (Kind::MissingScope, 403) } else { (Kind::KnownToken, 201) };
        client.send(kind, &request, Expected::Accepted(status));
    }

    /// Exchanges the refresh token. The server must accept the new access token.
    pub(crate) fn refresh(&mut self, client: &mut Client<'_>) -> Outcome {
        let request = refresh_request(&self.refresh);
        let expected = Expected::Accepted(200);
        let response = client.repeat(Kind::Refresh, &request, expected, REFRESH_LIMIT);
        let Some((access, refresh)) = response.as_ref().and_then(tokens) else {
            return Outcome::Lost;
        };
        self.used.push(std::mem::replace(&mut self.refresh, refresh));
        // A reuse needs one of the oldest.
        self.used.truncate(8);
        self.adopt(client, access);
        Outcome::Done
    }

    /// Refreshes, and sends the used token again, as if the response had been lost.
    pub(crate) fn refresh_twice(&mut self, client: &mut Client<'_>) -> Outcome {
        let used = self.refresh.clone();
        let start = Instant::now();
        if self.refresh(client) == Outcome::Lost {
            return Outcome::Lost;
        }
        if start.elapsed() > REFRESH_LIMIT / 2 {
            return Outcome::Done;
        }
        let request = refresh_request(&used);
        let kind = Kind::RepeatedRefresh;
        let response = client.send(kind, &request, Expected::Accepted(200));
        if let Some((access, refresh)) = response.as_ref().and_then(tokens) {
            self.refresh = refresh;
            self.adopt(client, access);
        }
        Outcome::Done
    }

    fn adopt(&mut self, client: &mut Client<'_>, access: String) {
        if let Some(key_id) = key_id(&access) {
            client.world.counts.add_key_id(key_id);
        }
        self.access = access;
        let request = Request::get("/api/me").token(&self.access);
        client.send(Kind::NewToken, &request, Expected::Accepted(200));
    }

    /// Sends an old refresh token, as a thief does. This revokes the login.
    pub(crate) fn reuse(&mut self, client: &mut Client<'_>, retired: &mut Retired) -> Outcome {
        while self.used.len() < 2 {
            if self.refresh(client) == Outcome::Lost {
                return Outcome::Lost;
            }
        }
        let request = refresh_request(&self.used[0]);
        let kind = Kind::ReusedToken;
        if client.repeat(kind, &request, Expected::Accepted(400), LIMIT).is_none() {
            return Outcome::Lost;
        }
        self.retire(retired);
        Outcome::Done
    }

    /// Revokes the login with one of its tokens.
    pub(crate) fn revoke(&self, client: &mut Client<'_>, retired: &mut Retired) -> Outcome {
        let token = if client.random.below(2) == 0 { &self.refresh } else { &self.access };
        self.revoke_by(token, client, retired)
    }

    /// Revokes a login that an interrupted change can have revoked already.
    pub(crate) fn abandon(&self, client: &mut Client<'_>, retired: &mut Retired) -> Outcome {
        self.revoke_by(&self.refresh, client, retired)
    }

    fn revoke_by(&self, token: &str, client: &mut Client<'_>, retired: &mut Retired) -> Outcome {
        let request = Request::form("/auth/revoke", &[("token", token)]);
        if client.repeat(Kind::Revoke, &request, Expected::Accepted(200), LIMIT).is_none() {
            return Outcome::Lost;
        }
        self.retire(retired);
        Outcome::Done
    }

    /// Makes the tokens of a revoked login retired credentials.
    pub(crate) fn retire(&self, retired: &mut Retired) {
        // A program whose first refresh has failed has no access token.
        if !self.access.is_empty() {
            retired.add(Credential::Access(self.access.clone()));
        }
        retired.add(Credential::Refresh(self.refresh.clone()));
    }
}
