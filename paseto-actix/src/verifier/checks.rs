//! The checks that the application adds.

use std::future::Future;

use futures_util::future::LocalBoxFuture;

use crate::error::{Rejection, VerifyError};
use crate::token::VerifiedToken;

type Outcome = Result<(), Rejection>;
type Check = Box<dyn Fn(&VerifiedToken) -> Outcome + Send + Sync>;
type AsyncCheck = Box<dyn Fn(VerifiedToken) -> LocalBoxFuture<'static, Outcome> + Send + Sync>;

#[derive(Default)]
pub(super) struct Checks {
    sync: Vec<Check>,
    asynchronous: Vec<AsyncCheck>,
}

impl Checks {
    pub(super) fn push<F>(&mut self, check: F)
    where
        F: Fn(&VerifiedToken) -> Outcome + Send + Sync + 'static,
    {
        self.sync.push(Box::new(check));
    }

    pub(super) fn push_async<F, Fut>(&mut self, check: F)
    where
        F: Fn(VerifiedToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + 'static,
    {
        self.asynchronous.push(Box::new(move |token| Box::pin(check(token))));
    }

    pub(super) fn are_async(&self) -> bool {
        !self.asynchronous.is_empty()
    }

    pub(super) fn run(&self, token: &VerifiedToken) -> Result<(), VerifyError> {
        self.sync
            .iter()
            .try_for_each(|check| check(token))
            .map_err(|refusal| token.annotate(refusal.into()))
    }

    pub(super) async fn run_async(&self, token: &VerifiedToken) -> Result<(), VerifyError> {
        for check in &self.asynchronous {
            check(token.clone()).await.map_err(|refusal| token.annotate(refusal.into()))?;
        }
        Ok(())
    }
}
