//! Clients that log in, send tokens, and revoke them, without a pause.

use std::time::{Duration, Instant};

use actix_web::body::to_bytes;
use actix_web::http::header::AUTHORIZATION;
use actix_web::rt::time::sleep;
use actix_web::test::TestRequest;
use paseto_actix_tests::random::Random;
use serde_json::Value;

use crate::World;
use crate::counts::Count;
use crate::nodes::{App, REASON, REUSED};
use crate::retired::Retired;

/// Logins per client.
const LOGINS: usize = 4;
/// The pause before a request is repeated after `503`.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// The time limit of a repeated request. A refresh must be repeated within the grace period of 10
/// seconds.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const REFRESH_LIMIT: Duration = Duration::from_secs(9);
/// The grace period of the used refresh token, with a second for the clocks.
const GRACE_PERIOD: Duration = Duration::from_secs(11);

/// Sends requests until the end of the program. Then sends each revoked token to both nodes.
pub(crate) async fn run(world: &World, apps: &[App; 2], seed: u64) {
    let mut client = Client {
        world,
        apps,
        random: Random::new(seed),
        seed,
        users: 0,
        logins: Default::default(),
        retired: Retired::default(),
    };
    while !world.is_over() {
        client.act().await;
    }
    if !world.is_broken() {
        client.check_all().await;
    }
}

pub(crate) struct Login {
    subject: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// The refresh token that was used last, and the time of its use.
    used: Option<(String, Instant)>,
    /// The refresh token that was used before `used`.
    used_before: Option<String>,
}

pub(crate) struct Client<'w> {
    pub(crate) world: &'w World,
    pub(crate) apps: &'w [App; 2],
    pub(crate) random: Random,
    seed: u64,
    /// The number of users that this client has been.
    users: u64,
    logins: [Option<Login>; LOGINS],
    pub(crate) retired: Retired,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    is_reused: bool,
    body: String,
    pub(crate) node: usize,
}

impl Client<'_> {
    async fn act(&mut self) {
        let index = self.random.below(LOGINS as u64) as usize;
        let Some(login) = &self.logins[index] else { return self.log_in(index).await };
        match self.random.below(100) {
            0..70 => {
                let access = login.access.clone();
                let node = self.random_node();
                self.send_valid(node, index, &access).await;
            }
            70..84 => self.check_one().await,
            84..92 => self.refresh(index).await,
            92..95 => self.revoke_access_token(index).await,
            95..97 => self.log_out(index).await,
            97 => self.log_out_all(index).await,
            _ => self.reuse(index).await,
        }
    }

    async fn send_valid(&mut self, node: usize, index: usize, access: &str) {
        let response = self.get(node, access).await;
        match response.status {
            200 => self.world.counts.add(Count::Accepted),
            401 => {
                let login = format!("login {index} of client {}, node {node}", self.seed);
                self.world.counts.fault(Count::HonestRejected, &login);
                self.logins[index] = None;
            }
            503 => self.world.counts.add(Count::Unavailable),
            _ => self.other("/orders", &response),
        }
    }

    async fn log_in(&mut self, index: usize) {
        // Few logins per user: otherwise, the revocation of all logins of the user would soon cover
        // the loss of another revocation.
        self.users += self.random.below(2);
        let subject = format!("user-{}-{}", self.seed, self.users);
        let Some(response) = self.repeat("/login", &subject, LIMIT).await else { return };
        match tokens(&response) {
            Some((access, refresh)) => {
                self.world.counts.add(Count::LoggedIn);
                let login = Login { subject, access, refresh, used: None, used_before: None };
                self.logins[index] = Some(login);
            }
            None => self.other("/login", &response),
        }
    }

    async fn refresh(&mut self, index: usize) {
        let Some(mut login) = self.logins[index].take() else { return };
        let Some(response) = self.repeat("/refresh", &login.refresh, REFRESH_LIMIT).await else {
            return;
        };
        if let Some((access, refresh)) = tokens(&response) {
            self.world.counts.add(Count::Refreshed);
            login.used_before = login.used.take().map(|(token, _)| token);
            login.used = Some((login.refresh, Instant::now()));
            let node = 1 - response.node;
            self.logins[index] = Some(Login { access: access.clone(), refresh, ..login });
            // The other node must accept the new token.
            self.send_valid(node, index, &access).await;
            return;
        }
        let count = match response.status {
            400 if response.is_reused => Count::HonestReused,
            400 => Count::HonestUnknown,
            _ => return self.other("/refresh", &response),
        };
        self.world.counts.fault(count, &format!("login {index} of client {}", self.seed));
    }

    async fn revoke_access_token(&mut self, index: usize) {
        let Some(login) = self.logins[index].take() else { return };
        let Some(response) = self.repeat("/revoke", &login.access, LIMIT).await else { return };
        if self.is_done("/revoke", Count::TokenRevoked, &response) {
            self.retire_access(response.node, login.access.clone(), "revocation").await;
            // A logout would cover the loss of the revocation, so every second login is forgotten.
            if self.random.below(2) == 0 {
                self.logins[index] = Some(login);
                self.refresh(index).await;
            }
        }
    }

    async fn log_out(&mut self, index: usize) {
        let Some(login) = self.logins[index].take() else { return };
        let Some(response) = self.repeat("/logout", &login.refresh, LIMIT).await else { return };
        if self.is_done("/logout", Count::LoggedOut, &response) {
            self.retire(response.node, login, "logout").await;
        }
    }

    async fn log_out_all(&mut self, index: usize) {
        let Some(login) = &self.logins[index] else { return };
        let subject = login.subject.clone();
        let is_own = |login: &mut Login| login.subject == subject;
        let logins: Vec<_> =
            self.logins.iter_mut().filter_map(|login| login.take_if(is_own)).collect();
        let Some(response) = self.repeat("/logout_all", &subject, LIMIT).await else { return };
        if self.is_done("/logout_all", Count::AllLoggedOut, &response) {
            for login in logins {
                self.retire(response.node, login, "logout of all logins").await;
            }
        }
    }

    /// Sends a refresh token that was used before, as a thief does. This revokes the login.
    async fn reuse(&mut self, index: usize) {
        let Some(login) = &self.logins[index] else { return };
        let past = login.used.as_ref().filter(|(_, used)| used.elapsed() > GRACE_PERIOD);
        let used = past.map(|(token, _)| token).or(login.used_before.as_ref());
        let (Some(used), Some(login)) = (used.cloned(), self.logins[index].take()) else { return };
        let Some(response) = self.repeat("/refresh", &used, LIMIT).await else { return };
        match response.status {
            // A repeated request finds that the login is revoked.
            400 => {
                self.world.counts.add(Count::ReuseDetected);
                self.retire(response.node, login, "reuse").await;
            }
            200 => {
                self.world.counts.fault(Count::RotationLost, &format!("client {}", self.seed));
                let _ = self.repeat("/logout", &used, LIMIT).await;
            }
            _ => self.other("/refresh", &response),
        }
    }

    fn is_done(&self, path: &str, count: Count, response: &Response) -> bool {
        let is_done = response.status == 204;
        if is_done {
            self.world.counts.add(count);
        } else {
            self.other(path, response);
        }
        is_done
    }

    pub(crate) fn other(&self, path: &str, response: &Response) {
        let description = format!("{path}: {} {}", response.status, response.body);
        self.world.counts.fault(Count::OtherStatus, &description);
    }

    pub(crate) fn random_node(&mut self) -> usize {
        self.random.below(2) as usize
    }

    /// Sends a request, and repeats it after `503`, also to the other node. Returns `None` at the
    /// limit.
    pub(crate) async fn repeat(
        &mut self,
        path: &str,
        body: &str,
        limit: Duration,
    ) -> Option<Response> {
        let start = Instant::now();
        loop {
            let request = TestRequest::post().uri(path).set_payload(body.to_owned());
            let node = self.random_node();
            let response = self.send(node, request).await;
            if response.status != 503 {
                return Some(response);
            }
            self.world.counts.add(Count::Unavailable);
            if start.elapsed() > limit || self.world.is_broken() {
                let name = format!("{path} of client {}", self.seed);
                self.world.counts.fault(Count::GivenUp, &name);
                return None;
            }
            sleep(PAUSE).await;
        }
    }

    pub(crate) async fn get(&self, node: usize, access: &str) -> Response {
        let header = (AUTHORIZATION, format!("Bearer {access}"));
        self.send(node, TestRequest::get().uri("/orders").insert_header(header)).await
    }

    async fn send(&self, node: usize, request: TestRequest) -> Response {
        self.world.counts.add_request();
        let response = match self.apps[node](request).await {
            Ok(response) => response,
            Err(error) => {
                let body = error.to_string();
                let status = error.as_response_error().status_code().as_u16();
                return Response { status, is_reused: false, body, node };
            }
        };
        let status = response.status().as_u16();
        let is_reused = response.headers().get(REASON).is_some_and(|reason| reason == REUSED);
        let bytes = to_bytes(response.into_body()).await.unwrap_or_default();
        Response { status, is_reused, body: String::from_utf8_lossy(&bytes).into_owned(), node }
    }
}

/// Returns the access token and the refresh token of a response.
fn tokens(response: &Response) -> Option<(String, String)> {
    let body: Value = serde_json::from_str(&response.body).ok()?;
    let token = |name: &str| Some(body[name].as_str()?.to_owned());
    Some((token("access_token")?, token("refresh_token")?))
}
