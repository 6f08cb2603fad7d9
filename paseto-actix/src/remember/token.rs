//! The token in a remember-me cookie.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::UserStamp;
use crate::{
    cookie::MAX_COOKIE_LEN,
    keys::KeyRing,
    series::RandomId,
    token::{decrypt_json, encrypt_json},
};

/// The form of the payload. Tokens of any other form are rejected.
const VERSION: u8 = 2;

/// Times are whole seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RememberToken {
    v: u8,
    /// The id of the login, which a logout revokes. Rotations keep it.
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
    /// How many rotations of the series came before this token. It orders the tokens of a login.
    ///
    /// A time of issue cannot: a series may rotate twice within one second, and the clocks of two
    /// servers differ.
    rotations: u32,
}

impl RememberToken {
    pub(super) fn new(id: RandomId, sub: String, exp: i64, stamp: &UserStamp, client: Option<String>) -> Self {
        let credentials = Base64UrlUnpadded::encode_string(stamp.as_bytes());
        Self { v: VERSION, id: id.to_string(), sub, exp, credentials, client, series: None, rotations: 0 }
    }

    #[must_use]
    pub(super) fn in_series(mut self, series: RandomId, token: RandomId) -> Self {
        self.series = Some((series.to_string(), token.to_string()));
        self
    }

    /// The token that the series has after the rotation of this one.
    #[must_use]
    pub(super) fn rotated(self, series: RandomId, next: RandomId) -> Self {
        let rotations = self.rotations.saturating_add(1);
        Self { rotations, ..self.in_series(series, next) }
    }

    /// Whether this token replaced the other one, which is of the same login.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.rotations > other.rotations
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
    pub(super) fn encrypt(&self, keys: &KeyRing, assertion: &[u8]) -> Option<String> {
        encrypt_json(self, keys, assertion)
    }

    /// Decrypts a token, and returns whether a retired key had encrypted it. Returns `None` if the
    /// token is not authentic or has expired.
    pub(super) fn decrypt(text: &[u8], keys: &KeyRing, assertion: &[u8], now: i64) -> Option<(Self, bool)> {
        let text = (text.len() <= MAX_COOKIE_LEN).then_some(text)?;
        let (token, retired_key) = decrypt_json::<Self>(text, keys, assertion)?;
        (token.v == VERSION && now < token.exp).then_some((token, retired_key))
    }
}
