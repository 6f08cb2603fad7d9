use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::super::Verifier;
use super::super::verify::Failure;
use super::schedule::GRACE;
use crate::error::VerifyError;
use crate::token::VerifiedToken;

/// A token whose key may be in the key set that is being fetched.
pub(crate) struct AwaitedKey {
    verifier: Verifier,
    /// A copy, because a future in the extensions of a request must not contain the request.
    token: Zeroizing<String>,
    /// The outcome of the verification with the current keys.
    failure: Failure,
    completed: watch::Receiver<u64>,
    limit: Duration,
}

impl AwaitedKey {
    pub(super) fn new(
        verifier: Verifier,
        token: &str,
        failure: Failure,
        completed: watch::Receiver<u64>,
        timeout: Duration,
    ) -> Self {
        let token = Zeroizing::new(token.to_owned());
        Self { verifier, token, failure, completed, limit: timeout + GRACE }
    }

    /// Waits for the fetch, then verifies the token once more, with the asynchronous checks.
    pub(crate) async fn verify(mut self) -> Result<VerifiedToken, VerifyError> {
        let fetch = self.completed.changed();
        // The thread ends each fetch in time, unless a closure blocks it.
        if Handle::try_current().is_ok() {
            let _ = tokio::time::timeout(self.limit, fetch).await;
        } else {
            let _ = fetch.await;
        }
        let Self { verifier, token, .. } = self;
        let verified = verifier
            .verify(&token.as_str().into())
            .map_err(|failure| verifier.without_key(failure))?;
        verifier.verify_async(verified).await
    }

    /// Returns the error for a caller that cannot wait.
    pub(crate) fn into_error(self) -> VerifyError {
        self.verifier.without_key(self.failure)
    }
}
