//! Sessions that a worker decrypted before: it decrypts a cookie once, although the client sends it
//! with each request.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use quick_cache::Equivalent;
use quick_cache::unsync::Cache;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::login::SessionLogin;
use super::payload::{SessionHead, Values};

/// The content of an authentic token. Whether its session is still alive is decided at each
/// request.
#[derive(Debug)]
pub(super) struct DecryptedSession {
    pub(super) head: SessionHead,
    pub(super) values: Values,
    /// The login of a session with a subject, if revocations are stored.
    pub(super) login: Option<SessionLogin>,
    /// Whether a retired key had encrypted the token.
    pub(super) retired_key: bool,
}

/// The sessions that a worker decrypted last, by the text of their tokens.
pub(super) struct DecryptedCache(Option<Cache<CachedToken, Rc<DecryptedSession>>>);

impl DecryptedCache {
    /// A cache for this many sessions. When it is full, it removes the sessions that were used
    /// least.
    pub(super) fn new(capacity: usize) -> Self {
        Self((capacity > 0).then(|| Cache::new(capacity)))
    }

    pub(super) fn get(&self, token: &[u8]) -> Option<Rc<DecryptedSession>> {
        self.0.as_ref()?.get(&Key(token)).cloned()
    }

    pub(super) fn insert(&mut self, token: &[u8], session: &Rc<DecryptedSession>) {
        if let Some(cache) = &mut self.0 {
            cache.insert(CachedToken(token.to_vec()), Rc::clone(session));
        }
    }

    pub(super) fn remove(&mut self, token: &[u8]) {
        if let Some(cache) = &mut self.0 {
            cache.remove(&Key(token));
        }
    }
}

/// A token in the cache. A client that has it has the session.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
struct CachedToken(Vec<u8>);

/// A borrowed token, to look up a [`CachedToken`] without a copy.
struct Key<'a>(&'a [u8]);

/// The characters at the end of a token that encode its authentication tag, and no other byte.
const TAG_CHARACTERS: usize = 42;

/// The end of a token, which is pseudorandom and different for each token, so no more of it is
/// hashed.
fn tag(token: &[u8]) -> &[u8] {
    &token[token.len().saturating_sub(TAG_CHARACTERS)..]
}

impl Hash for CachedToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Key(&self.0).hash(state);
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(tag(self.0));
    }
}

impl Equivalent<CachedToken> for Key<'_> {
    /// The tag is compared in constant time. A client that knows the whole tag of a token has the
    /// token, so the time of the second comparison reveals nothing.
    fn equivalent(&self, text: &CachedToken) -> bool {
        bool::from(tag(self.0).ct_eq(tag(&text.0))) && self.0 == text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::payload;

    #[test]
    fn only_the_whole_text_is_found() {
        let (head, values) =
            payload::read(br#"{"v":2,"id":"x","created":1,"expires":2,"state":{}}"#)
                .expect("a payload");
        let session = Rc::new(DecryptedSession { head, values, login: None, retired_key: false });
        let token: Vec<u8> = (0..200_u8).map(|index| b'a' + index % 26).collect();
        let mut cache = DecryptedCache::new(4);
        cache.insert(&token, &session);
        assert!(cache.get(&token).is_some());
        for index in 0..token.len() {
            let mut other = token.clone();
            other[index] ^= 1;
            assert!(cache.get(&other).is_none(), "byte {index}");
        }
        assert!(cache.get(&token[1..]).is_none());
        assert!(cache.get(b"").is_none());
        cache.remove(&token);
        assert!(cache.get(&token).is_none());
    }
}
