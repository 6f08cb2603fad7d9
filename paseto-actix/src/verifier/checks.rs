//! The checks of the application.

use std::future::Future;

use futures_util::future::LocalBoxFuture;

use crate::error::{Rejection, VerifyError};
use crate::token::VerifiedToken;

type CheckResult = Result<(), Rejection>;
type Check = Box<dyn Fn(&VerifiedToken) -> CheckResult + Send + Sync>;
type AsyncCheck = Box<dyn Fn(VerifiedToken) -> LocalBoxFuture<'static, CheckResult> + Send + Sync>;

#[derive(Default)]
pub(super) struct Checks {
    sync: Vec<Check>,
    asynchronous: Vec<AsyncCheck>,
}

impl Checks {
    pub(super) fn push<F>(&mut self, check: F)
    where
        F: Fn(&VerifiedToken) -> CheckResult + Send + Sync + 'static,
    {
        self.sync.push(Box::new(check));
    }

    pub(super) fn push_async<F, Fut>(&mut self, check: F)
    where
        F: Fn(VerifiedToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + 'static,
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
            .map_err(|rejection| token.annotate(rejection.into()))
    }

    pub(super) async fn run_async(&self, token: &VerifiedToken) -> Result<(), VerifyError> {
        for check in &self.asynchronous {
            check(token.clone()).await.map_err(|rejection| token.annotate(rejection.into()))?;
        }
        Ok(())
    }
}
