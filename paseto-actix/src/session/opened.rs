//! Sessions that a worker opened or sealed of late: a cookie that comes with each request is opened once.

use std::{borrow::Borrow, rc::Rc};

use quick_cache::unsync::Cache;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::envelope::{Life, State};

/// What a token holds, after it was found authentic.
pub(super) struct Opened {
    pub(super) token: Zeroizing<String>,
    pub(super) life: Life,
    pub(super) state: State,
    /// Whether a retired key had sealed it.
    pub(super) retired_key: bool,
}

/// What the latest cookies of a worker hold, by their whole text: another text is another cookie, and is opened as ever.
///
/// It says what is in a cookie, never that a session is alive: that is judged at each request.
pub(super) struct OpenedCookies(Option<Cache<Text, Rc<Opened>>>);

impl OpenedCookies {
    /// Room for so many cookies; when it is full, those that are seen the least leave.
    pub(super) fn new(capacity: usize) -> Self {
        Self((capacity > 0).then(|| Cache::new(capacity)))
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn get(&self, cookie: &[u8]) -> Option<Rc<Opened>> {
        self.0.as_ref()?.get(cookie).cloned()
    }

    pub(super) fn insert(&mut self, cookie: &[u8], opened: Rc<Opened>) {
        if let Some(cache) = &mut self.0 {
            cache.insert(Text(cookie.to_vec()), opened);
        }
    }
}

/// Whoever has it has the session.
#[derive(PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
struct Text(Vec<u8>);

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}
