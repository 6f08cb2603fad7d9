//! One refresh for parallel requests of a browser with the same refresh token.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::rt;
use futures_util::lock::Mutex as AsyncMutex;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{IssueTokens, RefreshError, RefreshFailure, RefreshTokens, TokenPair, span};
use crate::token_family::RandomId;

/// Refreshes each refresh token once, and gives the result to all parallel requests of this process
/// with the same token.
///
/// A result is kept until the request that refreshed the token ends, and for the grace period after
/// that. The browser gets the next token with the response, and sends the old one until then. After
/// half of the lifetime of an access token, no result is kept. Each family has one entry. So after
/// the next refresh token was used in this process, the store sees the old one again and detects
/// the reuse.
pub(crate) struct Renewals {
    tokens: RefreshTokens,
    issue: IssueTokens,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    families: HashMap<RandomId, Arc<Renewal>>,
    /// The number of entries at which outdated entries are removed.
    purge_at: usize,
}

struct Renewal {
    presented: RandomId,
    started: OffsetDateTime,
    /// The end of the request that refreshed the token.
    sent: Mutex<Option<OffsetDateTime>>,
    outcome: Arc<AsyncMutex<Option<Outcome>>>,
}

/// The next pair of tokens, for a request whose response sets it. The request ends when this value
/// is dropped.
pub(crate) struct Renewed {
    pub(crate) pair: Arc<TokenPair>,
    /// Only for the request that refreshed the token. Otherwise, a copy of the old token could
    /// prolong its own use.
    _refreshing: Option<Refreshing>,
}

struct Refreshing {
    renewal: Arc<Renewal>,
    tokens: RefreshTokens,
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        let mut sent = self.renewal.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent = Some(self.tokens.now());
    }
}

/// Shared, because all waiting requests get it.
type Outcome = Result<Arc<TokenPair>, Arc<RefreshFailure>>;

impl Renewals {
    pub(crate) fn new(tokens: RefreshTokens, issue: IssueTokens) -> Self {
        Self { tokens, issue, state: Mutex::default() }
    }

    /// Exchanges a refresh token for the next pair. Returns `None` if `may_skip` is set and another
    /// request does it at the moment.
    pub(crate) async fn renew(
        self: &Arc<Self>,
        refresh_token: &str,
        may_skip: bool,
    ) -> Result<Option<Renewed>, Arc<RefreshFailure>> {
        let (_, family, presented) =
            self.tokens.decrypt(refresh_token).map_err(RefreshFailure::from)?;
        let renewal = self.renewal(family, presented);
        let mutex = Arc::clone(&renewal.outcome);
        let outcome = match Arc::clone(&mutex).try_lock_owned() {
            Some(outcome) => outcome,
            None if may_skip => return Ok(None),
            None => mutex.lock_owned().await,
        };
        if let Some(outcome) = &*outcome {
            return Ok(Some(Renewed { pair: outcome.clone()?, _refreshing: None }));
        }
        let refreshing = Refreshing { renewal: Arc::clone(&renewal), tokens: self.tokens.clone() };
        let (this, mut outcome) = (Arc::clone(self), outcome);
        let refresh_token = Zeroizing::new(refresh_token.to_owned());
        // A task of its own, because a dropped request must not lose the next token after the store
        // has exchanged the old one.
        let task = rt::spawn(async move {
            let result = this.issue.refresh(&this.tokens, &refresh_token).await;
            let result = result.map(Arc::new).map_err(Arc::new);
            if result.is_err() {
                this.forget(family, &renewal);
            }
            *outcome = Some(result.clone());
            result
        });
        let result = task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(stopped) => Err(Arc::new(RefreshError::Claims(Box::new(stopped)).into())),
        });
        Ok(Some(Renewed { pair: result?, _refreshing: Some(refreshing) }))
    }

    fn renewal(&self, family: RandomId, presented: RandomId) -> Arc<Renewal> {
        const MIN_PURGE: usize = 64;
        let inner = &*self.tokens.0;
        let now = inner.clock.now();
        // A pair that is kept for longer could have expired.
        let longest = span(inner.access_ttl / 2);
        let is_current = |renewal: &Arc<Renewal>| {
            let sent = *renewal.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = now - sent.unwrap_or(renewal.started);
            (now - renewal.started).abs() <= longest
                && (idle.abs() <= span(inner.grace_period) || Arc::strong_count(renewal) > 1)
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.families.len() >= state.purge_at {
            state.families.retain(|_, renewal| is_current(renewal));
            state.purge_at = MIN_PURGE.max(2 * state.families.len());
        }
        if let Some(known) = state.families.get(&family)
            && known.presented == presented
            && is_current(known)
        {
            return Arc::clone(known);
        }
        let renewal = Arc::new(Renewal {
            presented,
            started: now,
            sent: Mutex::default(),
            outcome: Arc::default(),
        });
        state.families.insert(family, Arc::clone(&renewal));
        renewal
    }

    /// Lets the next request try again.
    fn forget(&self, family: RandomId, renewal: &Arc<Renewal>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.families.get(&family).is_some_and(|known| Arc::ptr_eq(known, renewal)) {
            state.families.remove(&family);
        }
    }
}
