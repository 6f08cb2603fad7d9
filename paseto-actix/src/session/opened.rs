//! Sessions that a worker opened or sealed of late: a cookie that comes with each request is opened once.

use std::{borrow::Borrow, cell::OnceCell, rc::Rc};

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
    wrapped_stand_in: OnceCell<String>,
}

impl Opened {
    pub(super) fn new(token: &str, life: Life, state: State, retired_key: bool) -> Self {
        let (token, wrapped_stand_in) = (Zeroizing::new(token.to_owned()), OnceCell::new());
        Self { token, life, state, retired_key, wrapped_stand_in }
    }

    /// The key under which actix-session asks for it once it is known. Each session has one of its own: whatever an application
    /// derives of the cookie that it reads must not be the same for two users. No token is spelled like that.
    pub(super) fn stand_in(&self) -> String {
        format!("known.{}", self.life.id)
    }

    /// The same as it is in a cookie.
    pub(super) fn wrapped_stand_in(&self, wrap: impl FnOnce(&str) -> String) -> &str {
        self.wrapped_stand_in.get_or_init(|| wrap(&self.stand_in()))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.state.values_mut().for_each(Zeroize::zeroize);
    }
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

    pub(super) fn remove(&mut self, cookie: &[u8]) {
        if let Some(cache) = &mut self.0 {
            cache.remove(cookie);
        }
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
