//! Tokens whose revocation a node has acknowledged.

use std::time::Instant;

use actix_web::rt::time::sleep;

use crate::clients::{Client, LIMIT, Login, PAUSE};
use crate::counts::Count;

/// The number of revocations that are checked most.
const RECENT: usize = 16;

/// Tokens of one client that each node must reject from now on.
#[derive(Default)]
pub(crate) struct Retired {
    pub(crate) access: Vec<Token>,
    pub(crate) refresh: Vec<Token>,
}

pub(crate) struct Token {
    pub(crate) text: String,
    /// What was acknowledged, for the description of a fault.
    pub(crate) reason: &'static str,
    pub(crate) since: Instant,
    /// Whether a node has accepted the token. A token is counted once.
    pub(crate) is_lost: bool,
}

impl Token {
    pub(crate) fn new(text: String, reason: &'static str) -> Self {
        Self { text, reason, since: Instant::now(), is_lost: false }
    }
}

impl Client<'_> {
    pub(crate) async fn retire(&mut self, node: usize, login: Login, reason: &'static str) {
        self.retired.refresh.push(Token::new(login.refresh, reason));
        self.retire_access(node, login.access, reason).await;
    }

    /// `node` has acknowledged that it revoked the access token. Sends it to the other node.
    pub(crate) async fn retire_access(
        &mut self,
        node: usize,
        access: String,
        reason: &'static str,
    ) {
        self.retired.access.push(Token::new(access, reason));
        self.check_access(1 - node, self.retired.access.len() - 1).await;
    }

    /// Sends a revoked token to one of the nodes.
    pub(crate) async fn check_one(&mut self) {
        let (access, refresh) = (self.retired.access.len(), self.retired.refresh.len());
        if refresh > 0 && self.random.below(4) == 0 {
            let index = self.random.below(refresh as u64) as usize;
            self.check_refresh(index).await;
        } else if access > 0 {
            // A later revocation can cover the loss of an earlier one, so half of the checks are of
            // recent revocations.
            let recent = if self.random.below(2) == 0 { access } else { access.min(RECENT) };
            let index = access - 1 - self.random.below(recent as u64) as usize;
            let node = self.random_node();
            self.check_access(node, index).await;
        }
    }

    /// Returns whether a node responded.
    async fn check_access(&mut self, node: usize, index: usize) -> bool {
        let text = self.retired.access[index].text.clone();
        let response = self.get(node, &text).await;
        match response.status {
            401 => self.world.counts.add(Count::Revoked),
            200 => self.lost(Count::RevocationLost, node, index),
            503 => {
                self.world.counts.add(Count::Unavailable);
                return false;
            }
            _ => self.other("/orders", &response),
        }
        true
    }

    /// Sends the last refresh token of a revoked login.
    async fn check_refresh(&mut self, index: usize) {
        let text = self.retired.refresh[index].text.clone();
        let Some(response) = self.repeat("/refresh", &text, LIMIT).await else { return };
        match response.status {
            400 => self.world.counts.add(Count::Revoked),
            200 => {
                self.lost(Count::LogoutLost, response.node, index);
                let _ = self.repeat("/logout", &text, LIMIT).await;
            }
            _ => self.other("/refresh", &response),
        }
    }

    fn lost(&mut self, count: Count, node: usize, index: usize) {
        let retired = if count == Count::LogoutLost {
            &mut self.retired.refresh[index]
        } else {
            &mut self.retired.access[index]
        };
        if !retired.is_lost {
            retired.is_lost = true;
            let (reason, since) = (retired.reason, retired.since.elapsed());
            let description = format!("node {node}, {since:?} after its {reason}");
            self.world.counts.fault(count, &description);
        }
    }

    /// Sends each revoked access token to both nodes, and each refresh token to one of them.
    pub(crate) async fn check_all(&mut self) {
        for index in 0..self.retired.access.len() {
            for node in 0..self.apps.len() {
                while !self.check_access(node, index).await {
                    sleep(PAUSE).await;
                }
            }
        }
        for index in 0..self.retired.refresh.len() {
            self.check_refresh(index).await;
        }
    }
}
