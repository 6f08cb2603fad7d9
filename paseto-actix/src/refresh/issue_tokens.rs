use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use zeroize::Zeroizing;

use super::{Login, RefreshError, RefreshTokens, TokenPair};

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

    /// Exchanges a refresh token and issues the next pair.
    pub(crate) async fn refresh(
        &self,
        tokens: &RefreshTokens,
        refresh_token: &str,
    ) -> Result<TokenPair, RefreshFailure> {
        let login = tokens.refresh(refresh_token).await?;
        let next =
            NextToken { token: login.refresh_token.clone(), login_expires_in: login.expires_in() };
        (self.0)(login).await.map_err(|error| RefreshFailure { error, next: Some(next) })
    }
}

/// Why a refresh returned no pair.
pub(crate) struct RefreshFailure {
    pub(crate) error: RefreshError,
    /// The next refresh token, if the closure failed. The store has exchanged the old one by then.
    /// A browser that kept the old one would later look like a thief.
    pub(crate) next: Option<NextToken>,
}

/// A refresh token without an access token.
pub(crate) struct NextToken {
    pub(crate) token: Zeroizing<String>,
    /// The remaining lifetime of the login, in seconds.
    pub(crate) login_expires_in: i64,
}

impl From<RefreshError> for RefreshFailure {
    fn from(error: RefreshError) -> Self {
        Self { error, next: None }
    }
}
