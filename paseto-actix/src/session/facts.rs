//! What the store tells the middleware around it, and is told by it: `SessionStore` has no way to say it.

use std::{cell::RefCell, future::Future, rc::Rc};

use actix_web::http::header::HeaderValue;

use super::opened::Opened;

/// What the store found and did during one request.
#[derive(Default)]
pub(super) struct Facts {
    /// What the request's cookie holds, if it is known from before: then [its stand-in](Opened::stand_in) is its key.
    pub(super) known: Option<Rc<Opened>>,
    /// The `Cookie` headers as they came, where a stand-in is in them for now.
    pub(super) headers: Option<Vec<HeaderValue>>,
    pub(super) loaded: Option<Rc<Opened>>,
    pub(super) sealed: Option<Rc<Opened>>,
    /// The length of a token that would have been too long.
    pub(super) too_large: Option<usize>,
    /// Whether the revocation store failed.
    pub(super) unavailable: bool,
    /// Whether the application is at work: what it does with a store of its own is not noted.
    pub(super) inside: bool,
}

tokio::task_local! {
    static FACTS: RefCell<Facts>;
}

/// Runs a request, and tells what the store did meanwhile.
pub(super) async fn gather<F: Future>(before: Facts, request: F) -> (F::Output, Facts) {
    FACTS
        .scope(RefCell::new(before), async {
            let output = request.await;
            (output, FACTS.with(RefCell::take))
        })
        .await
}

/// Notes a fact, if somebody wants to know: under actix-session's middleware alone, nobody does.
pub(super) fn note(fact: impl FnOnce(&mut Facts)) {
    // Nothing is gathered outside of our own middleware.
    let _ = FACTS.try_with(|facts| {
        let mut facts = facts.borrow_mut();
        if !facts.inside {
            fact(&mut facts);
        }
    });
}

/// Tells that the application begins, or has ended, its part of the request.
pub(super) fn set_inside(inside: bool) {
    let _ = FACTS.try_with(|facts| facts.borrow_mut().inside = inside);
}

pub(super) fn take_headers() -> Option<Vec<HeaderValue>> {
    FACTS.try_with(|facts| facts.borrow_mut().headers.take()).ok().flatten()
}

pub(super) fn known() -> Option<Rc<Opened>> {
    ask(|facts| facts.known.clone())
}

pub(super) fn loaded() -> Option<Rc<Opened>> {
    ask(|facts| facts.loaded.clone())
}

/// What the request's cookie holds is for actix-session to know, not for a store of the application's own.
fn ask(fact: impl FnOnce(&Facts) -> Option<Rc<Opened>>) -> Option<Rc<Opened>> {
    let ask = |facts: &RefCell<Facts>| {
        let facts = facts.borrow();
        if facts.inside { None } else { fact(&facts) }
    };
    FACTS.try_with(ask).ok().flatten()
}
