use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

use super::{Login, RefreshError, TokenPair};

type Issue =
    dyn Fn(Login) -> LocalBoxFuture<'static, Result<TokenPair, RefreshError>> + Send + Sync;

/// The closure of an application that loads the claims of a login and issues its tokens.
#[derive(Clone)]
pub(crate) struct IssueTokens(Arc<Issue>);

impl IssueTokens {
    pub(crate) fn new<F>(issue: F) -> Self
    where
        F: AsyncFn(Login) -> Result<TokenPair, RefreshError> + Send + Sync + 'static,
    {
        // The future borrows the closure.
        let issue = Arc::new(issue);
        Self(Arc::new(move |login| {
            let issue = Arc::clone(&issue);
            Box::pin(async move { issue(login).await })
        }))
    }

    pub(crate) async fn issue(&self, login: Login) -> Result<TokenPair, RefreshError> {
        (self.0)(login).await
    }
}
