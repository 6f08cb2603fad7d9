//! Caches decrypted sessions, because a client sends the same cookie with each request.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use quick_cache::Equivalent;
use quick_cache::unsync::Cache;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::login::SessionLogin;
use super::payload::{SessionHead, Values};
use crate::keys::{KeyRing, RingVersion};

/// The content of an authentic token. Each request checks again whether the session has expired or
/// is revoked.
#[derive(Debug)]
pub(super) struct DecryptedSession {
    pub(super) head: SessionHead,
    pub(super) values: Values,
    /// The login, if the session has a subject and the middleware has a revocation store.
    pub(super) login: Option<SessionLogin>,
    /// Whether the token was encrypted with a retired key.
    pub(super) retired_key: bool,
}

/// The last decrypted sessions of one worker, by token.
pub(super) struct DecryptedCache {
    /// `None` for a capacity of 0.
    sessions: Option<Cache<CachedToken, Rc<DecryptedSession>>>,
    /// The version of the keys that decrypted the sessions.
    keys_version: RingVersion,
}

impl DecryptedCache {
    /// Returns a cache for at most `capacity` sessions. A full cache evicts rarely used sessions.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            sessions: (capacity > 0).then(|| Cache::new(capacity)),
            keys_version: RingVersion::default(),
        }
    }

    /// Removes all sessions if the keys have changed, and returns the version of the keys. So a
    /// session of a removed key is rejected, and a session of a retired key is encrypted again.
    pub(super) fn check_keys(&mut self, keys: &KeyRing, now: OffsetDateTime) -> RingVersion {
        if !keys.is_current(self.keys_version, now) {
            self.keys_version = keys.version(now);
            self.sessions.iter_mut().for_each(Cache::clear);
        }
        self.keys_version
    }

    pub(super) fn get(&self, token: &[u8]) -> Option<Rc<DecryptedSession>> {
        self.sessions.as_ref()?.get(&TokenRef(token)).cloned()
    }

    /// Stores a session, unless the keys have changed since `keys_version`.
    pub(super) fn insert(
        &mut self,
        token: &[u8],
        session: &Rc<DecryptedSession>,
        keys_version: RingVersion,
    ) {
        if let Some(cache) = self.sessions.as_mut().filter(|_| self.keys_version == keys_version) {
            cache.insert(CachedToken(token.to_vec()), Rc::clone(session));
        }
    }

    pub(super) fn remove(&mut self, token: &[u8]) {
        if let Some(cache) = &mut self.sessions {
            cache.remove(&TokenRef(token));
        }
    }
}

/// A token in the cache. It is a secret, because a client with the token has the session.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
struct CachedToken(Vec<u8>);

/// A borrowed token, which finds a [`CachedToken`] without a copy.
struct TokenRef<'a>(&'a [u8]);

/// The number of base64url characters at the end of a token that encode only bytes of the
/// authentication tag.
const TAG_CHARACTERS: usize = 42;

/// Returns the end of a token. It is pseudorandom and unique, so the hash needs no other part of
/// the token.
fn tag(token: &[u8]) -> &[u8] {
    &token[token.len().saturating_sub(TAG_CHARACTERS)..]
}

impl Hash for CachedToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TokenRef(&self.0).hash(state);
    }
}

impl Hash for TokenRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(tag(self.0));
    }
}

impl Equivalent<CachedToken> for TokenRef<'_> {
    /// Compares the tag in constant time. A client that sends the correct tag already has the
    /// token, so the duration of the second comparison reveals nothing.
    fn equivalent(&self, cached: &CachedToken) -> bool {
        bool::from(tag(self.0).ct_eq(tag(&cached.0))) && self.0 == cached.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::payload;

    #[test]
    fn only_the_whole_token_is_found() {
        let (head, values) =
            payload::read(br#"{"v":2,"id":"x","created":1,"expires":2,"state":{}}"#)
                .expect("a payload");
        let session = Rc::new(DecryptedSession { head, values, login: None, retired_key: false });
        let token: Vec<u8> = (0..200_u8).map(|index| b'a' + index % 26).collect();
        let mut cache = DecryptedCache::new(4);
        cache.insert(&token, &session, RingVersion::default());
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
