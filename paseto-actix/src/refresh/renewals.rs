//! One refresh for parallel requests of a browser with the same refresh token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;
use time::OffsetDateTime;

use super::{IssueTokens, RefreshFailure, RefreshTokens, TokenPair, span};
use crate::token_family::RandomId;

/// Refreshes each refresh token once, and gives the result to all parallel requests of this process
/// with the same token.
///
/// A result is kept for the grace period, because the browser may already have sent further
/// requests with the old token. Each family has one entry. So after the next refresh token was used
/// in this process, the store sees the old one again and detects the reuse.
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
    outcome: AsyncMutex<Option<Outcome>>,
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
        &self,
        refresh_token: &str,
        may_skip: bool,
    ) -> Result<Option<Arc<TokenPair>>, Arc<RefreshFailure>> {
        let (_, family, presented) =
            self.tokens.decrypt(refresh_token).map_err(RefreshFailure::from)?;
        let renewal = self.renewal(family, presented);
        // A dropped request releases the lock, and the next one takes over.
        let mut outcome = match renewal.outcome.try_lock() {
            Some(outcome) => outcome,
            None if may_skip => return Ok(None),
            None => renewal.outcome.lock().await,
        };
        if let Some(outcome) = &*outcome {
            return outcome.clone().map(Some);
        }
        let result = self.issue.refresh(&self.tokens, refresh_token).await;
        let result = result.map(Arc::new).map_err(Arc::new);
        if result.is_err() {
            self.forget(family, &renewal);
        }
        *outcome = Some(result.clone());
        result.map(Some)
    }

    fn renewal(&self, family: RandomId, presented: RandomId) -> Arc<Renewal> {
        const MIN_PURGE: usize = 64;
        let inner = &*self.tokens.0;
        let now = inner.clock.now();
        // A pair that is kept for longer could have expired.
        let kept = span(inner.grace_period.min(inner.access_ttl / 2));
        let is_current = |renewal: &Arc<Renewal>| {
            (now - renewal.started).abs() <= kept || Arc::strong_count(renewal) > 1
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
        let renewal = Arc::new(Renewal { presented, started: now, outcome: AsyncMutex::default() });
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
