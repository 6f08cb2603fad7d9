//! What the store tells the middleware around it: `SessionStore` has no way to say it.

use std::{cell::RefCell, future::Future};

use super::envelope::Life;

/// What the store found and did during one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) loaded: Option<Loaded>,
    /// The length of the token that was sealed.
    pub(super) sealed: Option<usize>,
    /// The length of a token that would have been too long.
    pub(super) too_large: Option<usize>,
}

/// A session that was loaded.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// The token that it was, for whoever asks about another.
    pub(super) token: String,
    pub(super) life: Life,
    /// Whether a retired key had sealed it.
    pub(super) retired_key: bool,
}

tokio::task_local! {
    static FACTS: RefCell<Facts>;
}

/// Runs a request, and tells what the store did meanwhile.
pub(super) async fn gather<F: Future>(request: F) -> (F::Output, Facts) {
    FACTS
        .scope(RefCell::default(), async {
            let output = request.await;
            (output, FACTS.with(RefCell::take))
        })
        .await
}

/// Notes a fact, if somebody wants to know: under actix-session's middleware alone, nobody does.
pub(super) fn note(fact: impl FnOnce(&mut Facts)) {
    // Nothing is gathered outside of our own middleware.
    let _ = FACTS.try_with(|facts| fact(&mut facts.borrow_mut()));
}

pub(super) fn loaded() -> Option<Loaded> {
    FACTS.try_with(|facts| facts.borrow().loaded.clone()).ok().flatten()
}
