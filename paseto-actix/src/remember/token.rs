//! What is sealed in a remember-me cookie.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::UserStamp;
use crate::{
    KeyRing, RandomId,
    cookie::MAX_COOKIE_LEN,
    token::{Sealed, seal},
};

/// The form written here. Another one is no token.
const VERSION: u8 = 1;

/// Times are whole seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RememberToken {
    v: u8,
    /// That of the login, whatever becomes of the token: it is what a logout revokes.
    pub(super) id: String,
    pub(super) sub: String,
    pub(super) exp: i64,
    credentials: String,
    /// The fingerprint of the client that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    /// The series and the token's own name in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<(String, String)>,
}

impl RememberToken {
    pub(super) fn new(id: RandomId, sub: String, exp: i64, stamp: &UserStamp, client: Option<String>) -> Self {
        let credentials = Base64UrlUnpadded::encode_string(stamp.as_bytes());
        Self { v: VERSION, id: id.to_string(), sub, exp, credentials, client, series: None }
    }

    #[must_use]
    pub(super) fn in_series(mut self, series: RandomId, token: RandomId) -> Self {
        self.series = Some((series.to_string(), token.to_string()));
        self
    }

    pub(super) fn series(&self) -> Option<(RandomId, RandomId)> {
        let (series, token) = self.series.as_ref()?;
        Some((series.parse().ok()?, token.parse().ok()?))
    }

    /// Whether the user's credentials are still those that it was made under.
    pub(super) fn fits(&self, stamp: &UserStamp) -> bool {
        let now = Base64UrlUnpadded::encode_string(stamp.as_bytes());
        self.credentials.as_bytes().ct_eq(now.as_bytes()).into()
    }

    /// The text of the cookie; `None` if the system has no randomness to give.
    pub(super) fn seal(&self, keys: &KeyRing, assertion: &[u8]) -> Option<String> {
        seal(keys.active(), &serde_json::to_vec(self).ok()?, assertion)
    }

    /// The token in a cookie, and whether a retired key had sealed it; `None` if it is none, or has expired.
    pub(super) fn open(text: &[u8], keys: &KeyRing, assertion: &[u8], now: i64) -> Option<(Self, bool)> {
        let text = str::from_utf8(text).ok().filter(|text| text.len() <= MAX_COOKIE_LEN)?;
        let (payload, retired_key) = Sealed::parse(text)?.open(keys, assertion)?;
        let token: Self = serde_json::from_slice(&payload).ok()?;
        (token.v == VERSION && now < token.exp).then_some((token, retired_key))
    }
}
