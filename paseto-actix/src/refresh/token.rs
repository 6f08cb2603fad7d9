//! What is sealed in a refresh token.

use serde::{Deserialize, Serialize};

use crate::{
    KeyRing, RandomId,
    token::{Sealed, seal},
};

/// The form written here. Another one is no token.
const VERSION: u8 = 1;
/// Longer ones are not looked at.
const MAX_LEN: usize = 4096;

/// Times are whole seconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshToken {
    v: u8,
    pub(super) sub: String,
    pub(super) exp: i64,
    /// When the user logged in.
    pub(super) since: i64,
    family: String,
    token: String,
}

impl RefreshToken {
    pub(super) fn new(sub: String, since: i64, exp: i64, family: RandomId, token: RandomId) -> Self {
        Self { v: VERSION, sub, exp, since, family: family.to_string(), token: token.to_string() }
    }

    /// The names of the family and of the token in it.
    pub(super) fn ids(&self) -> Option<(RandomId, RandomId)> {
        Some((self.family.parse().ok()?, self.token.parse().ok()?))
    }

    /// `None` if the system has no randomness to give, or if nobody would take the token back.
    pub(super) fn seal(&self, keys: &KeyRing, assertion: &[u8]) -> Option<String> {
        let token = seal(keys.active(), &serde_json::to_vec(self).ok()?, assertion)?;
        (token.len() <= MAX_LEN).then_some(token)
    }

    /// `None` if it is none, or has expired.
    pub(super) fn open(text: &str, keys: &KeyRing, assertion: &[u8], now: i64) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= MAX_LEN)?;
        let (payload, _) = Sealed::parse(text)?.open(keys, assertion)?;
        let token: Self = serde_json::from_slice(&payload).ok()?;
        (token.v == VERSION && now < token.exp).then_some(token)
    }
}
